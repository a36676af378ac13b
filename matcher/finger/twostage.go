package finger

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"biogate/matcher"
	"biogate/matcher/gallery"
	"biogate/matcher/kernel"
)

// TwoStage is Search that scans all signatures, places on the probe only the subjects that come out best, and compares in full
// those of them whose placement is best supported: one in shortlistShare, and of all one in comparedShare. A mate that does not
// come so far is lost; docs/finger.md says how many are. Whoever is found has the score of Exhaustive. Among
// subjects that are named it is Exhaustive.
func (ix *Index) TwoStage(ctx context.Context, q matcher.Query, dst []matcher.Candidate) ([]matcher.Candidate, error) {
	if q.Among.Subjects != nil {
		return ix.Exhaustive(ctx, q, dst)
	}
	found, err := ix.twoStage(ctx, []matcher.Probe{q.Probe}, q.K, q.Among.Group, [][]matcher.Candidate{dst})
	return found[0], err
}

// TwoStageBatch is TwoStage for several probes, which share one walk through the gallery. The candidates of probes[i] are
// appended to dst[i]; dst has a slice for each probe. The result is dst.
func (ix *Index) TwoStageBatch(ctx context.Context, probes []matcher.Probe, k int, dst [][]matcher.Candidate) ([][]matcher.Candidate, error) {
	return ix.twoStage(ctx, probes, k, "", dst)
}

func (ix *Index) twoStage(ctx context.Context, probes []matcher.Probe, k int, group string, dst [][]matcher.Candidate) ([][]matcher.Candidate, error) {
	scans := make([]*scan, len(probes))
	for i, p := range probes {
		q, ok := p.(*probe)
		if !ok {
			return dst, errForeignProbe
		}
		scans[i] = newScan(q)
	}
	chunks, change := ix.state()
	for _, c := range chunks {
		if err := ctx.Err(); err != nil {
			return dst, err
		}
		for _, s := range scans {
			s.rate(c, change, group)
		}
	}
	for i, s := range scans {
		dst[i] = s.verify(chunks, k, dst[i])
		s.release()
	}
	return dst, nil
}

// scan is the first stage for one probe.
type scan struct {
	p       *probe
	code    uint8    // of the probe's position
	nearest []uint32 // of each point of one chunk: distance << 8 | lane
	rest    []uint32 // the same in one of the later blocks of the probe
	ratings []uint16 // of all entries, in the order of chunks; 0: not to be compared
	counts  [ratings]int
	live    int      // entries that may be compared
	short   []listed // the shortlist
}

// ratings is how many different ratings there are.
const ratings = 1 << 12

var scans = sync.Pool{New: func() any { return &scan{} }}

func newScan(p *probe) *scan {
	s := scans.Get().(*scan)
	s.p, s.ratings, s.counts, s.live = p, s.ratings[:0], [ratings]int{}, 0
	s.code, _ = p.position.Code()
	return s
}

func (s *scan) release() {
	s.p = nil
	clear(s.short)
	scans.Put(s)
}

// rate appends the ratings of the entries of c; those that are not of group get 0.
func (s *scan) rate(c *chunk, change uint64, group string) {
	s.findNearest(c)
	for e := range c.entries {
		rating := uint16(0)
		if c.live(e, change) && c.entries[e].in(group) {
			rating = s.rateEntry(c, e)
		}
		if rating > 0 {
			s.live++
			s.counts[rating]++
		}
		s.ratings = append(s.ratings, rating)
	}
}

// findNearest finds the lane nearest to every point of c.
func (s *scan) findNearest(c *chunk) {
	n := len(c.points)
	s.nearest, s.rest = slices.Grow(s.nearest[:0], n)[:n], slices.Grow(s.rest[:0], n)[:n]
	for b, block := range s.p.blocks {
		if b == 0 {
			kernel.Nearest256(s.nearest, c.signatures, block)
			continue
		}
		kernel.Nearest256(s.rest, c.signatures, block)
		for i, found := range s.rest {
			s.nearest[i] = min(s.nearest[i], found+uint32(b*kernel.Lanes256))
		}
	}
}

// rateEntry is the best rating of the references of an entry that may show the finger of the probe.
func (s *scan) rateEntry(c *chunk, e int) (best uint16) {
	for i := c.entries[e].first; i < c.entries[e].to; i++ {
		if code := c.rows[i].position; code == s.code || code == 0 || s.code == 0 {
			from, to := c.pointsOf(i)
			best = max(best, rate(&s.p.angles, s.nearest[from:to], c.points[from:to]))
		}
	}
	return best
}

// turnBins divide the circle for rate.
const turnBins = 32

// rate says how well the points of a reference whose nearest lanes are given agree with a probe in what turn lies between
// them: the largest sum of weights of pairings that turn alike, by the number of points; 1 to ratings-1.
func rate(angles *[maxPoints]uint8, nearest []uint32, points []point) uint16 {
	var sums [turnBins + 3]int32 // the first three stand again behind the last
	for i, n := range nearest {
		weight := turnWeight[n>>8]
		turn := angles[n%maxPoints] - points[i].angle
		sums[turn/(256/turnBins)] += weight
	}
	copy(sums[turnBins:], sums[:3])
	best := int32(0)
	for i := range turnBins {
		best = max(best, sums[i]+2*(sums[i+1]+sums[i+2])+sums[i+3])
	}
	return uint16(min(1+best/int32(fewPoints+len(points)), ratings-1))
}

// turnWeight is pairingWeight for whole numbers, and 0 for signatures that are not alike.
var turnWeight = func() (t [257]int32) {
	for d := range alikeBits {
		t[d] = int32(pairingWeight[d])
	}
	return t
}()

// listed is an entry on the shortlist.
type listed struct {
	chunk   *chunk
	entry   int
	support float32
}

// verify compares the best supported of the entries that are rated best in full, and appends the best k to dst.
func (s *scan) verify(chunks []*chunk, k int, dst []matcher.Candidate) []matcher.Candidate {
	s.list(chunks, max(shortlistLeast, k, s.live/shortlistShare))
	slices.SortFunc(s.short, func(a, b listed) int { return cmp.Compare(b.support, a.support) })
	best := gallery.NewRanking(dst, k)
	for _, l := range s.short[:min(len(s.short), max(comparedLeast, k, s.live/comparedShare))] {
		best.Offer(l.chunk.compare(s.p, l.entry))
	}
	return best.Sorted()
}

// list makes the shortlist: the n entries that are rated best, and their support.
func (s *scan) list(chunks []*chunk, n int) {
	s.short = s.short[:0]
	least := s.leastRating(n)
	at := 0
	for _, c := range chunks {
		for e := range c.entries {
			if s.ratings[at] >= least {
				s.short = append(s.short, listed{c, e, c.support(s.p, e)})
			}
			at++
		}
	}
}

// leastRating is the highest rating that at least n entries reach; 1 when there are fewer.
func (s *scan) leastRating(n int) uint16 {
	for rating := ratings - 1; rating > 1; rating-- {
		if n -= s.counts[rating]; n <= 0 {
			return uint16(rating)
		}
	}
	return 1
}
