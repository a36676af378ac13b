//go:build !noasm

package kernel

import "golang.org/x/sys/cpu"

func embed256Rows() []row[embed256Func] {
	return []row[embed256Func]{
		{"neon", cpu.ARM64.HasASIMD, embed256NEON},
		embed256GenericRow(),
	}
}

func embed256NEON(terms []Term256, phases *Phases256) (signature [4]uint64) {
	if len(terms) > 0 {
		embed256NEONSums(&signature[0], &terms[0].U, len(terms), &phases.U[0][0])
	}
	return signature
}

// embed256NEONSums takes n terms above 0, and the address of the first table of the phases.
//
//go:noescape
func embed256NEONSums(signature *uint64, terms *uint8, n int, phases *uint8)
