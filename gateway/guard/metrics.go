package guard

import (
	"context"
	"errors"
	"os"
	"time"
)

// observed tells the Observer how long a call took and how it ended.
func (g *Guard) observed(ctx context.Context, operation string, call func() error) error {
	start := time.Now()
	err := call()
	g.observer.Call(g.system, operation, outcome(ctx, err), time.Since(start))
	return err
}

func outcome(ctx context.Context, err error) string {
	if IsAnswer(err) {
		return "ok"
	}
	if refused, is := errors.AsType[*Refused](err); is {
		return refused.Reason
	}
	_, callers := errors.AsType[*callersError](err)
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return "canceled"
	case callers:
		return "ok"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "deadline"
	default:
		return "error"
	}
}
