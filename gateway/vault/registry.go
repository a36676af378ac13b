package vault

import (
	"context"

	"biogate/gateway"
)

// registry seals what goes into a registry and opens what comes out.
type registry struct {
	gateway.Registry
	sealer *Sealer
}

// Registry is inner for a service that knows no envelopes.
func Registry(inner gateway.Registry, sealer *Sealer) gateway.Registry {
	return &registry{inner, sealer}
}

func (v *registry) Get(ctx context.Context, subject string) (gateway.References, []string, error) {
	held, degraded, err := v.Registry.Get(ctx, subject)
	if err != nil {
		return gateway.References{}, degraded, err
	}
	r, err := v.sealer.Open(held)
	return r, degraded, err
}

func (v *registry) Update(ctx context.Context, subject string, change func(held gateway.References) (gateway.References, error)) (gateway.References, []string, error) {
	var next gateway.References
	sealed, degraded, err := v.Registry.Update(ctx, subject, func(held gateway.References) (gateway.References, error) {
		opened, err := v.held(held)
		if err != nil {
			return gateway.References{}, err
		}
		if next, err = change(opened); err != nil {
			return gateway.References{}, err
		}
		next.Subject = subject // what the seal is bound to
		return v.sealer.Seal(next)
	})
	if err != nil {
		return gateway.References{}, degraded, err
	}
	next.Version = sealed.Version
	return next, degraded, nil
}

// held opens what a change sees: without a version nothing is held, and there is no envelope to open.
func (v *registry) held(r gateway.References) (gateway.References, error) {
	if r.Version == 0 {
		return r, nil
	}
	return v.sealer.Open(r)
}

// Forget: what cannot be opened can be forgotten, and comes back without the templates' data.
// what decides on whether it is forgotten stands beside the data.
func (v *registry) Forget(ctx context.Context, subject string, when func(gateway.References) bool) (gateway.References, []string, error) {
	held, degraded, err := v.Registry.Forget(ctx, subject, when)
	if err != nil {
		return gateway.References{}, degraded, err
	}
	opened, err := v.sealer.Open(held)
	if err != nil {
		opened = held
		_ = each(&opened, func([]byte, []byte, []byte) ([]byte, error) { return nil, nil }, 0)
		opened.Envelope = nil
	}
	return opened, degraded, nil
}

// Follow: what was just sealed opens; if it does not, memory is better without it.
func (v *registry) Follow(f func(gateway.References)) {
	v.Registry.Follow(func(r gateway.References) { f(v.sealer.OrSubject(r)) })
}

// OrSubject is r opened, or the subject alone when it is forgotten or cannot be opened. It is safe for concurrent use.
func (s *Sealer) OrSubject(r gateway.References) gateway.References {
	if r.Version == 0 {
		return gateway.References{Subject: r.Subject}
	}
	opened, err := s.Open(r)
	if err != nil {
		s.unopened.Add(1)
		return gateway.References{Subject: r.Subject}
	}
	return opened
}
