package gateway

import (
	"context"
	"slices"

	"biogate/gateway/decision"
	"biogate/matcher"
)

// Verify decides whether captures come from a subject, and states a match to the audience.
func (s *Service) Verify(ctx context.Context, r VerifyRequest) (Outcome, error) {
	if err := checkVerify(r); err != nil {
		return Outcome{}, err
	}
	out, err := s.verifyCounted(ctx, r)
	return out, s.refused(ctx, AuditEvent{Action: "verify", Audience: r.Audience, Subject: r.Subject}, err)
}

// verifyCounted has the party looked up, the attempt counted and the decision observed.
func (s *Service) verifyCounted(ctx context.Context, r VerifyRequest) (Outcome, error) {
	party, err := s.party(ctx, r.Audience)
	if err != nil {
		return Outcome{}, err
	}
	r.Arrived = s.arrival(r.Arrived)
	out, err := s.verify(ctx, r, party)
	if party.HideEnrolment {
		out, err = s.conceal(r.Arrived, out, err)
	}
	if err != nil {
		return Outcome{}, err
	}
	s.deps.Observer.Decision("verify", string(out.Decision))
	return out, nil
}

// verify decides on a request of a party. What it returns is on record.
func (s *Service) verify(ctx context.Context, r VerifyRequest, party Party) (Outcome, error) {
	policy, arrived := party.Policy, r.Arrived
	issued, err := s.redeem(ctx, answers{nonce: r.Nonce, challenge: r.Challenge, audience: r.Audience, subject: r.Subject}, policy)
	if err != nil {
		return Outcome{}, err
	}
	captures, err := s.extract(ctx, r.Captures, policy, instruction(issued))
	if err != nil {
		return Outcome{}, err
	}
	if err := s.spend(ctx, issued, captures); err != nil {
		return Outcome{}, err
	}
	counted, excluded := admissible(captures, policy)
	questions, err := s.probes(counted)
	if err != nil {
		return Outcome{}, err
	}
	attempt, err := s.attempt(ctx, r.Subject, questions)
	if err != nil {
		return Outcome{}, err
	}
	defer attempt.settle(ctx)
	release := s.deps.Registry.Hold(r.Subject) // until the assertion is signed: nothing matches a forgotten subject
	defer release()
	away, confront := s.recordAway(), s.confront
	if party.HideEnrolment {
		confront = s.confrontHidden
	}
	found, degraded, err := confront(ctx, r.Subject, questions)
	if attempt.compared(found, party, err); err != nil {
		return Outcome{}, err
	}
	degraded = union(degraded, s.withoutMemory())
	found.reasons = append(excluded, found.reasons...)
	out := conclude(policy, captures, found, degraded)
	objected := objections(issued, arrived, r.Captures, captures)
	withhold(&out, unreliable(counted, modalitiesOf(found.scores)), objected)
	facts := AssertionFacts{ID: s.tokenIDs.at(s.deps.Now()), Subject: r.Subject, Party: party, Fresh: issued != nil, Nonce: r.Nonce, Challenge: nonceOf(issued), Mode: "verify"}
	assure(&facts, &out)
	attempt.matched = out.Decision == decision.Match // what falls short of a level is no success
	event := AuditEvent{Action: "verify", Audience: r.Audience, Subject: r.Subject}
	if out.Decision == decision.Match {
		event.Assertion = facts.ID
		out.Assertion, err = s.assert(ctx, facts, out)
	}
	if err != nil {
		return Outcome{}, err
	}
	if err := s.record(ctx, event.decided(out)); err != nil {
		return Outcome{}, err
	}
	if attempt.decided(out); party.HideEnrolment && out.Decision != decision.Match {
		return hidden(captures, questions, slices.Concat(excluded, unreliable(counted, modalitiesAsked(questions)), objected), away)
	}
	return out, nil
}

// confront compares with what is held about a subject.
func (s *Service) confront(ctx context.Context, subject string, questions []asked) (found compared, degraded []string, err error) {
	refs, degraded, err := s.lookup(ctx, subject)
	if err != nil {
		return compared{}, nil, err
	}
	found, err = s.compareStaged(questions, refs, false)
	return found, degraded, err
}

func checkVerify(r VerifyRequest) error {
	if err := checkIdentifier("subject", r.Subject); err != nil {
		return err
	}
	return checkAudience(r.Audience)
}

