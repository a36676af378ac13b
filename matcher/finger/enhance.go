package finger

import "math"

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
// A band pass gets mean zero; every filter's absolute weights sum to about fixedPoint.
func line(theta float64, reach int, profile func(float64) float64, band bool) []tap {
	s, c := math.Sincos(theta)
	steep := math.Abs(s) > math.Abs(c)
	slope, stretch := s/c, 1/math.Abs(c)
	if steep {
		slope, stretch = c/s, 1/math.Abs(s)
	}
	n := int(float64(reach) / stretch)
	values := make([]float64, 2*n+1)
	var sum, envelope float64
	for i := range values {
		values[i] = profile(float64(i-n) * stretch)
		sum += values[i]
		envelope += math.Abs(profile(float64(i-n) * stretch))
	}
	var size float64
	for i := range values {
		if band {
			values[i] -= sum / float64(len(values))
		}
		size += math.Abs(values[i])
	}
	var taps []tap
	add := func(major, minor int, w float64) {
		t := tap{int8(major), int8(minor), int16(math.Round(w * fixedPoint / size))}
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
	offsets := x.layOut()
	clear(x.ridges)
	x.eachCell(2, func(at, o, _ int) { apply(x.smooth[at:], x.norm, at, x.stride, offsets.along[o]) })
	x.eachCell(0, func(at, o, k int) { apply(x.ridges[at:], x.smooth, at, x.stride, offsets.across[o][k]) })
}

// offset is a tap as a distance in a framed picture.
type offset struct{ at, weight int32 }

type laidOut struct {
	along  [orientations][]offset
	across [orientations][bankPeriods][]offset
}

func (x *extractor) layOut() *laidOut {
	l := new(laidOut)
	lay := func(taps []tap) []offset {
		out := make([]offset, len(taps))
		for i, t := range taps {
			out[i] = offset{int32(int(t.dy)*x.stride + int(t.dx)), int32(t.weight)}
		}
		return out
	}
	for o := range orientations {
		l.along[o] = lay(filters.along[o])
		for k := range bankPeriods {
			l.across[o][k] = lay(filters.across[o][k])
		}
	}
	return l
}

// eachCell calls f for the cells of the blocks in the mask and around it, with the index of the cell's first pixel,
// the filter direction and the filter period.
func (x *extractor) eachCell(around int, f func(at, o, k int)) {
	for by := range x.gh {
		for bx := range x.gw {
			if !x.nearMask(bx, by, around) {
				continue
			}
			k := periodIndex(x.period[by*x.gw+bx])
			for cy := 0; cy < block; cy += cellSide {
				for cx := 0; cx < block; cx += cellSide {
					px, py := bx*block+cx, by*block+cy
					f(x.origin+py*x.stride+px, x.directionIndex(px+cellSide/2, py+cellSide/2), k)
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

func periodIndex(p float32) int {
	k := math.Log(float64(p)/minPeriod) / math.Log(maxPeriod/minPeriod) * (bankPeriods - 1)
	return min(max(int(math.Round(k)), 0), bankPeriods-1)
}

// directionIndex is the filter direction at a pixel, interpolated between the centres of blocks.
func (x *extractor) directionIndex(px, py int) int {
	theta := x.directionAt(px, py)
	return int(math.Round(theta/math.Pi*orientations)) % orientations
}

// directionAt is the ridge direction at a pixel in [0, pi), y down, interpolated between the centres of blocks.
func (x *extractor) directionAt(px, py int) float64 {
	const mid = float32(block) / 2
	gx, tx := cell((float32(px)-mid)/block, x.gw)
	gy, ty := cell((float32(py)-mid)/block, x.gh)
	rx, ry := min(gx+1, x.gw-1), min(gy+1, x.gh-1)
	at := func(a []float32) float64 {
		return float64(mix(mix(a[gy*x.gw+gx], a[gy*x.gw+rx], tx), mix(a[ry*x.gw+gx], a[ry*x.gw+rx], tx), ty))
	}
	t := math.Atan2(at(x.sine), at(x.cosine)) / 2
	if t < 0 {
		t += math.Pi
	}
	return t
}

// apply filters one cell; out begins at its first pixel, which has index at in picture.
func apply(out, picture []int16, at, stride int, taps []offset) {
	for range cellSide {
		var a, b, c, d int32
		for _, t := range taps {
			p := (*[4]int16)(picture[at+int(t.at):])
			a += int32(p[0]) * t.weight
			b += int32(p[1]) * t.weight
			c += int32(p[2]) * t.weight
			d += int32(p[3]) * t.weight
		}
		q := (*[4]int16)(out)
		q[0], q[1], q[2], q[3] = int16(a/fixedPoint), int16(b/fixedPoint), int16(c/fixedPoint), int16(d/fixedPoint)
		if len(out) <= stride {
			return
		}
		out = out[stride:]
		at += stride
	}
}
