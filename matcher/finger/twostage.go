package finger

import (
	"sync"

	"biogate/matcher"
	"biogate/matcher/gallery"
	"biogate/matcher/kernel"
)

// TwoStage is Search that scans all signatures and compares in full only the subjects that come out best: one in
// shortlistShare, and shortlistLeast at least. A mate that the scan does not put among those is lost; docs/finger.md says how
// many are. Whoever is found has the score of Exhaustive.
func (ix *Index) TwoStage(p matcher.Probe, k int, dst []matcher.Candidate) ([]matcher.Candidate, error) {
	found, err := ix.TwoStageBatch([]matcher.Probe{p}, k, [][]matcher.Candidate{dst})
	return found[0], err
}

// TwoStageBatch is TwoStage for several probes, which share one walk through the gallery. The candidates of probes[i] are
// appended to dst[i]; dst has a slice for each probe. The result is dst.
func (ix *Index) TwoStageBatch(probes []matcher.Probe, k int, dst [][]matcher.Candidate) ([][]matcher.Candidate, error) {
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
		for _, s := range scans {
			s.rate(c, change)
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
	nearest []uint32 // of the points of one chunk
	ratings []uint16 // of all entries, in the order of chunks; 0: not to be compared
	counts  [ratings]int
	live    int // entries that may be compared
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
	scans.Put(s)
}

// rate appends the ratings of the entries of c.
func (s *scan) rate(c *chunk, change uint64) {
	if n := len(c.points); cap(s.nearest) < n {
		s.nearest = make([]uint32, n)
	}
	s.nearest = s.nearest[:len(c.points)]
	kernel.Nearest256(s.nearest, c.signatures, s.p.lanes[0].signatures)
	for e := range c.entries {
		rating := uint16(0)
		if c.live(e, change) {
			rating = s.rateEntry(c, e)
		}
		if rating > 0 {
			s.live++
			s.counts[rating]++
		}
		s.ratings = append(s.ratings, rating)
	}
}

// rateEntry is the best rating of the references of an entry that may show the finger of the probe.
func (s *scan) rateEntry(c *chunk, e int) (best uint16) {
	for i := c.entries[e].first; i < c.entries[e].to; i++ {
		if code := c.rows[i].position; code == s.code || code == 0 || s.code == 0 {
			from, to := c.pointsOf(i)
			best = max(best, rate(&s.p.lanes[0].angles, s.nearest[from:to], c.points[from:to]))
		}
	}
	return best
}

// turnBins divide the circle for rate.
const turnBins = 32

// rate says how well the points of a reference whose nearest lanes are given agree with a probe in what turn lies between
// them: the largest sum of weights of pairings that turn alike, 1 to ratings-1.
func rate(angles *[kernel.Lanes256]uint8, nearest []uint32, points []point) uint16 {
	var sums [turnBins + 3]int32 // the first three stand again behind the last
	for i, n := range nearest {
		weight := turnWeight[n>>8]
		turn := angles[n%kernel.Lanes256] - points[i].angle
		sums[turn/(256/turnBins)] += weight
	}
	copy(sums[turnBins:], sums[:3])
	best := int32(0)
	for i := range turnBins {
		best = max(best, sums[i]+2*(sums[i+1]+sums[i+2])+sums[i+3])
	}
	return uint16(min(1+best/ratingUnit, ratings-1))
}

// turnWeight is pairingWeight for whole numbers, and 0 for signatures that are not alike.
var turnWeight = func() (t [257]int32) {
	for d := range alikeBits {
		t[d] = int32(pairingWeight[d])
	}
	return t
}()

// verify compares the best rated entries in full and appends the best k to dst.
func (s *scan) verify(chunks []*chunk, k int, dst []matcher.Candidate) []matcher.Candidate {
	least := s.leastRating(max(shortlistLeast, k, s.live/shortlistShare))
	best := gallery.NewRanking(dst, k)
	at := 0
	for _, c := range chunks {
		for e := range c.entries {
			if s.ratings[at] >= least {
				if candidate := c.compare(s.p, e); candidate.Comparisons > 0 {
					best.Offer(candidate)
				}
			}
			at++
		}
	}
	return best.Sorted()
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
