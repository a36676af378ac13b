package challenge

import (
	"container/heap"
	"context"
	"crypto/sha256"
	"errors"
	"sync"
	"time"
)

// Errors of Spent. None of them forgets anything: what cannot be remembered is refused.
var (
	// ErrFull: more nonces were used than are remembered. None is taken until some have expired.
	ErrFull = errors.New("too many nonces in a short time")
	// ErrShare: one device used more nonces than one may. Those of others are taken.
	ErrShare = errors.New("too many nonces of one device in a short time")
)

// deviceShare is the part of the memory that one device can fill. At the default rate of a device (50/s) and window (a minute
// behind and ahead) 6,000 nonces are remembered of it, of 62,500 that the default memory gives to each; to shut the memory for
// all, sixteen devices must be turned against it.
const deviceShare = 16

// Spent remembers used nonces in memory, as hashes, so that long ones take no more than short ones. It is safe for concurrent
// use and implements gateway.Nonces.
type Spent struct {
	limit int
	now   func() time.Time

	mu    sync.Mutex
	used  map[hash]struct{}
	by    map[string]int // device -> nonces
	queue queue
}

// hash is SHA-256, cut: whoever makes two nonces collide has one of their own refused.
type hash [16]byte

func hashOf(nonce string) hash {
	sum := sha256.Sum256([]byte(nonce))
	return hash(sum[:16])
}

type spent struct {
	nonce  hash
	device string
	until  time.Time
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
	return &Spent{limit: limit, now: now, used: map[hash]struct{}{}, by: map[string]int{}}
}

// Spend implements gateway.Nonces. The error is ErrFull or ctx's.
func (s *Spent) Spend(ctx context.Context, nonce string, until time.Time) (first bool, err error) {
	return s.SpendBy(ctx, "", nonce, until)
}

// SpendBy is Spend of a device's nonce; ErrShare when the device used too many. Without a device only the memory's limit holds.
func (s *Spent) SpendBy(ctx context.Context, device, nonce string, until time.Time) (first bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	h := hashOf(nonce)
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.forget(now)
	if _, used := s.used[h]; used || !now.Before(until) {
		return false, nil
	}
	switch {
	case len(s.used) >= s.limit:
		return false, ErrFull
	case device != "" && s.by[device] >= max(1, s.limit/deviceShare):
		return false, ErrShare
	}
	s.used[h] = struct{}{}
	if device != "" {
		s.by[device]++
	}
	heap.Push(&s.queue, spent{h, device, until})
	return true, nil
}

// Used implements gateway.Nonces. The error is ctx's.
func (s *Spent) Used(ctx context.Context, nonce string) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, used := s.used[hashOf(nonce)]
	return used, nil
}

// forget drops all that expired.
func (s *Spent) forget(now time.Time) {
	for len(s.queue) > 0 && !now.Before(s.queue[0].until) {
		old := heap.Pop(&s.queue).(spent)
		delete(s.used, old.nonce)
		if s.by[old.device]--; s.by[old.device] <= 0 {
			delete(s.by, old.device)
		}
	}
}
