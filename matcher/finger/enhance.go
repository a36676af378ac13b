package finger

import (
	"math"

	"biogate/matcher/kernel"
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

// What the weighted pixels are added to. They are 128 higher than they stand for: smoothing keeps that, since its weights
// sum to 1; a band pass, whose weights sum to 0, takes it away.
const (
	alongStart  = 0
	acrossStart = 128<<8 + 128 // 128 and a half
)

// enhance filters the masked part of the picture: ridges become positive, valleys negative, the rest zero.
func (x *extractor) enhance() {
	x.filters.layOut(x.stride)
	x.aimCells()
	x.eachCell(1, func(at, o, _ int) { x.filterCell(x.smooth, x.norm, at, alongStart, &x.filters.along[o]) })
	x.eachCell(0, func(at, o, k int) { x.filterCell(x.ridges, x.smooth, at, acrossStart, &x.filters.across[o][k]) })
}

// filterCell filters the cell whose first pixel has index at. Taps count from a margin above and left of it.
func (x *extractor) filterCell(out, in plane, at int, start uint16, f *kernel.CellFilter) {
	kernel.FilterCell(out[2*at:], in[2*(at-margin*x.stride-margin):], 2*x.stride, start, f)
}

// laidOut is the bank for pictures of one width.
type laidOut struct {
	stride int
	along  [orientations]kernel.CellFilter
	across [orientations][bankPeriods]kernel.CellFilter
}

// layOut turns places into distances in bytes, unless the last picture was as wide.
func (l *laidOut) layOut(stride int) {
	if l.stride == stride {
		return
	}
	l.stride = stride
	for o := range orientations {
		l.lay(&l.along[o], filters.along[o])
		for k := range bankPeriods {
			l.lay(&l.across[o][k], filters.across[o][k])
		}
	}
}

func (l *laidOut) lay(to *kernel.CellFilter, taps []tap) {
	list := sized(to.Taps(), len(taps))
	for i, t := range taps {
		list[i] = kernel.Tap{At: int32(2 * ((margin+int(t.dy))*l.stride + margin + int(t.dx))), Weight: t.weight}
	}
	to.Lay(list)
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
