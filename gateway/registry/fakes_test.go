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
	refuses      // the guard in front lets nothing through
	fails        // nothing is done
	lossy        // writes are done, but their answers get lost; reads work
	late         // writes fail, and are done some time later; reads work
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

// reads says whether reads work.
func (f *faults) reads() bool { return f.now() != refuses && f.now() != fails }

func (f *faults) read(do func() error) error {
	switch f.now() {
	case refuses:
		return &guard.Refused{System: "fake", Reason: guard.Open}
	case fails:
		return errDown
	default:
		return do()
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

// land does the n-th pending write, when there is one.
func (f *faults) land(n int) bool {
	f.mu.Lock()
	if n >= len(f.pending) {
		f.mu.Unlock()
		return false
	}
	do := f.pending[n]
	f.pending = append(f.pending[:n:n], f.pending[n+1:]...)
	f.mu.Unlock()
	do()
	return true
}

func (f *faults) landAll() {
	for f.land(0) {
	}
}

func (f *faults) drop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pending = nil
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
	s.held = map[uint64]*porttest.Memory{}
	s.drop()
}
