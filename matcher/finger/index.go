package finger

import (
	"context"
	"fmt"
	"iter"
	"sync"

	"biogate/matcher"
	"biogate/matcher/gallery"
)

// Index is a gallery of fingers, held in memory as a structure of arrays: for each minutia six bytes and a signature of 32. It
// implements matcher.Index, and is a log like gallery.Index: Set appends, Remove and Set mark the entry before as gone
// since a numbered change, and a search takes the log and the number once. A chunk of which most is gone is emptied into
// the newest, so changes are O(1) amortised and none waits for a search.
type Index struct {
	mu      sync.Mutex // guards what follows; a search holds it to list the chunks
	change  uint64     // number of the last change
	slots   []*slot
	newest  *slot // the one that grows
	current map[string]place
}

// slot holds a chunk as it grows.
type slot struct {
	chunk *chunk
	live  int // entries
	at    int // index in slots
}

// place is where a subject's live entry stands.
type place struct {
	slot  *slot
	entry int
}

var _ matcher.Index = (*Index)(nil)

// NewIndex makes an empty gallery.
func NewIndex() *Index { return &Index{current: map[string]place{}} }

// Set makes m a member in place of the one of that subject before. It refuses one without references (CodeBadParameter) and
// references of another engine (CodeModelMismatch), and then changes nothing.
func (ix *Index) Set(m matcher.Member) error {
	if len(m.References) == 0 {
		return badParameter("a subject in a gallery needs at least one reference")
	}
	ours := make([]*reference, len(m.References))
	for i, ref := range m.References {
		r, ok := ref.(*reference)
		if !ok {
			return &matcher.Error{Code: matcher.CodeModelMismatch, Detail: fmt.Sprintf("reference of model %q, the gallery holds %q", ref.Model(), Model)}
		}
		ours[i] = r
	}
	ix.mu.Lock()
	defer ix.mu.Unlock()
	ix.change++
	ix.end(m.Subject)
	ix.append(name{m.Subject, m.Group}, ours)
	return nil
}

// Remove forgets subject; a search that begins afterwards does not see it.
func (ix *Index) Remove(subject string) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	ix.change++
	ix.end(subject)
}

// Len is the number of subjects.
func (ix *Index) Len() int {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	return len(ix.current)
}

// Bytes is the memory of the references, without the names of their subjects.
func (ix *Index) Bytes() (n int) {
	chunks, _ := ix.state()
	for _, c := range chunks {
		n += c.bytes()
	}
	return n
}

// append adds an entry to the newest chunk, or to a new one.
func (ix *Index) append(of name, refs []*reference) {
	for ix.newest == nil || !ix.newest.chunk.fits(len(refs)) {
		ix.begin()
	}
	s := ix.newest
	s.chunk = s.chunk.with(of, refs)
	s.live++
	ix.current[of.subject] = place{s, len(s.chunk.entries) - 1}
}

// begin begins a new chunk; the one before grows no more.
func (ix *Index) begin() {
	full := ix.newest
	ix.newest = &slot{chunk: newChunk(), at: len(ix.slots)}
	ix.slots = append(ix.slots, ix.newest)
	if full != nil {
		full.chunk = full.chunk.trimmed()
	}
}

// end marks the live entry of subject, if any, as gone since the current change.
func (ix *Index) end(subject string) {
	at, ok := ix.current[subject]
	if !ok {
		return
	}
	delete(ix.current, subject)
	at.slot.chunk.gone[at.entry].Store(ix.change)
	at.slot.live--
	ix.tidy(at.slot)
}

// tidy drops a chunk of which half is gone, and moves what is live in it to the newest. Searches that began before keep the
// chunk, with what moved live in it.
func (ix *Index) tidy(s *slot) {
	c := s.chunk
	if 2*s.live > len(c.entries) {
		return
	}
	if s == ix.newest {
		ix.newest = nil
	}
	last := ix.slots[len(ix.slots)-1]
	ix.slots[s.at], last.at = last, s.at
	ix.slots[len(ix.slots)-1] = nil
	ix.slots = ix.slots[:len(ix.slots)-1]
	for i, e := range c.entries {
		if c.gone[i].Load() == 0 {
			ix.append(e.name, c.references(e))
		}
	}
}

// state is the gallery as of now: its chunks, and the number of the last change.
func (ix *Index) state() ([]*chunk, uint64) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	chunks := make([]*chunk, len(ix.slots))
	for i, s := range ix.slots {
		chunks[i] = s.chunk
	}
	return chunks, ix.change
}

// Search appends to dst the q.K subjects with the best scores, best first and equal scores by subject. Up to exhaustiveSubjects
// it is Exhaustive, from there on TwoStage. A foreign probe is refused (CodeModelMismatch).
func (ix *Index) Search(ctx context.Context, q matcher.Query, dst []matcher.Candidate) ([]matcher.Candidate, error) {
	if ix.Len() <= exhaustiveSubjects {
		return ix.Exhaustive(ctx, q, dst)
	}
	return ix.TwoStage(ctx, q, dst)
}

// Exhaustive is Search that compares every reference in full.
func (ix *Index) Exhaustive(ctx context.Context, q matcher.Query, dst []matcher.Candidate) ([]matcher.Candidate, error) {
	p, ok := q.Probe.(*probe)
	if !ok {
		return dst, errForeignProbe
	}
	best := gallery.NewRanking(dst, q.K)
	for c, e := range ix.entries(q.Among) {
		if err := ctx.Err(); err != nil {
			return dst, err
		}
		if candidate := c.compare(p, e); candidate.Comparisons > 0 {
			best.Offer(candidate)
		}
	}
	return best.Sorted(), nil
}

// entries are those that a filter lets through.
func (ix *Index) entries(f matcher.Filter) iter.Seq2[*chunk, int] {
	if f.Subjects != nil {
		return ix.named(f)
	}
	chunks, change := ix.state()
	return func(yield func(*chunk, int) bool) {
		for _, c := range chunks {
			for e := range c.entries {
				if c.live(e, change) && c.entries[e].in(f.Group) && !yield(c, e) {
					return
				}
			}
		}
	}
}

// named are the entries of the subjects that a filter names.
func (ix *Index) named(f matcher.Filter) iter.Seq2[*chunk, int] {
	type found struct {
		chunk *chunk
		entry int
	}
	var list []found
	ix.mu.Lock()
	for _, subject := range gallery.Distinct(f.Subjects) {
		if at, ok := ix.current[subject]; ok && at.slot.chunk.entries[at.entry].in(f.Group) {
			list = append(list, found{at.slot.chunk, at.entry})
		}
	}
	ix.mu.Unlock()
	return func(yield func(*chunk, int) bool) {
		for _, at := range list {
			if !yield(at.chunk, at.entry) {
				return
			}
		}
	}
}

var errForeignProbe = &matcher.Error{Code: matcher.CodeModelMismatch, Detail: "the probe was made by another engine than the gallery"}
