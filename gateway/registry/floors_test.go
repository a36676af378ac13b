package registry

import (
	"errors"
	"fmt"
	"testing"

	"biogate/gateway"
	"biogate/gateway/porttest"
)

// putBack has the cache hold r again, as somebody can who kept its bytes and may write to it.
func (s *stage) putBack(t *testing.T, r gateway.References) {
	t.Helper()
	s.cache.mu.Lock()
	s.cache.held[s.cache.generation.Load()] = porttest.NewMemory(porttest.Cache)
	s.cache.mu.Unlock()
	if err := s.cache.current().Put(t.Context(), r, 0); err != nil {
		t.Fatal(err)
	}
}

// Who was deleted, or whose reference was replaced, is not known again because the cache says so.
func TestWhatIsPutBackIntoTheCacheIsNotBelieved(t *testing.T) {
	s := newStage()
	first := s.mustUpdate(t, "a", "t1")
	s.mustUpdate(t, "a", "t2")
	s.putBack(t, first)
	s.mustGet(t, "a", []string{"t1", "t2"})
	if held, err := s.cache.current().Get(t.Context(), "a"); err != nil || held.Version <= first.Version {
		t.Errorf("the cache still has version %d, %v", held.Version, err)
	}

	second, _, err := s.Get(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Forget(t.Context(), "a", nil); err != nil {
		t.Fatal(err)
	}
	for _, r := range []gateway.References{first, second} {
		s.putBack(t, r)
		if held, _, err := s.Get(t.Context(), "a"); !errors.Is(err, gateway.ErrNotFound) {
			t.Errorf("who was deleted is known again: %v, %v", ids(held), err)
		}
	}
	again := s.mustUpdate(t, "a", "t3")
	s.putBack(t, second)
	s.mustGet(t, "a", []string{"t3"})
	if again.Version <= second.Version {
		t.Errorf("version %d after %d", again.Version, second.Version)
	}
}

// More changes than are remembered make the cache begin anew: what an earlier generation holds is nobody's.
func TestTooManyChangesMoveTheGeneration(t *testing.T) {
	s := newStage()
	before := s.cache.generation.Load()
	s.mustUpdate(t, "a", "t1")
	for i := range maxFloors {
		s.Registry.cache.floors.raise(fmt.Sprint(i), 1)
	}
	if s.cache.generation.Load() != before {
		t.Fatal("the generation moved too early")
	}
	if _, _, err := s.Forget(t.Context(), "a", nil); err != nil {
		t.Fatal(err)
	}
	if s.cache.generation.Load() != before+1 || len(s.Degraded()) != 0 {
		t.Errorf("generation %d after %d, degraded %v", s.cache.generation.Load(), before, s.Degraded())
	}
}
