//go:build !noasm

package kernel

import "golang.org/x/sys/cpu"

func above8Rows() []row[above8Func] {
	return []row[above8Func]{{"neon", cpu.ARM64.HasASIMD, above8NEON}, above8GenericRow()}
}

func above8NEON(dst []uint32, dots []int32, scale []float32, floor float32) int {
	whole := len(dots) &^ 15
	if whole == 0 {
		return above8Generic(dst, dots, scale, floor)
	}
	found := above8NEONTurns(&dst[0], &dots[0], &scale[0], whole, floor)
	return above8Rest(dst, dots, scale, floor, whole, found)
}

// above8NEONTurns looks through n products, a multiple of 16 above 0.
//
//go:noescape
func above8NEONTurns(dst *uint32, dots *int32, scale *float32, n int, floor float32) int
