package registry

import (
	"math/rand/v2"
	"testing"
	"time"

	"biogate/gateway/porttest"
)

// Stores that fail at random under concurrent load. What is late lands when the test says so, in between.
func TestConcurrentLoadOverFailures(t *testing.T) {
	s := newStage()
	h := porttest.StartHammer(t, s)
	random := rand.New(rand.NewPCG(1, 2))
	for range 150 {
		s.cache.set([]mode{works, works, refuses, fails, lossy}[random.IntN(5)])
		s.record.set([]mode{works, works, works, refuses, fails, lossy}[random.IntN(6)])
		s.Start(t.Context())
		if random.IntN(4) == 0 {
			s.cache.lose()
		}
		time.Sleep(4 * time.Millisecond)
	}
	s.cache.set(works)
	s.record.set(works)
	s.Start(t.Context())
	h.Stop()
	if h.Reads.Load() == 0 || h.Updates.Load() == 0 || h.Forgets.Load() == 0 || h.Unavailable.Load() == 0 || h.Degraded.Load() == 0 {
		t.Error("the load did not meet every case")
	}
}
