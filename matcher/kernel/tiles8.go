package kernel

import "iter"

// turns is n turns from vector first on, of one vector each at four places that lie stride vectors apart.
type turns struct{ first, n, stride int }

// turns8 covers n vectors: quarters side by side, then the last four again if there is a remainder. Fewer than four
// are taken one by one, each at all four places.
func turns8(n int) iter.Seq[turns] {
	return func(yield func(turns) bool) {
		switch {
		case n < 4:
			for i := range n {
				if !yield(turns{i, 1, 0}) {
					return
				}
			}
		case !yield(turns{0, n / 4, n / 4}):
		case n%4 != 0:
			yield(turns{n - 4, 1, 1})
		}
	}
}

// tiles covers n vectors, at least as many as a tile has, in blocks that stay in the second cache while one probe after another
// takes them: first vector and number of vectors, a multiple of the tile. A remainder takes the last tile again. The tile is a power
// of two, 16 at most.
func (p *Probes8) tiles(n, tile int) iter.Seq2[int, int] {
	return func(yield func(first, count int) bool) {
		whole := n - n%tile
		for i := 0; i < whole; i += p.block() {
			if !yield(i, min(p.block(), whole-i)) {
				return
			}
		}
		if n%tile != 0 {
			yield(n-tile, tile)
		}
	}
}

// block is how many vectors are taken before the next probes, a multiple of every tile.
func (p *Probes8) block() int {
	const bytes, tile = 128 << 10, 16 // the largest tile
	return max(bytes/p.Dims()/tile*tile, tile)
}

// rows are where the results of up to 32 lanes start, in bytes from those of probe 0. Lanes without a probe of their own
// repeat the last one.
func (p *Probes8) rows(first, n int) (rows [2 * Lanes8]int) {
	const resultBytes = 4
	for j := range rows {
		rows[j] = resultBytes * n * min(first+j, p.Len()-1)
	}
	return rows
}

// oneByOne is for few probes, and for galleries that are smaller than a tile.
func (p *Probes8) oneByOne(dst []int32, gallery []uint8, dots8 dots8Func) {
	n := len(dst) / p.Len()
	for i := 0; i < n; i += p.block() {
		count := min(p.block(), n-i)
		for j, probe := range p.probes {
			dots8(dst[j*n+i:][:count], gallery[i*p.Dims():][:count*p.Dims()], probe)
		}
	}
}
