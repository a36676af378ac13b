package registry

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"biogate/gateway"
	"biogate/gateway/guard"
	"biogate/gateway/porttest"
)

// mode is how a fake store behaves towards a call.
type mode int

const (
	works   mode = iota
	refuses      // the guard in front does not let it through
	fails        // does nothing and says so late
	lossy        // does it, but the answer gets lost
	late         // says that it failed, and does it some time later
)

var (
	errDown    = errors.New("connection refused")
	errTimeout = errors.New("i/o timeout")
)

// faults runs calls as its mode says. What is late waits in pending.
type faults struct {
	mu      sync.Mutex
	mode    mode
	pending []func()
}

func (f *faults) set(m mode) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mode = m
}

func (f *faults) now() mode {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mode
}

// read: what is late for a write is a failure for a read.
func (f *faults) read(do func() error) error {
	switch f.now() {
	case works:
		return do()
	case refuses:
		return &guard.Refused{System: "fake", Reason: guard.Open}
	default:
		return errDown
	}
}

func (f *faults) write(do func() error) error {
	switch f.now() {
	case works:
		return do()
	case refuses:
		return &guard.Refused{System: "fake", Reason: guard.Open}
	case lossy:
		_ = do()
		return errTimeout
	case late:
		f.mu.Lock()
		defer f.mu.Unlock()
		f.pending = append(f.pending, func() { _ = do() })
		return errTimeout
	default:
		return errDown
	}
}

// land does the n-th pending write.
func (f *faults) land(n int) {
	f.mu.Lock()
	do := f.pending[n]
	f.pending = append(f.pending[:n:n], f.pending[n+1:]...)
	f.mu.Unlock()
	do()
}

func (f *faults) landAll() {
	for len(f.pending) > 0 {
		f.land(0)
	}
}

// fakeRecord orders its writes: what is late lands before the next one is done.
type fakeRecord struct {
	faults
	*porttest.Memory
}

func newFakeRecord() *fakeRecord { return &fakeRecord{Memory: porttest.NewMemory(porttest.Record)} }

func (s *fakeRecord) Get(ctx context.Context, subject string) (r gateway.References, err error) {
	err = s.read(func() error { r, err = s.Memory.Get(ctx, subject); return err })
	return r, err
}

func (s *fakeRecord) Put(ctx context.Context, r gateway.References, replaces uint64) error {
	return s.write(func() error { s.landAll(); return s.Memory.Put(context.Background(), r, replaces) })
}

func (s *fakeRecord) Delete(ctx context.Context, subject string, version uint64) error {
	return s.write(func() error { s.landAll(); return s.Memory.Delete(context.Background(), subject, version) })
}

func (s *fakeRecord) NextGeneration(ctx context.Context) (g uint64, err error) {
	err = s.write(func() error { s.landAll(); g, err = s.Memory.NextGeneration(context.Background()); return err })
	return g, err
}

func (s *fakeRecord) Ping(ctx context.Context) error {
	return s.read(func() error { return nil })
}

// fakeCache keeps what it has over an outage, a generation beside the other, and does late writes in any order.
type fakeCache struct {
	faults
	generation *atomic.Uint64
	mu         sync.Mutex
	held       map[uint64]*porttest.Memory
}

func newFakeCache() *fakeCache {
	return &fakeCache{generation: new(atomic.Uint64), held: map[uint64]*porttest.Memory{}}
}

func (s *fakeCache) current() *porttest.Memory {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.generation.Load()
	if s.held[g] == nil {
		s.held[g] = porttest.NewMemory(porttest.Cache)
	}
	return s.held[g]
}

func (s *fakeCache) Get(ctx context.Context, subject string) (r gateway.References, err error) {
	m := s.current()
	err = s.read(func() error { r, err = m.Get(ctx, subject); return err })
	return r, err
}

func (s *fakeCache) Put(ctx context.Context, r gateway.References, replaces uint64) error {
	m := s.current()
	return s.write(func() error { return m.Put(context.Background(), r, replaces) })
}

func (s *fakeCache) Delete(ctx context.Context, subject string, version uint64) error {
	m := s.current()
	return s.write(func() error { return m.Delete(context.Background(), subject, version) })
}

func (s *fakeCache) Ping(ctx context.Context) error {
	return s.read(func() error { return nil })
}

// lose empties the cache; connections and what was under way on them are lost with it.
func (s *fakeCache) lose() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held, s.pending = map[uint64]*porttest.Memory{}, nil
}
