package limits

import (
	"sync"
	"time"
)

const sweepPause = time.Second

// Table holds a rate for each of many keys, in bounded memory. It is safe for concurrent use.
type Table[K comparable] struct {
	rate  Rate
	most  int
	clock clock

	mu    sync.Mutex
	due   map[K]time.Duration
	sweep int           // how many entries to hold before those that say nothing are dropped
	again time.Duration // when a table that stayed full is swept again
	rest  time.Duration // of all keys that found no room, together
}

// NewTable makes a Table for most keys at a time. Those that come on top share one rate, so that a full table lets through too
// little and never too much.
func NewTable[K comparable](rate Rate, most int, now func() time.Time) *Table[K] {
	return &Table[K]{rate: rate, most: most, clock: newClock(now), due: map[K]time.Duration{}, sweep: min(most, 1024)}
}

// Rate is the one that holds for each key.
func (t *Table[K]) Rate() Rate { return t.rate }

// Take asks for one event of key.
func (t *Table[K]) Take(key K) Verdict {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.clock.now()
	due, held := t.due[key]
	if !held && !t.room(now) {
		v := t.rate.Take(t.rest, now)
		t.rest = v.Due
		return v
	}
	v := t.rate.Take(due, now)
	t.due[key] = v.Due
	return v
}

// Look is Take without taking.
func (t *Table[K]) Look(key K) Verdict {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.clock.now()
	due, held := t.due[key]
	if !held && len(t.due) >= t.most {
		due = t.rest
	}
	return t.rate.Look(due, now)
}

// room makes room for one more key, by dropping those of which a new entry would say the same. A sweep costs as much as the
// insertions since the one before; whoever knocks at a full table must not cause one each time.
func (t *Table[K]) room(now time.Duration) bool {
	if len(t.due) < t.sweep {
		return true
	}
	if now < t.again {
		return false
	}
	for key, due := range t.due {
		if due <= now {
			delete(t.due, key)
		}
	}
	if t.sweep = min(t.most, max(1024, 2*len(t.due))); len(t.due) >= t.sweep {
		t.again = now + sweepPause
	}
	return len(t.due) < t.sweep
}

// clock counts from its making, and is not set back when the machine's is.
type clock struct {
	read  func() time.Time
	start time.Time
}

func newClock(read func() time.Time) clock { return clock{read, read()} }

func (c clock) now() time.Duration { return c.read().Sub(c.start) }
