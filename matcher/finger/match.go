package finger

import (
	"math"
	"sync"

	"biogate/matcher/kernel"
)

const maxPoints = comparedMinutiae

// placed is a reference point on its way onto the probe.
type placed struct {
	x, y  float32
	angle uint8
	lone  float32 // 1: no paired neighbour says where it should lie; near 0: many do
	tol   float32 // how far from (x, y) its partner may be
	pair  int16   // its partner in the probe; -1: none
	cost  float32 // of that pair
}

// workspace is the working memory of one comparison, or of one preparation.
type workspace struct {
	terms    []kernel.Term256
	nearest  [maxPoints]uint32
	pairings []pairing
	seeds    []seed

	points [maxPoints]placed
	n      int                // of points
	pair   [maxPoints]int16   // partner in the reference of each probe point; -1: none
	cost   [maxPoints]float32 // of that pair
	pull   []pull
	area   area // of the reference
}

// pull is what a pair says about the displacement around it.
type pull struct {
	point  int // index in points
	x, y   float32
	dx, dy float32
}

var workspaces = sync.Pool{New: func() any { return &workspace{} }}

// similarity is the comparison score of two prints: that of the best placement of the reference on the probe.
func similarity(p *probe, r *reference) float64 {
	s := workspaces.Get().(*workspace)
	defer workspaces.Put(s)
	return s.compare(p, r, nil)
}

// compare is similarity in s. followed, unless it is nil, is told the score of each placement that was followed to the end,
// while its pairs are in s.
func (s *workspace) compare(p *probe, r *reference, followed func(score float64)) float64 {
	s.findPairings(p, r)
	s.pickSeeds()
	best := noPlacement
	most := float32(0)
	for range hypVerified {
		m, votes := s.nextMotion(p, r)
		if votes < hypRival*most || votes == 0 {
			break
		}
		if most == 0 {
			if support := votes / float32(min(len(p.points), len(r.points))); support < leastSupport {
				return unsupported(support)
			}
			s.area.of(&r.layout)
		}
		most = max(most, votes)
		s.pairUp(p, r, m)
		score := s.score(p, r)
		best = max(best, score)
		if followed != nil {
			followed(score)
		}
	}
	return best
}

// pairUp grows a set of paired points from a first placement: pair what lies near, fit again, bend each point as its
// paired neighbours are bent, and pair again more strictly.
func (s *workspace) pairUp(p *probe, r *reference, m motion) {
	s.place(r, m)
	for i := range s.points[:s.n] {
		c := &s.points[i]
		dx, dy := c.x-m.cx, c.y-m.cy
		c.tol = min(sqrt32(float32(pairTolBase*pairTolBase)+float32(pairTolSlope*pairTolSlope)*(dx*dx+dy*dy)), float32(pairTolMax))
		c.lone = 1
	}
	s.assign(p)
	for round := range pairRounds {
		f := s.fitPairs(p, r)
		if f.n < 3 {
			return
		}
		tol := float32(pairTolGrow)
		if round == pairRounds-1 {
			tol = float32(pairTolLast)
		}
		s.place(r, f.solve())
		s.bend(p, tol)
		s.assign(p)
	}
}

func sqrt32(x float32) float32 { return float32(math.Sqrt(float64(x))) }

// fitPairs is the fit of the reference's paired points to their partners.
func (s *workspace) fitPairs(p *probe, r *reference) (f fit) {
	for i := range s.points[:s.n] {
		if j := s.points[i].pair; j >= 0 {
			f.add(float32(r.points[i].x), float32(r.points[i].y), p.spots[j].x, p.spots[j].y)
		}
	}
	return f
}

// place moves every point of the reference; pairs stay.
func (s *workspace) place(r *reference, m motion) {
	s.n = len(r.points)
	for i := range r.points {
		q, c := &r.points[i], &s.points[i]
		c.x, c.y = m.apply(float32(q.x), float32(q.y))
		c.angle = q.angle + m.turn
	}
}

// bend moves each placed point by the mean displacement of the pairs around it, its own left out.
func (s *workspace) bend(p *probe, tol float32) {
	s.pull = s.pull[:0]
	for i := range s.points[:s.n] {
		c := &s.points[i]
		if c.pair >= 0 {
			q := &p.spots[c.pair]
			s.pull = append(s.pull, pull{i, c.x, c.y, q.x - c.x, q.y - c.y})
		}
	}
	for i := range s.points[:s.n] {
		c := &s.points[i]
		dx, dy, lone := meanPull(s.pull, i, c.x, c.y)
		c.x, c.y = c.x+dx, c.y+dy
		c.lone, c.tol = lone, tol
	}
}

// meanPull is the mean displacement around (x, y), that of point i left out, shrunk towards none; lone is the share of none
// in it.
func meanPull(pulls []pull, i int, x, y float32) (dx, dy, lone float32) {
	var sum float32
	for k := range pulls {
		q := &pulls[k]
		if q.point == i {
			continue
		}
		ex, ey := x-q.x, y-q.y
		w := 1 / (1 + (ex*ex+ey*ey)*float32(1/(fieldReach*fieldReach)))
		w *= w
		sum += w
		dx += w * q.dx
		dy += w * q.dy
	}
	sum += float32(fieldPrior)
	return dx / sum, dy / sum, float32(fieldPrior) / sum
}

// assign pairs each placed point with the probe point that fits it best, when that is mutual.
func (s *workspace) assign(p *probe) {
	const far = float32(math.MaxFloat32)
	for j := range p.points {
		s.pair[j], s.cost[j] = -1, far
	}
	for i := range s.points[:s.n] {
		c := &s.points[i]
		c.pair, c.cost = -1, far
		for j := p.firstBelow(c.y - c.tol); j < len(p.points); j++ {
			q := &p.spots[j]
			dx, dy := q.x-c.x, q.y-c.y
			if dy > c.tol {
				break
			}
			d := dx*dx + dy*dy
			a := apart(q.angle, c.angle)
			if d > c.tol*c.tol || a > pairTolAngle {
				continue
			}
			cost := d*float32(1/(2*spreadPlace*spreadPlace)) + float32(a*a)*float32(1/(2*spreadAngle*spreadAngle))
			if cost < c.cost {
				c.cost, c.pair = cost, int16(j)
			}
			if cost < s.cost[j] {
				s.cost[j], s.pair[j] = cost, int16(i)
			}
		}
	}
	for i := range s.points[:s.n] {
		if c := &s.points[i]; c.pair >= 0 && s.pair[c.pair] != int16(i) {
			c.pair = -1
		}
	}
	for j := range p.points {
		if i := s.pair[j]; i >= 0 && s.points[i].pair != int16(j) {
			s.pair[j] = -1
		}
	}
}
