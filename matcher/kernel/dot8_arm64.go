//go:build !noasm

package kernel

import "golang.org/x/sys/cpu"

func dot8Rows() []row[dot8Func] {
	return []row[dot8Func]{
		{"sdot", hasSDOT(), dot8SDOT},
		{"neon", cpu.ARM64.HasASIMD, dot8NEON},
		dot8GenericRow(),
	}
}

// hasSDOT asks for FEAT_DotProd, which Linux calls asimddp.
func hasSDOT() bool { return cpu.ARM64.HasASIMD && cpu.ARM64.HasASIMDDP }

func dot8SDOT(a, b []int8) int32 {
	whole := len(a) &^ 63
	if whole == 0 {
		return dot8Generic(a, b)
	}
	return dot8SDOTElements(&a[0], &b[0], whole) + dot8Generic(a[whole:], b[whole:])
}

func dot8NEON(a, b []int8) int32 {
	whole := len(a) &^ 31
	if whole == 0 {
		return dot8Generic(a, b)
	}
	return dot8NEONElements(&a[0], &b[0], whole) + dot8Generic(a[whole:], b[whole:])
}

// The assembly takes n elements, a multiple above 0 of 64 (SDOT) or 32 (NEON).

//go:noescape
func dot8SDOTElements(a, b *int8, n int) int32

//go:noescape
func dot8NEONElements(a, b *int8, n int) int32
