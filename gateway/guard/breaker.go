package guard

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"

	"biogate/gateway"
)

// BreakerOptions say when a breaker opens; zero values stand for the defaults.
type BreakerOptions struct {
	Failures int           // in a row; 0: 5
	Ratio    float64       // of failures among at least Requests in Window; 0: 0.5
	Requests int           // 0: 20
	Window   time.Duration // 0: 10 s
	OpenFor  time.Duration // until one call is let through to try; 0: 2 s
}

func (o BreakerOptions) withDefaults() BreakerOptions {
	if o.Failures == 0 {
		o.Failures = 5
	}
	if o.Ratio == 0 {
		o.Ratio = 0.5
	}
	if o.Requests == 0 {
		o.Requests = 20
	}
	if o.Window == 0 {
		o.Window = 10 * time.Second
	}
	if o.OpenFor == 0 {
		o.OpenFor = 2 * time.Second
	}
	return o
}

// windowParts is how many steps a Window forgets in.
const windowParts = 10

// breaker refuses calls to a system that fails.
type breaker struct {
	system   string
	circuit  *gobreaker.CircuitBreaker[struct{}]
	openFor  time.Duration
	openedAt atomic.Pointer[time.Time]
}

func newBreaker(system string, o BreakerOptions, seen gateway.Observer) *breaker {
	o = o.withDefaults()
	b := &breaker{system: system, openFor: o.OpenFor}
	b.circuit = gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{
		Name: system, MaxRequests: 1, Timeout: o.OpenFor, Interval: o.Window, BucketPeriod: o.Window / windowParts,
		ReadyToTrip:  o.trips,
		IsSuccessful: IsAnswer,
		IsExcluded:   isExcluded,
		OnStateChange: func(_ string, _, to gobreaker.State) {
			now := time.Now()
			b.openedAt.Store(&now)
			seen.Breaker(system, to.String())
		},
	})
	seen.Breaker(system, b.circuit.State().String())
	return b
}

func (o BreakerOptions) trips(c gobreaker.Counts) bool {
	answered := c.TotalSuccesses + c.TotalFailures
	return int(c.ConsecutiveFailures) >= o.Failures ||
		int(answered) >= o.Requests && float64(c.TotalFailures) >= o.Ratio*float64(answered)
}

// through runs call unless the system failed lately, and counts how it ended.
func (b *breaker) through(ctx context.Context, call func() error) error {
	if err := ctx.Err(); err != nil {
		return err // the caller is gone already: says nothing about the system
	}
	_, err := b.circuit.Execute(func() (struct{}, error) {
		err := call()
		if err != nil && errors.Is(ctx.Err(), context.Canceled) {
			err = &callersError{err}
		}
		return struct{}{}, err
	})
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		return &Refused{System: b.system, Reason: Open, RetryAfter: b.retryAfter()}
	}
	return err
}

// isExcluded: errors that are neither success nor failure: the caller left, the caller's own function failed, or the
// bulkhead refused.
func isExcluded(err error) bool {
	_, callers := errors.AsType[*callersError](err)
	return callers || NotTried(err)
}

// retryAfter is what is left until the breaker tries again.
func (b *breaker) retryAfter() time.Duration {
	opened := b.openedAt.Load()
	if opened == nil {
		return minRetry
	}
	return max(minRetry, b.openFor-time.Since(*opened))
}
