package synth

import (
	"math"
	"math/rand/v2"

	"biogate/matcher/finger"
)

// printSensor is a kind of sensor and how fingers meet it.
type printSensor struct {
	width, height int     // pixels
	wide, high    float64 // half axes of the contact, on average
	turn          float64 // of fingers on it, relative to printTurn
	stretch       float64 // along the finger, relative to printStretch
}

// Impression is what the extractor finds when the finger touches its sensor for the k-th time: the minutiae of the part
// that touched, displaced, turned and distorted, without those that were missed where the ridges were not clear, and with
// others that are not real. Different k give different impressions, some of them poor.
func (p *Pattern) Impression(k int) finger.Print {
	rng := source(p.seed, streamPresses, uint64(k))
	t := newPress(rng, p)
	out := finger.Print{Width: p.sensor.width, Height: p.sensor.height}
	for _, m := range p.marks {
		if !t.touches(m.x, m.y) {
			continue
		}
		if clarity := t.clarityAt(m.x, m.y) + m.clarity; rng.Float64() > missed(clarity) {
			t.show(rng, &out, m, clarity)
		}
	}
	for range int(falseDensity*4*t.wide*t.high + rng.Float64()) {
		t.invent(rng, &out, false)
	}
	for len(out.Minutiae) < printFewest {
		t.invent(rng, &out, true)
	}
	return out
}

// press is how a finger meets its sensor once.
type press struct {
	p              *Pattern
	skin           skin
	scaleX, scaleY float64
	shiftX, shiftY float64
	cx, cy         float64 // middle of the contact on the master
	wide, high     float64 // its half axes
	clarity        float64
	patches        smooth // where it shows better or worse
}

func newPress(rng *rand.Rand, p *Pattern) *press {
	trouble := math.Exp(troubleSpread * clamp(rng.NormFloat64(), -3, 3))
	t := &press{p: p, skin: newSkin(rng, printStrain*trouble)}
	turn := printTurn * p.sensor.turn * trouble * math.Exp(turnTail*rng.NormFloat64()) * rng.NormFloat64()
	t.skin.sin, t.skin.cos = math.Sincos(turn)
	t.skin.shiftX, t.skin.shiftY = 0, 0 // a displacement belongs to the sensor, not to the finger
	t.scaleX, t.scaleY = 1+printStretch*rng.NormFloat64(), 1+printStretch*p.sensor.stretch*rng.NormFloat64()
	t.shiftX, t.shiftY = printShift*rng.NormFloat64(), printShift*rng.NormFloat64()
	t.cx = centreX + clamp(printRoll*trouble*rng.NormFloat64(), -rollMost, rollMost)
	t.cy = centreY + clamp(printRoll*trouble*rng.NormFloat64(), -rollMost, rollMost)
	firm := rng.NormFloat64()
	t.wide = p.sensor.wide * math.Exp(printPress*(firm+0.5*rng.NormFloat64()))
	t.high = p.sensor.high * math.Exp(printPress*(firm+0.5*rng.NormFloat64()))
	t.clarity = p.clarity + clarityTouch*rng.NormFloat64()
	t.patches = newSmooth(rng, masterWidth, masterHeight, patchScale)
	return t
}

func (t *press) touches(x, y float64) bool {
	return sq((x-t.cx)/t.wide)+sq((y-t.cy)/t.high) < 1
}

func (t *press) clarityAt(x, y float64) float64 {
	x, y = clamp(x, 0, masterWidth), clamp(y, 0, masterHeight)
	return t.clarity + clarityWeak*t.p.weak.at(x, y) + clarityPatch*t.patches.at(x, y)
}

// missed is the share of minutiae that the extractor misses where ridges are that clear.
func missed(clarity float64) float64 { return 1 / (1 + math.Exp((clarity-foundHalf)/foundSlope)) }

// invent draws a point of the contact and shows a false minutia there if nearly every real one would be missed, or if
// there must be one.
func (t *press) invent(rng *rand.Rand, out *finger.Print, must bool) {
	x, y := t.cx+t.wide*(2*rng.Float64()-1), t.cy+t.high*(2*rng.Float64()-1)
	if !t.touches(x, y) {
		return
	}
	clarity := t.clarityAt(x, y)
	if blind := missed(clarity); rng.Float64() > blind*blind*blind && !must {
		return
	}
	angle := t.p.flow.at(x, y) + falseTwist*rng.NormFloat64() + math.Pi*float64(rng.IntN(2))
	t.show(rng, out, mark{x: x, y: y, angle: angle, kind: finger.Ending + finger.Kind(rng.IntN(2))}, clarity-falseClarity)
}

// show appends a minutia as the extractor reads it, unless the sensor does not see it.
func (t *press) show(rng *rand.Rand, out *finger.Print, m mark, clarity float64) {
	size := math.Exp(errorSpread * rng.NormFloat64())
	along, across := size*alongSpread*rng.NormFloat64(), size*acrossSpread*rng.NormFloat64()
	sin, cos := math.Sincos(m.angle)
	x, y := m.x+along*cos+across*sin, m.y-along*sin+across*cos
	aheadX, aheadY := t.place(x+stepAhead*cos, y-stepAhead*sin)
	x, y = t.place(x, y)
	angle := math.Atan2(y-aheadY, aheadX-x) + size*dirSpread*rng.NormFloat64()
	quality := clamp(clarity+clarityNoise*rng.NormFloat64(), 5, 100)
	if rng.Float64() < kindSwaps {
		m.kind = finger.Ending + finger.Bifurcation - m.kind
	}
	if x < printRim || y < printRim || x > float64(out.Width-printRim) || y > float64(out.Height-printRim) {
		return
	}
	out.Minutiae = append(out.Minutiae, finger.Minutia{
		X: int16(math.Round(x)), Y: int16(math.Round(y)), Angle: turns(angle), Kind: m.kind, Quality: uint8(quality),
	})
}

// place is where a point of the master comes to lie on the sensor.
func (t *press) place(x, y float64) (float64, float64) {
	x, y = t.skin.master(t.scaleX*(x-centreX), t.scaleY*(y-centreY))
	return x - centreX + t.shiftX + float64(t.p.sensor.width)/2, y - centreY + t.shiftY + float64(t.p.sensor.height)/2
}

// turns brings radians to 1/256 of a turn.
func turns(radians float64) uint8 {
	return uint8(int(math.Round(radians * 128 / math.Pi)))
}
