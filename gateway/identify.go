package gateway

import (
	"context"
	"errors"
	"slices"
	"strings"

	"biogate/gateway/decision"
	"biogate/matcher"
)

// found is a gallery member whose evidence was fused.
type found struct {
	Candidate
	version uint64   // of the references that were compared
	reasons []string // why a characteristic could not be compared
}

// Identify decides who of a gallery captures come from, and states the best candidate to the audience.
func (s *Service) Identify(ctx context.Context, r IdentifyRequest) (IdentifyOutcome, error) {
	policy := s.policy(r.Audience)
	if err := checkIdentify(r); err != nil {
		return IdentifyOutcome{}, err
	}
	captures, err := s.extract(ctx, r.Captures)
	if err != nil {
		return IdentifyOutcome{}, err
	}
	questions, err := s.probes(captures)
	if err != nil {
		return IdentifyOutcome{}, err
	}
	accepted, nearest, err := s.search(ctx, r.Gallery, questions, policy)
	if err != nil {
		return IdentifyOutcome{}, err
	}
	if r.MaxCandidates > 0 {
		accepted = accepted[:min(len(accepted), r.MaxCandidates)]
	}
	out := IdentifyOutcome{Outcome: nearest}
	out.Reasons, out.Captures = append(unusable(captures), out.Reasons...), infos(captures)
	if attacked(captures) {
		accepted, out.Decision, out.Reasons = nil, decision.Inconclusive, append(out.Reasons, "presentation-attack-suspected")
	}
	if err := s.announce(ctx, r, accepted, &out); err != nil {
		return IdentifyOutcome{}, err
	}
	s.deps.Observer.Decision("identify", string(out.Decision))
	return out, nil
}

func checkIdentify(r IdentifyRequest) error {
	if err := checkIdentifier("gallery", r.Gallery); err != nil {
		return err
	}
	if r.MaxCandidates < 0 {
		return &Error{Kind: Malformed, Code: "max-candidates-invalid", Detail: "max_candidates is negative"}
	}
	return checkAudience(r.Audience)
}

// search scans the gallery's index, then compares the shortlist in full exactly as a verification would. It returns the
// candidates that the policy accepts, best first, and an outcome that describes the nearest member without naming it.
func (s *Service) search(ctx context.Context, name string, questions []asked, policy decision.Policy) ([]found, Outcome, error) {
	shortlist, members, err := s.shortlist(ctx, name, questions, policy)
	if err != nil {
		return nil, Outcome{}, err
	}
	nearest := Outcome{Decision: decision.Inconclusive, FMR: 1}
	if len(questions) > 0 && len(shortlist) == 0 {
		nearest.Reasons = []string{"gallery-has-no-reference"}
	}
	var accepted []found
	for _, subject := range shortlist {
		if err := ctx.Err(); err != nil {
			return nil, Outcome{}, unavailable("deadline-exceeded", "the search took longer than the request has", err)
		}
		f, fused, degraded, err := s.examine(ctx, subject, questions)
		if errors.Is(err, ErrNotFound) {
			continue // forgotten since the scan
		}
		if isDamage(err) { // one member's misfortune is not the others'
			nearest.Reasons = union(nearest.Reasons, []string{"reference-damaged"})
			continue
		}
		if err != nil {
			return nil, Outcome{}, err
		}
		nearest.Degraded = union(nearest.Degraded, degraded)
		if slices.ContainsFunc(f.reasons, func(r string) bool { return strings.HasPrefix(r, "reference-damaged") }) {
			nearest.Reasons = union(nearest.Reasons, []string{"reference-damaged"})
		}
		if fused.Evidence > 0 && (nearest.Decision == decision.Inconclusive || fused.FMR < nearest.FMR) {
			nearest.Decision, nearest.FMR, nearest.Extrapolated = decision.NoMatch, fused.FMR, fused.Extrapolated
		}
		if decision.Accept(fused, policy.CandidateFMR(members)) == decision.Match {
			accepted = append(accepted, f)
		}
	}
	if len(accepted) == 0 {
		nearest.Reasons = union(nearest.Reasons, s.passedOver(name, questions))
	}
	slices.SortStableFunc(accepted, func(a, b found) int { return compareRates(a.FMR, b.FMR) })
	return accepted[:min(len(accepted), policy.MaxCandidates)], nearest, nil
}

