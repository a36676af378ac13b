package registry

import (
	"context"
	"errors"
	"sync/atomic"

	"biogate/gateway"
	"biogate/gateway/guard"
)

// source is a store whose health is known from its last call.
type source struct {
	gateway.Templates
	sick atomic.Bool
}

func (s *source) get(ctx context.Context, subject string) (gateway.References, error) {
	r, err := s.Get(ctx, subject)
	return r, s.note(ctx, err)
}

func (s *source) put(ctx context.Context, r gateway.References, replaces uint64) error {
	return s.note(ctx, s.Put(ctx, r, replaces))
}

func (s *source) delete(ctx context.Context, subject string, version uint64) error {
	return s.note(ctx, s.Delete(ctx, subject, version))
}

// ping asks for the health of a store that calls may not reach for long. A store that cannot be asked is known by its calls alone.
func (s *source) ping(ctx context.Context) {
	p, ok := s.Templates.(gateway.Pinger)
	if !ok {
		return
	}
	bounded, cancel := context.WithTimeout(ctx, interval)
	defer cancel()
	_ = s.note(ctx, p.Ping(bounded))
}

// note remembers what err says about the store's health: nothing, when the caller left or had no time left, or when so
// many calls were under way that this one was not tried.
func (s *source) note(ctx context.Context, err error) error {
	var refused *guard.Refused
	switch {
	case guard.IsAnswer(err):
		s.sick.Store(false)
	case errors.As(err, &refused) && refused.Reason == guard.Full, ctx.Err() != nil:
	default:
		s.sick.Store(true)
	}
	return err
}
