package face

import "math"

// cells is how many cells the aligned face has to a side, for its mosaic: 8 pixels each where the face has 112.
const cells = 14

// mosaic is what the cells of an aligned face look like: mean brightness, and mean squares of its slope to the side and
// down, per 1/112 of the face's sides.
type mosaic struct{ light, across, down [cells][cells]float64 }

func mosaicOf(face planes) (t mosaic) {
	y, w, h := face.luma(), face.w, face.h
	var n [cells][cells]float64
	sx, sy := float64(w)/(2*8*cells), float64(h)/(2*8*cells)
	for r := 1; r < h-1; r++ {
		for c := 1; c < w-1; c++ {
			i, u, v := r*w+c, r*cells/h, c*cells/w
			dx, dy := sx*float64(y[i+1]-y[i-1]), sy*float64(y[i+w]-y[i-w])
			n[u][v]++
			t.light[u][v] += float64(y[i])
			t.across[u][v] += dx * dx
			t.down[u][v] += dy * dy
		}
	}
	for u := range n {
		for v := range n[u] {
			k := max(n[u][v], 1)
			t.light[u][v] /= k
			t.across[u][v] /= k
			t.down[u][v] /= k
		}
	}
	return t
}

// shade is the standard deviation of the cells' brightness between eyes and chin, over its mean; 0 for black.
func (t mosaic) shade() float64 {
	var m moments
	for u := 6; u < 12; u++ {
		for v := 3; v < 11; v++ {
			m.add(t.light[u][v])
		}
	}
	if m.mean() < 1 {
		return 0
	}
	return m.deviation() / m.mean()
}

// cover tells faces that have a part covered from others, by how the texture changes: what covers a face has edges where
// skin has none, and no mouth or eyes. It is a logistic regression on the logarithms of the cells' slopes, both sides of
// the face taken together. The weights, in tenths, were fitted to pictures of one half of LFW's tuning people, as they are
// and with dark glasses or masks drawn on them; docs/face.md has the errors on the other half.
type cover struct {
	bias         int
	top          int      // row of cells that the weights begin at
	across, down [][6]int // by row, from the second cell on to the middle of the face
}

// margin is the logarithm of the odds that the part is covered, for an equal number of covered and open faces. Slopes are
// taken against the face's contrast.
func (c cover) margin(t mosaic, contrast float64) float64 {
	sum := float64(c.bias)
	for i := range c.across {
		for k := range c.across[i] {
			sum += float64(c.across[i][k])*steepness(t.across[c.top+i], k+1, contrast) + float64(c.down[i][k])*steepness(t.down[c.top+i], k+1, contrast)
		}
	}
	return sum / 10
}

// steepness is the logarithm of a cell's slope and its mirror image's, over the contrast.
func steepness(row [cells]float64, k int, contrast float64) float64 {
	const leastContrast, leastSlope = 4, 0.02 // noise below
	scale := (contrast + leastContrast) * (contrast + leastContrast)
	return 0.5 * math.Log((row[k]+row[cells-1-k])/2/scale+leastSlope*leastSlope)
}

func darkGlasses() cover {
	return cover{
		bias: -24, top: 4,
		across: [][6]int{
			{0, -3, -3, 1, 0, 0},
			{0, -2, 5, 2, 4, 6},
			{-1, 3, 3, -3, 1, -1},
			{-1, 2, -1, -13, -13, 9},
		},
		down: [][6]int{
			{-2, 0, 0, 0, 0, -1},
			{-1, -2, 6, -5, 6, 1},
			{-2, -8, -7, -10, 3, 14},
			{0, 1, 3, -4, 5, 15},
		},
	}
}

func faceMask() cover {
	return cover{
		bias: 5, top: 7,
		across: [][6]int{
			{0, -3, -4, 5, 3, -3},
			{0, -1, -3, 2, -7, -1},
			{0, -1, 0, -1, -8, -2},
			{0, 0, -1, 0, 2, 1},
			{0, -1, -2, -6, -3, -1},
			{-1, 0, -3, -3, 0, 3},
		},
		down: [][6]int{
			{-1, 2, 3, 1, 0, 4},
			{-2, 1, 3, 3, 1, 4},
			{2, 4, 7, 5, -1, -7},
			{1, 5, 9, 4, -1, -7},
			{0, 1, 6, -3, -9, -10},
			{1, 2, 3, 5, 0, -6},
		},
	}
}
