//go:build !noasm

package kernel

import "golang.org/x/sys/cpu"

func dotsBatch8Rows() []row[dotsBatch8Func] {
	return []row[dotsBatch8Func]{
		{"avx512vnni", hasVNNI(), dotsBatch8VNNI},
		{"avx2", cpu.X86.HasAVX2, dotsBatch8AVX2},
		dotsBatch8GenericRow(),
	}
}

// Vectors of a tile of the assembly, or a multiple.
const (
	tileVNNI = 16
	tileAVX2 = 4
)

func dotsBatch8VNNI(dst []int32, gallery []uint8, p *Probes8) {
	const few = 3 // probes that take less time one by one than as 8 lanes
	n := len(dst) / p.Len()
	if n < tileVNNI || p.Len() <= few {
		p.oneByOne(dst, gallery, dots8VNNI)
		return
	}
	for i, count := range p.tiles(n, tileVNNI) {
		for j := 0; j < p.Len(); {
			rows, vectors, lanes, sums := p.rows(j, n), &gallery[i*p.Dims()], &p.lanes[j*p.Dims()], &p.sums[j]
			switch left := p.Len() - j; {
			case left > 24:
				dotsBatch8VNNIx32(&dst[i], &rows[0], vectors, count, p.Dims(), lanes, sums)
				j += 32
			case left > 8:
				dotsBatch8VNNIx16(&dst[i], &rows[0], vectors, count, p.Dims(), lanes, sums)
				j += 16
			default:
				dotsBatch8VNNIx8(&dst[i], &rows[0], vectors, count, p.Dims(), lanes, sums)
				j += 8
			}
		}
	}
}

func dotsBatch8AVX2(dst []int32, gallery []uint8, p *Probes8) {
	const few = 10 // probes that take less time one by one than as 16 lanes
	n := len(dst) / p.Len()
	if n < tileAVX2 || p.Len() <= few {
		p.oneByOne(dst, gallery, dots8AVX2)
		return
	}
	wide := p.wide()
	for i, count := range p.tiles(n, tileAVX2) {
		for j := 0; j < p.Len(); j += 16 {
			rows := p.rows(j, n)
			dotsBatch8AVX2x16(&dst[i], &rows[0], &gallery[i*p.Dims()], count, p.Dims(), &wide[j*p.Dims()], &p.sums[j])
		}
	}
}

// The assembly takes n vectors, a multiple of its tile above 0, and 8, 16 or 32 lanes. The results of a lane go to dst plus
// the lane's number of bytes in rows.

//go:noescape
func dotsBatch8VNNIx32(dst *int32, rows *int, gallery *uint8, n, dims int, probes *int8, sums *int32)

//go:noescape
func dotsBatch8VNNIx16(dst *int32, rows *int, gallery *uint8, n, dims int, probes *int8, sums *int32)

//go:noescape
func dotsBatch8VNNIx8(dst *int32, rows *int, gallery *uint8, n, dims int, probes *int8, sums *int32)

//go:noescape
func dotsBatch8AVX2x16(dst *int32, rows *int, gallery *uint8, n, dims int, probes *int16, sums *int32)
