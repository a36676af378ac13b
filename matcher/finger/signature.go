package finger

import (
	"math"

	"biogate/matcher/kernel"
)

// The signature of a minutia says in 256 bits what stands around it. Each other minutia within reach is a term: its place
// in the frame of this one, with radial distances compressed so that one step is one standard deviation of what skin and
// extractor do to them, and its direction relative to this one's. Each bit is the sign of one random wave over such
// terms, summed with their trust. The sum of products of two such sums approaches the sum over all pairs of terms of a
// Gaussian of their difference, and so signatures of the same minutia differ in few bits, of others in half of them.
// Sources are with kernel.Embed256. Nothing of it changes when the print moves or turns.

// phases of the waves. Their wave numbers follow the Gaussian that they imitate; drawn from a Halton sequence in place
// of a random one they cover it more evenly, and no seed is to be chosen (Yang et al. 2014, quasi-Monte Carlo features).
var phases = func() *kernel.Phases256 {
	p := &kernel.Phases256{}
	n := 0
	for k := range 256 {
		var w wave
		for w.slow() {
			n++
			w = newWave(n)
		}
		fu, fv := waveNumber(signatureStep*w.u), waveNumber(signatureStep*w.v)
		for i := range kernel.Steps256 {
			centred := 2*i - (kernel.Steps256 - 1)
			p.U[i][k], p.V[i][k] = phaseAt(fu, centred), phaseAt(fv, centred)
			p.A[i][k] = uint8(w.offset + w.turns*(2*centred+2*kernel.Steps256)) // 4/256 turn a step, in the middle of it
		}
	}
	return p
}()

// wave is one of the waves: radians a deviation, whole turns a turn, and the phase at the origin in 1/256 turn.
type wave struct {
	u, v   float64
	turns  int
	offset int
}

func newWave(n int) wave {
	return wave{
		u: normal(halton(n, 2)), v: normal(halton(n, 3)),
		turns: int(math.Round(normal(halton(n, 5)) / spreadTurn)), offset: int(256 * halton(n, 7)),
	}
}

// slow waves hardly change within reach: their bit would be the same for nearly all minutiae.
func (w wave) slow() bool { return w.turns == 0 && math.Hypot(w.u, w.v) < slowestWave }

// halton is the n-th number of the van der Corput sequence of a base: the digits of n mirrored at the point.
func halton(n, base int) (x float64) {
	for f := 1.0; n > 0; n /= base {
		f /= float64(base)
		x += f * float64(n%base)
	}
	return x
}

// normal is the quantile of the standard normal distribution.
func normal(share float64) float64 { return math.Sqrt2 * math.Erfinv(2*share-1) }

// waveFraction is the unit of waveNumber in 1/256 turn a half step: integers give the same waves on every machine.
const waveFraction = 1 << 12

// waveNumber brings radians a step to whole units.
func waveNumber(radians float64) int {
	return int(math.Round(radians / (2 * math.Pi) * 256 / 2 * waveFraction))
}

// phaseAt is the phase of a wave after so many half steps.
func phaseAt(wave, halfSteps int) uint8 { return uint8((wave*halfSteps + waveFraction/2) >> 12) }

// compression maps a distance in pixels to steps a pixel: the integral of 1/deviation, over the distance.
var compression = func() (t [signatureReach + 1]float32) {
	for r := range t {
		d := max(float64(r), 1)
		t[r] = float32(math.Log(1+signatureSlope*d/signatureBase) / signatureSlope / d / signatureStep)
	}
	return t
}()

// signaturesOf returns the signatures of points, 4 words each.
func signaturesOf(points []point) []uint64 {
	s := workspaces.Get().(*workspace)
	defer workspaces.Put(s)
	signatures := make([]uint64, 0, 4*len(points))
	for i := range points {
		s.terms = appendTerms(s.terms[:0], points, i)
		signature := kernel.Embed256(s.terms, phases)
		signatures = append(signatures, signature[:]...)
	}
	return signatures
}

// appendTerms lists the points around point i.
func appendTerms(terms []kernel.Term256, points []point, i int) []kernel.Term256 {
	c := &points[i]
	sin, cos := sines[c.angle], sines[c.angle+64]
	for j := range points {
		q := &points[j]
		dx, dy := int(q.x)-int(c.x), int(c.y)-int(q.y)
		d := dx*dx + dy*dy
		if d < signatureNear*signatureNear || d > signatureReach*signatureReach {
			continue
		}
		r := int(math.Sqrt(float64(d)))
		weight := q.trust() * min(1, float32(signatureReach-r)/signatureFade) * kernel.Weight256
		x, y := float32(dx)*compression[r], float32(dy)*compression[r]
		terms = append(terms, kernel.Term256{
			U: stepOf(float32(cos*x) + float32(sin*y)), V: stepOf(float32(cos*y) - float32(sin*x)), A: (q.angle - c.angle) / (256 / kernel.Steps256), Weight: uint8(weight + 0.5),
		})
	}
	return terms
}

// stepOf is the step of a coordinate with its origin in the middle.
func stepOf(x float32) uint8 {
	return uint8(min(max(x+kernel.Steps256/2, 0), kernel.Steps256-1))
}
