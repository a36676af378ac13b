package gateway

import (
	"context"
	"sync"
)

// turns lets one at a time change what has a name: a change of the store and of memory is one step.
type turns struct {
	mu   sync.Mutex
	held map[string]*turn
}

// turn is whose turn it is with one name.
type turn struct {
	slot    chan struct{} // whoever is in it has the turn
	callers int           // that have it or wait for it
}

// take waits for the turn with name, which lasts until the returned function is called. The error is ctx's.
func (t *turns) take(ctx context.Context, name string) (release func(), err error) {
	w := t.join(name)
	select {
	case w.slot <- struct{}{}:
		return func() { <-w.slot; t.leave(name, w) }, nil
	case <-ctx.Done():
		t.leave(name, w)
		return nil, ctx.Err()
	}
}

func (t *turns) join(name string) *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	w, ok := t.held[name]
	if !ok {
		w = &turn{slot: make(chan struct{}, 1)}
		t.held[name] = w
	}
	w.callers++
	return w
}

func (t *turns) leave(name string, w *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if w.callers--; w.callers == 0 {
		delete(t.held, name)
	}
}
