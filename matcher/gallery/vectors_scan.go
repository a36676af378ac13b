package gallery

import (
	"context"
	"slices"
	"sync"

	"biogate/matcher"
	"biogate/matcher/kernel"
)

// state is a gallery as it was after a change. The newest chunk may grow since: its view is a copy.
type state struct {
	chunks []*chunk
	newest view // of the last of chunks
	change uint64
}

// see is the gallery as of now. The caller holds the lock.
func (ix *Vectors) see(s *state) {
	s.chunks, s.change = ix.chunks, ix.change
	if n := len(s.chunks); n > 0 {
		s.newest = s.chunks[n-1].view
	}
}

// view is that of the i-th chunk.
func (s *state) view(i int) *view {
	if i == len(s.chunks)-1 {
		return &s.newest
	}
	return &s.chunks[i].view
}

// scan is one goroutine's work on a search.
type scan struct {
	stride int
	state  state
	dots   []int32
	above  []uint32
	one    nearest   // of a search alone
	each   []nearest // of a pass
	places []uint32
	named  []entryOf
}

type entryOf struct {
	in    *view
	entry int
}

var scans = sync.Pool{New: func() any { return &scan{} }}

func newScan(stride int) *scan {
	s := scans.Get().(*scan)
	s.stride = stride
	return s
}

// release gives the scan back, without anything that it saw.
func (s *scan) release() {
	s.state = state{}
	s.one.release()
	for i := range s.each {
		s.each[i].release()
	}
	clear(s.named)
	scans.Put(s)
}

// room is where n products go, and the numbers of those that are high enough.
func (s *scan) room(n, rows int) ([]int32, []uint32) {
	s.dots, s.above = slices.Grow(s.dots[:0], n), slices.Grow(s.above[:0], rows)
	return s.dots[:n], s.above[:rows]
}

// rows compares a range of rows with the probe of a search alone.
func (s *scan) rows(v *view, from, to int) {
	dots, above := s.room(to-from, to-from)
	kernel.Dots8(dots, v.vectors[from*s.stride:to*s.stride], s.one.elements)
	s.one.take(v, from, dots, above)
}

// alone searches in the caller's goroutine: a small gallery, or a small part of one.
func (ix *Vectors) alone(ctx context.Context, p probe, f matcher.Filter, dst []matcher.Candidate) ([]matcher.Candidate, error) {
	s := newScan(ix.stride)
	defer s.release()
	ix.lookUp(s, p, f)
	var err error
	if f.Subjects != nil {
		err = s.subjects(ctx)
	} else {
		err = s.chunks(ctx)
	}
	if err != nil {
		return dst, err
	}
	return s.one.candidates(dst), nil
}

// lookUp finds what a filter leaves of the gallery as of now.
func (ix *Vectors) lookUp(s *scan, p probe, f matcher.Filter) {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	ix.see(&s.state)
	s.one.reset(p, ix.groups.code(f.Group), s.state.change)
	if f.Subjects != nil {
		ix.lookUpSubjects(s, f.Subjects)
	}
}

// lookUpSubjects finds the entries of subjects, each once, in the order of memory.
func (ix *Vectors) lookUpSubjects(s *scan, subjects []string) {
	s.places = s.places[:0]
	for _, subject := range subjects {
		if at, known := ix.subjects.find(subject); known {
			s.places = append(s.places, ix.subjects.places[at])
		}
	}
	slices.Sort(s.places)
	s.named = s.named[:0]
	for _, place := range slices.Compact(s.places) {
		c, e := ix.entry(place)
		in := &c.view
		if c == s.state.chunks[len(s.state.chunks)-1] {
			in = &s.state.newest
		}
		s.named = append(s.named, entryOf{in, e})
	}
}

// subjects compares the entries that were named.
func (s *scan) subjects(ctx context.Context) error {
	for i, at := range s.named {
		if i%fewRows == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if s.one.group == 0 || at.in.groups[at.entry] == s.one.group {
			from, to := at.in.rowsOf(at.entry)
			s.rows(at.in, from, to)
		}
	}
	return nil
}

// chunks compares everybody, or a group.
func (s *scan) chunks(ctx context.Context) error {
	for i := range s.state.chunks {
		if err := ctx.Err(); err != nil {
			return err
		}
		if v := s.state.view(i); s.one.group == 0 {
			s.rows(v, 0, v.rows())
		} else {
			s.members(v)
		}
	}
	return nil
}

// members compares a group, those that stand together at once.
func (s *scan) members(v *view) {
	for e := 0; e < v.entries(); e++ {
		if v.groups[e] != s.one.group {
			continue
		}
		first := e
		for e+1 < v.entries() && v.groups[e+1] == s.one.group {
			e++
		}
		from, _ := v.rowsOf(first)
		_, to := v.rowsOf(e)
		s.rows(v, from, to)
	}
}
