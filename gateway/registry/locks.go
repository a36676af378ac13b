package registry

import (
	"hash/maphash"
	"sync"
)

// stripes is how many locks subjects share; more of them, fewer waits for a stranger.
const stripes = 1024

// locks orders what happens to one subject. Subjects share a stripe by chance, so nobody may hold two.
type locks struct {
	seed    maphash.Seed
	stripes []stripe
}

// stripe: whoever changes takes both, whole; decisions share the first, reads that fill the cache share the second. A
// decision may read, a read takes nothing further, so there is no circle.
type stripe struct {
	decisions, fills sync.RWMutex
}

func newLocks() locks {
	return locks{seed: maphash.MakeSeed(), stripes: make([]stripe, stripes)}
}

func (l *locks) of(subject string) *stripe {
	return &l.stripes[maphash.String(l.seed, subject)%uint64(len(l.stripes))]
}

func (l *locks) hold(subject string) (release func()) {
	s := l.of(subject)
	s.decisions.RLock()
	return s.decisions.RUnlock
}

func (l *locks) fill(subject string) (release func()) {
	s := l.of(subject)
	s.fills.RLock()
	return s.fills.RUnlock
}

func (l *locks) change(subject string) (release func()) {
	s := l.of(subject)
	s.decisions.Lock()
	s.fills.Lock()
	return func() {
		s.fills.Unlock()
		s.decisions.Unlock()
	}
}
