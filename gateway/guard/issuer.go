package guard

import (
	"context"

	"biogate/gateway"
)

// Issuer guards a maker of signed statements.
func (g *Guard) Issuer(inner gateway.Issuer) gateway.Issuer { return issuer{g, inner} }

type issuer struct {
	guard *Guard
	inner gateway.Issuer
}

func (s issuer) Assertion(ctx context.Context, a gateway.AssertionFacts) (string, error) {
	return ask(ctx, s.guard, "assertion", func(ctx context.Context) (string, error) { return s.inner.Assertion(ctx, a) })
}

func (s issuer) GalleryReceipt(ctx context.Context, e gateway.GalleryEnd) (string, error) {
	return ask(ctx, s.guard, "gallery-receipt", func(ctx context.Context) (string, error) { return s.inner.GalleryReceipt(ctx, e) })
}

func (s issuer) DeletionReceipt(ctx context.Context, d gateway.DeletionFacts) (string, error) {
	return ask(ctx, s.guard, "deletion-receipt", func(ctx context.Context) (string, error) { return s.inner.DeletionReceipt(ctx, d) })
}
