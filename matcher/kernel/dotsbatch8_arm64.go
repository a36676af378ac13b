//go:build !noasm

package kernel

import "golang.org/x/sys/cpu"

func dotsBatch8Rows() []row[dotsBatch8Func] {
	return []row[dotsBatch8Func]{
		{"sdot", hasSDOT(), dotsBatch8SDOT},
		{"neon", cpu.ARM64.HasASIMD, dotsBatch8NEON},
		dotsBatch8GenericRow(),
	}
}

const tileSDOT = 4 // vectors of a tile of the assembly

func dotsBatch8SDOT(dst []int32, gallery []uint8, p *Probes8) {
	const few = 3 // probes that take less time one by one than as 16 lanes
	n := len(dst) / p.Len()
	if n < tileSDOT || p.Len() <= few {
		p.oneByOne(dst, gallery, dots8SDOT)
		return
	}
	for i, count := range p.tiles(n, tileSDOT) {
		for j := 0; j < p.Len(); j += Lanes8 {
			rows := p.rows(j, n)
			dotsBatch8SDOTx16(&dst[i], &rows[0], &gallery[i*p.Dims()], count, p.Dims(), &p.lanes[j*p.Dims()])
		}
	}
}

func dotsBatch8NEON(dst []int32, gallery []uint8, p *Probes8) { p.oneByOne(dst, gallery, dots8NEON) }

// dotsBatch8SDOTx16 takes n vectors, a multiple of its tile above 0, and 16 lanes. The results of a lane go to dst plus the
// lane's number of bytes in rows.
//
//go:noescape
func dotsBatch8SDOTx16(dst *int32, rows *int, gallery *uint8, n, dims int, probes *int8)
