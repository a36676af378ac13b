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
	sorted := x.fa[:len(x.spread)]
	copy(sorted, x.spread)
	slices.Sort(sorted)
	best := max(sorted[len(sorted)*9/10], sorted[max(0, len(sorted)-smallBlocks)]/2)
	blank, _ := slices.BinarySearch(sorted, minSpread)
	if seen := sorted[blank:]; len(seen) > smallBlocks {
		return min(best, outstanding*seen[len(seen)/2])
	}
	return best
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

func blurGrid(a, tmp []float32, gw, gh, step int) {
	for y := range gh {
		row, out := a[y*gw:y*gw+gw], tmp[y*gw:y*gw+gw]
		for i := range row {
			l2, l1, r1, r2 := max(i-2*step, 0), max(i-step, 0), min(i+step, gw-1), min(i+2*step, gw-1)
			out[i] = (row[l2] + row[r2] + 4*(row[l1]+row[r1]) + 6*row[i]) * (1.0 / 16)
		}
	}
	for y := range gh {
		row := func(k int) []float32 { k = min(max(k, 0), gh-1); return tmp[k*gw : k*gw+gw] }
		u2, u1, c, d1, d2 := row(y-2*step), row(y-step), row(y), row(y+step), row(y+2*step)
		out := a[y*gw : y*gw+gw]
		for i := range out {
			out[i] = (u2[i] + d2[i] + 4*(u1[i]+d1[i]) + 6*c[i]) * (1.0 / 16)
		}
	}
}
