package prommetrics

import (
	"maps"
	"sync"
	"sync/atomic"
)

// maxSeries bounds the series of one metric that are kept at hand; those beyond are looked up each time.
const maxSeries = 1024

// series are those of a metric that were met so far, by the labels as they are: to look one up costs a hash and no lock.
type series[K comparable, V any] struct {
	mu    sync.Mutex // of whoever adds one
	known atomic.Pointer[map[K]V]
}

// of is the series of labels. find looks it up the first time, and says whether labels are to be remembered: none that a series
// does not show as they are, because there is no end to them.
func (s *series[K, V]) of(labels K, find func(labels K) (V, bool)) V {
	if known := s.known.Load(); known != nil {
		if v, ok := (*known)[labels]; ok {
			return v
		}
	}
	v, remember := find(labels)
	if remember {
		s.add(labels, v)
	}
	return v
}

func (s *series[K, V]) add(labels K, v V) {
	s.mu.Lock()
	defer s.mu.Unlock()
	grown := map[K]V{}
	if known := s.known.Load(); known != nil {
		grown = maps.Clone(*known)
	}
	if len(grown) < maxSeries {
		grown[labels] = v
		s.known.Store(&grown)
	}
}
