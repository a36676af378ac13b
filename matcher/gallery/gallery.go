// Package gallery keeps the references of many subjects in memory for 1:N search.
//
// The index is a log: Set appends an entry, Remove and Set mark the entry before as gone since a numbered change. A
// search takes the log's length and number once and so sees one state, while changes go on beside it; nobody waits
// for a search. Entries that are gone are dropped by copying the live ones when they have become the majority, which
// makes every change O(1) amortised.
package gallery

import (
	"fmt"
	"math"
	"sync"
	"sync/atomic"

	"biogate/matcher"
)

// Index implements matcher.Index for the references of one model, of any engine. A removed subject's references leave
// memory when as many entries are gone as are live, or when the last search that could see them ends.
type Index struct {
	model string

	mu      sync.Mutex // guards what follows; held for a few instructions
	change  uint64     // number of the last change
	log     []*entry   // in order of change; entries before the length taken by a search never move
	current map[string]*entry
}

// entry is what one Set brought.
type entry struct {
	subject string
	refs    []matcher.Reference
	gone    atomic.Uint64 // number of the change that ended it; 0: live
}

var _ matcher.Index = (*Index)(nil)

// New makes an empty index for the references of model.
func New(model string) *Index {
	return &Index{model: model, current: map[string]*entry{}}
}

// Set makes refs the references of subject in place of those before. It refuses an empty list (CodeBadParameter) and
// references of another model (CodeModelMismatch), and then changes nothing.
func (ix *Index) Set(subject string, refs []matcher.Reference) error {
	if len(refs) == 0 {
		return &matcher.Error{Code: matcher.CodeBadParameter, Detail: "a subject in a gallery needs at least one reference"}
	}
	for _, r := range refs {
		if r.Model() != ix.model {
			return &matcher.Error{Code: matcher.CodeModelMismatch, Detail: fmt.Sprintf("reference of model %q, the gallery holds %q", r.Model(), ix.model)}
		}
	}
	ix.mu.Lock()
	defer ix.mu.Unlock()
	ix.change++
	ix.end(subject)
	e := &entry{subject: subject, refs: refs}
	ix.current[subject] = e
	ix.log = append(ix.log, e)
	ix.compact()
	return nil
}

// Remove forgets subject; a search that begins afterwards does not see it.
func (ix *Index) Remove(subject string) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	ix.change++
	ix.end(subject)
	delete(ix.current, subject)
	ix.compact()
}

// Len is the number of subjects.
func (ix *Index) Len() int {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	return len(ix.current)
}

// end marks the live entry of subject, if any, as gone since the current change.
func (ix *Index) end(subject string) {
	if e := ix.current[subject]; e != nil {
		e.gone.Store(ix.change)
	}
}

// compact drops the entries that are gone once they outnumber the live ones. Running searches keep the old log.
func (ix *Index) compact() {
	if len(ix.log) <= 2*len(ix.current) {
		return
	}
	live := make([]*entry, 0, 2*len(ix.current))
	for _, e := range ix.log {
		if e.gone.Load() == 0 {
			live = append(live, e)
		}
	}
	ix.log = live
}

// Search appends to dst the k subjects with the best scores, best first and equal scores by subject.
func (ix *Index) Search(p matcher.Probe, k int, dst []matcher.Candidate) ([]matcher.Candidate, error) {
	ix.mu.Lock()
	log, change := ix.log, ix.change
	ix.mu.Unlock()

	best := NewRanking(dst, k)
	for _, e := range log {
		if gone := e.gone.Load(); gone != 0 && gone <= change {
			continue
		}
		c, err := e.best(p)
		if err != nil {
			return dst, err
		}
		if c.Comparisons > 0 {
			best.Offer(c)
		}
	}
	return best.Sorted(), nil
}

// best compares p with every reference of the entry whose position allows it.
func (e *entry) best(p matcher.Probe) (matcher.Candidate, error) {
	c := matcher.Candidate{Subject: e.subject, Score: math.Inf(-1)}
	for _, ref := range e.refs {
		if !p.Position().Comparable(ref.Position()) {
			continue
		}
		score, err := p.Compare(ref)
		if err != nil {
			return c, err
		}
		c.Score = max(c.Score, score)
		c.Comparisons++
	}
	return c, nil
}
