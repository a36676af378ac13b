package finger

import (
	"math"
	"sync"
)

const (
	maxPoints = 96   // above comparedMinutiae
	maxAlikes = 2048 // two prints of comparedMinutiae that have nothing in common have about 900
	maxSeeds  = 16
)

// alike is an edge of the reference and an edge of the probe that look the same.
type alike struct {
	rFrom, rTo, pFrom, pTo uint8
	turn                   uint8   // rotation from reference to probe
	used                   bool    // supports a placement that was proposed already
	rx, ry, px, py         float32 // middles of the edges
}

// motion places the reference on the probe: x' = cos x + sin y + dx, y' = -sin x + cos y + dy, with y down.
type motion struct {
	cos, sin, dx, dy float32
	cx, cy           float32 // centre, in the probe, of what supports it
	turn             uint8
}

func (m *motion) apply(x, y float32) (float32, float32) {
	return m.cos*x + m.sin*y + m.dx, -m.sin*x + m.cos*y + m.dy
}

// seed is an alike from which a placement may grow.
type seed struct {
	alike int // index
	value int // support of its two pairs of points
	votes int // alikes that agree with its placement
}

// placed is a reference point on its way onto the probe.
type placed struct {
	x, y  float32
	angle uint8
	lone  float32 // 1: no paired neighbour says where it should lie; near 0: many do
	tol   float32 // how far from (x, y) its partner may be
	pair  int16   // its partner in the probe; -1: none
	cost  float32 // of that pair
}

// workspace is the working memory of one comparison.
type workspace struct {
	alikes  []alike
	support [maxPoints][maxPoints]uint8
	seeds   []seed

	points [maxPoints]placed
	n      int                // of points
	pair   [maxPoints]int16   // partner in the reference of each probe point; -1: none
	cost   [maxPoints]float32 // of that pair
	pull   []pull
}

// pull is what a pair says about the displacement around it.
type pull struct {
	point  int // index in points
	x, y   float32
	dx, dy float32
}

var workspaces = sync.Pool{New: func() any {
	return &workspace{alikes: make([]alike, 0, maxAlikes), seeds: make([]seed, 0, maxSeeds), pull: make([]pull, 0, maxPoints)}
}}

// similarity is the comparison score of two prints: that of the best placement of the reference on the probe.
func similarity(p *probe, r *reference) float64 {
	s := workspaces.Get().(*workspace)
	defer workspaces.Put(s)
	s.findAlikes(p, r)
	s.pickSeeds()
	best := noPlacement
	most := 0
	for range hypVerified {
		m, votes := s.nextMotion(p, r)
		if votes == 0 || float64(votes) < hypRival*float64(most) {
			break
		}
		most = max(most, votes)
		s.pairUp(p, r, m)
		best = max(best, s.score(p, r))
	}
	return best
}

// findAlikes lists the edges that both prints have, and counts how often they support each pair of points.
func (s *workspace) findAlikes(p *probe, r *reference) {
	for i := range r.points {
		clear(s.support[i][:len(p.points)])
	}
	s.alikes = s.alikes[:0]
	for i := range r.edges {
		re := &r.edges[i]
		tol := &tolerances[re.length]
		rx, ry := middle(r.points, re)
		like := p.table.like(re)
		for k := range like {
			pe := &like[k]
			if abs(int(re.length)-int(pe.length)) > tol.length || apart(re.alpha, pe.alpha) > tol.angle || apart(re.beta, pe.beta) > tol.angle {
				continue
			}
			if len(s.alikes) == maxAlikes {
				return
			}
			px, py := middle(p.points, pe)
			s.alikes = append(s.alikes, alike{re.from, re.to, pe.from, pe.to, pe.dir - re.dir, false, rx, ry, px, py})
			s.support[re.from][pe.from]++
			s.support[re.to][pe.to]++
		}
	}
}

func middle(points []point, e *edge) (x, y float32) {
	a, b := &points[e.from], &points[e.to]
	return (a.x + b.x) / 2, (a.y + b.y) / 2
}

func abs(x int) int { return max(x, -x) }

// apart is the difference of two angles, 0 to 128.
func apart(a, b uint8) int { return abs(int(int8(a - b))) }

// pickSeeds takes the alikes whose ends are supported best and counts which others agree with each.
func (s *workspace) pickSeeds() {
	s.seeds = s.seeds[:0]
	for i := range s.alikes {
		a := &s.alikes[i]
		s.offer(seed{alike: i, value: int(s.support[a.rFrom][a.pFrom]) + int(s.support[a.rTo][a.pTo])})
	}
	for i := range s.seeds {
		f := newFrame(&s.alikes[s.seeds[i].alike])
		for j := range s.alikes {
			if f.agrees(&s.alikes[j]) {
				s.seeds[i].votes++
			}
		}
	}
}

