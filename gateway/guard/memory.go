package guard

import (
	"context"
	"time"

	"biogate/gateway"
)

// Nonces guards a memory of used nonces.
func (g *Guard) Nonces(inner gateway.Nonces) gateway.Nonces { return nonces{g, inner} }

type nonces struct {
	guard *Guard
	inner gateway.Nonces
}

func (n nonces) Spend(ctx context.Context, nonce string, until time.Time) (bool, error) {
	return ask(ctx, n.guard, "spend", func(ctx context.Context) (bool, error) { return n.inner.Spend(ctx, nonce, until) })
}

func (n nonces) Used(ctx context.Context, nonce string) (bool, error) {
	return ask(ctx, n.guard, "used", func(ctx context.Context) (bool, error) { return n.inner.Used(ctx, nonce) })
}

// Attempts guards a count of failed attempts.
func (g *Guard) Attempts(inner gateway.Attempts) gateway.Attempts { return attempts{g, inner} }

type attempts struct {
	guard *Guard
	inner gateway.Attempts
}

func (a attempts) Begin(ctx context.Context, subject string) (time.Duration, error) {
	return ask(ctx, a.guard, "begin", func(ctx context.Context) (time.Duration, error) { return a.inner.Begin(ctx, subject) })
}

func (a attempts) Succeed(ctx context.Context, subjects ...string) error {
	return a.guard.run(ctx, "succeed", func(ctx context.Context) error { return a.inner.Succeed(ctx, subjects...) })
}

func (a attempts) Withdraw(ctx context.Context, subject string) error {
	return a.guard.run(ctx, "withdraw", func(ctx context.Context) error { return a.inner.Withdraw(ctx, subject) })
}
