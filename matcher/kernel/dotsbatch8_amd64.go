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

// Vectors that the assembly takes at a time.
const (
	tileVNNIx1 = 16
	tileVNNIx2 = 8
	tileAVX2   = 4
)

func dotsBatch8VNNI(dst []int32, gallery []uint8, p *Probes8) {
	n := len(dst) / p.Len()
	if n < tileVNNIx1 {
		p.oneByOne(dst, gallery, dots8VNNI)
		return
	}
	for first := 0; first < p.Len(); first += 2 * Lanes8 {
		rows, lanes, sums := p.rows(first, n), &p.lanes[first*p.Dims()], &p.sums[first]
		if p.Len()-first > Lanes8 {
			for i, count := range tiles8(n, tileVNNIx2) {
				dotsBatch8VNNIx2(&dst[i], &rows[0], &gallery[i*p.Dims()], count, p.Dims(), lanes, sums)
			}
		} else {
			for i, count := range tiles8(n, tileVNNIx1) {
				dotsBatch8VNNIx1(&dst[i], &rows[0], &gallery[i*p.Dims()], count, p.Dims(), lanes, sums)
			}
		}
	}
}

func dotsBatch8AVX2(dst []int32, gallery []uint8, p *Probes8) {
	n := len(dst) / p.Len()
	if n < tileAVX2 {
		p.oneByOne(dst, gallery, dots8AVX2)
		return
	}
	wide := p.wide()
	for first := 0; first < p.Len(); first += Lanes8 {
		rows, lanes, sums := p.rows(first, n), &wide[first*p.Dims()], &p.sums[first]
		for i, count := range tiles8(n, tileAVX2) {
			dotsBatch8AVX2x1(&dst[i], &rows[0], &gallery[i*p.Dims()], count, p.Dims(), lanes, sums)
		}
	}
}

// The assembly takes n vectors, a multiple of its tile above 0, and 16 or 32 lanes. The results of a lane go to dst plus the
// lane's number of bytes in rows.

//go:noescape
func dotsBatch8VNNIx1(dst *int32, rows *int, gallery *uint8, n, dims int, probes *int8, sums *int32)

//go:noescape
func dotsBatch8VNNIx2(dst *int32, rows *int, gallery *uint8, n, dims int, probes *int8, sums *int32)

//go:noescape
func dotsBatch8AVX2x1(dst *int32, rows *int, gallery *uint8, n, dims int, probes *int16, sums *int32)
