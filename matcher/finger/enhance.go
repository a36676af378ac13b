package finger

import (
	"encoding/binary"
	"math"
)

// tap is one weighted pixel of a filter.
type tap struct {
	dx, dy int8
	weight int16
}

// bank holds the oriented filters: a Gabor filter split into smoothing along the ridge and a band pass across it.
// Both are applied pixel after pixel with the local direction, so that the pair bends with the ridge.
type bank struct {
	along  [orientations][]tap
	across [orientations][bankPeriods][]tap
}

var filters = newBank()

func newBank() *bank {
	b := new(bank)
	for o := range orientations {
		theta := math.Pi * float64(o) / orientations
		b.along[o] = line(theta, alongReach, func(t float64) float64 {
			return math.Exp(-t * t / (2 * alongSigma * alongSigma))
		}, false)
		for k := range bankPeriods {
			p := minPeriod * math.Pow(maxPeriod/minPeriod, float64(k)/(bankPeriods-1))
			sigma := acrossSigma * p
			reach := min(acrossReach, int(math.Ceil(2.4*sigma)))
			b.across[o][k] = line(theta+math.Pi/2, reach, func(t float64) float64 {
				return math.Exp(-t*t/(2*sigma*sigma)) * math.Cos(2*math.Pi*t/p)
			}, true)
		}
	}
	return b
}

// line samples a profile along a direction, one step of the longer axis at a time, interpolating on the shorter one.
// A band pass gets mean zero.
func line(theta float64, reach int, profile func(float64) float64, band bool) []tap {
	s, c := math.Sincos(theta)
	steep := math.Abs(s) > math.Abs(c)
	slope, stretch := s/c, 1/math.Abs(c)
	if steep {
		slope, stretch = c/s, 1/math.Abs(s)
	}
	n := int(float64(reach) / stretch)
	values := make([]float64, 2*n+1)
	var sum float64
	for i := range values {
		values[i] = profile(float64(i-n) * stretch)
		sum += values[i]
	}
	total, size := float64(smoothSum), 0.0
	if band {
		total = bandSum
	}
	for i := range values {
		if band {
			values[i] -= sum / float64(len(values))
		}
		size += math.Abs(values[i])
	}
	var taps []tap
	var owed [2]float64 // rounding error so far, of positive and of negative weights
	add := func(major, minor int, w float64) {
		sign := 0
		if w < 0 {
			sign = 1
		}
		w = w*total/size + owed[sign]
		whole := math.Round(w)
		owed[sign] = w - whole
		t := tap{int8(major), int8(minor), int16(whole)}
		if steep {
			t.dx, t.dy = t.dy, t.dx
		}
		if t.weight != 0 {
			taps = append(taps, t)
		}
	}
	for i, v := range values {
		minor := float64(i-n) * slope
		low := math.Floor(minor)
		add(i-n, int(low), v*(1-minor+low))
		add(i-n, int(low)+1, v*(minor-low))
	}
	return taps
}

// enhance filters the masked part of the picture: ridges become positive, valleys negative, the rest zero.
func (x *extractor) enhance() {
	x.filters.layOut(x.stride)
	x.aimCells()
	x.eachCell(1, func(at, o, _ int) { smooth(x.smooth, x.norm, at, x.stride, x.filters.along[o]) })
	x.eachCell(0, func(at, o, k int) { bandPass(x.ridges, x.smooth, at, x.stride, x.filters.across[o][k]) })
}

// offset is a tap as a distance in bytes in a plane, from the pixel a margin above and left of the one that is filtered.
type offset struct {
	at     int32
	weight int32
}

// laidOut is the bank for pictures of one width.
type laidOut struct {
	along  [orientations][]offset
	across [orientations][bankPeriods][]offset
}

func (l *laidOut) layOut(stride int) {
	lay := func(to *[]offset, taps []tap) {
		*to = sized(*to, len(taps))
		for i, t := range taps {
			(*to)[i] = offset{2 * int32((margin+int(t.dy))*stride+margin+int(t.dx)), int32(t.weight)}
		}
	}
	for o := range orientations {
		lay(&l.along[o], filters.along[o])
		for k := range bankPeriods {
			lay(&l.across[o][k], filters.across[o][k])
		}
	}
}

// aimCells sets the filter direction of the cells of the blocks in the mask and around it.
func (x *extractor) aimCells() {
	wide := x.gw * cellsPerBlock
	for i := range x.cells {
		cx, cy := i%wide, i/wide
		if x.nearMask(cx/cellsPerBlock, cy/cellsPerBlock, 1) {
			x.cells[i] = x.directionIndex(cx*cellSide+cellSide/2, cy*cellSide+cellSide/2)
		}
	}
}

