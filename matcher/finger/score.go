package finger

// score sums the evidence of the last pairing, in nats.
func (s *workspace) score(p *probe, r *reference) float64 {
	total := 0.0
	for i := range r.points {
		if s.bestP[i] >= 0 {
			total += pairGain - float64(s.costP[i])
		} else if p.cover.has(s.mx[i], s.my[i]) {
			total -= missCost
		}
	}
	m := s.back(p, r)
	for j := range p.points {
		if s.bestR[j] >= 0 {
			continue
		}
		x, y := m.apply(p.points[j].x, p.points[j].y)
		if r.cover.has(x, y) {
			total -= missCost
		}
	}
	return total
}

// back is the motion from the probe to the reference that the pairs imply.
func (s *workspace) back(p *probe, r *reference) motion {
	var f fit
	for i := range r.points {
		if j := s.bestP[i]; j >= 0 {
			f.add(p.points[j], r.points[i].x, r.points[i].y, 1)
		}
	}
	if f.n == 0 {
		return motion{dx: -1e6}
	}
	return f.solve()
}
