package finger

import (
	"math"
	"math/bits"
)

// noPlacement is the score of prints that have not one minutia alike, or whose placements pair none: the least there is.
const noPlacement = -100.0

// unsupported is the score of prints whose best placement has too little support to be followed: -50 to -30, the more the
// better supported. Of placements that are followed one in a hundred comes to less than -30.
func unsupported(support float32) float64 { return noPlacement/2 + 20*float64(support/leastSupport) }

// score sums the evidence of the last pairing for and against one finger, in nats: what each pair is worth by how well
// it fits and how likely such a pair is by chance, less what each unpaired minutia costs that the other print should show.
func (s *workspace) score(p *probe, r *reference) float64 {
	gain := perfectPair(p, r)
	total := 0.0
	for i := range s.points[:s.n] {
		c, q := &s.points[i], &r.points[i]
		if c.pair >= 0 {
			total += s.pairWorth(gain, p, r, i)
		} else if p.area.covers(c.x, c.y) {
			total -= missCost * float64(q.trust())
		}
	}
	f := s.fitBack(p, r)
	if f.n == 0 {
		return noPlacement
	}
	back := f.solve()
	for j := range p.points {
		q := &p.spots[j]
		if s.pair[j] < 0 && s.area.covers(back.apply(q.x, q.y)) {
			total -= missCost * float64(p.points[j].trust())
		}
	}
	return total
}

// perfectPair is what a pair without any error is worth: more, the fewer minutiae these prints have on an area. Crowds, where
// some minutia lies near every place, make it less once more.
func perfectPair(p *probe, r *reference) float64 {
	crowded := max(0, math.Log(float64(max(p.density, r.density))/crowdedDensity))
	return pairGain - densityGain*(math.Log(math.Sqrt(float64(p.density*r.density))/usualDensity)+crowded)
}

// pairWorth is the log likelihood ratio of the pair of placed point i: normal errors of place and angle if the finger is
// the same, an even spread over the area if not, and what the signatures say. A point that no neighbour holds in place
// may lie farther off, and proves less.
func (s *workspace) pairWorth(gain float64, p *probe, r *reference, i int) float64 {
	c, q := &s.points[i], &p.spots[s.points[i].pair]
	a, b := &r.points[i], &p.points[c.pair]
	dx, dy, da := float64(q.x-c.x), float64(q.y-c.y), float64(int8(q.angle-c.angle))
	spread := 1 + loneSpread*float64(c.lone)
	worth := gain - math.Log(spread) - (dx*dx+dy*dy)/(2*spreadPlace*spreadPlace*spread) - da*da/(2*spreadAngle*spreadAngle)
	if a.kind() == b.kind() {
		worth += kindGain
	} else {
		worth -= kindGain
	}
	worth += bitGain * float64(usualBits-bitsApart(r.signature(i), p.signature(int(c.pair))))
	return worth * math.Sqrt(float64(a.trust()*b.trust()))
}

// bitsApart is the Hamming distance of two signatures.
func bitsApart(a, b *[4]uint64) int {
	return bits.OnesCount64(a[0]^b[0]) + bits.OnesCount64(a[1]^b[1]) + bits.OnesCount64(a[2]^b[2]) + bits.OnesCount64(a[3]^b[3])
}

// fitBack is the fit of the probe's paired points to their partners in the reference.
func (s *workspace) fitBack(p *probe, r *reference) (f fit) {
	for i := range s.points[:s.n] {
		if j := s.points[i].pair; j >= 0 {
			f.add(p.spots[j].x, p.spots[j].y, float32(r.points[i].x), float32(r.points[i].y))
		}
	}
	return f
}
