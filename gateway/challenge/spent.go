package challenge

import (
	"container/heap"
	"context"
	"errors"
	"sync"
	"time"
)

// ErrFull: more nonces were used than are remembered. None is taken until some have expired.
var ErrFull = errors.New("too many nonces in a short time")

// Spent remembers used nonces in memory. It is safe for concurrent use and implements gateway.Nonces.
type Spent struct {
	limit int
	now   func() time.Time

	mu    sync.Mutex
	used  map[string]struct{}
	queue queue
}

type spent struct {
	nonce string
	until time.Time
}

// queue is a heap of used nonces: the first is the first that may be forgotten.
type queue []spent

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].until.Before(q[j].until) }
func (q queue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)        { *q = append(*q, x.(spent)) }

func (q *queue) Pop() any {
	last := len(*q) - 1
	x := (*q)[last]
	(*q)[last] = spent{}
	*q = (*q)[:last]
	return x
}

// NewSpent makes a memory for at most limit nonces at a time, some 150 bytes each.
func NewSpent(limit int, now func() time.Time) *Spent {
	return &Spent{limit: limit, now: now, used: map[string]struct{}{}}
}

// Spend implements gateway.Nonces. The error is ErrFull or ctx's.
func (s *Spent) Spend(ctx context.Context, nonce string, until time.Time) (first bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.forget(now)
	if _, used := s.used[nonce]; used || !now.Before(until) {
		return false, nil
	}
	if len(s.used) == s.limit {
		return false, ErrFull
	}
	s.used[nonce] = struct{}{}
	heap.Push(&s.queue, spent{nonce, until})
	return true, nil
}

// Used implements gateway.Nonces. The error is ctx's.
func (s *Spent) Used(ctx context.Context, nonce string) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, used := s.used[nonce]
	return used, nil
}

// forget drops all that expired.
func (s *Spent) forget(now time.Time) {
	for len(s.queue) > 0 && !now.Before(s.queue[0].until) {
		delete(s.used, heap.Pop(&s.queue).(spent).nonce)
	}
}
