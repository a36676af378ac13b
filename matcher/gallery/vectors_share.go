package gallery

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"biogate/matcher/kernel"
)

// passes is how searches of one gallery share walks through it. One pass runs at a time; what comes meanwhile waits for the
// next, oldest first.
type passes struct {
	mu      sync.Mutex // guards what follows, and which pass a request is in
	waiting []*request
	running bool
}

// request is a search that takes part in passes.
type request struct {
	probe
	group string
	pass  *pass // nil: it waits
	left  atomic.Bool
	best  nearest
	done  chan struct{} // gets one value when the pass has ended
}

// pass is one walk through the gallery, by several goroutines, for several requests.
type pass struct {
	ix       *Vectors
	requests []*request
	packed   *kernel.Probes8 // of requests, if there are several
	askers   int             // who have not left; guarded by passes.mu
	stop     atomic.Bool     // all have left
	state    state
	next     atomic.Int64 // chunk
	mu       sync.Mutex   // guards best of the requests
}

func newRequest(p probe, group string) *request {
	return &request{probe: p, group: group, done: make(chan struct{}, 1)}
}

// share asks in passes.
func (ix *Vectors) share(ctx context.Context, requests ...*request) error {
	ix.passes.mu.Lock()
	ix.passes.waiting = append(ix.passes.waiting, requests...)
	if !ix.passes.running {
		ix.passes.running = true
		go ix.runPasses()
	}
	ix.passes.mu.Unlock()
	for i, r := range requests {
		select {
		case <-r.done:
		case <-ctx.Done():
			for _, r := range requests[i:] {
				ix.passes.leave(r)
			}
			return ctx.Err()
		}
	}
	return nil
}

// leave takes a request back. Who leaves a pass last waits until it has stopped: no work goes on for nobody.
func (q *passes) leave(r *request) {
	q.mu.Lock()
	p := r.pass
	if p == nil {
		at := slices.Index(q.waiting, r)
		q.waiting = slices.Delete(q.waiting, at, at+1)
		q.mu.Unlock()
		return
	}
	r.left.Store(true)
	p.askers--
	last := p.askers == 0
	q.mu.Unlock()
	if last {
		p.stop.Store(true)
		<-r.done
	}
}

// runPasses runs one pass after another until nobody waits.
func (ix *Vectors) runPasses() {
	for {
		p := ix.nextPass()
		if p == nil {
			return
		}
		began := time.Now()
		p.run()
		took := time.Since(began)
		more := ix.passes.more()
		p.end()
		if !more {
			return
		}
		if took >= longPass*ix.config.Wait {
			time.Sleep(ix.config.Wait)
		}
	}
}

// longPass is how many waits a pass lasts if it is worth waiting: those whom it answered ask again, and would else wait for
// the pass after the next.
const longPass = 64

// more says whether somebody waits; if not, whoever comes next begins a pass.
func (q *passes) more() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.running = len(q.waiting) > 0
	return q.running
}

// nextPass takes those who have waited longest; nil: nobody waits.
func (ix *Vectors) nextPass() *pass {
	q := &ix.passes
	q.mu.Lock()
	defer q.mu.Unlock()
	n := min(len(q.waiting), ix.config.Batch)
	if n == 0 {
		q.running = false
		return nil
	}
	p := &pass{ix: ix, requests: slices.Clone(q.waiting[:n]), askers: n}
	q.waiting = slices.Delete(q.waiting, 0, n)
	for _, r := range p.requests {
		r.pass = p
	}
	return p
}

// run walks through the gallery.
func (p *pass) run() {
	p.begin()
	var helpers sync.WaitGroup
	for range min(p.ix.config.Threads, len(p.state.chunks)) - 1 {
		helpers.Go(p.walk)
	}
	p.walk()
	helpers.Wait()
}

// end wakes the askers.
func (p *pass) end() {
	for _, r := range p.requests {
		r.done <- struct{}{}
	}
}

// begin takes the gallery as it is now, for all requests at once, which were made before.
func (p *pass) begin() {
	if n := len(p.requests); n > 1 {
		probes := make([]*kernel.Probe8, n)
		for i, r := range p.requests {
			probes[i] = r.elements
		}
		p.packed = kernel.NewProbes8(probes)
	}
	p.ix.mu.RLock()
	defer p.ix.mu.RUnlock()
	p.ix.see(&p.state)
	for _, r := range p.requests {
		r.best.reset(r.probe, p.ix.groups.code(r.group), p.state.change)
	}
}

// walk searches chunks until none is left, and brings in what it found.
func (p *pass) walk() {
	s := newScan(p.ix.stride)
	defer s.release()
	s.each = slices.Grow(s.each[:0], len(p.requests))[:len(p.requests)]
	for j, r := range p.requests {
		s.each[j].reset(r.probe, r.best.group, p.state.change)
	}
	for !p.stop.Load() {
		i := int(p.next.Add(1)) - 1
		if i >= len(p.state.chunks) {
			break
		}
		p.search(s, p.state.view(i))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for j, r := range p.requests {
		r.best.merge(&s.each[j])
	}
}

// search compares a chunk with all requests.
func (p *pass) search(s *scan, v *view) {
	for from := 0; from < v.rows(); {
		to := p.blockEnd(v, from)
		n := to - from
		dots, above := s.room(n*len(p.requests), n)
		block := v.vectors[from*s.stride : to*s.stride]
		if p.packed == nil {
			kernel.Dots8(dots, block, p.requests[0].elements)
		} else {
			kernel.DotsBatch8(dots, block, p.packed)
		}
		for j, r := range p.requests {
			if !r.left.Load() {
				s.each[j].take(v, from, dots[j*n:][:n], above)
			}
		}
		from = to
	}
}

// blockBytes is how much of the gallery several probes meet at once: it stays in a core's cache beside their products.
// docs/search.md has the figures.
const blockBytes = 256 << 10

// blockEnd is where the rows that are compared at once end: between two entries.
func (p *pass) blockEnd(v *view, from int) int {
	if p.packed == nil {
		return v.rows()
	}
	to := min(from+max(blockBytes/p.ix.stride, 1), v.rows())
	for to < v.rows() && v.owners[to] == v.owners[to-1] {
		to++
	}
	return to
}

// Bounds of what is searched alone: fewer bytes than sharedBytes, or a group of less than one subject in fewMembers.
const (
	sharedBytes = 4 << 20
	fewMembers  = 8
)

// worthSharing says whether a search is large enough for passes.
func (ix *Vectors) worthSharing(group string) bool {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	if group != "" && ix.groups.members(group)*fewMembers < ix.subjects.n {
		return false
	}
	return ix.live*ix.stride >= ix.sharedBytes
}
