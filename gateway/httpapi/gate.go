package httpapi

import (
	"context"
	"sync"
)

// gate counts the requests inside and can be shut: then those inside finish and no other enters.
type gate struct {
	mu      sync.Mutex
	inside  int
	closing bool // shut, or going to be
	shut    bool
	empty   chan struct{} // closed when shut and nobody is inside
}

func newGate() *gate { return &gate{empty: make(chan struct{})} }

func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut {
		return false
	}
	g.inside++
	return true
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.inside--; g.shut && g.inside == 0 {
		close(g.empty)
	}
}

// announce says that the gate is going to be shut, and returns whether that is news.
func (g *gate) announce() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	news := !g.closing
	g.closing = true
	return news
}

func (g *gate) isClosing() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.closing
}

// close shuts the gate and waits until nobody is inside or ctx ends.
func (g *gate) close(ctx context.Context) error {
	g.mu.Lock()
	g.closing = true
	if !g.shut {
		if g.shut = true; g.inside == 0 {
			close(g.empty)
		}
	}
	g.mu.Unlock()
	select {
	case <-g.empty:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
