package challenge

import (
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
	queue []spent // in order of use
}

type spent struct {
	nonce string
	until time.Time
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
	s.queue = append(s.queue, spent{nonce, until})
	return true, nil
}

// forget drops what expired, up to the first that did not: what is behind that stays a little longer.
func (s *Spent) forget(now time.Time) {
	n := 0
	for n < len(s.queue) && !now.Before(s.queue[n].until) {
		delete(s.used, s.queue[n].nonce)
		s.queue[n] = spent{}
		n++
	}
	s.queue = s.queue[n:]
}
