package guard

import (
	"context"
	"time"
)

// within bounds a call. It relies on the adapter to return when its context ends, as ports demand.
func within(ctx context.Context, d time.Duration, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	return call(ctx)
}
