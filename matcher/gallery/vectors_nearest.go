package gallery

import (
	"bytes"
	"math"
	"slices"
	"strings"

	"biogate/matcher"
	"biogate/matcher/kernel"
)

// probe is a vector that asks, and how many candidates it wants.
type probe struct {
	elements *kernel.Probe8
	inverse  float64
	k        int
}

func newProbe(v *Vector, stride, k int) probe {
	elements := v.elements
	if len(elements) < stride {
		elements = append(make([]int8, 0, stride), elements...)[:stride]
	}
	return probe{kernel.NewProbe8(elements), v.inverse, k}
}

// hit is an entry with its score.
type hit struct {
	score float64
	in    *view
	entry int
}

// byHit orders hits best first, like byRank.
func byHit(a, b hit) int {
	switch {
	case a.score > b.score:
		return -1
	case a.score < b.score:
		return 1
	}
	return bytes.Compare(a.in.subject(a.entry), b.in.subject(b.entry))
}

// nearest keeps the best entries that one probe meets. What cannot be among them is sorted out in float32, with a margin; the
// others are scored as Vector.Cosine does, so the ranking is that of comparing one by one.
type nearest struct {
	probe
	group  uint32 // only its members; 0: anyone
	change uint64 // number of the last one that the search sees
	floor  float32
	heap   []hit // the one that ranks last on top
}

func (n *nearest) reset(p probe, group uint32, change uint64) {
	n.probe, n.group, n.change, n.floor, n.heap = p, group, change, float32(math.Inf(-1)), n.heap[:0]
}

// release lets go of what the search saw.
func (n *nearest) release() {
	clear(n.heap)
	n.probe = probe{}
}

// margin is more than what rounds in kernel.Above8, relative: the product of integers, the length, their product and the
// floor, each by half of 2^-23.
const margin = 1.0 / (1 << 20)

// take meets the rows of v from one on, whose inner products are dots: all rows of an entry in one call. above is room.
func (n *nearest) take(v *view, from int, dots []int32, above []uint32) {
	above = above[:kernel.Above8(above, dots, v.scales[from:from+len(dots)], n.floor)]
	for i := 0; i < len(above); {
		owner := v.owners[from+int(above[i])]
		best := math.Inf(-1)
		for ; i < len(above) && v.owners[from+int(above[i])] == owner; i++ {
			row := int(above[i])
			best = max(best, cosine(dots[row], n.inverse, inverseLength(v.squares[from+row])))
		}
		if (n.group == 0 || v.groups[owner] == n.group) && v.liveAt(n.change, int(owner)) {
			n.offer(hit{best, v, int(owner)})
		}
	}
}

// offer takes h in if it is among the best so far.
func (n *nearest) offer(h hit) {
	switch {
	case len(n.heap) < n.k:
		n.heap = append(n.heap, h)
		rise(n.heap, byHit)
	case byHit(h, n.heap[0]) < 0:
		n.heap[0] = h
		sink(n.heap, byHit)
	default:
		return
	}
	if len(n.heap) == n.k {
		least := n.heap[0].score / n.inverse
		n.floor = float32(least - math.Abs(least)*margin)
	}
}

// merge takes in what another part of the search found.
func (n *nearest) merge(part *nearest) {
	for _, h := range part.heap {
		n.offer(h)
	}
}

// candidates appends the hits to dst, best first. Nothing may be offered afterwards.
func (n *nearest) candidates(dst []matcher.Candidate) []matcher.Candidate {
	slices.SortFunc(n.heap, byHit)
	var names strings.Builder // one allocation for all
	size := 0
	for _, h := range n.heap {
		size += len(h.in.subject(h.entry))
	}
	names.Grow(size)
	for _, h := range n.heap {
		names.Write(h.in.subject(h.entry))
	}
	all := names.String()
	for _, h := range n.heap {
		from, to := h.in.rowsOf(h.entry)
		size := len(h.in.subject(h.entry))
		dst = append(dst, matcher.Candidate{Subject: all[:size], Score: h.score, Comparisons: to - from})
		all = all[size:]
	}
	return dst
}
