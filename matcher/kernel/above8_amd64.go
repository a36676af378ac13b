//go:build !noasm

package kernel

import "golang.org/x/sys/cpu"

func above8Rows() []row[above8Func] {
	return []row[above8Func]{
		{"avx512", cpu.X86.HasAVX512F && cpu.X86.HasPOPCNT, above8AVX512},
		{"avx2", cpu.X86.HasAVX2 && cpu.X86.HasBMI1, above8AVX2},
		above8GenericRow(),
	}
}

func above8AVX512(dst []uint32, dots []int32, scale []float32, floor float32) int {
	whole := len(dots) &^ 63
	if whole == 0 {
		return above8Generic(dst, dots, scale, floor)
	}
	found := above8AVX512Turns(&dst[0], &dots[0], &scale[0], whole, floor)
	return above8Rest(dst, dots, scale, floor, whole, found)
}

func above8AVX2(dst []uint32, dots []int32, scale []float32, floor float32) int {
	whole := len(dots) &^ 31
	if whole == 0 {
		return above8Generic(dst, dots, scale, floor)
	}
	found := above8AVX2Turns(&dst[0], &dots[0], &scale[0], whole, floor)
	return above8Rest(dst, dots, scale, floor, whole, found)
}

// The assembly looks through n products, a multiple above 0 of 64 (AVX-512) or 32 (AVX2). It may write to dst wherever an
// index could stand.

//go:noescape
func above8AVX512Turns(dst *uint32, dots *int32, scale *float32, n int, floor float32) int

//go:noescape
func above8AVX2Turns(dst *uint32, dots *int32, scale *float32, n int, floor float32) int
