package finger

import (
	"context"
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"

	"biogate/matcher"
)

// naiveRating is the rating of r for p as rate defines it: each minutia of r votes for the turn to the probe's minutia nearest
// by signature, of equals the one of best quality.
func naiveRating(p *probe, r *reference) uint16 {
	var sums [turnBins]int
	for i := range r.points {
		near, at := alikeBits, -1
		for _, j := range p.order {
			if d := bitsApart(r.signature(i), p.signature(int(j))); d < near {
				near, at = d, int(j)
			}
		}
		if at >= 0 {
			turn := p.points[at].angle - r.points[i].angle
			sums[turn/(256/turnBins)] += (alikeBits - near) * (alikeBits - near)
		}
	}
	best := 0
	for i := range sums {
		sum := func(k int) int { return sums[(i+k)%turnBins] }
		best = max(best, sum(0)+2*sum(1)+2*sum(2)+sum(3))
	}
	return uint16(min(1+best/(fewPoints+len(r.points)), ratings-1))
}

// naiveSupport is that of the placement which a comparison follows first.
func naiveSupport(p *probe, r *reference) float32 {
	s := workspaces.Get().(*workspace)
	defer workspaces.Put(s)
	s.findPairings(p, r)
	s.pickSeeds()
	_, votes := s.nextMotion(p, r)
	return votes / float32(fewPoints+min(len(p.points), len(r.points)))
}

// The scan gives every entry the best rating, and then the best support, of those references that may show the finger, and
// no rating to who is gone.
func TestRatingsFollowTheirDefinition(t *testing.T) {
	positions := []matcher.Position{matcher.Unknown, "left-thumb", "right-thumb"}
	rapid.Check(t, func(t *rapid.T) {
		rng := newRand(rapid.Uint64().Draw(t, "seed"))
		drawn := func(least int) Print { // of one finger, so that much is alike
			w := usual(rng)
			w.turn, w.spurious = 2*math.Pi*rng.Float64(), rng.IntN(50)
			p := impress(syntheticFinger(7), w, rng.Uint64())
			p.Minutiae = p.Minutiae[:least+rng.IntN(len(p.Minutiae)-least+1)]
			return p
		}
		p := newProbe(drawn(1), positions[rng.IntN(3)])
		c, entries := newChunk(), make([][]*reference, 8)
		for e := range entries {
			for range 1 + rng.IntN(2) {
				entries[e] = append(entries[e], newReference(drawn(0), positions[rng.IntN(3)]))
			}
			c = c.with(name{group: []string{"asked for", "other"}[e%2]}, entries[e])
		}
		gone := rng.IntN(len(entries))
		c.gone[gone].Store(1)
		s := newScan(p)
		defer s.release()
		s.rate(c, 1, "asked for")
		for e, refs := range entries {
			want, support := uint16(0), float32(0)
			for _, r := range refs {
				if p.position.Comparable(r.position) {
					want, support = max(want, naiveRating(p, r)), max(support, naiveSupport(p, r))
				}
			}
			if got := c.support(p, e); got != support {
				t.Errorf("entry %d of %d points asked by %d has a support of %v, want %v", e, len(refs[0].points), len(p.points), got, support)
			}
			if e == gone || e%2 == 1 {
				want = 0
			}
			if s.ratings[e] != want {
				t.Errorf("entry %d of %d points asked by %d is rated %d, want %d", e, len(refs[0].points), len(p.points), s.ratings[e], want)
			}
		}
	})
}

// Two stages look at as many subjects as are asked for, be it more than they would compare by themselves.
func TestTwoStagesFindAsManyAsAskedFor(t *testing.T) {
	stock, ix := newStock(), NewIndex()
	const subjects = shortlistLeast + 300
	for i := range subjects {
		if err := set(ix, fmt.Sprint(i), []matcher.Reference{stock.references[i%len(stock.references)]}); err != nil {
			t.Fatal(err)
		}
	}
	p := *stock.probes[0]
	p.position = matcher.Unknown
	for _, k := range []int{1, comparedLeast + 1, shortlistLeast + 200, subjects + 1} {
		found, err := ix.TwoStage(context.Background(), matcher.Query{Probe: &p, K: k}, nil)
		if err != nil || len(found) != min(k, subjects) {
			t.Errorf("%d found of %d asked for, error %v", len(found), k, err)
		}
	}
}
