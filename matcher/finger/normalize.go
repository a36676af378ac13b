package finger

import (
	"encoding/binary"
	"image"
	"math"
	"slices"
)

// measureBlocks fills mean and spread from each block and its neighbours (binomial weights, about two ridge periods).
func (x *extractor) measureBlocks(src working) {
	x.sumBlocks(src)
	x.spreadBlocks()
}

// sumBlocks fills mean and spread with the mean grey level and the mean square of each block alone.
func (x *extractor) sumBlocks(src working) {
	for by := range x.gh {
		for bx := range x.gw {
			right, bottom := min(bx*block+block, src.w), min(by*block+block, src.h)
			var s, ss uint32
			for y := by * block; y < bottom; y++ {
				a, b := sumRow(src.row(y)[bx*block : right])
				s, ss = s+a, ss+b
			}
			n := float32((right - bx*block) * (bottom - by*block))
			x.mean[by*x.gw+bx] = float32(s) / n
			x.spread[by*x.gw+bx] = float32(ss) / n
		}
	}
}

// sumRow adds up the pixels of a row and their squares.
func sumRow(row []byte) (s, ss uint32) {
	if len(row) == block {
		word := binary.LittleEndian.Uint64(row)
		for range block / 2 {
			a, b := uint32(word&255), uint32(word>>8&255)
			s += a + b
			ss += a*a + b*b
			word >>= 16
		}
		return s, ss
	}
	for _, v := range row {
		s += uint32(v)
		ss += uint32(v) * uint32(v)
	}
	return s, ss
}

// spreadBlocks blurs what sumBlocks has found and makes the mean squares deviations.
func (x *extractor) spreadBlocks() {
	x.blur(x.mean, 1)
	x.blur(x.spread, 1)
	for i, m := range x.mean {
		x.spread[i] = float32(math.Sqrt(float64(max(0, x.spread[i]-m*m))))
	}
}

// contrast is about the deviation of good ridges in this picture: nine blocks in ten stay below it. Where a finger covers
// less than that tenth, its best blocks tell instead; where scratches, dirt or frames stand out, the median of what is
// not blank tells that they do.
func (x *extractor) contrast() float32 {
	spreads, blank := x.fa[:len(x.spread)], 0
	for i, s := range x.spread {
		spreads[i] = s
		if s < minSpread {
			blank++
		}
	}
	n := len(spreads)
	best := max(nth(spreads, n*9/10), nth(spreads, max(0, n-smallBlocks))/2)
	if seen := n - blank; seen > smallBlocks {
		return min(best, outstanding*nth(spreads, blank+seen/2))
	}
	return best
}

// nth is the value that sorting would bring to index n; it reorders the values (Hoare 1961).
func nth(values []float32, n int) float32 {
	for range 64 { // some ten in practice; no picture shall make it slower than sorting
		if len(values) < 2 {
			return values[n]
		}
		left, right := partition(values)
		switch {
		case n <= right:
			values = values[:right+1]
		case n >= left:
			values, n = values[left:], n-left
		default:
			return values[n]
		}
	}
	slices.Sort(values)
	return values[n]
}

// partition brings small values before large ones: none before left is larger, and none after right smaller, than any
// beyond; what lies between them equals the pivot.
func partition(values []float32) (left, right int) {
	a, b, c := values[0], values[len(values)/2], values[len(values)-1]
	pivot := max(min(a, b), min(max(a, b), c))
	right = len(values) - 1
	for left <= right {
		for values[left] < pivot {
			left++
		}
		for values[right] > pivot {
			right--
		}
		if left <= right {
			values[left], values[right] = values[right], values[left]
			left++
			right--
		}
	}
	return left, right
}

// findRegion measures the whole picture, then its region, for which the extractor is made ready.
func (x *extractor) findRegion(src working) image.Rectangle {
	x.resetGrid(src.w, src.h)
	x.sumBlocks(src)
	x.whole.copy(x.mean, x.spread)
	x.spreadBlocks()
	x.reference = x.contrast()
	wide, part := x.gw, x.region()
	x.reset(part.Dx(), part.Dy())
	for by := range x.gh { // the region is made of whole blocks
		from := (part.Min.Y/block+by)*wide + part.Min.X/block
		copy(x.mean[by*x.gw:][:x.gw], x.whole.mean[from:])
		copy(x.spread[by*x.gw:][:x.gw], x.whole.square[from:])
	}
	x.spreadBlocks()
	return part
}

// blockSums are the mean grey level and the mean square of each block of the whole picture.
type blockSums struct{ mean, square []float32 }

func (s *blockSums) copy(mean, square []float32) {
	s.mean, s.square = append(s.mean[:0], mean...), append(s.square[:0], square...)
}