// passedOver names the modalities asked about of which members hold references of another model: whoever was not found may be
// one of them.
func (s *Service) passedOver(name string, questions []asked) (reasons []string) {
	for _, modality := range s.galleries.outdated(name) {
		if slices.ContainsFunc(questions, func(q asked) bool { return q.modality == modality }) {
			reasons = append(reasons, string(matcher.CodeModelMismatch)+":"+string(modality))
		}
	}
	return reasons
}

func compareRates(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// shortlist is the union over probes of the best members by a single probe, best first, and the gallery's size.
func (s *Service) shortlist(ctx context.Context, name string, questions []asked, policy decision.Policy) (subjects []string, members int, err error) {
	indexes, members, err := s.galleries.searchable(name)
	if err != nil {
		return nil, 0, err
	}
	var candidates []matcher.Candidate
	k := 2 * policy.MaxCandidates // room for members whose strength is another modality
	err = s.staged("search", func() error {
		for _, q := range questions {
			for _, p := range q.probes {
				if ctx.Err() != nil {
					return unavailable("deadline-exceeded", "the search took longer than the request has", ctx.Err())
				}
				if candidates, err = indexes[q.modality].Search(ctx, matcher.Query{Probe: p, K: k}, candidates); err != nil {
					return err
				}
			}
		}
		return nil
	})
	for _, c := range candidates {
		if !slices.Contains(subjects, c.Subject) {
			subjects = append(subjects, c.Subject)
		}
	}
	return subjects, members, err
}

// examine compares one member in full, inside a Hold of its own.
func (s *Service) examine(ctx context.Context, subject string, questions []asked) (found, decision.Fused, []string, error) {
	defer s.deps.Registry.Hold(subject)()
	refs, degraded, err := s.deps.Registry.Get(ctx, subject)
	if errors.Is(err, ErrNotFound) {
		return found{}, decision.Fused{}, nil, err
	}
	if err != nil {
		return found{}, decision.Fused{}, nil, stored(err, nil)
	}
	result, err := s.compareStaged(questions, refs, true)
	if err != nil {
		return found{}, decision.Fused{}, nil, err
	}
	fused := decision.Fuse(result.evidence)
	c := Candidate{Subject: subject, FMR: fused.FMR, Extrapolated: fused.Extrapolated, Scores: result.scores}
	return found{c, refs.Version, result.reasons}, fused, degraded, nil
}

// announce signs the best candidate that is still held as it was compared, and lists it with those behind it.
func (s *Service) announce(ctx context.Context, r IdentifyRequest, accepted []found, out *IdentifyOutcome) error {
	for i, best := range accepted {
		stands, err := s.announceOne(ctx, r, best, out)
		if err != nil {
			return err
		}
		if !stands {
			continue
		}
		for _, c := range accepted[i:] {
			out.Candidates = append(out.Candidates, c.Candidate)
		}
		return nil
	}
	if len(accepted) > 0 { // somebody was found, and is not held any more: that is no answer about a stranger
		out.Decision, out.FMR, out.Reasons = decision.Inconclusive, 1, append(out.Reasons, "reference-changed")
	}
	return nil
}

// announceOne signs best inside a Hold, unless it changed or left the gallery since it was compared.
func (s *Service) announceOne(ctx context.Context, r IdentifyRequest, best found, out *IdentifyOutcome) (stands bool, err error) {
	defer s.deps.Registry.Hold(best.Subject)()
	refs, degraded, err := s.deps.Registry.Get(ctx, best.Subject)
	if errors.Is(err, ErrNotFound) || (err == nil && (refs.Version != best.version || !s.galleries.has(r.Gallery, best.Subject))) {
		return false, nil
	}
	if err != nil {
		return false, stored(err, nil)
	}
	out.Decision, out.FMR, out.Extrapolated, out.Scores = decision.Match, best.FMR, best.Extrapolated, best.Scores
	out.Degraded, out.Reasons = union(out.Degraded, degraded), union(out.Reasons, unsupported(best.Scores))
	facts := AssertionFacts{Subject: best.Subject, Audience: r.Audience, Nonce: r.Nonce, Mode: "identify", Gallery: r.Gallery, Device: r.Device}
	token, err := s.assert(ctx, facts, out.Outcome)
	if err != nil || !s.galleries.has(r.Gallery, best.Subject) { // it left the gallery while this was signed
		return false, err
	}
	out.Assertion = token
	return true, nil
}

func union(a, b []string) []string {
	for _, x := range b {
		if !slices.Contains(a, x) {
			a = append(a, x)
		}
	}
	return a
}
