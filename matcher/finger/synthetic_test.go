package finger

import (
	"math"
	"math/rand/v2"

	"biogate/matcher"
)

// syntheticFinger scatters minutiae as far apart as real ones are, over a finger of 300 x 400 pixels.
func syntheticFinger(seed uint64) Print {
	rng := newRand(seed)
	p := Print{Width: 300, Height: 400}
	for len(p.Minutiae) < 40 {
		m := Minutia{
			X: int16(20 + rng.IntN(260)), Y: int16(20 + rng.IntN(360)), Angle: uint8(rng.IntN(256)),
			Kind: Kind(1 + rng.IntN(2)), Quality: uint8(40 + rng.IntN(60)),
		}
		if nearest(p, m) > 12 {
			p.Minutiae = append(p.Minutiae, m)
		}
	}
	return p
}

func nearest(p Print, m Minutia) float64 {
	best := math.Inf(1)
	for _, q := range p.Minutiae {
		best = min(best, math.Hypot(float64(q.X-m.X), float64(q.Y-m.Y)))
	}
	return best
}

// wear is what happens between two impressions of a finger.
type wear struct {
	turn     float64 // radians
	dx, dy   float64 // pixels
	stretch  float64 // pixels of distortion at most
	jitter   float64 // standard deviation of positions, pixels
	missing  float64 // share of minutiae that are lost
	spurious int     // minutiae that come in
	window   float64 // share of the height that is captured; 0: all
}

// impress makes another impression of p, on a canvas large enough for any placement.
func impress(p Print, w wear, seed uint64) Print {
	const side = 700
	rng := newRand(seed)
	sin, cos := math.Sincos(w.turn)
	out := Print{Width: side, Height: side}
	for _, m := range p.Minutiae {
		if rng.Float64() < w.missing || w.window > 0 && float64(m.Y) > w.window*float64(p.Height) {
			continue
		}
		x, y := float64(m.X)-float64(p.Width)/2, float64(m.Y)-float64(p.Height)/2
		x, y = x+w.stretch*math.Sin(y/120), y+w.stretch*math.Cos(x/100)
		out.add(cos*x+sin*y+side/2+w.dx+w.jitter*rng.NormFloat64(), -sin*x+cos*y+side/2+w.dy+w.jitter*rng.NormFloat64(),
			m.Angle+turn256(w.turn)+uint8(int(3*w.jitter*rng.NormFloat64())), m)
	}
	for range w.spurious {
		out.add(float64(side/2-150+rng.IntN(300)), float64(side/2-200+rng.IntN(400)), uint8(rng.IntN(256)), Minutia{Kind: Ending, Quality: 20})
	}
	return out
}

func (p *Print) add(x, y float64, angle uint8, like Minutia) {
	if x >= 0 && y >= 0 && x < float64(p.Width) && y < float64(p.Height) {
		like.X, like.Y, like.Angle = int16(x), int16(y), angle
		p.Minutiae = append(p.Minutiae, like)
	}
}

// usual wear between two captures at a desk.
func usual(rng *rand.Rand) wear {
	return wear{
		turn: 0.3 * rng.NormFloat64(), dx: 20 * rng.NormFloat64(), dy: 20 * rng.NormFloat64(),
		stretch: 5, jitter: 1.5, missing: 0.15, spurious: 6,
	}
}

func scoreOf(a, b Print) float64 {
	return similarity(newProbe(a, matcher.Unknown), newReference(b, matcher.Unknown))
}
