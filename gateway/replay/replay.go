// Package replay remembers what was used, so that nothing is taken twice: in this process always, and in a memory that the nodes
// of a deployment share where there is one.
//
// Three ways to use something up, by who else could take it:
//
//	Spend      any node could: all are told, or it fails
//	SpendHere  no other node takes it
//	Take       a request that any node could take, and that must be answered while the shared memory is gone: then this process
//	           alone remembers, takes only what is made now, and says so in Degraded
package replay

import (
	"context"
	"errors"
	"sync"
	"time"

	"biogate/gateway"
	"biogate/gateway/challenge"
	"biogate/gateway/guard"
)

// Mode is what Degraded names while the shared memory does not answer.
const Mode = "replay-memory"

// ahead is how far the clock of a device may be ahead of ours. A memory that ends within so short a time after something was used, and
// is there again, can take that a second time.
const ahead = 5 * time.Second

// probeEvery is how often an idle process asks the shared memory whether it is there.
const probeEvery = time.Second

// outAfter is how many calls in a row have to fail before that is an outage.
const outAfter = 5

// Options of a memory.
type Options struct {
	Remembered int           // how many used nonces this process remembers
	Window     time.Duration // how far the time of a request may lie in the past; in the future 5 s
	Narrow     time.Duration // the same while only this process remembers, at most Window
	Now        func() time.Time

	Shared gateway.Nonces // behind its guard, whose breaker says what an outage is; nil: there is no other node
	// Began is since when Shared has forgotten nothing. Required with Shared.
	Began func() time.Time
}

// Memory fulfils gateway.SharedNonces and gateway.Degrader. It is safe for concurrent use.
type Memory struct {
	o     Options
	local *challenge.Spent

	mu     sync.Mutex
	asked  bool      // Shared answered, or its breaker did
	failed int       // calls in a row that were tried and not answered
	out    bool      // Shared does not answer
	since  time.Time // of the last change of out; the start of the process at first
}

// New makes a memory. With Shared it is taken to be out until Probe or Run finds it.
func New(o Options) *Memory {
	return &Memory{o: o, local: challenge.NewSpent(o.Remembered, o.Now), out: o.Shared != nil, since: o.Now()}
}

// Run keeps watch over the shared memory until ctx ends.
func (m *Memory) Run(ctx context.Context) {
	if m.o.Shared == nil {
		return
	}
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for {
		m.Probe(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Probe asks the shared memory whether it is there.
func (m *Memory) Probe(ctx context.Context) {
	if m.o.Shared == nil {
		return
	}
	_, err := m.o.Shared.Used(ctx, "probe:")
	m.learn(err)
}

// Spend implements gateway.Nonces: here, then everywhere. It fails while the other nodes cannot be told.
func (m *Memory) Spend(ctx context.Context, nonce string, until time.Time) (first bool, err error) {
	if first, err = m.local.Spend(ctx, nonce, until); err != nil || !first || m.o.Shared == nil {
		return first, err
	}
	return m.tell(ctx, nonce, until)
}

// SpendHere implements gateway.SharedNonces.
func (m *Memory) SpendHere(ctx context.Context, nonce string, until time.Time) (first bool, err error) {
	return m.local.Spend(ctx, nonce, until)
}

// Take uses up what a device made at a time and no node takes after until: the nonce of a request, or the id of a proof, under a
// name that no other thing has. first is false when it must not be taken: it was used, or may have been used where nobody remembers
// it; the time lies outside Window. The error is that of Spend: the request may be repeated with a new one. device is whose share of
// the memory it takes; empty where devices are not known.
func (m *Memory) Take(ctx context.Context, device, name string, made, until time.Time) (first bool, err error) {
	if !m.fits(made) { // it takes no room
		return false, nil
	}
	if first, err = m.local.SpendBy(ctx, device, name, until); err != nil || !first {
		return first, err
	}
	if m.o.Shared != nil {
		first, err = m.tell(ctx, name, until)
	}
	return m.judge(made, first, err)
}

// judge decides with what is known after the nonce was spent: the shared memory may have gone, or begun anew, meanwhile.
func (m *Memory) judge(made time.Time, first bool, err error) (bool, error) {
	if err != nil && !m.isOut() {
		return false, err
	}
	if err == nil && !first {
		return false, nil
	}
	return m.fits(made), nil
}

// fits: what is from the future could be used now, be forgotten with the memory, and be taken again when its time has come.
func (m *Memory) fits(made time.Time) bool {
	age := m.o.Now().Sub(made)
	return age <= m.Window() && age >= -m.Ahead() && !made.Before(m.Since())
}

// tell spends a nonce in the shared memory and learns from the answer.
func (m *Memory) tell(ctx context.Context, nonce string, until time.Time) (bool, error) {
	first, err := m.o.Shared.Spend(ctx, nonce, until)
	m.learn(err)
	return first && err == nil, err
}

// learn: an outage begins when the breaker says so, or with outAfter calls in a row that were tried and failed: a breaker that tries
// again sooner than an idle process asks is never found open. It ends with the first call that is answered. What was made before
// either may have been used where the other side knows nothing of it.
func (m *Memory) learn(err error) {
	var refused *guard.Refused
	isRefused := errors.As(err, &refused)
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case err == nil:
		m.failed = 0
	case !isRefused && !errors.Is(err, context.Canceled):
		m.failed++
	}
	out := isRefused && refused.Reason == guard.Open || m.failed >= outAfter
	if err != nil && !out {
		m.asked = true
		return
	}
	if m.out != out {
		m.out, m.since = out, m.o.Now()
	}
	if !out && !m.asked { // found at once: the shared memory remembers what was before this process
		m.since = time.Time{}
	}
	m.asked = true
}

func (m *Memory) isOut() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.out
}

// Ahead is how far the time of a request may lie in the future.
func (m *Memory) Ahead() time.Duration { return min(ahead, m.Window()) }

// Window is how far the time of a request may lie in the past.
func (m *Memory) Window() time.Duration {
	if m.isOut() {
		return m.o.Narrow
	}
	return m.o.Window
}

// Since is since when everything that was used is remembered. What was made before is not to be taken.
func (m *Memory) Since() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.o.Shared == nil || m.out {
		return m.since
	}
	if began := m.o.Began(); began.After(m.since) {
		return began
	}
	return m.since
}

// Shared implements gateway.SharedNonces.
func (m *Memory) Shared() (since time.Time, ok bool) {
	return m.Since(), m.o.Shared != nil && !m.isOut()
}

// Used implements gateway.Nonces, as this process knows it: a look costs no call.
func (m *Memory) Used(ctx context.Context, nonce string) (bool, error) {
	return m.local.Used(ctx, nonce)
}

// Degraded implements gateway.Degrader.
func (m *Memory) Degraded() []string {
	if m.o.Shared != nil && m.isOut() {
		return []string{Mode}
	}
	return nil
}

var (
	_ gateway.SharedNonces = (*Memory)(nil)
	_ gateway.Degrader     = (*Memory)(nil)
)
