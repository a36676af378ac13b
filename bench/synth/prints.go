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

// PrintOf is the first impression of the i-th finger of the population of a seed.
func PrintOf(seed uint64, i int) finger.Print { return PatternOf(seed, i).Impression(0) }

// Pattern is a finger as far as its minutiae go: those of the whole fingertip, of which an impression shows a part. No
// picture is made, so that populations can have millions. A Pattern is immutable.
type Pattern struct {
	seed    uint64
	sensor  printSensor
	flow    flow
	weak    smooth // parts of the skin that never show well
	clarity float64
	marks   []mark
}

// mark is a minutia of the skin.
type mark struct {
	x, y    float64 // on the master
	angle   float64 // radians, counterclockwise
	kind    finger.Kind
	clarity float64 // more or less than its surroundings have
}

// PatternOf makes the i-th finger of the population of a seed. Its minutiae follow the flow of a finger of natural class;
// their number, places, directions and quality have the statistics that the extractor finds on real impressions
// (docs/synth.md). It has nothing to do with the picture of Member(seed, i).
func PatternOf(seed uint64, i int) *Pattern {
	p := &Pattern{seed: mix(seed) + uint64(i)}
	rng := source(p.seed, streamPrints, 0)
	p.sensor = printSensors[rng.IntN(len(printSensors))]
	p.flow = newFlow(rng, drawClass(rng))
	p.weak = newSmooth(rng, masterWidth, masterHeight, patchScale)
	p.clarity = clarityMean + clarityFinger*rng.NormFloat64()
	p.strew(rng)
	return p
}

// strew draws the minutiae of the fingertip. Ridges keep their distance, so new ones begin where the others fan out: there
// minutiae are dense, and all point the way in which the ridges fan (the phase of a ridge pattern, whose vortices are the
// minutiae, requires it: Larkin and Fletcher, "A coherent framework for fingerprint analysis", 2007). The rest of
// them lie anywhere and point either way.
func (p *Pattern) strew(rng *rand.Rand) {
	const room = markTries / float64(masterWidth*masterHeight) // density if every try gave a minutia
	crowds := newSmooth(rng, masterWidth, masterHeight, crowdScale)
	density := markDensity * math.Exp(markSpread*rng.NormFloat64())
	p.marks = make([]mark, 0, markTries/2)
	for range markTries {
		x, y, u := masterWidth*rng.Float64(), masterHeight*rng.Float64(), room*rng.Float64()
		free := density * (1 + crowdSwing*crowds.at(x, y))
		if u > free+fanMost || p.crowded(rng, x, y) {
			continue
		}
		angle, fan := p.flow.fan(x, y)
		if u > free+min(fanShare*fan/periodMean, fanMost) {
			continue
		}
		if u < free/2 {
			angle += math.Pi
		}
		p.marks = append(p.marks, newMark(rng, x, y, angle))
	}
}

func newMark(rng *rand.Rand, x, y, angle float64) mark {
	m := mark{x: x, y: y, angle: angle + markTwist*rng.NormFloat64(), kind: finger.Bifurcation, clarity: clarityMark * rng.NormFloat64()}
	if rng.Float64() < endingShare {
		m.kind = finger.Ending
	}
	return m
}

// fan is the direction along the flow in which the ridges at a point fan out, and by how much they do, in radians a pixel:
// the divergence of a field of directions is their change to the left.
func (f *flow) fan(x, y float64) (direction, fan float64) {
	direction = f.at(x, y)
	sin, cos := math.Sincos(direction)
	fan = halfTurn(f.at(x-fanStep*sin, y-fanStep*cos)-direction) / fanStep
	if fan < 0 {
		return direction + math.Pi, -fan
	}
	return direction, fan
}

// halfTurn brings a difference of orientations to -pi/2 to pi/2.
func halfTurn(a float64) float64 { return a - math.Pi*math.Round(a/math.Pi) }

// crowded says whether a minutia at (x, y) would lie closer to another than they do in skin.
func (p *Pattern) crowded(rng *rand.Rand, x, y float64) bool {
	for i := range p.marks {
		d := sq(p.marks[i].x-x) + sq(p.marks[i].y-y)
		if d < markGap*markGap || d < markNear*markNear && rng.Float64() < markShare {
			return true
		}
	}
	return false
}
