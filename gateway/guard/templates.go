package guard

import (
	"context"

	"biogate/gateway"
)

// Templates guards a store of references. What the store can do beyond the port (gateway.TemplateLister,
// gateway.Pinger), the guarded store can do too.
func (g *Guard) Templates(inner gateway.Templates) gateway.Templates {
	t := templates{g, inner}
	l, canList := inner.(gateway.TemplateLister)
	p, canPing := inner.(gateway.Pinger)
	switch {
	case canList && canPing:
		return struct {
			templates
			lister
			pinger
		}{t, lister{g, l}, pinger{g, p}}
	case canList:
		return struct {
			templates
			lister
		}{t, lister{g, l}}
	case canPing:
		return struct {
			templates
			pinger
		}{t, pinger{g, p}}
	default:
		return t
	}
}

type templates struct {
	guard *Guard
	inner gateway.Templates
}

func (t templates) Get(ctx context.Context, subject string) (gateway.References, error) {
	return ask(ctx, t.guard, "get", func(ctx context.Context) (gateway.References, error) { return t.inner.Get(ctx, subject) })
}

func (t templates) Put(ctx context.Context, r gateway.References, replaces uint64) error {
	return t.guard.run(ctx, "put", func(ctx context.Context) error { return t.inner.Put(ctx, r, replaces) })
}

func (t templates) Delete(ctx context.Context, subject string, version uint64) error {
	return t.guard.run(ctx, "delete", func(ctx context.Context) error { return t.inner.Delete(ctx, subject, version) })
}

type lister struct {
	guard *Guard
	inner gateway.TemplateLister
}

func (l lister) Each(ctx context.Context, f func(gateway.References) error) error {
	return each(ctx, l.guard, "each", func(ctx context.Context, failed func(error) error) error {
		return l.inner.Each(ctx, func(r gateway.References) error { return failed(f(r)) })
	})
}

func (l lister) Some(ctx context.Context, subjects []string, f func(gateway.References) error) error {
	return each(ctx, l.guard, "some", func(ctx context.Context, failed func(error) error) error {
		return l.inner.Some(ctx, subjects, func(r gateway.References) error { return failed(f(r)) })
	})
}

type pinger struct {
	guard *Guard
	inner gateway.Pinger
}

func (p pinger) Ping(ctx context.Context) error { return p.guard.run(ctx, "ping", p.inner.Ping) }
