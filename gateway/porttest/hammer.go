package porttest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"biogate/gateway"
)

// Hammer puts concurrent load on a registry and checks every answer: nothing older than what was acknowledged before the
// question, nothing forgotten, no acknowledged update lost. Stores may fail meanwhile, if their failures show as
// gateway.Unavailable.
type Hammer struct {
	// Counts of what was seen.
	Reads, Updates, Forgets, Unavailable, Degraded atomic.Int64

	t        testing.TB
	registry gateway.Registry
	stop     chan struct{}
	all      sync.WaitGroup
	kept     []*hammered // only updated; others are forgotten too
}

// hammered is what must hold for one subject.
type hammered struct {
	name  string
	floor atomic.Uint64 // no version below it may be answered any more
	known sync.Map      // ids of acknowledged templates
	count atomic.Int64
}

// StartHammer begins the load: a writer for every subject, and readers.
func StartHammer(t testing.TB, r gateway.Registry) *Hammer {
	h := &Hammer{t: t, registry: r, stop: make(chan struct{})}
	for i := range 4 {
		kept, passing := &hammered{name: fmt.Sprint("kept-", i)}, &hammered{name: fmt.Sprint("passing-", i)}
		h.kept = append(h.kept, kept)
		h.repeat(func(n int) { h.update(kept, n) })
		h.repeat(func(n int) { h.update(passing, n) })
		h.repeat(func(int) { h.forget(passing) })
		h.repeat(func(int) { h.read(kept); h.read(passing) })
		h.repeat(func(int) { h.decide(passing) })
	}
	return h
}

func (h *Hammer) repeat(f func(n int)) {
	h.all.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-h.stop:
				return
			default:
				f(n)
				time.Sleep(time.Millisecond)
			}
		}
	})
}

// maxHeld bounds the templates of a hammered subject.
const maxHeld = 200

func (h *Hammer) update(s *hammered, n int) {
	id := fmt.Sprintf("%s-%d", s.name, n)
	if s.count.Load() >= maxHeld {
		return
	}
	r, degraded, err := h.registry.Update(context.Background(), s.name, func(held gateway.References) (gateway.References, error) {
		held.Templates = append(held.Templates, gateway.StoredTemplate{ID: id, Data: []byte(id)})
		return held, nil
	})
	if h.failed(err) {
		return
	}
	h.Updates.Add(1)
	s.count.Store(int64(len(r.Templates)))
	s.known.Store(id, true)
	raise(&s.floor, r.Version)
	h.note(degraded)
}

func (h *Hammer) forget(s *hammered) {
	held, degraded, err := h.registry.Forget(context.Background(), s.name, nil)
	if errors.Is(err, gateway.ErrNotFound) || h.failed(err) {
		return
	}
	h.Forgets.Add(1)
	s.count.Store(0)
	raise(&s.floor, held.Version+1)
	h.note(degraded)
}

func (h *Hammer) read(s *hammered) {
	floor := s.floor.Load()
	r, degraded, err := h.registry.Get(context.Background(), s.name)
	h.judge(s, floor, r, degraded, err)
}

// decide reads twice inside a Hold: both answers must be the same.
func (h *Hammer) decide(s *hammered) {
	defer h.registry.Hold(s.name)()
	floor := s.floor.Load()
	first, degraded, err := h.registry.Get(context.Background(), s.name)
	h.judge(s, floor, first, degraded, err)
	second, _, again := h.registry.Get(context.Background(), s.name)
	if isAnswer(err) && isAnswer(again) && (first.Version != second.Version || !errors.Is(again, err)) {
		h.t.Errorf("%s: version %d (%v) became %d (%v) inside a Hold", s.name, first.Version, err, second.Version, again)
	}
}

func isAnswer(err error) bool { return err == nil || errors.Is(err, gateway.ErrNotFound) }

func (h *Hammer) judge(s *hammered, floor uint64, r gateway.References, degraded []string, err error) {
	if errors.Is(err, gateway.ErrNotFound) {
		if s.name[0] == 'k' && floor > 0 {
			h.t.Errorf("%s: not found, after version %d was acknowledged", s.name, floor)
		}
		return
	}
	if h.failed(err) {
		return
	}
	h.Reads.Add(1)
	h.note(degraded)
	if r.Version < floor {
		h.t.Errorf("%s: answered version %d, after %d was acknowledged", s.name, r.Version, floor)
	}
}

func (h *Hammer) failed(err error) bool {
	if err == nil {
		return false
	}
	if e := gateway.AsError(err); e.Kind != gateway.Unavailable {
		h.t.Errorf("%v", err)
	}
	h.Unavailable.Add(1)
	return true
}

func (h *Hammer) note(degraded []string) {
	if len(degraded) > 0 {
		h.Degraded.Add(1)
	}
}

// Stop ends the load. With stores that work again, every acknowledged template must be there.
func (h *Hammer) Stop() {
	close(h.stop)
	h.all.Wait()
	for _, s := range h.kept {
		r, _, err := h.registry.Get(context.Background(), s.name)
		if err != nil && s.floor.Load() > 0 {
			h.t.Errorf("%s: %v", s.name, err)
		}
		held := map[string]bool{}
		for _, t := range r.Templates {
			held[t.ID] = true
		}
		s.known.Range(func(id, _ any) bool {
			if !held[id.(string)] {
				h.t.Errorf("%s: acknowledged template %s is lost", s.name, id)
			}
			return true
		})
	}
	h.t.Logf("%d reads, %d updates, %d forgets, %d unavailable, %d degraded",
		h.Reads.Load(), h.Updates.Load(), h.Forgets.Load(), h.Unavailable.Load(), h.Degraded.Load())
}

// raise makes v at least n.
func raise(v *atomic.Uint64, n uint64) {
	for {
		old := v.Load()
		if old >= n || v.CompareAndSwap(old, n) {
			return
		}
	}
}
