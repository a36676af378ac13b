package finger

import (
	"math"
	"sync"
)

// alike is an edge of the reference and an edge of the probe that look the same.
type alike struct {
	rFrom, rTo, pFrom, pTo uint8
	turn                   uint8   // rotation from reference to probe
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

const (
	maxAlike  = 1024
	maxPoints = 128
)

// workspace is the working memory of one comparison.
type workspace struct {
	alikes  []alike
	support [maxPoints][maxPoints]uint16

	seeds []int
	rival [maxAlike]bool

	mx, my [maxPoints]float32 // reference points placed on the probe
	ma     [maxPoints]uint8
	bestP  [maxPoints]int16 // probe point paired with each reference point, -1: none
	bestR  [maxPoints]int16
	costP  [maxPoints]float32
	costR  [maxPoints]float32
	resX   [maxPoints]float32 // displacement left, of paired reference points
	resY   [maxPoints]float32
	shiftX [maxPoints]float32
	shiftY [maxPoints]float32
	weight [maxPoints]float32
}

var workspaces = sync.Pool{New: func() any { return &workspace{alikes: make([]alike, 0, maxAlike)} }}

// similarity is the comparison score of two prints.
func similarity(p *probe, r *reference) float64 {
	s := workspaces.Get().(*workspace)
	defer workspaces.Put(s)
	s.findAlikes(p, r)
	best := math.Inf(-1)
	for range hypVerified {
		m, ok := s.nextMotion(p, r)
		if !ok {
			break
		}
		s.pairUp(p, r, m)
		best = max(best, s.score(p, r))
	}
	if math.IsInf(best, -1) {
		best = -50
	}
	return best
}

// findAlikes lists the edges that both prints have, and how much each pair of points is supported by them.
func (s *workspace) findAlikes(p *probe, r *reference) {
	for i := range r.points {
		clear(s.support[i][:len(p.points)])
	}
	s.alikes = s.alikes[:0]
	clear(s.rival[:])
	s.seeds = s.seeds[:0]
	for _, re := range r.edges {
		cell := cellOf(re)
		tl, ta := tolerances(re.length)
		rx, ry := middle(r.points, re)
		for _, pe := range p.table.entries[p.table.start[cell]:p.table.start[cell+1]] {
			dl := abs(int(re.length) - int(pe.length))
			da := abs(int(int8(re.alpha - pe.alpha)))
			db := abs(int(int8(re.beta - pe.beta)))
			if dl > tl || da > ta || db > ta {
				continue
			}
			if len(s.alikes) == maxAlike {
				return
			}
			px, py := middle(p.points, pe)
			s.alikes = append(s.alikes, alike{re.from, re.to, pe.from, pe.to, pe.dir - re.dir, rx, ry, px, py})
			s.support[re.from][pe.from]++
			s.support[re.to][pe.to]++
		}
	}
}

func middle(points []point, e edge) (x, y float32) {
	a, b := &points[e.from], &points[e.to]
	return (a.x + b.x) / 2, (a.y + b.y) / 2
}

func abs(x int) int {
	if x < 0 {
		return -x
	}
	return x
}

// nextMotion proposes the placement with most support among those not proposed yet.
func (s *workspace) nextMotion(p *probe, r *reference) (motion, bool) {
	best, bestVotes := -1, 0
	if len(s.seeds) == 0 {
		s.pickSeeds()
	}
	for _, seed := range s.seeds {
		if s.rival[seed] {
			continue
		}
		votes := 0
		e := &s.alikes[seed]
		sin, cos := sincos256(e.turn)
		for i := range s.alikes {
			if agree(e, &s.alikes[i], sin, cos) {
				votes++
			}
		}
		if votes > bestVotes {
			best, bestVotes = seed, votes
		}
	}
	if best < 0 {
		return motion{}, false
	}
	e := s.alikes[best]
	sin, cos := sincos256(e.turn)
	var f fit
	for i := range s.alikes {
		a := &s.alikes[i]
		if agree(&e, a, sin, cos) {
			s.rival[i] = true
			f.add(r.points[a.rFrom], p.points[a.pFrom].x, p.points[a.pFrom].y, 1)
			f.add(r.points[a.rTo], p.points[a.pTo].x, p.points[a.pTo].y, 1)
		}
	}
	return f.solve(), true
}

func (s *workspace) pickSeeds() {
	var top [64]int
	n := 0
	value := func(i int) int {
		a := &s.alikes[i]
		return int(s.support[a.rFrom][a.pFrom]) + int(s.support[a.rTo][a.pTo])
	}
	for i := range s.alikes {
		v := value(i)
		if n == hypSeeds && v <= value(top[n-1]) {
			continue
		}
		if n < hypSeeds {
			n++
		}
		at := n - 1
		for at > 0 && value(top[at-1]) < v {
			top[at] = top[at-1]
			at--
		}
		top[at] = i
	}
	s.seeds = append(s.seeds, top[:n]...)
}

// agree says whether b fits the placement that a alone implies.
func agree(a, b *alike, sin, cos float32) bool {
	if abs(int(int8(a.turn-b.turn))) > hypTolRot {
		return false
	}
	dx, dy := b.rx-a.rx, b.ry-a.ry
	ex := cos*dx + sin*dy - (b.px - a.px)
	ey := -sin*dx + cos*dy - (b.py - a.py)
	tol := float32(hypTolBase) + float32(hypTolSlope)*float32(math.Sqrt(float64(dx*dx+dy*dy)))
	return ex*ex+ey*ey <= tol*tol
}

var sines = func() (t [256]float32) {
	for i := range t {
		t[i] = float32(math.Sin(float64(i) * (2 * math.Pi / 256)))
	}
	return
}()

func sincos256(a uint8) (sin, cos float32) { return sines[a], sines[a+64] }

// fit accumulates pairs of points for the rigid motion of least squares.
type fit struct{ n, rx, ry, px, py, dot, cross float64 }

func (f *fit) add(r point, px, py, w float32) {
	rx, ry, x, y, g := float64(r.x), float64(r.y), float64(px), float64(py), float64(w)
	f.n += g
	f.rx += g * rx
	f.ry += g * ry
	f.px += g * x
	f.py += g * y
	f.dot += g * (rx*x + ry*y)
	f.cross += g * (ry*x - rx*y)
}

func (f *fit) solve() motion {
	dot := f.dot - (f.rx*f.px+f.ry*f.py)/f.n
	crs := f.cross - (f.ry*f.px-f.rx*f.py)/f.n
	l := math.Hypot(dot, crs)
	if l == 0 {
		dot, l = 1, 1
	}
	cos, sin := dot/l, crs/l
	cx, cy := f.px/f.n, f.py/f.n
	return motion{
		cos: float32(cos), sin: float32(sin),
		dx: float32(cx - (cos*f.rx+sin*f.ry)/f.n), dy: float32(cy - (-sin*f.rx+cos*f.ry)/f.n),
		cx: float32(cx), cy: float32(cy),
		turn: turn256(math.Atan2(sin, cos)),
	}
}

// pairUp grows a set of paired points from a first placement.
func (s *workspace) pairUp(p *probe, r *reference, m motion) {
	n := len(r.points)
	s.place(r, m)
	for i := range n {
		dx, dy := s.mx[i]-m.cx, s.my[i]-m.cy
		s.weight[i] = min(float32(pairTolBase)+float32(pairTolSlope)*float32(math.Sqrt(float64(dx*dx+dy*dy))), float32(pairTolMax))
		s.shiftX[i], s.shiftY[i] = 0, 0
	}
	s.assign(p, n)
	for round := range 2 {
		var f fit
		for i := range n {
			if j := s.bestP[i]; j >= 0 {
				f.add(r.points[i], p.points[j].x, p.points[j].y, 1)
			}
		}
		if f.n < 2 {
			return
		}
		s.place(r, f.solve())
		s.bend(p, n)
		tol := float32(pairTol1)
		if round == 1 {
			tol = float32(pairTol2)
		}
		for i := range n {
			s.weight[i] = tol
		}
		s.assign(p, n)
	}
}

func (s *workspace) place(r *reference, m motion) {
	for i := range r.points {
		q := &r.points[i]
		s.mx[i], s.my[i] = m.apply(q.x, q.y)
		s.ma[i] = q.angle + m.turn
	}
}

// bend predicts how far each placed point is off from how its paired neighbours are.
func (s *workspace) bend(p *probe, n int) {
	for k := range n {
		if j := s.bestP[k]; j >= 0 {
			s.resX[k], s.resY[k] = p.points[j].x-s.mx[k], p.points[j].y-s.my[k]
		}
	}
	inv := 1 / float32(fieldSigma*fieldSigma)
	for i := range n {
		var sx, sy float32
		sw := float32(fieldPrior)
		for k := range n {
			if k == i || s.bestP[k] < 0 {
				continue
			}
			dx, dy := s.mx[i]-s.mx[k], s.my[i]-s.my[k]
			w := 1 / (1 + (dx*dx+dy*dy)*inv)
			w *= w
			sw += w
			sx += w * s.resX[k]
			sy += w * s.resY[k]
		}
		s.shiftX[i], s.shiftY[i] = sx/sw, sy/sw
	}
	for i := range n {
		s.mx[i] += s.shiftX[i]
		s.my[i] += s.shiftY[i]
	}
}

// assign pairs each placed reference point with the probe point that fits it best, when that is mutual.
func (s *workspace) assign(p *probe, n int) {
	const far = float32(math.MaxFloat32)
	for j := range p.points {
		s.bestR[j], s.costR[j] = -1, far
	}
	kd, ka := float32(1/(2*sigmaD*sigmaD)), float32(1/(2*sigmaA*sigmaA))
	for i := range n {
		s.bestP[i], s.costP[i] = -1, far
		x, y, tol := s.mx[i], s.my[i], s.weight[i]
		for j := range p.points {
			q := &p.points[j]
			dx, dy := q.x-x, q.y-y
			d := dx*dx + dy*dy
			if d > tol*tol {
				continue
			}
			a := abs(int(int8(q.angle - s.ma[i])))
			if a > pairTolAngle {
				continue
			}
			cost := d*kd + float32(a*a)*ka
			if cost < s.costP[i] {
				s.costP[i], s.bestP[i] = cost, int16(j)
			}
			if cost < s.costR[j] {
				s.costR[j], s.bestR[j] = cost, int16(i)
			}
		}
	}
	for i := range n {
		if j := s.bestP[i]; j >= 0 && s.bestR[j] != int16(i) {
			s.bestP[i] = -1
		}
	}
	for j := range p.points {
		if i := s.bestR[j]; i >= 0 && s.bestP[i] != int16(j) {
			s.bestR[j] = -1
		}
	}
}