// eachCell calls f for the cells of the blocks in the mask and around it, with the index of the cell's first pixel,
// the filter direction and the filter period.
func (x *extractor) eachCell(around int, f func(at, o, k int)) {
	for by := range x.gh {
		for bx := range x.gw {
			if !x.nearMask(bx, by, around) {
				continue
			}
			k := int(x.band[by*x.gw+bx])
			for cy := by * cellsPerBlock; cy < (by+1)*cellsPerBlock; cy++ {
				for cx := bx * cellsPerBlock; cx < (bx+1)*cellsPerBlock; cx++ {
					o := x.cells[cy*x.gw*cellsPerBlock+cx]
					f(x.origin+cy*cellSide*x.stride+cx*cellSide, int(o), k)
				}
			}
		}
	}
}

func (x *extractor) nearMask(bx, by, around int) bool {
	for y := max(0, by-around); y <= min(x.gh-1, by+around); y++ {
		for k := max(0, bx-around); k <= min(x.gw-1, bx+around); k++ {
			if x.mask[y*x.gw+k] {
				return true
			}
		}
	}
	return false
}

func periodIndex(p float32) uint8 {
	k := math.Log(float64(p)/minPeriod) / math.Log(maxPeriod/minPeriod) * (bankPeriods - 1)
	return uint8(min(max(math.Round(k), 0), bankPeriods-1))
}

// directionIndex is the filter direction at a pixel.
func (x *extractor) directionIndex(px, py int) uint8 {
	c, s := x.doubledAt(px, py)
	return uint8(turn(c, s)*orientations+0.5) % orientations
}

// turn is the angle of a vector in turns, 0 to 1, to within 0.001.
func turn(c, s float32) float32 {
	u, v := max(c, -c), max(s, -s)
	a := min(u, v) / max(u, v, 1e-20)
	t := a * (0.125 + 0.04345*(1-a))
	if v > u {
		t = 0.25 - t
	}
	if c < 0 {
		t = 0.5 - t
	}
	if s < 0 {
		t = 1 - t
	}
	return t
}

// doubledAt is the doubled ridge direction at a pixel, a vector, interpolated between the centres of blocks.
func (x *extractor) doubledAt(px, py int) (c, s float32) {
	const mid = float32(block) / 2
	gx, tx := cell((float32(px)-mid)/block, x.gw)
	gy, ty := cell((float32(py)-mid)/block, x.gh)
	rx, ry := min(gx+1, x.gw-1), min(gy+1, x.gh-1)
	at := func(a []float32) float32 {
		return mix(mix(a[gy*x.gw+gx], a[gy*x.gw+rx], tx), mix(a[ry*x.gw+gx], a[ry*x.gw+rx], tx), ty)
	}
	return at(x.cosine), at(x.sine)
}

// smooth filters one cell of four by four pixels, the first with index at; the weights are positive.
func smooth(out, in plane, at, stride int, taps []offset) {
	putCell(out, at, stride, weighCell(in, at, stride, 0, taps))
}

// bandPass does the same with weights that sum to zero. Between the taps a lane may borrow from its neighbour, but the
// final sums fit 16 bits, and so they are right.
func bandPass(out, in plane, at, stride int, taps []offset) {
	const half = 0x8080_8080_8080_8080 // 128 and a half
	putCell(out, at, stride, weighCell(in, at, stride, half, taps))
}

// weighCell adds the weighted taps to start, for each row of a cell.
func weighCell(in plane, at, stride int, start uint64, taps []offset) [cellSide]uint64 {
	corner := 2 * (at - margin*stride - margin) // offsets count from there
	a := in[corner:]
	b := in[corner+2*stride:]
	c := in[corner+4*stride:]
	d := in[corner+6*stride:]
	b, c = b[:len(d)], c[:len(d)]
	a = a[:len(d)]
	s, t, u, v := start, start, start, start
	for _, p := range taps {
		k, i := uint64(int64(p.weight)), int(p.at)
		s += binary.LittleEndian.Uint64(a[i:]) * k
		t += binary.LittleEndian.Uint64(b[i:]) * k
		u += binary.LittleEndian.Uint64(c[i:]) * k
		v += binary.LittleEndian.Uint64(d[i:]) * k
	}
	return [cellSide]uint64{s, t, u, v}
}

// putCell keeps the upper half of every lane.
func putCell(out plane, at, stride int, sums [cellSide]uint64) {
	for i, sum := range sums {
		binary.LittleEndian.PutUint64(out[2*(at+i*stride):], sum>>8&0x00ff_00ff_00ff_00ff)
	}
}
