package registry

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"biogate/gateway"
)

// history is what may be held about a subject: states in the order in which they may come to be. More than one: the
// outcome of the changes behind the first is not known.
type history struct {
	possible [][]string // ids; nil: nothing is held
	newest   uint64     // greatest version seen
}

// seen narrows the history to what was answered, and says whether it could be.
func (h *history) seen(state []string) bool {
	i := slices.IndexFunc(h.possible, func(p []string) bool { return slices.Equal(p, state) && (p == nil) == (state == nil) })
	if i >= 0 {
		h.possible = h.possible[i:]
	}
	return i >= 0
}

// world runs random operations on a registry whose stores fail in all ways, and compares with histories.
type world struct {
	*stage
	subjects map[string]*history
	next     int
}

func newWorld() *world {
	w := &world{stage: newStage(), subjects: map[string]*history{}}
	for _, s := range []string{"a", "b", "c"} {
		w.subjects[s] = &history{possible: [][]string{nil}}
	}
	return w
}

func TestNothingForgottenNothingLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld()
		t.Repeat(map[string]func(*rapid.T){
			"get":     w.get,
			"get ":    w.get,
			"update":  w.update,
			"update ": w.update,
			"forget":  w.forget,
			"cache mode": func(t *rapid.T) {
				w.cache.set(rapid.SampledFrom([]mode{works, works, refuses, fails, lossy, late}).Draw(t, "cache"))
			},
			"record mode": func(t *rapid.T) {
				w.record.set(rapid.SampledFrom([]mode{works, works, works, refuses, fails, lossy, late}).Draw(t, "record"))
			},
			"cache restarts empty": func(*rapid.T) { w.cache.lose() },
			"cache's late write":   func(t *rapid.T) { landOne(t, &w.cache.faults) },
			"record's late writes": func(*rapid.T) { w.record.landAll() },
			"health":               w.health,
			"process restarts":     func(*rapid.T) { w.restart() },
		})
		w.mends(t)
	})
}

func landOne(t *rapid.T, f *faults) {
	if n := len(f.pending); n > 0 {
		f.land(rapid.IntRange(0, n-1).Draw(t, "which"))
	}
}

func (w *world) draw(t *rapid.T) (string, *history) {
	name := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "subject")
	return name, w.subjects[name]
}

func (w *world) get(t *rapid.T) {
	name, h := w.draw(t)
	r, missing, err := w.Get(t.Context(), name)
	w.check(t, name, h, r, err)
	if err == nil && !w.cache.reads() && !slices.Contains(missing, "cache") {
		t.Fatalf("the cache is away and degraded is %v", missing)
	}
}

func (w *world) check(t *rapid.T, name string, h *history, r gateway.References, err error) {
	switch {
	case err == nil:
		if state := ids(r); !h.seen(state) || r.Version < h.newest {
			t.Fatalf("%s: answered %v in version %d, possible are %v from version %d", name, state, r.Version, h.possible, h.newest)
		}
		h.newest = r.Version
	case errors.Is(err, gateway.ErrNotFound):
		if !w.record.reads() || !h.seen(nil) {
			t.Fatalf("%s: not found, possible are %v, record readable: %v", name, h.possible, w.record.reads())
		}
	default:
		if w.record.reads() {
			t.Fatalf("%s: %v, while the record can be read", name, err)
		}
		isUnavailable(t, err)
	}
}

func isUnavailable(t *rapid.T, err error) {
	if e := gateway.AsError(err); e.Kind != gateway.Unavailable || e.Code != "record-unavailable" {
		t.Fatalf("%v, want record-unavailable", err)
	}
}

func (w *world) update(t *rapid.T) {
	name, h := w.draw(t)
	w.next++
	id := fmt.Sprint("t", w.next)
	var next []string
	r, _, err := w.Update(t.Context(), name, func(held gateway.References) (gateway.References, error) {
		if !h.seen(stateOf(held)) {
			t.Fatalf("%s: change saw %v, possible are %v", name, stateOf(held), h.possible)
		}
		next = append(ids(held), id)
		return adds(id)(held)
	})
	w.changed(t, h, next, err)
	if err == nil && r.Version <= h.newest {
		t.Fatalf("%s: version %d after %d", name, r.Version, h.newest)
	}
	h.newest = max(h.newest, r.Version)
}

// stateOf is nil when nothing is held.
func stateOf(r gateway.References) []string {
	if r.Version == 0 {
		return nil
	}
	return ids(r)
}

// changed takes the outcome of a change into the history.
func (w *world) changed(t *rapid.T, h *history, next []string, err error) {
	switch m := w.record.now(); {
	case err == nil && m != works, err != nil && m == works:
		t.Fatalf("%v from a record in mode %d", err, m)
	case err == nil:
		h.possible = [][]string{next}
	default:
		isUnavailable(t, err)
		if m == lossy || m == late {
			h.possible = append(h.possible, next)
		}
	}
}

func (w *world) forget(t *rapid.T) {
	name, h := w.draw(t)
	held, _, err := w.Forget(t.Context(), name, nil)
	absent := errors.Is(err, gateway.ErrNotFound)
	if absent {
		err = nil
	}
	if err == nil && !h.seen(stateOf(held)) {
		t.Fatalf("%s: forgot %v, possible were %v", name, stateOf(held), h.possible)
	}
	w.changed(t, h, nil, err)
	if err == nil && absent != (held.Version == 0) {
		t.Fatalf("%s: forgot version %d, not found: %v", name, held.Version, absent)
	}
}

// health: after a look at both stores, the list says what is away.
func (w *world) health(t *rapid.T) {
	w.Start(t.Context())
	names := w.Degraded()
	if slices.Contains(names, "record") == w.record.reads() {
		t.Fatalf("degraded %v, the record can be read: %v", names, w.record.reads())
	}
	if !w.cache.reads() && !slices.Contains(names, "cache") || w.cache.now() == works && w.record.now() == works && len(names) > 0 {
		t.Fatalf("degraded %v, cache in mode %d", names, w.cache.now())
	}
}

// mends: when both stores work again, everything is answered and nothing is degraded.
func (w *world) mends(t *rapid.T) {
	w.cache.set(works)
	w.record.set(works)
	w.health(t)
	for name, h := range w.subjects {
		for range 2 {
			r, missing, err := w.Get(t.Context(), name)
			w.check(t, name, h, r, err)
			if len(missing) != 0 {
				t.Fatalf("degraded %v after all is well", missing)
			}
		}
	}
}
