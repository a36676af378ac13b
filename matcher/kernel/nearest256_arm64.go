//go:build !noasm

package kernel

import "golang.org/x/sys/cpu"

func nearest256Rows() []row[nearest256Func] {
	return []row[nearest256Func]{
		{"neon", cpu.ARM64.HasASIMD, nearest256NEON},
		nearest256GenericRow(),
	}
}

func nearest256NEON(dst []uint32, refs []uint64, p *Probe256) {
	if len(dst) == 0 {
		return
	}
	var tags [4][8]uint16
	for g := range tags {
		for j, tag := range p.tags[g] {
			tags[g][j] = uint16(tag)
		}
	}
	nearest256NEONTurns(&dst[0], &refs[0], len(dst), &p.words[0][0][0], &tags[0][0], p.groups())
}

// nearest256NEONTurns takes n references above 0 against the first 1 to 4 groups of a probe.
//
//go:noescape
func nearest256NEONTurns(dst *uint32, refs *uint64, n int, words *uint64, tags *uint16, groups int)
