package finger

import (
	"context"
	"image"
	"math"
	"slices"

	"biogate/matcher"
)

// What the trace of a comparison shows, by name.
const (
	traceComparison = "finger/comparison" // the explanation
	tracePairs      = "finger/pairs"      // probe left, reference right, paired minutiae joined
	traceOverlay    = "finger/overlay"    // the reference on the probe, turned, moved and bent
)

var _ matcher.Explainer = (*Engine)(nil)

// Explain compares two samples and shows what the score rests on.
func (e *Engine) Explain(ctx context.Context, probe, reference matcher.Sample, tr matcher.Trace) (float64, error) {
	a, err := e.exhibit(ctx, probe)
	if err != nil {
		return 0, err
	}
	b, err := e.exhibit(ctx, reference)
	if err != nil {
		return 0, err
	}
	x := explain(newProbe(a.print, matcher.Unknown), newReference(b.print, matcher.Unknown))
	tr(traceComparison, x)
	tr(tracePairs, x.pairsPicture(a, b))
	if x.Placement != nil {
		tr(traceOverlay, x.overlayPicture(a, b))
	}
	return x.Score, nil
}

// exhibit is a print with the pictures to draw it on; they are nil when the sample was a template.
type exhibit struct {
	print                Print
	frame                pictureFrame // of the pictures
	normalised, enhanced *image.Gray
}

func (e *Engine) exhibit(ctx context.Context, s matcher.Sample) (exhibit, error) {
	var out exhibit
	x, err := e.Extract(ctx, s, func(name string, value any) {
		switch name {
		case traceNormalised:
			out.normalised = value.(*image.Gray)
		case traceEnhanced:
			out.enhanced = value.(*image.Gray)
		case traceFrame:
			out.frame = value.(pictureFrame)
		}
	})
	if err != nil {
		return exhibit{}, err
	}
	out.print, err = open(x.Template)
	return out, err
}

// How a comparison ended.
const (
	outcomeNothingAlike = "nothing-alike"  // no two minutiae have signatures near enough
	outcomeTooFewVotes  = "too-few-votes"  // no placement has support enough to be followed
	outcomeNothingFits  = "nothing-fits"   // the placements that were followed came to less than none
	outcomePlaced       = "placed"         // the score is that of the best placement
	roleNotPlaced       = "not-placed"     // no placement: nothing can be said of a minutia
	rolePaired          = "paired"         // it has a partner
	roleMissed          = "missed"         // it has none, though the other print covers its place
	roleOutside         = "outside-common" // the other print does not reach its place
)

// explanation is what a comparison score rests on. Lengths are pixels at 500 dpi, evidence nats, angles degrees
// counterclockwise. Minutiae are those that were compared, in canonical order.
type explanation struct {
	Score     float64          `json:"score"`
	Outcome   string           `json:"outcome"`
	Alike     int              `json:"alike"`               // pairs of minutiae with signatures near enough to vote
	Proposals []proposal       `json:"proposals"`           // placements by votes, most first
	Placement *rigid           `json:"placement,omitempty"` // of least squares over the pairs of the best proposal
	PairGain  float64          `json:"pair_gain"`           // what a perfect pair is worth
	Pairs     []explainedPair  `json:"pairs"`
	Worth     float64          `json:"worth"` // of all pairs
	Cost      float64          `json:"cost"`  // of all missed minutiae: the score of a placement is worth less cost
	Probe     []explainedPoint `json:"probe"`
	Reference []explainedPoint `json:"reference"`

	bent    []placed   // reference points as they came to lie on the probe
	pulls   []pull     // what bent them: at the partners, from where the placement alone puts the points
	back    motion     // the placement undone
	corners [2][]uint8 // of the hulls of probe and reference
}

// proposal is a placement and what became of it.
type proposal struct {
	rigid
	Votes    float64  `json:"votes"`           // squares of bits below alikeBits
	Followed bool     `json:"followed"`        // pairs were sought from it on
	Score    *float64 `json:"score,omitempty"` // with these pairs
	Pairs    int      `json:"pairs,omitempty"`
	Best     bool     `json:"best,omitempty"`
}

// rigid places the reference on the probe: turned about the origin, then moved.
type rigid struct {
	Rotation float64 `json:"rotation"`
	DX       float64 `json:"dx"`
	DY       float64 `json:"dy"`
}

// explainedPair is one pair: indices of minutiae, what separates them after bending, and what that is worth.
type explainedPair struct {
	Probe     int     `json:"probe"`
	Reference int     `json:"reference"`
	Distance  float64 `json:"distance"`
	Angle     float64 `json:"angle"`      // of the probe's against the reference's
	BitsApart int     `json:"bits_apart"` // of 256, between the signatures
	Lone      float64 `json:"lone"`       // 1: no pair nearby holds it in place; near 0: many do
	Worth     float64 `json:"worth"`
}

