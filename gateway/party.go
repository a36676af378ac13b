package gateway

import (
	"context"

	"biogate/gateway/decision"
)

// Party is a relying party: an audience of assertions, and what holds for it.
type Party struct {
	Audience string // value of "audience" in requests and of "aud" in assertions
	Policy   decision.Policy
}

// party is the relying party of a request, which its caller may ask for.
func (s *Service) party(ctx context.Context, audience string) (Party, error) {
	if !CallerOf(ctx).MayAsk(audience) {
		return Party{}, &Error{Kind: Forbidden, Code: "audience-forbidden", Detail: "this device may not ask for this audience"}
	}
	if p, ok := s.deps.Parties[audience]; ok {
		return p, nil
	}
	if s.deps.OnlyParties {
		return Party{}, &Error{Kind: Forbidden, Code: "audience-unknown", Detail: "this audience is not registered", Hint: "an operator registers it under audiences in the configuration"}
	}
	return Party{Audience: audience, Policy: s.deps.Policy}, nil
}
