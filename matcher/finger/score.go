package finger

import "math"

// noPlacement is the score of prints that have not even one edge in common: less than any placement gets by much.
const noPlacement = -100.0

// score sums the evidence of the last pairing for and against one finger, in nats: what each pair is worth by how well
// it fits and how likely such a pair is by chance, less what each unpaired minutia costs that the other print should show.
func (s *workspace) score(p *probe, r *reference) float64 {
	gain := pairGain - densityGain*math.Log(math.Sqrt(p.density*r.density)/usualDensity)
	total := 0.0
	for i := range s.points[:s.n] {
		c, q := &s.points[i], &r.points[i]
		if c.pair >= 0 {
			total += pairWorth(gain, c, q, &p.points[c.pair])
		} else if p.covers(c.x, c.y) {
			total -= missCost * float64(q.trust)
		}
	}
	f := s.fitBack(p, r)
	if f.n == 0 {
		return noPlacement
	}
	back := f.solve()
	for j := range p.points {
		q := &p.points[j]
		if s.pair[j] < 0 && r.covers(back.apply(q.x, q.y)) {
			total -= missCost * float64(q.trust)
		}
	}
	return total
}

// pairWorth is the log likelihood ratio of one pair: normal errors of place and angle if the finger is the same, an
// even spread over the area if not. A point that no neighbour holds in place may lie farther off, and proves less.
func pairWorth(gain float64, c *placed, r, p *point) float64 {
	dx, dy, da := float64(p.x-c.x), float64(p.y-c.y), float64(int8(p.angle-c.angle))
	spread := 1 + loneSpread*float64(c.lone)
	worth := gain - math.Log(spread) - (dx*dx+dy*dy)/(2*spreadPlace*spreadPlace*spread) - da*da/(2*spreadAngle*spreadAngle)
	if r.kind == p.kind {
		worth += kindGain
	} else {
		worth -= kindGain
	}
	return worth * math.Sqrt(float64(r.trust*p.trust))
}

// fitBack is the fit of the probe's paired points to their partners in the reference.
func (s *workspace) fitBack(p *probe, r *reference) (f fit) {
	for i := range s.points[:s.n] {
		if j := s.points[i].pair; j >= 0 {
			f.add(&p.points[j], &r.points[i])
		}
	}
	return f
}
