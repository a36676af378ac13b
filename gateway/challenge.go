package gateway

import (
	"context"
	"errors"
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

// challengeUse begins what the memory of used nonces is told of a challenge.
const challengeUse = "challenge:"

// Challenge issues a nonce that its caller can use once, with a random instruction when kind asks for one.
func (s *Service) Challenge(ctx context.Context, r ChallengeRequest) (challenge.Issued, error) {
	if err := s.checkChallenge(ctx, r); err != nil {
		return challenge.Issued{}, err
	}
	_, shared := s.sharedNonces()
	return s.minter.Issue(r.Kind, challenge.Binding{Device: CallerOf(ctx).Device, Audience: r.Audience, Subject: r.Subject, Gallery: r.Gallery}, shared), nil
}

func (s *Service) checkChallenge(ctx context.Context, r ChallengeRequest) error {
	if !challenge.Known(r.Kind) {
		return &Error{Kind: Malformed, Code: "challenge-unknown", Detail: "there is no challenge of this kind"}
	}
	if _, judges := s.engines[matcher.Face].Engine.(matcher.Sequencer); r.Kind != challenge.KindNonce && !judges {
		return &Error{Kind: NotBuilt, Code: string(matcher.CodeEngineMissing), Detail: "this gateway has no engine that judges whether a face follows a challenge"}
	}
	if r.Subject != "" && r.Gallery != "" {
		return &Error{Kind: Malformed, Code: "parameter-invalid", Detail: "a challenge is for a subject or for a gallery, not for both"}
	}
	for what, id := range map[string]string{"subject": r.Subject, "gallery": r.Gallery} {
		if id == "" {
			continue
		}
		if err := checkIdentifier(what, id); err != nil {
			return err
		}
	}
	if r.Audience == "" {
		return nil
	}
	if err := checkAudience(r.Audience); err != nil {
		return err
	}
	_, err := s.party(ctx, r.Audience)
	return err
}

// sharedNonces says since when the nodes of the deployment have forgotten no nonce; shared is false when only this process
// remembers.
func (s *Service) sharedNonces() (since time.Time, shared bool) {
	if memory, ok := s.nonces.(SharedNonces); ok {
		return memory.Shared()
	}
	return time.Time{}, false
}

// answers is what a request says that it answers.
type answers struct {
	nonce, challenge           string
	audience, subject, gallery string
}

// redeem returns the challenge of ours that a request answers, which can still be used; nil when there is none. It is not used up
// yet: that is for spend. A challenge that the policy demands must be there.
func (s *Service) redeem(ctx context.Context, r answers, policy decision.Policy) (*challenge.Issued, error) {
	text := r.challenge
	switch {
	case text == "":
		text = r.nonce
	case !challenge.Ours(text):
		return nil, nonceSpent()
	case challenge.Ours(r.nonce) && r.nonce != text:
		return nil, &Error{Kind: Malformed, Code: "nonce-invalid", Detail: "the request answers two challenges: its nonce looks like another one"}
	}
	issued, ours, err := s.minter.Read(text, challenge.Binding{Device: CallerOf(ctx).Device, Audience: r.audience, Subject: r.subject, Gallery: r.gallery})
	switch {
	case err != nil:
		return nil, nonceSpent()
	case policy.Challenge != "" && (!ours || issued.Kind != policy.Challenge):
		return nil, challengeRequired(policy.Challenge)
	case policy.Fresh && !ours:
		return nil, challengeRequired("one-time")
	case !ours:
		return nil, nil
	}
	used, err := s.nonces.Used(ctx, challengeUse+issued.Nonce)
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
	first, err := s.spendOnce(ctx, *issued)
	switch {
	case err != nil:
		return noncesUnavailable(err)
	case !first:
		return nonceSpent()
	}
	return nil
}

// spendOnce: a shared nonce is used up at all nodes or not taken at all, and counts as used when it is older than what all nodes
// remember; any other is worth nothing elsewhere.
func (s *Service) spendOnce(ctx context.Context, issued challenge.Issued) (first bool, err error) {
	memory, canShare := s.nonces.(SharedNonces)
	switch {
	case canShare && !issued.Shared:
		return memory.SpendHere(ctx, challengeUse+issued.Nonce, issued.Expires())
	case !canShare && issued.Shared:
		return false, nil
	}
	first, err = s.nonces.Spend(ctx, challengeUse+issued.Nonce, issued.Expires())
	if err == nil && first && issued.Shared {
		since, shared := memory.Shared() // now: the memory may have begun anew while it was asked
		first = shared && !issued.At.Before(since)
	}
	return first, err
}

func challengeRequired(kind string) error {
	return &Error{
		Kind: Malformed, Code: "challenge-required", Detail: fmt.Sprintf("this audience demands that a %s challenge is answered", kind),
		Hint: "get one from POST /v1/challenges and send its nonce as challenge",
	}
}

func nonceSpent() error {
	return &Error{
		Kind: Conflict, Code: "nonce-spent", Detail: "the nonce was used before, has expired, or was not issued by this gateway to this caller for this request",
		Hint: "get a new one from POST /v1/challenges",
	}
}

func noncesUnavailable(cause error) error {
	detail := "whether the nonce was used before cannot be said now"
	if errors.Is(cause, challenge.ErrFull) || errors.Is(cause, challenge.ErrShare) {
		detail = "more nonces were used in a short time than are remembered; none is forgotten to make room"
	}
	return unavailable("nonces-unavailable", detail, cause)
}

// withoutMemory names what is missing of the memories that the service stands on, who may ask among them.
func (s *Service) withoutMemory() (degraded []string) {
	for _, memory := range []any{s.nonces, s.deps.Attempts, s.deps.Devices} {
		if d, ok := memory.(Degrader); ok {
			degraded = union(degraded, d.Degraded())
		}
	}
	return degraded
}

// instruction is what the captures of a request have to follow; nil when nothing.
func instruction(issued *challenge.Issued) *matcher.Challenge {
	if issued == nil {
		return nil
	}
	return issued.Challenge
}

// nonceOf is the challenge that was redeemed; empty when none was.
func nonceOf(issued *challenge.Issued) string {
	if issued == nil {
		return ""
	}
	return issued.Nonce
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
