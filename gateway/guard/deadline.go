package guard

import (
	"context"
	"time"
)

// deadline bounds each call. It relies on the adapter to return when its context ends, as ports demand.
func deadline(d time.Duration) layer {
	return func(next Run) Run {
		return func(ctx context.Context, operation string, call func(context.Context) error) error {
			ctx, cancel := context.WithTimeout(ctx, d)
			defer cancel()
			return next(ctx, operation, call)
		}
	}
}