// offer keeps the hypSeeds seeds of highest value, best first and earlier ones before later ones.
func (s *workspace) offer(c seed) {
	if len(s.seeds) < hypSeeds {
		s.seeds = append(s.seeds, c)
	} else if c.value <= s.seeds[len(s.seeds)-1].value {
		return
	}
	at := len(s.seeds) - 1
	for ; at > 0 && s.seeds[at-1].value < c.value; at-- {
		s.seeds[at] = s.seeds[at-1]
	}
	s.seeds[at] = c
}

// nextMotion proposes the placement with the most votes among the seeds that support none before; votes is 0 when
// there is none.
func (s *workspace) nextMotion(p *probe, r *reference) (m motion, votes int) {
	best := seed{}
	for _, c := range s.seeds {
		if c.votes > best.votes && !s.alikes[c.alike].used {
			best = c
		}
	}
	if best.votes == 0 {
		return motion{}, 0
	}
	frame := newFrame(&s.alikes[best.alike])
	var f fit
	for i := range s.alikes {
		if a := &s.alikes[i]; frame.agrees(a) {
			a.used = true
			f.add(&r.points[a.rFrom], &p.points[a.pFrom])
			f.add(&r.points[a.rTo], &p.points[a.pTo])
		}
	}
	return f.solve(), best.votes
}

// frame is the placement that one alike implies by itself.
type frame struct {
	rx, ry, px, py, sin, cos float32
	turn                     uint8
}

func newFrame(a *alike) frame {
	return frame{a.rx, a.ry, a.px, a.py, sines[a.turn], sines[a.turn+64], a.turn}
}

// agrees says whether a fits the placement; the farther from the frame's own place, the less well it must.
func (f *frame) agrees(a *alike) bool {
	if apart(f.turn, a.turn) > hypTolTurn {
		return false
	}
	dx, dy := a.rx-f.rx, a.ry-f.ry
	ex := f.cos*dx + f.sin*dy - (a.px - f.px)
	ey := -f.sin*dx + f.cos*dy - (a.py - f.py)
	return ex*ex+ey*ey <= float32(hypTolBase*hypTolBase)+float32(hypTolSlope*hypTolSlope)*(dx*dx+dy*dy)
}

// sines of 1/256 turns; the cosine of a is sines[a+64].
var sines = func() (t [256]float32) {
	for i := range t {
		t[i] = float32(math.Sin(float64(i) * (2 * math.Pi / 256)))
	}
	return t
}()

// fit accumulates pairs of points for the rigid motion of least squares (Umeyama 1991, without scale, in the plane).
type fit struct{ n, rx, ry, px, py, dot, cross float64 }

func (f *fit) add(r, p *point) {
	rx, ry, px, py := float64(r.x), float64(r.y), float64(p.x), float64(p.y)
	f.n++
	f.rx += rx
	f.ry += ry
	f.px += px
	f.py += py
	f.dot += rx*px + ry*py
	f.cross += ry*px - rx*py
}

func (f *fit) solve() motion {
	dot := f.dot - (f.rx*f.px+f.ry*f.py)/f.n
	cross := f.cross - (f.ry*f.px-f.rx*f.py)/f.n
	cos, sin := 1.0, 0.0
	if l := math.Hypot(dot, cross); l > 0 {
		cos, sin = dot/l, cross/l
	}
	cx, cy := f.px/f.n, f.py/f.n
	return motion{
		cos: float32(cos), sin: float32(sin),
		dx: float32(cx - (cos*f.rx+sin*f.ry)/f.n), dy: float32(cy - (-sin*f.rx+cos*f.ry)/f.n),
		cx: float32(cx), cy: float32(cy),
		turn: turn256(math.Atan2(sin, cos)),
	}
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
			f.add(&r.points[i], &p.points[j])
		}
	}
	return f
}

// place moves every point of the reference; pairs stay.
func (s *workspace) place(r *reference, m motion) {
	s.n = len(r.points)
	for i := range r.points {
		q, c := &r.points[i], &s.points[i]
		c.x, c.y = m.apply(q.x, q.y)
		c.angle = q.angle + m.turn
	}
}

// bend moves each placed point by the mean displacement of the pairs around it, its own left out.
func (s *workspace) bend(p *probe, tol float32) {
	s.pull = s.pull[:0]
	for i := range s.points[:s.n] {
		c := &s.points[i]
		if c.pair >= 0 {
			q := &p.points[c.pair]
			s.pull = append(s.pull, pull{i, c.x, c.y, q.x - c.x, q.y - c.y})
		}
	}
	for i := range s.points[:s.n] {
		c := &s.points[i]
		var dx, dy, sum float32
		for k := range s.pull {
			q := &s.pull[k]
			if q.point == i {
				continue
			}
			ex, ey := c.x-q.x, c.y-q.y
			w := 1 / (1 + (ex*ex+ey*ey)*float32(1/(fieldReach*fieldReach)))
			w *= w
			sum += w
			dx += w * q.dx
			dy += w * q.dy
		}
		sum += float32(fieldPrior)
		c.x += dx / sum
		c.y += dy / sum
		c.lone = float32(fieldPrior) / sum
		c.tol = tol
	}
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
			q := &p.points[j]
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
