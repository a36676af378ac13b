package guard

import (
	"context"
	"time"

	"biogate/gateway"
)

// Galleries guards a store of galleries.
func (g *Guard) Galleries(inner gateway.Galleries) gateway.Galleries { return galleries{g, inner} }

type galleries struct {
	guard *Guard
	inner gateway.Galleries
}

func (s galleries) PutGallery(ctx context.Context, g gateway.Gallery) (bool, error) {
	return ask(ctx, s.guard, "put-gallery", func(ctx context.Context) (bool, error) { return s.inner.PutGallery(ctx, g) })
}

func (s galleries) EndGallery(ctx context.Context, end gateway.GalleryEnd, until time.Time) error {
	return s.guard.run(ctx, "end-gallery", func(ctx context.Context) error { return s.inner.EndGallery(ctx, end, until) })
}

func (s galleries) Ended(ctx context.Context, name string) (gateway.GalleryEnd, error) {
	return ask(ctx, s.guard, "ended-gallery", func(ctx context.Context) (gateway.GalleryEnd, error) { return s.inner.Ended(ctx, name) })
}

func (s galleries) AddMembers(ctx context.Context, name string, members []gateway.Membership) error {
	return s.guard.run(ctx, "add-members", func(ctx context.Context) error { return s.inner.AddMembers(ctx, name, members) })
}

func (s galleries) RemoveMember(ctx context.Context, name, subject string) error {
	return s.guard.run(ctx, "remove-member", func(ctx context.Context) error { return s.inner.RemoveMember(ctx, name, subject) })
}

func (s galleries) ForgetMember(ctx context.Context, subject string) error {
	return s.guard.run(ctx, "forget-member", func(ctx context.Context) error { return s.inner.ForgetMember(ctx, subject) })
}

func (s galleries) EachGallery(ctx context.Context, f func(gateway.Gallery, []gateway.Membership) error) error {
	return each(ctx, s.guard, "each-gallery", func(ctx context.Context, failed func(error) error) error {
		return s.inner.EachGallery(ctx, func(g gateway.Gallery, members []gateway.Membership) error { return failed(f(g, members)) })
	})
}
