package guard

import (
	"context"
	"errors"
	"os"
	"time"

	"biogate/gateway"
)

// metrics tells the Observer how long each call took and how it ended.
func metrics(system string, o gateway.Observer) layer {
	return func(next Run) Run {
		return func(ctx context.Context, operation string, call func(context.Context) error) error {
			start := time.Now()
			err := next(ctx, operation, call)
			o.Call(system, operation, outcome(ctx, err), time.Since(start))
			return err
		}
	}
}

func outcome(ctx context.Context, err error) string {
	var refused *Refused
	var callers *callersError
	switch {
	case IsAnswer(err):
		return "ok"
	case errors.As(err, &refused):
		return refused.Reason
	case errors.Is(ctx.Err(), context.Canceled):
		return "canceled"
	case errors.As(err, &callers):
		return "ok"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "deadline"
	default:
		return "error"
	}
}
