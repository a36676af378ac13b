package finger

import (
	"math"

	"biogate/matcher/kernel"
)

// pairing is a minutia of the reference and one of the probe that are alike, and may be the same.
type pairing struct {
	r, p           uint8   // indices of points
	turn           uint8   // rotation from reference to probe
	used           bool    // supports a placement that was proposed already
	weight         float32 // how alike
	rx, ry, px, py float32
}

// seed is a pairing from which a placement may grow.
type seed struct {
	at    int     // index in pairings
	votes float32 // weight of the pairings that agree with its placement, itself included
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

// findPairings lists for each minutia of the reference the one in each of the probe's blocks whose signature is nearest, if
// near enough.
func (s *workspace) findPairings(p *probe, r *reference) {
	s.pairings = s.pairings[:0]
	nearest := s.nearest[:len(r.points)]
	for b, block := range p.blocks {
		kernel.Nearest256(nearest, r.signatures, block)
		for i, n := range nearest {
			if distance := n >> 8; distance < alikeBits {
				lane := b*kernel.Lanes256 + int(n&0xff)
				s.pairings = append(s.pairings, newPairing(p, r, p.order[lane], uint8(i), pairingWeight[distance]))
			}
		}
	}
}

func newPairing(p *probe, r *reference, j, i uint8, weight float32) pairing {
	a, b := &r.points[i], &p.spots[j]
	return pairing{r: i, p: j, turn: b.angle - a.angle, weight: weight, rx: float32(a.x), ry: float32(a.y), px: b.x, py: b.y}
}

// pairingWeight is the weight of a pairing by the number of bits in which the signatures differ.
var pairingWeight = func() (t [alikeBits]float32) {
	for d := range t {
		t[d] = float32((alikeBits - d) * (alikeBits - d))
	}
	return t
}()

// pickSeeds takes the pairings of highest weight and sums what agrees with each.
func (s *workspace) pickSeeds() {
	s.seeds = s.seeds[:0]
	for i := range s.pairings {
		s.offer(i)
	}
	for k := range s.seeds {
		f := newFrame(&s.pairings[s.seeds[k].at])
		for i := range s.pairings {
			if q := &s.pairings[i]; f.agrees(q) {
				s.seeds[k].votes += q.weight
			}
		}
	}
}

// mostVotes are those of the best placement of r on p.
func mostVotes(p *probe, r *reference) (most float32) {
	s := workspaces.Get().(*workspace)
	defer workspaces.Put(s)
	s.findPairings(p, r)
	s.pickSeeds()
	for _, c := range s.seeds {
		most = max(most, c.votes)
	}
	return most
}

// offer keeps the hypSeeds pairings of highest weight, best first and earlier ones before later ones.
func (s *workspace) offer(i int) {
	weight := s.pairings[i].weight
	if len(s.seeds) < hypSeeds {
		s.seeds = append(s.seeds, seed{})
	} else if weight <= s.pairings[s.seeds[hypSeeds-1].at].weight {
		return
	}
	at := len(s.seeds) - 1
	for ; at > 0 && s.pairings[s.seeds[at-1].at].weight < weight; at-- {
		s.seeds[at] = s.seeds[at-1]
	}
	s.seeds[at] = seed{at: i}
}

// nextMotion proposes the placement with the most votes among the seeds that support none before; votes is 0 when
// there is none.
func (s *workspace) nextMotion(p *probe, r *reference) (m motion, votes float32) {
	best := seed{}
	for _, c := range s.seeds {
		if c.votes > best.votes && !s.pairings[c.at].used {
			best = c
		}
	}
	if best.votes == 0 {
		return motion{}, 0
	}
	frame := newFrame(&s.pairings[best.at])
	var f fit
	for i := range s.pairings {
		if q := &s.pairings[i]; frame.agrees(q) {
			q.used = true
			f.add(q.rx, q.ry, q.px, q.py)
		}
	}
	if f.n < 2 {
		return frame.motion(), best.votes
	}
	return f.solve(), best.votes
}

// frame is the placement that one pairing implies by itself.
type frame struct {
	rx, ry, px, py, sin, cos float32
	turn                     uint8
}

func newFrame(q *pairing) frame {
	return frame{q.rx, q.ry, q.px, q.py, sines[q.turn], sines[q.turn+64], q.turn}
}

func (f *frame) motion() motion {
	return motion{
		cos: f.cos, sin: f.sin, cx: f.px, cy: f.py, turn: f.turn,
		dx: f.px - (f.cos*f.rx + f.sin*f.ry), dy: f.py - (-f.sin*f.rx + f.cos*f.ry),
	}
}

// agrees says whether q fits the placement; the farther from the frame's own place, the less well it must.
func (f *frame) agrees(q *pairing) bool {
	if apart(f.turn, q.turn) > hypTolTurn {
		return false
	}
	dx, dy := q.rx-f.rx, q.ry-f.ry
	ex := f.cos*dx + f.sin*dy - (q.px - f.px)
	ey := -f.sin*dx + f.cos*dy - (q.py - f.py)
	return ex*ex+ey*ey <= float32(hypTolBase*hypTolBase)+float32(hypTolSlope*hypTolSlope)*(dx*dx+dy*dy)
}

// apart is the difference of two angles, 0 to 128.
func apart(a, b uint8) int {
	return abs(int(int8(a - b)))
}

func abs(x int) int { return max(x, -x) }

// sines of 1/256 turns; the cosine of a is sines[a+64].
var sines = func() (t [256]float32) {
	for i := range t {
		t[i] = float32(math.Sin(float64(i) * (2 * math.Pi / 256)))
	}
	return t
}()

// fit accumulates pairs of places for the rigid motion of least squares (Umeyama 1991, without scale, in the plane).
type fit struct{ n, rx, ry, px, py, dot, cross float64 }

func (f *fit) add(rx32, ry32, px32, py32 float32) {
	rx, ry, px, py := float64(rx32), float64(ry32), float64(px32), float64(py32)
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
