package guard

import (
	"context"

	"biogate/gateway"
)

// Generations guards the cache generation that a record keeps.
func (g *Guard) Generations(inner gateway.Generations) gateway.Generations {
	return generations{g, inner}
}

type generations struct {
	guard *Guard
	inner gateway.Generations
}

func (n generations) Generation(ctx context.Context) (uint64, error) {
	return ask(ctx, n.guard, "generation", n.inner.Generation)
}

func (n generations) NextGeneration(ctx context.Context) (uint64, error) {
	return ask(ctx, n.guard, "next-generation", n.inner.NextGeneration)
}
