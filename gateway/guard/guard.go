// Package guard stands between the gateway and the systems outside it. A Guard is one pipeline a system, outermost
// first: metrics, breaker, bulkhead, deadline, then the adapter; thin wrappers send each method of a port through it.
//
// All ports of one system share its Guard, so that what one learns of an outage serves the others. A call that was not
// tried is a *Refused; "not found", "another version is held" and a typed gateway.Error are answers, not failures.
package guard

import (
	"context"
	"errors"
	"time"

	"biogate/gateway"
)

// Options of a Guard; zero values stand for the defaults below.
type Options struct {
	System   string // as in metrics and in the code of errors: record, cache, signer, ...
	Observer gateway.Observer
	Deadline time.Duration // of one call; 0: 1 s
	Capacity int           // calls at the same time; 0: 64
	Breaker  BreakerOptions
}

// Guard protects the calls to one system.
type Guard struct {
	system   string
	observer gateway.Observer
	breaker  *breaker
	places   *bulkhead
	deadline time.Duration
}

// New makes the Guard of a system.
func New(o Options) *Guard {
	if o.Observer == nil {
		o.Observer = unobserved{}
	}
	if o.Deadline == 0 {
		o.Deadline = time.Second
	}
	if o.Capacity == 0 {
		o.Capacity = 64
	}
	return &Guard{
		system: o.System, observer: o.Observer, breaker: newBreaker(o.System, o.Breaker, o.Observer),
		places: newBulkhead(o.System, o.Capacity), deadline: o.Deadline,
	}
}

// run sends one call of an operation, of those that answer at once, through the Guard. call may be skipped, and runs at most once.
// No layer keeps what is inside of it, so that none of these functions takes memory of its own.
func (g *Guard) run(ctx context.Context, operation string, call func(context.Context) error) error {
	return g.observed(ctx, operation, func() error {
		return g.breaker.through(ctx, func() error {
			return g.places.inside(func() error { return within(ctx, g.deadline, call) })
		})
	})
}

// long sends a listing, which lasts as long as its caller lets it.
func (g *Guard) long(ctx context.Context, operation string, call func(context.Context) error) error {
	return g.observed(ctx, operation, func() error {
		return g.breaker.through(ctx, func() error { return call(ctx) })
	})
}

// ask sends a call with a result through g; an error comes with the zero result.
func ask[T any](ctx context.Context, g *Guard, operation string, call func(context.Context) (T, error)) (T, error) {
	var result T
	err := g.run(ctx, operation, func(ctx context.Context) (err error) {
		result, err = call(ctx)
		return err
	})
	if err != nil {
		var none T
		return none, err
	}
	return result, nil
}

// each sends a listing through the Guard. What the caller's function fails with is no failure of the system.
func each(ctx context.Context, g *Guard, operation string, call func(ctx context.Context, failed func(error) error) error) error {
	return g.long(ctx, operation, func(ctx context.Context) error {
		var own error
		err := call(ctx, func(err error) error { own = err; return err })
		if own != nil && errors.Is(err, own) {
			return &callersError{err}
		}
		return err
	})
}

// callersError is an error that the system did not cause.
type callersError struct{ error }

func (e *callersError) Unwrap() error { return e.error }

// IsAnswer says whether err, nil among them, is what a working system answers, be it no.
func IsAnswer(err error) bool {
	if err == nil || errors.Is(err, gateway.ErrNotFound) || errors.Is(err, gateway.ErrConflict) {
		return true
	}
	typed, is := errors.AsType[*gateway.Error](err)
	return is && typed.Kind != gateway.Unavailable
}

type unobserved struct{}

func (unobserved) Stage(string, time.Duration)                {}
func (unobserved) Call(string, string, string, time.Duration) {}
func (unobserved) Breaker(string, string)                     {}
func (unobserved) Decision(string, string)                    {}
