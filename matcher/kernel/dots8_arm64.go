//go:build !noasm

package kernel

import "golang.org/x/sys/cpu"

func dots8Rows() []row[dots8Func] {
	return []row[dots8Func]{
		{"sdot", hasSDOT(), dots8SDOT},
		{"neon", cpu.ARM64.HasASIMD, dots8NEON},
		dots8GenericRow(),
	}
}

func dots8SDOT(dst []int32, gallery []uint8, p *Probe8) {
	for t := range turns8(len(dst)) {
		dots8SDOTTurns(&dst[t.first], &gallery[t.first*p.Dims()], t.n, t.stride, &p.elements[0], p.Dims())
	}
}

func dots8NEON(dst []int32, gallery []uint8, p *Probe8) {
	for t := range turns8(len(dst)) {
		dots8NEONTurns(&dst[t.first], &gallery[t.first*p.Dims()], t.n, t.stride, &p.elements[0], p.Dims())
	}
}

// The assembly takes n turns above 0, of one vector each at four places that lie stride vectors apart.

//go:noescape
func dots8SDOTTurns(dst *int32, gallery *uint8, n, stride int, probe *int8, dims int)

//go:noescape
func dots8NEONTurns(dst *int32, gallery *uint8, n, stride int, probe *int8, dims int)
