package limits

import (
	"context"
	"sync/atomic"
	"time"
)

// longestAttempt is longer than a request can take.
const longestAttempt = 10 * time.Minute

// Counter is gateway.Attempts.
type Counter interface {
	Begin(ctx context.Context, subject string) (wait time.Duration, err error)
	Succeed(ctx context.Context, subjects ...string) error
	Withdraw(ctx context.Context, subject string) error
}

// Both counts attempts in this process and in a memory that all nodes share. It fulfils gateway.Attempts.
//
// Each attempt is counted here also while the shared memory answers, so that its outage is no amnesty: then what this process
// has seen goes on to count, and a subject has at most Rule.Failures attempts at each node before it waits there.
type Both struct {
	local, shared Counter
	lost          outage
	successes     later
}

// NewBoth puts local in front of shared.
func NewBoth(local, shared Counter, now func() time.Time) *Both {
	b := &Both{local: local, shared: shared, lost: outage{now: now}}
	b.successes.tell = func(subjects ...string) { b.lost.note(shared.Succeed(context.Background(), subjects...)) }
	return b
}

// Close waits until the shared memory is told all that it was to be told. A request that outlives a shutdown may still ask b.
func (b *Both) Close() error {
	b.successes.flush()
	return nil
}

// Begin counts an attempt as failed; or says how long subject has to wait, and counts nothing. Whichever makes it wait longer
// decides. Without the shared memory the local one decides alone.
func (b *Both) Begin(ctx context.Context, subject string) (wait time.Duration, err error) {
	if wait, err = b.local.Begin(ctx, subject); err != nil || wait > 0 {
		return wait, err
	}
	b.successes.settled(ctx, subject)
	wait, err = b.shared.Begin(ctx, subject)
	b.lost.note(err)
	if err == nil && wait > 0 {
		return wait, b.local.Withdraw(ctx, subject)
	}
	return 0, nil
}

// Succeed forgets the subjects' failures: here at once, in the shared memory soon, for which no answer has to wait.
func (b *Both) Succeed(ctx context.Context, subjects ...string) error {
	err := b.local.Succeed(ctx, subjects...)
	for _, subject := range subjects {
		b.successes.add(ctx, subject)
	}
	return err
}

// Withdraw takes one attempt back in both. When the shared memory was away lately it may not have counted this one, and another
// one must not be taken back in its place.
func (b *Both) Withdraw(ctx context.Context, subject string) error {
	if b.lost.lately() {
		return b.local.Withdraw(ctx, subject)
	}
	err := b.local.Withdraw(ctx, subject)
	b.lost.note(b.shared.Withdraw(ctx, subject)) // what it is not told leaves it stricter
	return err
}

// Degraded names the shared memory while it is away.
func (b *Both) Degraded() []string {
	if b.lost.lasts.Load() {
		return []string{"attempts"}
	}
	return nil
}

// outage is what is known of a memory's health from the calls to it.
type outage struct {
	now   func() time.Time
	lasts atomic.Bool
	since atomic.Pointer[time.Time] // the last failure
}

func (o *outage) note(err error) {
	if err != nil {
		now := o.now()
		o.since.Store(&now)
	}
	if o.lasts.Load() != (err != nil) {
		o.lasts.Store(err != nil)
	}
}

// lately says whether a call failed so short a time ago that an attempt may be under way which it concerned.
func (o *outage) lately() bool {
	since := o.since.Load()
	return since != nil && o.now().Sub(*since) < longestAttempt
}
