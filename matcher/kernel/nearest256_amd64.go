//go:build !noasm

package kernel

import "golang.org/x/sys/cpu"

func nearest256Rows() []row[nearest256Func] {
	avx512 := cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512VL && cpu.X86.HasAVX512VPOPCNTDQ
	return []row[nearest256Func]{
		{"avx512", avx512, nearest256AVX512},
		{"avx2", cpu.X86.HasAVX2, nearest256AVX2},
		nearest256GenericRow(),
	}
}

func nearest256AVX512(dst []uint32, refs []uint64, p *Probe256) {
	whole := len(dst) &^ 3
	if whole > 0 {
		nearest256AVX512Turns(&dst[0], &refs[0], whole, p)
	}
	if whole < len(dst) { // the assembly takes four references a turn
		var last [16]uint64
		var nearest [4]uint32
		copy(last[:], refs[4*whole:])
		nearest256AVX512Turns(&nearest[0], &last[0], 4, p)
		copy(dst[whole:], nearest[:])
	}
}

func nearest256AVX512Turns(dst *uint32, refs *uint64, n int, p *Probe256) {
	words, tags := &p.words[0][0][0], &p.tags[0][0]
	switch p.groups() { // calls by name: arguments of an indirect call would move to the heap
	case 1:
		nearest256AVX512x1(dst, refs, n, words, tags)
	case 2:
		nearest256AVX512x2(dst, refs, n, words, tags)
	case 3:
		nearest256AVX512x3(dst, refs, n, words, tags)
	case 4:
		nearest256AVX512x4(dst, refs, n, words, tags)
	}
}

func nearest256AVX2(dst []uint32, refs []uint64, p *Probe256) {
	if len(dst) == 0 {
		return
	}
	nibbles := p.nibbles()
	nearest256AVX2Turns(&dst[0], &refs[0], len(dst), &nibbles[0][0][0][0], &p.tags[0][0], p.groups())
}

// nibbles are the low and the high halves of every byte: group of 8 lanes, word, half, lane.
func (p *Probe256) nibbles() (nibbles [4][4][2][8]uint64) {
	const low = 0x0f0f_0f0f_0f0f_0f0f
	for g := range p.groups() {
		for w, lanes := range p.words[g] {
			for j, word := range lanes {
				nibbles[g][w][0][j], nibbles[g][w][1][j] = word&low, word>>4&low
			}
		}
	}
	return nibbles
}

// The assembly takes n references above 0 against the first 1 to 4 groups of a probe.

//go:noescape
func nearest256AVX2Turns(dst *uint32, refs *uint64, n int, nibbles, tags *uint64, groups int)

// The assembly of AVX-512: n references, a multiple of 4 above 0, against the first 1 to 4 groups of a probe.

//go:noescape
func nearest256AVX512x1(dst *uint32, refs *uint64, n int, words, tags *uint64)

//go:noescape
func nearest256AVX512x2(dst *uint32, refs *uint64, n int, words, tags *uint64)

//go:noescape
func nearest256AVX512x3(dst *uint32, refs *uint64, n int, words, tags *uint64)

//go:noescape
func nearest256AVX512x4(dst *uint32, refs *uint64, n int, words, tags *uint64)
