package finger

import (
	"fmt"
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

// Set makes refs the references of subject in place of those before. It refuses an empty list (CodeBadParameter) and
// references of another engine (CodeModelMismatch), and then changes nothing.
func (ix *Index) Set(subject string, refs []matcher.Reference) error {
	if len(refs) == 0 {
		return badParameter("a subject in a gallery needs at least one reference")
	}
	ours := make([]*reference, len(refs))
	for i, ref := range refs {
		r, ok := ref.(*reference)
		if !ok {
			return &matcher.Error{Code: matcher.CodeModelMismatch, Detail: fmt.Sprintf("reference of model %q, the gallery holds %q", ref.Model(), Model)}
		}
		ours[i] = r
	}
	ix.mu.Lock()
	defer ix.mu.Unlock()
	ix.change++
	ix.end(subject)
	ix.append(subject, ours)
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
func (ix *Index) append(subject string, refs []*reference) {
	for ix.newest == nil || !ix.newest.chunk.fits(len(refs)) {
		ix.begin()
	}
	s := ix.newest
	s.chunk = s.chunk.with(subject, refs)
	s.live++
	ix.current[subject] = place{s, len(s.chunk.entries) - 1}
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
			ix.append(e.subject, c.references(e))
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

// Search appends to dst the k subjects with the best scores, best first and equal scores by subject. Up to exhaustiveSubjects
// it is Exhaustive, from there on TwoStage. A foreign probe is refused (CodeModelMismatch).
func (ix *Index) Search(p matcher.Probe, k int, dst []matcher.Candidate) ([]matcher.Candidate, error) {
	if ix.Len() <= exhaustiveSubjects {
		return ix.Exhaustive(p, k, dst)
	}
	return ix.TwoStage(p, k, dst)
}

// Exhaustive is Search that compares every reference in full.
func (ix *Index) Exhaustive(p matcher.Probe, k int, dst []matcher.Candidate) ([]matcher.Candidate, error) {
	q, ok := p.(*probe)
	if !ok {
		return dst, errForeignProbe
	}
	chunks, change := ix.state()
	best := gallery.NewRanking(dst, k)
	for _, c := range chunks {
		for e := range c.entries {
			if !c.live(e, change) {
				continue
			}
			if candidate := c.compare(q, e); candidate.Comparisons > 0 {
				best.Offer(candidate)
			}
		}
	}
	return best.Sorted(), nil
}

var errForeignProbe = &matcher.Error{Code: matcher.CodeModelMismatch, Detail: "the probe was made by another engine than the gallery"}
