package limits

import (
	"context"
	"maps"
	"slices"
	"sync"
)

// maxTold bounds the subjects of one call.
const maxTold = 128

// later tells the shared memory of successes when the answers have left already, of many in one call. Its zero value and a tell
// are ready for use.
type later struct {
	tell func(subjects ...string)

	mu      sync.Mutex
	waiting *news // not told yet; nil: none
	telling *news // nil: no call is under way
}

// news is what one call tells.
type news struct {
	subjects map[string]bool
	told     chan struct{} // closed when the call has ended
}

// add has subject told of. Where so many wait that the shared memory does not keep up, the caller waits too.
func (l *later) add(ctx context.Context, subject string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.waiting != nil && len(l.waiting.subjects) >= maxTold {
		if !l.await(ctx, l.waiting) {
			return // untold: the shared memory stays stricter
		}
	}
	if l.waiting == nil {
		l.waiting = &news{subjects: map[string]bool{}, told: make(chan struct{})}
	}
	l.waiting.subjects[subject] = true
	if l.telling == nil {
		l.next()
		go l.run()
	}
}

// settled waits until what was added of subject is told: the next attempt finds the failures before its success forgotten.
func (l *later) settled(ctx context.Context, subject string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range []*news{l.telling, l.waiting} {
		if n != nil && n.subjects[subject] {
			l.await(ctx, n)
		}
	}
}

// flush waits until all that was added is told.
func (l *later) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range []*news{l.telling, l.waiting} {
		if n != nil {
			l.await(context.Background(), n)
		}
	}
}

// await gives the lock away until n is told; false: ctx ended before.
func (l *later) await(ctx context.Context, n *news) bool {
	l.mu.Unlock()
	defer l.mu.Lock()
	select {
	case <-n.told:
		return true
	case <-ctx.Done():
		return false
	}
}

// next makes what waits what is told. The caller holds the lock.
func (l *later) next() { l.telling, l.waiting = l.waiting, nil }

// run tells until nothing waits.
func (l *later) run() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.telling != nil {
		n := l.telling
		l.mu.Unlock()
		l.tell(slices.Collect(maps.Keys(n.subjects))...)
		close(n.told)
		l.mu.Lock()
		l.next()
	}
}
