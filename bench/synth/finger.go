package synth

import (
	"math"
	"math/rand/v2"
	"sync"
)

// Class is the Henry class of a fingerprint.
type Class int

// The five classes.
const (
	Arch Class = iota
	TentedArch
	LeftLoop
	RightLoop
	Whorl
)

func (c Class) String() string {
	return [...]string{"arch", "tented arch", "left loop", "right loop", "whorl"}[c]
}

// Finger is one identity: its class, its cores and deltas, and its ridges. It is safe for concurrent use.
type Finger struct {
	Seed   uint64
	Class  Class
	flow   flow
	mean   float64 // ridge period
	ridges func() *master
}

// NewFinger makes the finger of a seed. The same seed gives the same finger. The ridges are grown when the first
// impression asks for them.
func NewFinger(seed uint64) *Finger {
	rng := source(seed, streamShape, 0)
	f := &Finger{Seed: seed, Class: drawClass(rng)}
	f.flow = newFlow(rng, f.Class)
	f.mean = clamp(periodMean+periodSpread*rng.NormFloat64(), periodMin+1, periodMax-1.5)
	f.ridges = sync.OnceValue(func() *master { return grow(f) })
	return f
}

func drawClass(rng *rand.Rand) Class {
	u := rng.Float64()
	for c, share := range classShares {
		if u < share {
			return Class(c)
		}
		u -= share
	}
	return Whorl
}

// singularity is a core (+1/2 turn) or a delta (-1/2 turn) with its own correction of the flow around it.
type singularity struct {
	x, y, sign float64
	axis       float64 // of a core: the direction in which its loops open
	amp, phase [2]float64
}

// flow is the orientation of the ridges: a zero-pole model (Sherlock and Monro, 1993) whose angles are corrected around
// each singularity, plus the arching of the fingertip and a smooth random part.
type flow struct {
	points     []singularity
	hump       float64 // slope beside the hump of a plain arch, 0 for the others
	steep      float64 // of the arching, about 1
	axis, tilt float64
	wobble     smooth
}

func newFlow(rng *rand.Rand, c Class) flow {
	f := flow{axis: centreX + axisSpread*rng.NormFloat64(), tilt: tiltSpread * rng.NormFloat64(), steep: 1 + steepSpread*rng.NormFloat64()}
	f.place(rng, c)
	f.wobble = newSmooth(rng, masterWidth, masterHeight, wobbleScale)
	f.openCores()
	for i := range f.points {
		p := &f.points[i]
		for k := range p.amp {
			p.amp[k], p.phase[k] = bend*rng.NormFloat64()/float64(k+1), 2*math.Pi*rng.Float64()
		}
	}
	return f
}

// openCores finds the axis of each core: around it the orientation is half the angle plus what the rest of the finger
// adds, and on the axis the two agree.
func (f *flow) openCores() {
	for i := range f.points {
		p := &f.points[i]
		rest := f.tilt + f.arching(p.x, p.y)
		for j, q := range f.points {
			if j != i {
				rest += q.sign * math.Atan2(q.y-p.y, p.x-q.x) / 2
			}
		}
		p.axis = 2 * rest
	}
}

// place draws the cores and deltas of a class where people have them.
func (f *flow) place(rng *rand.Rand, c Class) {
	x, y := f.axis+coreSpreadX*rng.NormFloat64(), coreY+coreSpreadY*rng.NormFloat64()
	core := func(dx, dy float64) { f.points = append(f.points, singularity{x: x + dx, y: y + dy, sign: 1}) }
	delta := func(dx, dy float64) { f.points = append(f.points, singularity{x: x + dx, y: y + dy, sign: -1}) }
	switch c {
	case Arch:
		f.hump = archHump * archHeight.draw(rng)
	case TentedArch:
		core(0, 0)
		delta(tentLean.draw(rng), tentHeight.draw(rng))
	case LeftLoop:
		core(0, 0)
		delta(loopDeltaX.draw(rng), loopDeltaY.draw(rng))
	case RightLoop:
		core(0, 0)
		delta(-loopDeltaX.draw(rng), loopDeltaY.draw(rng))
	case Whorl:
		lean, gap := whorlLean.draw(rng), whorlGap.draw(rng)
		core(-lean/2, -gap/2)
		core(lean/2, gap/2)
		delta(-whorlDelta.draw(rng), whorlDelta.draw(rng))
		delta(whorlDelta.draw(rng), whorlDelta.draw(rng))
	}
}

// span is a range to draw evenly from.
type span struct{ lo, hi float64 }

func (s span) draw(rng *rand.Rand) float64 { return s.lo + (s.hi-s.lo)*rng.Float64() }

// at is the orientation at a point: counterclockwise from the x axis, any multiple of pi added.
func (f *flow) at(x, y float64) float64 {
	theta := f.tilt + wobble*f.wobble.at(x, y)
	for i := range f.points {
		p := &f.points[i]
		theta += p.turn(x, y)
	}
	return theta + f.arching(x, y)
}

// turn is what a singularity adds to the orientation at a point.
func (p *singularity) turn(x, y float64) float64 {
	a := math.Atan2(p.y-y, x-p.x)
	turn := a + p.amp[0]*math.Sin(a+p.phase[0]) + p.amp[1]*math.Sin(2*a+p.phase[1])
	if p.sign > 0 { // ridges below the core run alongside, and turn round above it
		near := 1 / (1 + (sq(x-p.x)+sq(y-p.y))/sq(loopReach))
		turn -= 2 * loopSides * near * math.Sin(a-p.axis)
	}
	return p.sign * turn / 2
}

// arching bends the ridges round the tip, and over the hump of a plain arch.
func (f *flow) arching(x, y float64) float64 {
	side := (f.axis - x) / (masterWidth / 2)
	height := ease(clamp(1-y/archFoot, 0, 1))
	slope := f.steep * (archBottom + (archTop-archBottom)*height) * math.Sin(clamp(side, -1, 1)*math.Pi/2)
	if f.hump == 0 {
		return slope
	}
	u, v := (f.axis-x)/humpWide, (y-humpY)/humpHigh
	return slope + f.hump*u*math.Exp((1-u*u-v*v)/2)
}
