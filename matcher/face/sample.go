package face

import (
	"math"
	"math/bits"
	"slices"
	"sync"

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
	room    []float32 // that they lie in
}

// newPlanes are planes to be written, in room that release may have given back.
func newPlanes(w, h int) planes {
	n := w * h
	room := rooms.take(3 * n)
	return planes{w: w, h: h, r: room[:n], g: room[n : 2*n], b: room[2*n:], room: room}
}

// release gives the room of planes that nobody looks at any more to others.
func (p planes) release() { rooms.give(p.room) }

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
	dst := newPlanes(w, h)
	if from.b == 0 {
		dst.drawUpright(src, from, beyond)
	} else {
		dst.drawTurned(src, from, beyond)
	}
	return dst
}

func (p planes) drawTurned(src imaging.RGB, from similarity, beyond margin) {
	right, bottom := float64(src.Width)-0.5, float64(src.Height)-0.5
	for y := range p.h {
		for x := range p.w {
			i, at := y*p.w+x, from.apply(point{float64(x), float64(y)})
			if beyond != repeatEdge && (at.x < -0.5 || at.y < -0.5 || at.x > right || at.y > bottom) {
				p.r[i], p.g[i], p.b[i] = float32(beyond), float32(beyond), float32(beyond)
				continue
			}
			p.r[i], p.g[i], p.b[i] = bilinear(src, at)
		}
	}
}

// drawUpright is drawTurned, to the last bit, where rows lie along rows: places are found once for all rows.
func (p planes) drawUpright(src imaging.RGB, from similarity, beyond margin) {
	columns, rows := make([]between, p.w), make([]between, p.h)
	for x := range columns {
		columns[x] = place(from.apply(point{x: float64(x)}).x, src.Width, beyond)
		columns[x].low *= 3
		columns[x].high *= 3
	}
	for y := range rows {
		rows[y] = place(from.apply(point{y: float64(y)}).y, src.Height, beyond)
	}
	stride := 3 * src.Width
	for y, row := range rows {
		line := planes{w: p.w, h: 1, r: p.r[y*p.w:][:p.w], g: p.g[y*p.w:][:p.w], b: p.b[y*p.w:][:p.w]}
		if row.outside {
			line.fill(float32(beyond))
			continue
		}
		line.drawRow(src.Pix[row.low*stride:][:stride], src.Pix[row.high*stride:][:stride], columns, row.share, float32(beyond))
	}
}

// between is a place on one axis: that share of the way between two pixels.
type between struct {
	low, high int
	share     float32
	outside   bool // where the margin is shown
}

// place finds a coordinate among the pixels of an axis.
func place(at float64, size int, beyond margin) between {
	if beyond != repeatEdge && (at < -0.5 || at > float64(size)-0.5) {
		return between{outside: true}
	}
	at = min(max(at, 0), float64(size-1))
	low := int(at)
	return between{low: low, high: min(low+1, size-1), share: float32(at - float64(low))}
}

// drawRow draws one row, which lies a share of the way between two of a picture; places of columns are in bytes.
func (p planes) drawRow(above, below []byte, columns []between, share, beyond float32) {
	red, green, blue := p.r[:len(columns)], p.g[:len(columns)], p.b[:len(columns)]
	for x := range columns {
		c := &columns[x]
		if c.outside {
			red[x], green[x], blue[x] = beyond, beyond, beyond
			continue
		}
		nw, ne := above[c.low:][:3], above[c.high:][:3]
		sw, se := below[c.low:][:3], below[c.high:][:3]
		red[x] = mix(nw[0], ne[0], sw[0], se[0], c.share, share)
		green[x] = mix(nw[1], ne[1], sw[1], se[1], c.share, share)
		blue[x] = mix(nw[2], ne[2], sw[2], se[2], c.share, share)
	}
}

func (p planes) fill(v float32) {
	for _, plane := range [...][]float32{p.r, p.g, p.b} {
		for i := range plane {
			plane[i] = v
		}
	}
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
	return mix(nw[0], ne[0], sw[0], se[0], fx, fy), mix(nw[1], ne[1], sw[1], se[1], fx, fy), mix(nw[2], ne[2], sw[2], se[2], fx, fy)
}

// mix is the value between four, at shares of the way to the right and down.
func mix(nw, ne, sw, se byte, right, down float32) float32 {
	top := float32(nw) + right*float32(int(ne)-int(nw))
	low := float32(sw) + right*float32(int(se)-int(sw))
	return top + down*(low-top)
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
		whole, out := (x1-x0)/k, small.Pix[3*y*small.Width:]
		means(out, sums[:3*whole], uint32((low-top)*k))
		means(out[3*whole:], sums[3*whole:], uint32((low-top)*(x1-x0-k*whole)))
	}
	// Block (X, Y) has its centre at x0 + k*X + (k-1)/2: solve for X.
	f, shift := 1/float64(k), float64(k-1)/2
	return small, similarity{from.a * f, from.b * f, (from.tx - float64(x0) - shift) * f, (from.ty - float64(y0) - shift) * f}
}

// means are sums of n values, divided and rounded.
func means(dst []byte, sums []uint32, n uint32) {
	for i, sum := range sums {
		dst[i] = byte((sum + n/2) / n)
	}
}

// addRow adds each run of k pixels of a row to its block's sums.
func addRow(sums []uint32, row []byte, k int) {
	for ; k == 2 && len(row) >= 6; row, sums = row[6:], sums[3:] { // most of all
		pair, to := (*[6]byte)(row), (*[3]uint32)(sums)
		to[0] += uint32(pair[0]) + uint32(pair[3])
		to[1] += uint32(pair[1]) + uint32(pair[4])
		to[2] += uint32(pair[2]) + uint32(pair[5])
	}
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
	dst := newPlanes(p.Width, p.Height)
	for i := range dst.r {
		dst.r[i], dst.g[i], dst.b[i] = float32(p.Pix[3*i]), float32(p.Pix[3*i+1]), float32(p.Pix[3*i+2])
	}
	return dst
}

// rooms are for the pictures and inputs of networks, which are too large to be allocated for each extraction.
var rooms roomPool

// roomPool keeps room by the bits of its length.
type roomPool [32]sync.Pool

// take gives room of a length, with anything in it.
func (p *roomPool) take(n int) []float32 {
	if room, _ := p[bits.Len(uint(n))].Get().(*[]float32); room != nil && cap(*room) >= n {
		return (*room)[:n]
	}
	return make([]float32, n)
}

// give takes room that nobody holds.
func (p *roomPool) give(room []float32) { p[bits.Len(uint(cap(room)))].Put(&room) }
