package guard

import "context"

// bulkhead lets capacity calls run at the same time and refuses more at once: a slow system must not collect all workers.
func bulkhead(system string, capacity int) layer {
	places := make(chan struct{}, capacity)
	return func(next Run) Run {
		return func(ctx context.Context, operation string, call func(context.Context) error) error {
			select {
			case places <- struct{}{}:
				defer func() { <-places }()
				return next(ctx, operation, call)
			default:
				return &Refused{System: system, Reason: Full, RetryAfter: minRetry}
			}
		}
	}
}
