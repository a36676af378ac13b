package gateway

import (
	"context"
	"time"

	"biogate/gateway/decision"
)

// attempt is one attempt to be verified as a subject. It counts as failed until it is settled.
type attempt struct {
	attempts Attempts // nil: not counted
	subject  string
}

// attempt begins one, or refuses while the subject's back-off lasts.
func (s *Service) attempt(ctx context.Context, subject string) (attempt, error) {
	if s.deps.Attempts == nil {
		return attempt{}, nil
	}
	wait, err := s.deps.Attempts.Begin(ctx, subject)
	switch {
	case err != nil:
		return attempt{}, unavailable("attempts-unavailable", "how many attempts failed before cannot be said now", err)
	case wait > 0:
		return attempt{}, &Error{Kind: Limited, Code: "attempts-exceeded", Detail: "too many attempts failed", Hint: "wait as long as Retry-After says", RetryAfter: wait.Round(time.Second)}
	}
	return attempt{s.deps.Attempts, subject}, nil
}

// settle says how the attempt ended. A request that compared nothing is none.
func (a attempt) settle(ctx context.Context, out Outcome, err error) {
	if a.attempts == nil {
		return
	}
	ctx = context.WithoutCancel(ctx)
	switch {
	case err == nil && out.Decision == decision.Match:
		_ = a.attempts.Succeed(ctx, a.subject)
	case err != nil || len(out.Scores) == 0:
		_ = a.attempts.Withdraw(ctx, a.subject)
	}
}
