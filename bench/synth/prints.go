package synth

import (
	"iter"
	"math"
	"math/rand/v2"

	"biogate/matcher/finger"
)

// Prints yields the prints 0 to n-1 of the population of a seed, one impression of each finger; see PrintOf.
func Prints(seed uint64, n int) iter.Seq[finger.Print] {
	return func(yield func(finger.Print) bool) {
		for i := range n {
			if !yield(PrintOf(seed, i)) {
				return
			}
		}
	}
}

// PrintOf makes the minutiae of one impression of the i-th finger without making its picture, for populations of
// millions. Minutiae lie at random on the touching part and run along the flow of a finger of natural class; their number,
// spacing and agreement in direction follow the extractor's on real impressions (docs/synth.md). It has nothing to do
// with the picture of Member(seed, i).
func PrintOf(seed uint64, i int) finger.Print {
	rng := source(mix(seed)+uint64(i), streamPrints, 0)
	t := newTouch(rng, Options{}.withDefaults())
	v := view{
		touch: t, flow: newFlow(rng, drawClass(rng)), turn: math.Atan2(t.skin.sin, t.skin.cos),
		sides: newSmooth(rng, masterWidth, masterHeight, sideScale), crowds: newSmooth(rng, masterWidth, masterHeight, crowdScale),
	}
	p := finger.Print{Width: defaultWidth, Height: defaultHeight}
	density := printDensity * math.Exp(printSpread*rng.NormFloat64())
	for range int(density*defaultWidth*defaultHeight + rng.Float64()) {
		v.add(rng, &p)
	}
	for len(p.Minutiae) < printFewest {
		v.add(rng, &p)
	}
	return p
}

// Reprint is another impression of the finger that p shows: turned, displaced and a little distorted, with a share of the
// minutiae missed and others that are not real. Different k give different impressions.
func Reprint(p finger.Print, k uint64) finger.Print {
	rng := source(digest(p), streamReprints, k)
	s := newSkin(rng, reprintDifficulty)
	turn := math.Atan2(s.sin, s.cos)
	q := finger.Print{Width: p.Width, Height: p.Height}
	for _, m := range p.Minutiae {
		x, y := s.master(float64(m.X)-float64(p.Width)/2, float64(m.Y)-float64(p.Height)/2)
		if rng.Float64() < missed {
			m.X, m.Y = int16(rng.IntN(p.Width)), int16(rng.IntN(p.Height))
			m.Angle = uint8(rng.Uint32())
			q.Minutiae = append(q.Minutiae, m)
			continue
		}
		m.X = int16(math.Round(x - centreX + float64(p.Width)/2 + jitter*rng.NormFloat64()))
		m.Y = int16(math.Round(y - centreY + float64(p.Height)/2 + jitter*rng.NormFloat64()))
		m.Angle -= turns(turn + angleJitter*rng.NormFloat64())
		if m.X >= 0 && m.Y >= 0 && int(m.X) < p.Width && int(m.Y) < p.Height {
			q.Minutiae = append(q.Minutiae, m)
		}
	}
	return q
}

// digest tells prints apart, so that no two share the accidents of their impressions.
func digest(p finger.Print) uint64 {
	h := uint64(p.Width)<<32 | uint64(p.Height)
	for _, m := range p.Minutiae {
		h = mix(h ^ uint64(m.X)<<32 ^ uint64(m.Y)<<16 ^ uint64(m.Angle))
	}
	return h
}

// view is a finger on a sensor, as far as minutiae need it.
type view struct {
	touch touch
	flow  flow
	turn  float64 // from the master to the sensor, counterclockwise
	sides smooth  // which way minutiae point, where neighbours agree

	crowds smooth // where they are dense
}

// add draws a point of the sensor and, if skin touches there, appends a minutia.
func (v *view) add(rng *rand.Rand, p *finger.Print) {
	x, y := rng.IntN(p.Width), rng.IntN(p.Height)
	mx, my := v.touch.skin.master(float64(x)-float64(p.Width)/2, float64(y)-float64(p.Height)/2)
	if math.Hypot((mx-v.touch.cx)/v.touch.wide, (my-v.touch.cy)/v.touch.high) > 1 || crowded(p.Minutiae, x, y) {
		return
	}
	if rng.Float64() > 0.5+crowdSwing*v.crowds.at(mx, my) {
		return
	}
	angle := v.flow.at(mx, my) + v.turn + angleSpread*rng.NormFloat64()
	if v.sides.at(mx, my)+sideSpread*rng.NormFloat64() > 0 {
		angle += math.Pi
	}
	kind := finger.Bifurcation
	if rng.Float64() < endingShare {
		kind = finger.Ending
	}
	quality := clamp(pointQuality+pointSpread*rng.NormFloat64(), 5, 100)
	p.Minutiae = append(p.Minutiae, finger.Minutia{X: int16(x), Y: int16(y), Angle: turns(angle), Kind: kind, Quality: uint8(quality)})
}

// turns brings radians to 1/256 of a turn.
func turns(radians float64) uint8 {
	return uint8(int(math.Round(radians * 128 / math.Pi)))
}

// crowded says whether a minutia lies closer than extractors leave two apart.
func crowded(minutiae []finger.Minutia, x, y int) bool {
	for _, m := range minutiae {
		dx, dy := int(m.X)-x, int(m.Y)-y
		if dx*dx+dy*dy < printGap*printGap {
			return true
		}
	}
	return false
}
