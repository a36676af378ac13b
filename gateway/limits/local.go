package limits

import (
	"container/list"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"sync"
	"time"
)

// ErrFull: so many subjects have to wait that no other one's attempts can be counted.
var ErrFull = errors.New("the memory of failed attempts is full of subjects that have to wait")

// Local counts failed attempts in the memory of this process, for a bounded number of subjects, whose names it does not keep. It
// fulfils gateway.Attempts and is safe for concurrent use.
//
// When it is full, the subject whose last attempt is the longest ago and that need not wait is forgotten, those below Rule.Failures
// first: whoever wants a subject's failures to be forgotten has to fail at as many others as it holds. Who has to wait is never
// forgotten early; when all have to, Begin fails. Those whose wait is over must not fill it: one device that fails five times at
// each of as many subjects would shut out everybody else for as long as failures are kept.
type Local struct {
	rule Rule
	most int
	now  func() time.Time
	key  [32]byte

	mu    sync.Mutex
	held  map[name]*list.Element // of one of the lists
	below list.List              // of *held, by their last attempt: below Rule.Failures
	above list.List              // at or above
}

// name is a keyed hash of a subject.
type name [16]byte

type held struct {
	name  name
	tally Tally
}

// NewLocal makes a Local for most subjects at a time.
func NewLocal(rule Rule, most int, now func() time.Time) *Local {
	l := &Local{rule: rule, most: most, now: now, held: map[name]*list.Element{}}
	rand.Read(l.key[:])
	return l
}

// Begin counts an attempt as failed; or says how long subject has to wait, and counts nothing.
func (l *Local) Begin(_ context.Context, subject string) (wait time.Duration, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now, n := l.now(), l.name(subject)
	l.expire(now)
	next, wait := l.tally(n).Begin(l.rule, now)
	if wait > 0 {
		return wait, nil
	}
	if l.held[n] == nil && !l.room(now) {
		return 0, ErrFull
	}
	l.put(n, next)
	return 0, nil
}

// Succeed forgets the subjects' failures.
func (l *Local) Succeed(_ context.Context, subjects ...string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, subject := range subjects {
		l.drop(l.name(subject))
	}
	return nil
}

// Withdraw takes one attempt back.
func (l *Local) Withdraw(_ context.Context, subject string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.name(subject)
	if l.held[n] == nil {
		return nil
	}
	if left := l.tally(n).Withdraw(); left.Failures > 0 {
		l.put(n, left)
	} else {
		l.drop(n)
	}
	return nil
}

func (l *Local) name(subject string) (n name) {
	hash := sha256.New()
	hash.Write(l.key[:])
	hash.Write([]byte(subject))
	copy(n[:], hash.Sum(nil))
	return n
}

func (l *Local) tally(n name) Tally {
	if e := l.held[n]; e != nil {
		return e.Value.(*held).tally
	}
	return Tally{}
}

// put holds a tally as the last of its list.
func (l *Local) put(n name, t Tally) {
	l.drop(n)
	l.held[n] = l.list(t).PushBack(&held{n, t})
}

func (l *Local) list(t Tally) *list.List {
	if t.Failures < l.rule.Failures {
		return &l.below
	}
	return &l.above
}

func (l *Local) drop(n name) {
	if e := l.held[n]; e != nil {
		l.list(e.Value.(*held).tally).Remove(e)
		delete(l.held, n)
	}
}

// expire forgets what need not be remembered any more. Withdrawn attempts can stand a little out of order: they go later.
func (l *Local) expire(now time.Time) {
	for _, of := range []*list.List{&l.below, &l.above} {
		for e := of.Front(); e != nil && now.Sub(e.Value.(*held).tally.Last) > l.rule.Kept(); e = of.Front() {
			l.drop(e.Value.(*held).name)
		}
	}
}

// looked bounds how many subjects at or above Rule.Failures are looked at for one that need not wait any more.
const looked = 64

// room makes room for one more.
func (l *Local) room(now time.Time) bool {
	if len(l.held) < l.most {
		return true
	}
	if oldest := l.below.Front(); oldest != nil {
		l.drop(oldest.Value.(*held).name)
		return true
	}
	for e, i := l.above.Front(), 0; e != nil && i < looked; e, i = e.Next(), i+1 {
		if h := e.Value.(*held); l.rule.Wait(h.tally.Failures, h.tally.Last, now) == 0 {
			l.drop(h.name)
			return true
		}
	}
	return false
}
