// Package gallery keeps the references of many subjects in memory for 1:N search.
//
// The index is a log: Set appends an entry, Remove and Set mark the entry before as gone since a numbered change. A
// search takes the log's length and number once and so sees one state, while changes go on beside it; nobody waits
// for a search. Entries that are gone are dropped by copying the live ones when they have become the majority, which
// makes every change O(1) amortised.
package gallery

import (
	"context"
	"fmt"
	"math"
	"slices"
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
	matcher.Member
	gone atomic.Uint64 // number of the change that ended it; 0: live
}

var _ matcher.Index = (*Index)(nil)

// New makes an empty index for the references of model.
func New(model string) *Index {
	return &Index{model: model, current: map[string]*entry{}}
}

// Set makes m a member in place of the one of that subject before. It refuses one without references (CodeBadParameter) and
// references of another model (CodeModelMismatch), and then changes nothing.
func (ix *Index) Set(m matcher.Member) error {
	if len(m.References) == 0 {
		return &matcher.Error{Code: matcher.CodeBadParameter, Detail: "a subject in a gallery needs at least one reference"}
	}
	for _, r := range m.References {
		if r.Model() != ix.model {
			return &matcher.Error{Code: matcher.CodeModelMismatch, Detail: fmt.Sprintf("reference of model %q, the gallery holds %q", r.Model(), ix.model)}
		}
	}
	ix.mu.Lock()
	defer ix.mu.Unlock()
	ix.change++
	ix.end(m.Subject)
	e := &entry{Member: m}
	ix.current[m.Subject] = e
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

// Search appends to dst the q.K subjects with the best scores, best first and equal scores by subject.
func (ix *Index) Search(ctx context.Context, q matcher.Query, dst []matcher.Candidate) ([]matcher.Candidate, error) {
	log, change := ix.among(q.Among)
	best := NewRanking(dst, q.K)
	for _, e := range log {
		if gone := e.gone.Load(); gone != 0 && gone <= change || !e.in(q.Among.Group) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return dst, err
		}
		c, err := e.best(q.Probe)
		if err != nil {
			return dst, err
		}
		if c.Comparisons > 0 {
			best.Offer(c)
		}
	}
	return best.Sorted(), nil
}

// among is the part of the log that a filter's subjects leave, and the number of the last change.
func (ix *Index) among(f matcher.Filter) ([]*entry, uint64) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	if f.Subjects == nil {
		return ix.log, ix.change
	}
	log := make([]*entry, 0, len(f.Subjects))
	for _, subject := range Distinct(f.Subjects) {
		if e := ix.current[subject]; e != nil {
			log = append(log, e)
		}
	}
	return log, ix.change
}

// Distinct is a sorted copy of subjects without repetitions.
func Distinct(subjects []string) []string {
	list := slices.Clone(subjects)
	slices.Sort(list)
	return slices.Compact(list)
}

// in says whether an entry is of a group; every one is of the empty group.
func (e *entry) in(group string) bool { return group == "" || e.Group == group }

// best compares p with every reference of the entry whose position allows it.
func (e *entry) best(p matcher.Probe) (matcher.Candidate, error) {
	c := matcher.Candidate{Subject: e.Subject, Score: math.Inf(-1)}
	for _, ref := range e.References {
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
