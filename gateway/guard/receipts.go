package guard

import (
	"context"

	"biogate/gateway"
)

// Receipts guards a store of receipts.
func (g *Guard) Receipts(inner gateway.Receipts) gateway.Receipts { return receipts{g, inner} }

type receipts struct {
	guard *Guard
	inner gateway.Receipts
}

func (s receipts) Recall(ctx context.Context, key string) (gateway.Receipt, error) {
	return ask(ctx, s.guard, "recall", func(ctx context.Context) (gateway.Receipt, error) { return s.inner.Recall(ctx, key) })
}

func (s receipts) Remember(ctx context.Context, key string, r gateway.Receipt) error {
	return s.guard.run(ctx, "remember", func(ctx context.Context) error { return s.inner.Remember(ctx, key, r) })
}
