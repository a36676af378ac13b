package finger

import (
	"math"
	"slices"
	"sync/atomic"

	"biogate/matcher"
)

// chunk is a stretch of a gallery: its references as a structure of arrays. A chunk never changes but for gone. Growing
// makes another chunk that goes on in the same arrays behind what this one has, so only the newest may grow.
type chunk struct {
	entries    []entry
	gone       []atomic.Uint64 // of each entry: the number of the change that ended it; 0: it is live
	rows       []row
	points     []point
	signatures []uint64 // of points, 4 words each
	corners    []uint8
}

// entry is what one Set brought: a subject and its references, which are consecutive rows.
type entry struct {
	name
	first, to int32 // rows
}

// name is whose references they are.
type name struct{ subject, group string }

// in says whether it is one of a group; every one is of the empty group.
func (n name) in(group string) bool { return group == "" || n.group == group }

// row is one reference: where its parts begin. They end where the next one's begin.
type row struct {
	points, corners int32
	density         float32
	position        uint8 // code of matcher.Position
}

// Sizes in memory.
const (
	rowBytes   = 16
	pointBytes = 6
)

// chunkRows is how many references a chunk may have, if it has more than one entry. Their signatures, some 300 KB, stay in
// a core's cache while several probes ask.
const chunkRows = 256

func newChunk() *chunk { return &chunk{gone: make([]atomic.Uint64, chunkRows)} }

// fits says whether an entry of so many references may join c.
func (c *chunk) fits(references int) bool {
	return len(c.entries) == 0 || len(c.rows)+references <= chunkRows
}

// with is c and another entry.
func (c *chunk) with(of name, refs []*reference) *chunk {
	grown := *c
	first := int32(len(c.rows))
	for _, r := range refs {
		code, _ := r.position.Code()
		grown.rows = append(grown.rows, row{int32(len(grown.points)), int32(len(grown.corners)), r.density, code})
		grown.points = append(grown.points, r.points...)
		grown.signatures = append(grown.signatures, r.signatures...)
		grown.corners = append(grown.corners, r.corners...)
	}
	grown.entries = append(grown.entries, entry{of, first, int32(len(grown.rows))})
	return &grown
}

// live says whether entry e is part of the gallery as it was at a change.
func (c *chunk) live(e int, change uint64) bool {
	gone := c.gone[e].Load()
	return gone == 0 || gone > change
}

// pointsOf is the range of points of row i.
func (c *chunk) pointsOf(i int32) (from, to int32) {
	if int(i)+1 < len(c.rows) {
		return c.rows[i].points, c.rows[i+1].points
	}
	return c.rows[i].points, int32(len(c.points))
}

// reference is row i.
func (c *chunk) reference(i int32) reference {
	r := &c.rows[i]
	from, to := c.pointsOf(i)
	corners := int32(len(c.corners))
	if int(i)+1 < len(c.rows) {
		corners = c.rows[i+1].corners
	}
	position, _ := matcher.PositionOf(r.position)
	return reference{layout{
		points: c.points[from:to], signatures: c.signatures[4*from : 4*to], corners: c.corners[r.corners:corners],
		density: r.density, position: position,
	}}
}

// compare is entry e as a candidate: its best score over the references that may show the finger of p.
func (c *chunk) compare(p *probe, e int) matcher.Candidate {
	best := matcher.Candidate{Subject: c.entries[e].subject, Score: math.Inf(-1)}
	for i := c.entries[e].first; i < c.entries[e].to; i++ {
		if r := c.reference(i); p.position.Comparable(r.position) {
			best.Score = max(best.Score, similarity(p, &r))
			best.Comparisons++
		}
	}
	return best
}

// support is the most that a placement of a reference of entry e has, of those that may show the finger of p: its votes, by
// the minutiae of the smaller print.
func (c *chunk) support(p *probe, e int) (most float32) {
	for i := c.entries[e].first; i < c.entries[e].to; i++ {
		if r := c.reference(i); p.position.Comparable(r.position) {
			most = max(most, mostVotes(p, &r)/float32(fewPoints+min(len(p.points), len(r.points))))
		}
	}
	return most
}

// references copies the references of entry e out of c.
func (c *chunk) references(e entry) []*reference {
	var list []*reference
	for i := e.first; i < e.to; i++ {
		r := c.reference(i)
		list = append(list, &r)
	}
	return list
}

// trimmed is c in arrays without room to grow.
func (c *chunk) trimmed() *chunk {
	return &chunk{
		entries: slices.Clone(c.entries), gone: c.gone, rows: slices.Clone(c.rows),
		points: slices.Clone(c.points), signatures: slices.Clone(c.signatures), corners: slices.Clone(c.corners),
	}
}

// bytes is the memory that c's references take.
func (c *chunk) bytes() int {
	return cap(c.rows)*rowBytes + cap(c.points)*pointBytes + 8*cap(c.signatures) + cap(c.corners)
}
