package guard

import (
	"context"

	"biogate/gateway"
)

// Audit guards a record of what the gateway did.
func (g *Guard) Audit(inner gateway.Audit) gateway.Audit { return audit{g, inner} }

type audit struct {
	guard *Guard
	inner gateway.Audit
}

func (s audit) Append(ctx context.Context, e gateway.AuditEvent) error {
	return s.guard.run(ctx, "append", func(ctx context.Context) error { return s.inner.Append(ctx, e) })
}
