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

// Run sends one call of an operation through a Guard or a part of it. call may be skipped, and runs at most once.
type Run func(ctx context.Context, operation string, call func(context.Context) error) error

// layer wraps what is inside of it.
type layer func(next Run) Run

// Guard protects the calls to one system.
type Guard struct {
	system string
	run    Run // calls that answer at once
	long   Run // listings, which last as long as their caller lets them
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
	observe, breaker := metrics(o.System, o.Observer), newBreaker(o.System, o.Breaker, o.Observer).layer
	return &Guard{
		system: o.System,
		run:    chain(observe, breaker, bulkhead(o.System, o.Capacity), deadline(o.Deadline)),
		long:   chain(observe, breaker),
	}
}

// chain puts the layers around a call, outermost first.
func chain(layers ...layer) Run {
	run := func(ctx context.Context, _ string, call func(context.Context) error) error { return call(ctx) }
	for i := len(layers) - 1; i >= 0; i-- {
		run = layers[i](run)
	}
	return run
}

// ask sends a call with a result through run; an error comes with the zero result.
func ask[T any](ctx context.Context, run Run, operation string, call func(context.Context) (T, error)) (T, error) {
	var result T
	err := run(ctx, operation, func(ctx context.Context) (err error) {
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
	var typed *gateway.Error
	return err == nil || errors.Is(err, gateway.ErrNotFound) || errors.Is(err, gateway.ErrConflict) ||
		errors.As(err, &typed) && typed.Kind != gateway.Unavailable
}

type unobserved struct{}

func (unobserved) Stage(string, time.Duration)                {}
func (unobserved) Call(string, string, string, time.Duration) {}
func (unobserved) Breaker(string, string)                     {}
func (unobserved) Decision(string, string)                    {}
