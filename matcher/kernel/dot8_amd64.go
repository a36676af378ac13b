//go:build !noasm

package kernel

import "golang.org/x/sys/cpu"

func dot8Rows() []row[dot8Func] {
	return []row[dot8Func]{
		{"avx512vnni", hasVNNI(), dot8VNNI},
		{"avx2", cpu.X86.HasAVX2, dot8AVX2},
		dot8GenericRow(),
	}
}

func dot8VNNI(a, b []int8) int32 {
	if len(a) == 0 {
		return 0
	}
	return dot8VNNIElements(&a[0], &b[0], len(a))
}

func dot8AVX2(a, b []int8) int32 {
	whole := len(a) &^ 31
	if whole == 0 {
		return dot8Generic(a, b)
	}
	return dot8AVX2Elements(&a[0], &b[0], whole) + dot8Generic(a[whole:], b[whole:])
}

// The assembly takes n elements above 0; AVX2 a multiple of 32.

//go:noescape
func dot8VNNIElements(a, b *int8, n int) int32

//go:noescape
func dot8AVX2Elements(a, b *int8, n int) int32