// region is the smallest part of the picture, in whole blocks, that holds every block with contrast, and one more on
// every side: a finger often covers a third of the sensor.
func (x *extractor) region() image.Rectangle {
	least := x.faint() * faintPart
	var r image.Rectangle
	for i, s := range x.spread {
		if s > least {
			at := image.Pt(i%x.gw, i/x.gw)
			r = r.Union(image.Rectangle{at, at.Add(image.Pt(1, 1))})
		}
	}
	r = r.Inset(-1)
	r.Min, r.Max = r.Min.Mul(block), r.Max.Mul(block)
	return r.Intersect(image.Rect(0, 0, x.w, x.h))
}

// faint is the deviation under which a block counts as less than fully visible.
func (x *extractor) faint() float32 { return max(minSpread, maskContrast*x.reference) }

// normalise takes the local mean away and brings the local deviation to unit, so that ridges of a wet and of a dry
// spot weigh the same. Dark ridges become positive.
func (x *extractor) normalise(src working) {
	least := max(minSpread, floorPart*x.reference)
	gain := x.fa
	for i, s := range x.spread {
		gain[i] = unit / max(s, least)
	}
	mid := float32(block-1) / 2
	for py := range src.h {
		gy := (float32(py) - mid) / block
		y0, ty := cell(gy, x.gh)
		y1 := min(y0+1, x.gh-1)
		row, out := src.row(py), x.norm[2*(x.origin+py*x.stride):]
		for bx := -1; bx < x.gw; bx++ { // between the centres of blocks bx and bx+1
			from, to := max(0, bx*block+block/2), min(src.w, bx*block+block+block/2)
			if from >= to {
				continue
			}
			l, r := max(bx, 0), min(bx+1, x.gw-1)
			ml, mr := mix(x.mean[y0*x.gw+l], x.mean[y1*x.gw+l], ty), mix(x.mean[y0*x.gw+r], x.mean[y1*x.gw+r], ty)
			kl, kr := mix(gain[y0*x.gw+l], gain[y1*x.gw+l], ty), mix(gain[y0*x.gw+r], gain[y1*x.gw+r], ty)
			dm, dk := (mr-ml)/block, (kr-kl)/block
			t := float32(from) - (float32(bx*block) + mid)
			m, k := ml+dm*t, kl+dk*t
			line := out[2*from : 2*to]
			for i, v := range row[from:to] {
				binary.LittleEndian.PutUint16(line[2*i:], uint16(min(max(int32(128.5+(m-float32(v))*k), 128-clip), 128+clip)))
				m += dm
				k += dk
			}
		}
	}
}

// cell splits a grid coordinate into the cell before it and the part beyond, within 0..n-1.
func cell(g float32, n int) (int, float32) {
	if g <= 0 {
		return 0, 0
	}
	i := min(int(g), n-1)
	return i, min(g-float32(i), 1)
}

func mix(a, b, t float32) float32 { return a + (b-a)*t }

// blur smooths a grid with the binomial kernel 1 4 6 4 1, its taps step blocks apart; edges are repeated.
func (x *extractor) blur(a []float32, step int) { blurGrid(a, x.fb, x.gw, x.gh, step) }

// blurredAt is pixel i of a blurred row.
func blurredAt(row []float32, i, step int) float32 {
	last := len(row) - 1
	l2, l1, r1, r2 := max(i-2*step, 0), max(i-step, 0), min(i+step, last), min(i+2*step, last)
	return (row[l2] + row[r2] + 4*(row[l1]+row[r1]) + 6*row[i]) * (1.0 / 16)
}

func blurGrid(a, tmp []float32, gw, gh, step int) {
	for y := range gh {
		row, out := a[y*gw:y*gw+gw], tmp[y*gw:y*gw+gw]
		from := min(2*step, gw)
		to := max(from, gw-2*step) // up to there all taps lie inside the row
		for i := range from {
			out[i] = blurredAt(row, i, step)
		}
		for i := from; i < to; i++ {
			out[i] = (row[i-2*step] + row[i+2*step] + 4*(row[i-step]+row[i+step]) + 6*row[i]) * (1.0 / 16)
		}
		for i := to; i < gw; i++ {
			out[i] = blurredAt(row, i, step)
		}
	}
	for y := range gh {
		row := func(k int) []float32 { k = min(max(k, 0), gh-1); return tmp[k*gw : k*gw+gw] }
		u2, u1, c, d1, d2 := row(y-2*step), row(y-step), row(y), row(y+step), row(y+2*step)
		out := a[y*gw : y*gw+gw]
		u2, u1, c, d1, d2 = u2[:len(out)], u1[:len(out)], c[:len(out)], d1[:len(out)], d2[:len(out)]
		for i := range out {
			out[i] = (u2[i] + d2[i] + 4*(u1[i]+d1[i]) + 6*c[i]) * (1.0 / 16)
		}
	}
}