func (s *Service) lookup(ctx context.Context, subject string) (refs References, degraded []string, err error) {
	err = s.staged("lookup", func() error {
		refs, degraded, err = s.held(ctx, subject)
		return stored(err, unknownSubject())
	})
	return refs, degraded, err
}

func (s *Service) compareStaged(questions []asked, refs References, lenient bool) (found compared, err error) {
	err = s.staged("compare", func() error {
		found, err = compare(questions, refs, lenient)
		return err
	})
	return found, err
}

// conclude fuses the evidence and holds it against the audience's policy.
func conclude(policy decision.Policy, captures []captured, found compared, degraded []string) Outcome {
	fused := decision.Fuse(found.evidence)
	return Outcome{
		Decision: decision.Accept(fused, policy.MaxFMR),
		FMR:      fused.FMR, Extrapolated: fused.Extrapolated,
		Reasons: slices.Concat(unusable(captures), found.reasons, unsupported(found.scores)),
		Scores:  found.scores, Captures: infos(captures), Degraded: degraded,
	}
}

// modalitiesOf names those that were compared.
func modalitiesOf(scores []Comparison) (out []matcher.Modality) {
	for _, c := range scores {
		out = append(out, c.Modality)
	}
	return out
}

// modalitiesAsked names those that were asked about.
func modalitiesAsked(questions []asked) (out []matcher.Modality) {
	for _, q := range questions {
		out = append(out, q.modality)
	}
	return out
}

// unsupported names the characteristics that were compared and do not speak for the person.
func unsupported(scores []Comparison) []string {
	var out []string
	for _, c := range scores {
		if len(scores) > 1 && c.FMR > decision.SupportFMR {
			out = append(out, "not-supported:"+string(c.Modality))
		}
	}
	return out
}

// assert has a match signed. Facts that the outcome knows are filled in here.
func (s *Service) assert(ctx context.Context, facts AssertionFacts, out Outcome) (token string, err error) {
	facts.Caller = CallerOf(ctx)
	facts.AuthTime, facts.FMR, facts.Extrapolated, facts.Degraded = s.deps.Now(), out.FMR, out.Extrapolated, out.Degraded
	facts.Modalities = supporting(out)
	err = s.staged("sign", func() error {
		token, err = s.deps.Issuer.Assertion(ctx, facts)
		return signed(err)
	})
	return token, err
}

// supporting describes the evidence that a match rests on: each that reaches SupportFMR by itself; where none does, and only
// the sum convinces, each that most strangers do not reach.
func supporting(out Outcome) []ModalityFacts {
	var strong, weak []ModalityFacts
	for _, c := range out.Scores {
		facts := modalityFacts(c, out.Captures)
		switch {
		case c.FMR <= decision.SupportFMR:
			strong = append(strong, facts)
		case c.FMR < 0.5:
			weak = append(weak, facts)
		}
	}
	if len(strong) == 0 {
		return weak
	}
	return strong
}

// modalityFacts describes a comparison by the best capture that it could rest on.
func modalityFacts(c Comparison, captures []CaptureInfo) ModalityFacts {
	facts := ModalityFacts{Modality: c.Modality, Model: c.Model, FMR: c.FMR, Extrapolated: c.Extrapolated}
	for _, info := range captures {
		if !info.Usable || info.Modality != c.Modality || !info.Position.Comparable(c.Position) {
			continue
		}
		facts.Quality = max(facts.Quality, info.Quality.Score)
		facts.PAD = worse(facts.PAD, info.PAD)
	}
	return facts
}

// worse is the one that speaks more against its capture: one that suspects an attack before one that is too weak to decide on
// before one that finds nothing, and the lower score of alike ones.
func worse(a, b *matcher.PAD) *matcher.PAD {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	case suspicious(a) != suspicious(b):
		if suspicious(b) {
			return b
		}
		return a
	case cleared(a) != cleared(b):
		if cleared(a) {
			return b
		}
		return a
	case b.Score < a.Score:
		return b
	}
	return a
}

// signed: without a signature there is no match to report.
func signed(err error) error {
	if err == nil {
		return nil
	}
	if e := AsError(err); e.Kind != Internal {
		return e
	}
	return unavailable("signer-unavailable", "the assertion could not be signed", err)
}