// explainedPoint is a minutia and its part in the score.
type explainedPoint struct {
	X     int     `json:"x"`
	Y     int     `json:"y"`
	Angle float64 `json:"angle"`
	Kind  string  `json:"kind"`
	Trust float64 `json:"trust"` // weight by quality
	Role  string  `json:"role"`
	Cost  float64 `json:"cost,omitempty"` // of a missed one
	kind  Kind
}

// explain is similarity with its reasons.
func explain(p *probe, r *reference) *explanation {
	s := workspaces.Get().(*workspace)
	defer workspaces.Put(s)
	x := &explanation{PairGain: perfectPair(p, r), Pairs: []explainedPair{}, corners: [2][]uint8{p.corners, r.corners}}
	x.Probe, x.Reference = explainedPoints(&p.layout), explainedPoints(&r.layout)
	x.propose(s, p, r)
	next, best := 0, -1
	x.Score = s.compare(p, r, func(score float64) {
		a := &x.Proposals[next]
		a.Followed, a.Score, a.Pairs = true, &score, int(s.fitPairs(p, r).n)
		if score > noPlacement && (best < 0 || score > *x.Proposals[best].Score) {
			best = next
			x.take(s, p, r)
		}
		next++
	})
	switch {
	case len(x.Proposals) == 0:
		x.Outcome = outcomeNothingAlike
	case next == 0:
		x.Outcome = outcomeTooFewVotes
	case best < 0:
		x.Outcome = outcomeNothingFits
	default:
		x.Outcome, x.Proposals[best].Best = outcomePlaced, true
	}
	return x
}

// propose lists all placements that have votes, in the order in which a comparison would follow them.
func (x *explanation) propose(s *workspace, p *probe, r *reference) {
	s.findPairings(p, r)
	s.pickSeeds()
	x.Alike, x.Proposals = len(s.pairings), []proposal{}
	for {
		m, votes := s.nextMotion(p, r)
		if votes == 0 {
			return
		}
		x.Proposals = append(x.Proposals, proposal{rigid: m.rigid(), Votes: float64(votes)})
	}
}

func (m *motion) rigid() rigid {
	return rigid{math.Atan2(float64(m.sin), float64(m.cos)) * 180 / math.Pi, float64(m.dx), float64(m.dy)}
}

func explainedPoints(l *layout) []explainedPoint {
	out := make([]explainedPoint, len(l.points))
	for i := range l.points {
		q := &l.points[i]
		out[i] = explainedPoint{int(q.x), int(q.y), degrees(int(q.angle)), q.kind().name(), float64(q.trust()), roleNotPlaced, 0, q.kind()}
	}
	return out
}

// degrees of an angle in 1/256 turn.
func degrees(a int) float64 { return float64(a) * 360 / 256 }

func (k Kind) name() string {
	switch k {
	case Ending:
		return "ending"
	case Bifurcation:
		return "bifurcation"
	}
	return "other"
}

// take keeps the last pairing of s in place of an earlier one: the same conditions as in workspace.score.
func (x *explanation) take(s *workspace, p *probe, r *reference) {
	onto, back := s.fitPairs(p, r), s.fitBack(p, r)
	m := onto.solve()
	placement := m.rigid()
	x.Placement, x.back = &placement, back.solve()
	x.bent, x.pulls = slices.Clone(s.points[:s.n]), nil
	x.Pairs, x.Worth, x.Cost = x.Pairs[:0], 0, 0
	for i := range x.bent {
		c := &x.bent[i]
		if c.pair >= 0 {
			x.pair(s, p, r, i)
			q := &p.spots[c.pair]
			rx, ry := m.apply(float32(r.points[i].x), float32(r.points[i].y))
			x.pulls = append(x.pulls, pull{i, q.x, q.y, q.x - rx, q.y - ry})
		} else {
			x.leave(&x.Reference[i], p.area.covers(c.x, c.y))
		}
	}
	for j := range p.points {
		if q := &p.spots[j]; s.pair[j] < 0 {
			x.leave(&x.Probe[j], s.area.covers(x.back.apply(q.x, q.y)))
		}
	}
}

// pair adds the pair of reference point i.
func (x *explanation) pair(s *workspace, p *probe, r *reference, i int) {
	c := &s.points[i]
	j := int(c.pair)
	q := &p.spots[j]
	a := explainedPair{
		Probe: j, Reference: i, Distance: math.Hypot(float64(q.x-c.x), float64(q.y-c.y)), Angle: degrees(int(int8(q.angle - c.angle))),
		BitsApart: bitsApart(r.signature(i), p.signature(j)), Lone: float64(c.lone), Worth: s.pairWorth(x.PairGain, p, r, i),
	}
	x.Pairs = append(x.Pairs, a)
	x.Worth += a.Worth
	x.Reference[i].Role, x.Reference[i].Cost = rolePaired, 0
	x.Probe[j].Role, x.Probe[j].Cost = rolePaired, 0
}

// leave says of a minutia that it has no partner.
func (x *explanation) leave(q *explainedPoint, covered bool) {
	q.Role, q.Cost = roleOutside, 0
	if covered {
		q.Role, q.Cost = roleMissed, missCost*q.Trust
		x.Cost += q.Cost
	}
}
