package kernel

import "encoding/binary"

func filterCellGenericRow() row[filterCellFunc] {
	return row[filterCellFunc]{"generic", true, filterCellGeneric}
}

// filterCellGeneric weighs the four pixels of a row with one multiplication. Between the taps a pixel may borrow from the next
// one, but the final sums fit 16 bits, and so they are right.
func filterCellGeneric(out, in []byte, stride int, start uint16, taps []Tap) {
	const lanes = 0x0001_0001_0001_0001
	d := in[3*stride:]
	a, b, c := in[:len(d)], in[stride:][:len(d)], in[2*stride:][:len(d)]
	s := uint64(start) * lanes
	t, u, v := s, s, s
	for _, p := range taps {
		k, i := uint64(int64(p.Weight)), int(p.At)
		s += binary.LittleEndian.Uint64(a[i:]) * k
		t += binary.LittleEndian.Uint64(b[i:]) * k
		u += binary.LittleEndian.Uint64(c[i:]) * k
		v += binary.LittleEndian.Uint64(d[i:]) * k
	}
	for r, sum := range [4]uint64{s, t, u, v} {
		binary.LittleEndian.PutUint64(out[r*stride:], sum>>8&(0xff*lanes))
	}
}
