//go:build !noasm

package kernel

import "golang.org/x/sys/cpu"

func dots8Rows() []row[dots8Func] {
	return []row[dots8Func]{
		{"avx512vnni", hasVNNI(), dots8VNNI},
		{"avx2", cpu.X86.HasAVX2, dots8AVX2},
		dots8GenericRow(),
	}
}

func hasVNNI() bool {
	x := &cpu.X86
	return x.HasAVX512F && x.HasAVX512BW && x.HasAVX512VL && x.HasAVX512VNNI && x.HasBMI2
}

func dots8VNNI(dst []int32, gallery []uint8, p *Probe8) {
	for t := range turns8(len(dst)) {
		dots8VNNITurns(&dst[t.first], &gallery[t.first*p.Dims()], t.n, t.stride, &p.elements[0], p.Dims(), p.offset)
	}
}

func dots8AVX2(dst []int32, gallery []uint8, p *Probe8) {
	for t := range turns8(len(dst)) {
		dots8AVX2Turns(&dst[t.first], &gallery[t.first*p.Dims()], t.n, t.stride, &p.elements[0], p.Dims(), p.offset)
	}
}

// The assembly takes n turns above 0, of one vector each at four places that lie stride vectors apart.

//go:noescape
func dots8VNNITurns(dst *int32, gallery *uint8, n, stride int, probe *int8, dims int, offset int32)

//go:noescape
func dots8AVX2Turns(dst *int32, gallery *uint8, n, stride int, probe *int8, dims int, offset int32)
