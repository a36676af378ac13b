//go:build !noasm

package kernel

import "golang.org/x/sys/cpu"

func embed256Rows() []row[embed256Func] {
	avx512 := cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasBMI2
	return []row[embed256Func]{
		{"avx512+gfni", avx512 && cpu.X86.HasAVX512GFNI, embed256GFNI},
		{"avx512", avx512, embed256AVX512},
		{"avx2", cpu.X86.HasAVX2 && cpu.X86.HasBMI2, embed256AVX2},
		embed256GenericRow(),
	}
}

func embed256GFNI(terms []Term256, phases *Phases256) (signature [4]uint64) {
	if len(terms) > 0 {
		embed256GFNISums(&signature[0], &terms[0].U, len(terms), &phases.U[0][0])
	}
	return signature
}

func embed256AVX512(terms []Term256, phases *Phases256) (signature [4]uint64) {
	if len(terms) > 0 {
		embed256AVX512Sums(&signature[0], &terms[0].U, len(terms), &phases.U[0][0])
	}
	return signature
}

func embed256AVX2(terms []Term256, phases *Phases256) (signature [4]uint64) {
	if len(terms) > 0 {
		embed256AVX2Sums(&signature[0], &terms[0].U, len(terms), &phases.U[0][0])
	}
	return signature
}

// The assembly takes the address of n terms above 0, and of the first table of the phases.

//go:noescape
func embed256GFNISums(signature *uint64, terms *uint8, n int, phases *uint8)

//go:noescape
func embed256AVX512Sums(signature *uint64, terms *uint8, n int, phases *uint8)

//go:noescape
func embed256AVX2Sums(signature *uint64, terms *uint8, n int, phases *uint8)
