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
	Seed  uint64
	Class Class
	flow  flow
	mean  float64 // ridge period
	print func() *master
}

// NewFinger makes the finger of a seed. The same seed gives the same finger. The ridges are grown when the first
// impression asks for them.
func NewFinger(seed uint64) *Finger {
	rng := source(seed, streamShape, 0)
	f := &Finger{Seed: seed, Class: drawClass(rng)}
	f.flow = newFlow(rng, f.Class)
	f.mean = clamp(periodMean+periodSpread*rng.NormFloat64(), periodMin+1, periodMax-1.5)
	f.print = sync.OnceValue(func() *master { return grow(f) })
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
	f := flow{axis: centreX + 13*rng.NormFloat64(), tilt: 0.06 * rng.NormFloat64(), steep: 1 + 0.2*rng.NormFloat64()}
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
	between := func(lo, hi float64) float64 { return lo + (hi-lo)*rng.Float64() }
	x, y := f.axis+10*rng.NormFloat64(), 232+20*rng.NormFloat64()
	core := func(dx, dy float64) { f.points = append(f.points, singularity{x: x + dx, y: y + dy, sign: 1}) }
	delta := func(dx, dy float64) { f.points = append(f.points, singularity{x: x + dx, y: y + dy, sign: -1}) }
	switch c {
	case Arch:
		f.hump = archHump * between(0.6, 1.3)
	case TentedArch:
		core(0, 0)
		delta(between(-10, 10), between(60, 115))
	case LeftLoop:
		core(0, 0)
		delta(between(50, 108), between(98, 160))
	case RightLoop:
		core(0, 0)
		delta(-between(50, 108), between(98, 160))
	case Whorl:
		lean, gap := between(-16, 16), between(12, 74)
		core(-lean/2, -gap/2)
		core(lean/2, gap/2)
		delta(-between(85, 150), between(85, 150))
		delta(between(85, 150), between(85, 150))
	}
}

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
	height := ease(clamp(1-y/460, 0, 1))
	slope := f.steep * (archBottom + (archTop-archBottom)*height) * math.Sin(clamp(side, -1, 1)*math.Pi/2)
	if f.hump == 0 {
		return slope
	}
	u, v := (f.axis-x)/humpWidth, (y-275)/110
	return slope + f.hump*u*math.Exp((1-u*u-v*v)/2)
}
