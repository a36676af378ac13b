package gateway

import (
	"context"
	"fmt"
	"slices"
	"time"

	"biogate/gateway/challenge"
	"biogate/gateway/decision"
	"biogate/matcher"
)

// spentNonces bounds the used nonces that one process remembers: each takes a verification or identification, so that they
// are as many as the gateway serves in a minute.
const spentNonces = 100_000

// Challenge issues a nonce that can be used once, with a random instruction when kind asks for one.
func (s *Service) Challenge(_ context.Context, kind string) (challenge.Issued, error) {
	if !challenge.Known(kind) {
		return challenge.Issued{}, &Error{Kind: Malformed, Code: "challenge-unknown", Detail: "there is no challenge of this kind"}
	}
	if _, judges := s.engines[matcher.Face].Engine.(matcher.Sequencer); kind != challenge.KindNonce && !judges {
		return challenge.Issued{}, &Error{Kind: NotBuilt, Code: string(matcher.CodeEngineMissing), Detail: "this gateway has no engine that judges whether a face follows a challenge"}
	}
	return s.minter.Issue(kind), nil
}

// redeem returns what a nonce was issued for that was issued here and can still be used; nil for a nonce of somebody else. It
// is not used up yet: that is for spend. A challenge that the policy demands must be there.
func (s *Service) redeem(ctx context.Context, nonce string, policy decision.Policy) (*challenge.Issued, error) {
	issued, ours, err := s.minter.Read(nonce)
	switch {
	case err != nil:
		return nil, nonceSpent()
	case policy.Challenge != "" && (!ours || issued.Kind != policy.Challenge):
		return nil, &Error{Kind: Malformed, Code: "challenge-required", Detail: fmt.Sprintf("this audience demands that a %s challenge is followed", policy.Challenge), Hint: "get one from POST /v1/challenges and send its nonce"}
	case !ours:
		return nil, nil
	}
	used, err := s.nonces.Used(ctx, issued.Nonce)
	switch {
	case err != nil:
		return nil, noncesUnavailable(err)
	case used:
		return nil, nonceSpent()
	}
	return &issued, nil
}

// spend uses up what redeem returned, for the first request alone that gets here. It stands between extraction and whatever the
// captures are compared with or told of: bytes that are no capture must cost no place in memory, and an attempt must cost its
// nonce. Captures of which none is usable are no attempt.
func (s *Service) spend(ctx context.Context, issued *challenge.Issued, captures []captured) error {
	if issued == nil || !slices.ContainsFunc(captures, func(c captured) bool { return c.info.Usable }) {
		return nil
	}
	first, err := s.nonces.Spend(ctx, issued.Nonce, issued.Expires())
	switch {
	case err != nil:
		return noncesUnavailable(err)
	case !first:
		return nonceSpent()
	}
	return nil
}

func nonceSpent() error {
	return &Error{Kind: Conflict, Code: "nonce-spent", Detail: "the nonce was used before, has expired, or was not issued by this gateway", Hint: "get a new one from POST /v1/challenges"}
}

func noncesUnavailable(cause error) error {
	return unavailable("nonces-unavailable", "whether the nonce was used before cannot be said now", cause)
}

// instruction is what the captures of a request have to follow; nil when nothing.
func instruction(issued *challenge.Issued) *matcher.Challenge {
	if issued == nil {
		return nil
	}
	return issued.Challenge
}

// followed says why captures that had arrived at a time do not follow the challenge that the nonce came with; nothing when they
// do or there was none.
func followed(issued *challenge.Issued, arrived time.Time, samples []matcher.Sample, captures []captured) []string {
	c := instruction(issued)
	if c == nil {
		return nil
	}
	const what = ":" + string(matcher.Face)
	var last time.Duration
	var pad *matcher.PAD
	for i, sample := range samples {
		if sample.Modality == matcher.Face {
			last = max(last, sample.Taken)
			pad = worse(pad, captures[i].PAD)
		}
	}
	k := -1
	if pad != nil {
		k = slices.IndexFunc(pad.Evidence, func(e matcher.PADEvidence) bool { return e.Name == c.EvidenceName() })
	}
	switch {
	case k < 0:
		return []string{"challenge-not-judged" + what}
	case pad.Evidence[k].Suspect, arrived.Sub(issued.At) < last: // it cannot have been taken since
		return []string{"challenge-not-followed" + what}
	}
	return nil
}
