package face

import (
	"math"
	"slices"

	"biogate/matcher/imaging"
)

// point is a position in a picture; pixel centres lie at whole coordinates.
type point struct{ x, y float64 }

// similarity maps (x, y) to (a*x - b*y + tx, b*x + a*y + ty): scale, rotation and shift.
type similarity struct{ a, b, tx, ty float64 }

func (s similarity) apply(p point) point {
	return point{s.a*p.x - s.b*p.y + s.tx, s.b*p.x + s.a*p.y + s.ty}
}

func (s similarity) scale() float64 { return math.Hypot(s.a, s.b) }

// inverse needs a scale above 0.
func (s similarity) inverse() similarity {
	d := s.a*s.a + s.b*s.b
	a, b := s.a/d, -s.b/d
	return similarity{a, b, -a*s.tx + b*s.ty, -b*s.tx - a*s.ty}
}

// planes is a picture as networks see it: red, green and blue apart, each w*h values of 0 to 255.
type planes struct {
	w, h    int
	r, g, b []float32
}

// margin is what a sample shows beyond the picture's edges: a grey of 0 to 255, or repeatEdge.
type margin float32

// repeatEdge shows the nearest pixel of the picture.
const repeatEdge margin = -1

// sample draws a w x h picture whose pixel p shows src at from(p), bilinear. Where that shrinks much, src is averaged in
// square blocks first, so that no more than unaveraged pixels of what is left lie between two samples.
func sample(src imaging.RGB, from similarity, w, h int, beyond margin) planes {
	if k := int(from.scale() / unaveraged); k >= 2 {
		src, from = reduce(src, from, w, h, k)
	}
	dst := planes{w, h, make([]float32, w*h), make([]float32, w*h), make([]float32, w*h)}
	right, bottom := float64(src.Width)-0.5, float64(src.Height)-0.5
	for y := range h {
		for x := range w {
			i, p := y*w+x, from.apply(point{float64(x), float64(y)})
			if beyond != repeatEdge && (p.x < -0.5 || p.y < -0.5 || p.x > right || p.y > bottom) {
				dst.r[i], dst.g[i], dst.b[i] = float32(beyond), float32(beyond), float32(beyond)
				continue
			}
			dst.r[i], dst.g[i], dst.b[i] = bilinear(src, p)
		}
	}
	return dst
}

// bilinear is the colour at p, between the four nearest pixels; beyond the edges it is that of the edge.
func bilinear(src imaging.RGB, p point) (r, g, b float32) {
	x := min(max(p.x, 0), float64(src.Width-1))
	y := min(max(p.y, 0), float64(src.Height-1))
	x0, y0 := int(x), int(y)
	fx, fy := float32(x-float64(x0)), float32(y-float64(y0))
	x1, y1 := min(x0+1, src.Width-1), min(y0+1, src.Height-1)
	nw, ne := src.Pix[3*(y0*src.Width+x0):][:3], src.Pix[3*(y0*src.Width+x1):][:3]
	sw, se := src.Pix[3*(y1*src.Width+x0):][:3], src.Pix[3*(y1*src.Width+x1):][:3]
	mix := func(c int) float32 {
		top := float32(nw[c]) + fx*(float32(ne[c])-float32(nw[c]))
		low := float32(sw[c]) + fx*(float32(se[c])-float32(sw[c]))
		return top + fy*(low-top)
	}
	return mix(0), mix(1), mix(2)
}

// reduce averages the part of src that a sample will see in blocks of k x k, and gives the map to match.
func reduce(src imaging.RGB, from similarity, w, h, k int) (imaging.RGB, similarity) {
	x0, y0, x1, y1 := extent{src.Width, src.Height}.footprint(from, w, h, k)
	small := imaging.RGB{Width: (x1 - x0 + k - 1) / k, Height: (y1 - y0 + k - 1) / k}
	small.Pix = make([]byte, 3*small.Width*small.Height)
	sums := make([]uint32, 3*small.Width)
	for y := range small.Height {
		clear(sums)
		top := y0 + y*k
		low := min(top+k, y1)
		for v := top; v < low; v++ {
			addRow(sums, src.Pix[3*(v*src.Width+x0):3*(v*src.Width+x1)], k)
		}
		for x := range small.Width {
			n := uint32((low - top) * (min(x0+(x+1)*k, x1) - x0 - x*k))
			for c := range 3 {
				small.Pix[3*(y*small.Width+x)+c] = byte((sums[3*x+c] + n/2) / n)
			}
		}
	}
	// Block (X, Y) has its centre at x0 + k*X + (k-1)/2: solve for X.
	f, shift := 1/float64(k), float64(k-1)/2
	return small, similarity{from.a * f, from.b * f, (from.tx - float64(x0) - shift) * f, (from.ty - float64(y0) - shift) * f}
}

// addRow adds each run of k pixels of a row to its block's sums.
func addRow(sums []uint32, row []byte, k int) {
	for len(row) > 0 {
		n := min(3*k, len(row))
		r, g, b := uint32(0), uint32(0), uint32(0)
		for i := 0; i+2 < n; i += 3 {
			r += uint32(row[i])
			g += uint32(row[i+1])
			b += uint32(row[i+2])
		}
		sums[0] += r
		sums[1] += g
		sums[2] += b
		row, sums = row[n:], sums[3:]
	}
}

// footprint is the part of a picture (half-open, at least one pixel) under a w x h sample, with k pixels to spare.
func (e extent) footprint(from similarity, w, h, k int) (x0, y0, x1, y1 int) {
	left, top, right, low := math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for _, corner := range [4]point{{0, 0}, {float64(w - 1), 0}, {0, float64(h - 1)}, {float64(w - 1), float64(h - 1)}} {
		p := from.apply(corner)
		left, right = min(left, p.x), max(right, p.x)
		top, low = min(top, p.y), max(low, p.y)
	}
	x0, x1 = span(left, right, k, e.Width)
	y0, y1 = span(top, low, k, e.Height)
	return x0, y0, x1, y1
}

// span is [lo, hi] widened by k, cut to [0, size), and at least one pixel.
func span(lo, hi float64, k, size int) (from, to int) {
	limit := float64(size)
	from = int(min(max(lo-float64(k), 0), limit-1))
	to = int(min(max(hi+float64(k)+1, 1), limit))
	return from, max(to, from+1)
}

// mirror exchanges left and right, in place.
func (p planes) mirror() {
	for y := range p.h {
		for _, plane := range [][]float32{p.r, p.g, p.b} {
			slices.Reverse(plane[y*p.w : (y+1)*p.w])
		}
	}
}

// luma is the picture's brightness (ITU-R BT.601).
func (p planes) luma() []float32 {
	y := make([]float32, len(p.r))
	for i := range y {
		y[i] = 0.299*p.r[i] + 0.587*p.g[i] + 0.114*p.b[i]
	}
	return y
}

// split takes a picture as it is.
func split(p imaging.RGB) planes {
	n := p.Width * p.Height
	dst := planes{p.Width, p.Height, make([]float32, n), make([]float32, n), make([]float32, n)}
	for i := range n {
		dst.r[i], dst.g[i], dst.b[i] = float32(p.Pix[3*i]), float32(p.Pix[3*i+1]), float32(p.Pix[3*i+2])
	}
	return dst
}
