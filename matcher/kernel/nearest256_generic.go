package kernel

import "math/bits"

func nearest256GenericRow() row[nearest256Func] {
	return row[nearest256Func]{"generic", true, nearest256Generic}
}

func nearest256Generic(dst []uint32, refs []uint64, p *Probe256) {
	for i := range dst {
		dst[i] = p.nearest((*[4]uint64)(refs[4*i:]))
	}
}

func (p *Probe256) nearest(ref *[4]uint64) uint32 {
	least := NoLane
	r0, r1, r2, r3 := ref[0], ref[1], ref[2], ref[3]
	for g := range p.groups() {
		words := &p.words[g]
		for j := range min(8, p.lanes-8*g) {
			distance := bits.OnesCount64(words[0][j]^r0) + bits.OnesCount64(words[1][j]^r1) +
				bits.OnesCount64(words[2][j]^r2) + bits.OnesCount64(words[3][j]^r3)
			least = min(least, uint32(distance<<8|8*g|j))
		}
	}
	return least
}
