package synth

import (
	"math"
	"math/rand/v2"

	"biogate/matcher/imaging"
)

// Options describe the sensor and how hard the impressions are. The zero value is a usable default.
type Options struct {
	Width, Height int     // of the picture in pixels; 0: 388 x 374
	DPI           int     // 0: 500
	Difficulty    float64 // scales displacement, distortion, pressure swings and noise; 0: 1, the ordinary case
}

// Sizes that Options take.
const (
	defaultWidth  = 388
	defaultHeight = 374
	maxSide       = 2000
	minDPI        = 100
	maxDPI        = 2000
)

func (o Options) withDefaults() Options {
	or := func(v, fallback int) int {
		if v <= 0 {
			return fallback
		}
		return v
	}
	o.Width, o.Height = min(or(o.Width, defaultWidth), maxSide), min(or(o.Height, defaultHeight), maxSide)
	o.DPI = clamp(or(o.DPI, baseDPI), minDPI, maxDPI)
	if !(o.Difficulty > 0) {
		o.Difficulty = 1
	}
	o.Difficulty = min(o.Difficulty, 4)
	return o
}

// Impression is what a sensor sees when the finger touches it for the k-th time, dark ridges on a light ground. The same
// finger, k and options give the same picture; different k differ in placement, pressure, distortion and noise.
func (f *Finger) Impression(k int, o Options) imaging.Grey {
	o = o.withDefaults()
	rng := source(f.Seed, streamImpression, uint64(k))
	o.Difficulty *= math.Exp(mishap * rng.NormFloat64())
	t := newTouch(rng, o)
	pix := t.render(f.ridges(), newSensor(rng, o))
	return imaging.Grey{Width: o.Width, Height: o.Height, Pix: pix, DPI: o.DPI}
}

// touch is how the finger meets the sensor once.
type touch struct {
	o          Options
	scale      float64 // master pixels in a sensor pixel
	skin       skin
	cx, cy     float64 // middle of the contact on the master
	wide, high float64 // half axes of the contact
	ragged     smooth
	level      float64 // ridge height at which skin touches
	drift      smooth
	driftSize  float64
	grain      float64 // how much fine grain breaks the ridges
	blotch     float64
}

func newTouch(rng *rand.Rand, o Options) touch {
	d := o.Difficulty
	press := rng.NormFloat64() * math.Sqrt(d)
	t := touch{
		o: o, scale: baseDPI / float64(o.DPI),
		skin: newSkin(rng, d),
		cx:   centreX + rollSpread*d*rng.NormFloat64(), cy: centreY + rollSpread*d*rng.NormFloat64(),
		wide: contactWide * (1 + contactSwing*clamp(press+0.4*rng.NormFloat64(), -3, 3)),
		high: contactHigh * (1 + contactSwing*clamp(press+0.4*rng.NormFloat64(), -3, 3)),
	}
	t.level = clamp(touchMean-touchPress*press+touchSpread*math.Sqrt(d)*rng.NormFloat64(), -0.75, 0.6)
	t.ragged = newSmooth(rng, masterWidth, masterHeight, edgeScale)
	t.drift, t.driftSize = newSmooth(rng, masterWidth, masterHeight, touchScale), touchDrift*math.Sqrt(d)
	t.grain = grainDry * clamp(0.35+t.level, 0.1, 1) * math.Sqrt(d)
	t.blotch = blotch * math.Sqrt(d) * (0.6 + 0.8*rng.Float64())
	return t
}

// render goes over the sensor. What changes slowly is computed at knots and interpolated along the rows.
func (t *touch) render(m *master, s *sensor) []byte {
	const knot = 8
	o := t.o
	ink := make([]float32, o.Width*o.Height)
	across := (o.Width+knot-1)/knot + 1
	above, below := make([]place, across), make([]place, across)
	for y := range o.Height {
		j := y % knot
		if j == 0 {
			t.places(above, float64(y), knot)
			t.places(below, float64(y+knot), knot)
		}
		down := float32(j) / knot
		for x := 0; x < o.Width; x += knot {
			n := x / knot
			from, to := above[n].towards(below[n], down), above[n+1].towards(below[n+1], down)
			if from.touch <= 0 && to.touch <= 0 {
				continue
			}
			row := ink[y*o.Width+x : y*o.Width+min(x+knot, o.Width)]
			t.stretch(row, from, to.minus(from).over(knot), m, s, x, y)
		}
	}
	return s.develop(ink)
}

// place is what a sensor pixel meets: a point of the master, how firmly, and the height at which skin touches.
type place struct{ x, y, touch, level float32 }

func (p place) towards(q place, t float32) place {
	return place{p.x + (q.x-p.x)*t, p.y + (q.y-p.y)*t, p.touch + (q.touch-p.touch)*t, p.level + (q.level-p.level)*t}
}

func (p place) minus(q place) place {
	return place{p.x - q.x, p.y - q.y, p.touch - q.touch, p.level - q.level}
}

func (p place) plus(q place) place {
	return place{p.x + q.x, p.y + q.y, p.touch + q.touch, p.level + q.level}
}

func (p place) over(n float32) place { return place{p.x / n, p.y / n, p.touch / n, p.level / n} }

func (t *touch) places(dst []place, y float64, step int) {
	for n := range dst {
		u := (float64(n*step) - float64(t.o.Width)/2) * t.scale
		v := (y - float64(t.o.Height)/2) * t.scale
		mx, my := t.skin.master(u, v)
		e := math.Hypot((mx-t.cx)/t.wide, (my-t.cy)/t.high) + edgeRagged*t.ragged.at(mx, my)
		dst[n] = place{
			float32(mx), float32(my), float32(clamp((1-e)/edgeFade, -20, 20)),
			float32(t.level + t.driftSize*t.drift.at(mx, my)),
		}
	}
}

// stretch inks one run of pixels from the place p on, moving by d for each.
func (t *touch) stretch(row []float32, p, d place, m *master, s *sensor, x, y int) {
	grain, blot := float32(t.grain), float32(t.blotch)
	for i := range row {
		if p.touch > 0 && p.x >= 0 && p.y >= 0 && p.x < masterWidth && p.y < masterHeight {
			height := bilinear(m.height, masterWidth, masterHeight, p.x, p.y)
			height += grain*s.fine.at(x+i, y) + blot*s.medium.at(x+i, y)
			level := p.level + edgeThin*max(1-p.touch, 0)
			row[i] = clamp(0.5+(height-level)/(2*softness), 0, 1)
		}
		p = p.plus(d)
	}
}
