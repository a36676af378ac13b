package gateway

import (
	"context"
	"errors"
	"fmt"
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
	if err := checkIdentify(r); err != nil {
		return IdentifyOutcome{}, err
	}
	out, err := s.identifyCounted(ctx, r)
	return out, s.refused(ctx, AuditEvent{Action: "identify", Audience: r.Audience, Gallery: r.Gallery}, err)
}

// identifyCounted has the party looked up and the decision observed.
func (s *Service) identifyCounted(ctx context.Context, r IdentifyRequest) (IdentifyOutcome, error) {
	party, err := s.party(ctx, r.Audience)
	if err != nil {
		return IdentifyOutcome{}, err
	}
	out, err := s.identify(ctx, r, party)
	if err != nil {
		return IdentifyOutcome{}, err
	}
	s.deps.Observer.Decision("identify", string(out.Decision))
	return out, nil
}

// identify decides on a request of a party. What it returns is on record.
func (s *Service) identify(ctx context.Context, r IdentifyRequest, party Party) (IdentifyOutcome, error) {
	policy, arrived := party.Policy, s.arrival(r.Arrived)
	issued, err := s.redeem(ctx, answers{nonce: r.Nonce, challenge: r.Challenge, audience: r.Audience, gallery: r.Gallery}, policy)
	if err != nil {
		return IdentifyOutcome{}, err
	}
	captures, err := s.extract(ctx, r.Captures, policy, instruction(issued))
	if err != nil {
		return IdentifyOutcome{}, err
	}
	if err := s.spend(ctx, issued, captures); err != nil {
		return IdentifyOutcome{}, err
	}
	counted, excluded := admissible(captures, policy)
	questions, err := s.probes(counted)
	if err != nil {
		return IdentifyOutcome{}, err
	}
	attempts, err := s.attemptsAt(ctx, s.galleries.few(r.Gallery, r.Among), questions)
	if err != nil {
		return IdentifyOutcome{}, err
	}
	defer attempts.settle(ctx)
	accepted, out, compared, err := s.search(ctx, r.Gallery, r.Among, questions, policy)
	attempts.compared(len(compared) > 0 || err != nil && AsError(err).Kind != Unavailable)
	if err != nil {
		return IdentifyOutcome{}, err
	}
	out.Degraded, r.Challenge = union(out.Degraded, s.withoutMemory()), nonceOf(issued)
	if r.MaxCandidates > 0 {
		accepted = accepted[:min(len(accepted), r.MaxCandidates)]
	}
	out.Reasons, out.Captures = slices.Concat(unusable(captures), excluded, out.Reasons), infos(captures)
	if len(accepted) > 0 { // until it is announced
		out.Decision = decision.Match
	}
	if withhold(&out.Outcome, unreliable(counted, compared), objections(issued, arrived, r.Captures, captures)); out.Decision != decision.Match {
		accepted = nil
	}
	facts := AssertionFacts{
		ID: s.tokenIDs.at(s.deps.Now()), Party: party, Fresh: issued != nil, Nonce: r.Nonce, Challenge: r.Challenge, Mode: "identify",
		Gallery: r.Gallery, Group: r.Among.Group, Searched: out.Searched,
	}
	event := AuditEvent{Action: "identify", Audience: r.Audience, Gallery: r.Gallery, Assertion: facts.ID}
	if err := s.announce(ctx, r, facts, accepted, &out); err != nil {
		return IdentifyOutcome{}, err
	}
	out.FPIR = min(1, out.FMR*float64(max(out.Searched, 1)))
	if out.Assertion == "" {
		event.Assertion = ""
	} else {
		event.Subject = out.Candidates[0].Subject
	}
	if err := s.record(ctx, event.decided(out.Outcome)); err != nil {
		return IdentifyOutcome{}, err
	}
	attempts.decided(out)
	return out, nil
}

func checkIdentify(r IdentifyRequest) error {
	if err := checkIdentifier("gallery", r.Gallery); err != nil {
		return err
	}
	if r.MaxCandidates < 0 {
		return &Error{Kind: Malformed, Code: "max-candidates-invalid", Detail: "max_candidates is negative"}
	}
	if err := checkAmong(r.Among); err != nil {
		return err
	}
	return checkAudience(r.Audience)
}

// MaxAmong bounds the subjects that an identification may be confined to.
const MaxAmong = 1000

func checkAmong(f matcher.Filter) error {
	if f.Group != "" {
		if err := checkIdentifier("group", f.Group); err != nil {
			return err
		}
	}
	if f.Subjects != nil && len(f.Subjects) == 0 || len(f.Subjects) > MaxAmong {
		return &Error{Kind: Malformed, Code: "subjects-invalid", Detail: fmt.Sprintf("a search is confined to 1 to %d subjects, not %d", MaxAmong, len(f.Subjects))}
	}
	for _, subject := range f.Subjects {
		if err := checkIdentifier("subject", subject); err != nil {
			return err
		}
	}
	return nil
}

// search scans the gallery's index, then compares the shortlist in full exactly as a verification would. It returns the
// candidates that the policy accepts, best first, and an outcome that describes the nearest member without naming it. What was compared
// is told with an error, too.
func (s *Service) search(ctx context.Context, name string, among matcher.Filter, questions []asked, policy decision.Policy) (accepted []found, nearest IdentifyOutcome, compared []matcher.Modality, err error) {
	shortlist, members, err := s.shortlist(ctx, name, among, questions, policy)
	if err != nil {
		return nil, IdentifyOutcome{}, nil, err
	}
	demanded, tooLarge := policy.CandidateFMR(members), false
	nearest = IdentifyOutcome{Outcome: Outcome{Decision: decision.Inconclusive, FMR: 1}, Searched: members}
	if len(questions) > 0 && len(shortlist) == 0 {
		nearest.Reasons = []string{"gallery-has-no-reference"}
	}
	for _, subject := range shortlist {
		if err := ctx.Err(); err != nil {
			return nil, IdentifyOutcome{}, compared, unavailable("deadline-exceeded", "the search took longer than the request has", err)
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
			return nil, IdentifyOutcome{}, compared, err
		}
		compared = append(compared, modalitiesOf(f.Scores)...)
		nearest.Degraded = union(nearest.Degraded, degraded)
		if slices.ContainsFunc(f.reasons, func(r string) bool { return strings.HasPrefix(r, "reference-damaged") }) {
			nearest.Reasons = union(nearest.Reasons, []string{"reference-damaged"})
		}
		if fused.Evidence > 0 && (nearest.Decision == decision.Inconclusive || fused.FMR < nearest.FMR) {
			nearest.Decision, nearest.FMR, nearest.Extrapolated = decision.NoMatch, fused.FMR, fused.Extrapolated
		}
		if decision.Accept(fused, demanded) == decision.Match {
			accepted = append(accepted, f)
		}
		tooLarge = tooLarge || fused.FMR <= policy.MaxFMR && fused.Least > demanded
	}
	if len(accepted) == 0 {
		nearest.Reasons = union(nearest.Reasons, s.passedOver(name, questions))
		if tooLarge { // somebody is like enough for a verification, and no score would do here: that is no answer about a stranger
			nearest.Decision, nearest.Reasons = decision.Inconclusive, union(nearest.Reasons, []string{"gallery-too-large"})
		}
	}
	slices.SortStableFunc(accepted, func(a, b found) int { return compareRates(a.FMR, b.FMR) })
	return accepted[:min(len(accepted), policy.MaxCandidates)], nearest, compared, nil
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

// shortlist is the union over probes of the best members by a single probe, best first, and how many members the search
// could find: those who had a reference of a modality asked about when it began, and as many as have changed since.
func (s *Service) shortlist(ctx context.Context, name string, among matcher.Filter, questions []asked, policy decision.Policy) (subjects []string, members int, err error) {
	if among.Subjects != nil {
		among.Subjects = slices.Compact(slices.Sorted(slices.Values(among.Subjects)))
	}
	var asked []matcher.Modality
	for _, q := range questions {
		asked = append(asked, q.modality)
	}
	g, members, version, err := s.galleries.find(name, among, s.galleries.set(asked...))
	if err != nil {
		return nil, 0, err
	}
	var candidates []matcher.Candidate
	k := 2 * policy.MaxCandidates // room for members whose strength is another modality
	free, err := s.turn(ctx, s.searching)
	if err != nil {
		return nil, 0, err
	}
	defer free()
	err = s.staged("search", func() error {
		for _, q := range questions {
			for _, p := range q.probes {
				if ctx.Err() != nil {
					return unavailable("deadline-exceeded", "the search took longer than the request has", ctx.Err())
				}
				if candidates, err = g.indexes[q.modality].Search(ctx, matcher.Query{Probe: p, K: k, Among: among}, candidates); err != nil {
					return err
				}
			}
		}
		return nil
	})
	for _, c := range candidates {
		if !slices.Contains(subjects, c.Subject) && s.galleries.admits(name, c.Subject, among) {
			subjects = append(subjects, c.Subject)
		}
	}
	members += s.galleries.changed(g, version)
	if among.Subjects != nil {
		members = min(members, len(among.Subjects))
	}
	return subjects, members, err
}

// examine compares one member in full, inside a Hold of its own.
func (s *Service) examine(ctx context.Context, subject string, questions []asked) (found, decision.Fused, []string, error) {
	defer s.deps.Registry.Hold(subject)()
	refs, degraded, err := s.held(ctx, subject)
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

// announce signs the best candidate that is still held as it was compared, with facts that lack only who it is, and lists it
// with those behind it. Where the best falls short of a level of assurance, nobody is announced.
func (s *Service) announce(ctx context.Context, r IdentifyRequest, facts AssertionFacts, accepted []found, out *IdentifyOutcome) error {
	for i, best := range accepted {
		stands, err := s.announceOne(ctx, r, facts, best, out)
		if err != nil || out.Decision != decision.Match {
			return err
		}
		if !stands {
			continue
		}
		for k, c := range accepted[i:] {
			if k == 0 || s.galleries.admits(r.Gallery, c.Subject, r.Among) {
				out.Candidates = append(out.Candidates, c.Candidate)
			}
		}
		return nil
	}
	if len(accepted) > 0 { // somebody was found, and is not held any more: that is no answer about a stranger
		out.Decision, out.FMR, out.Reasons = decision.Inconclusive, 1, append(out.Reasons, "reference-changed")
	}
	return nil
}

// announceOne signs best inside a Hold, unless it changed or left the gallery since it was compared.
func (s *Service) announceOne(ctx context.Context, r IdentifyRequest, facts AssertionFacts, best found, out *IdentifyOutcome) (stands bool, err error) {
	defer s.deps.Registry.Hold(best.Subject)()
	refs, degraded, err := s.held(ctx, best.Subject)
	if errors.Is(err, ErrNotFound) || (err == nil && (refs.Version != best.version || !s.galleries.admits(r.Gallery, best.Subject, r.Among))) {
		return false, nil
	}
	if err != nil {
		return false, stored(err, nil)
	}
	out.Decision, out.FMR, out.Extrapolated, out.Scores = decision.Match, best.FMR, best.Extrapolated, best.Scores
	out.Degraded, out.Reasons = union(out.Degraded, degraded), union(out.Reasons, unsupported(best.Scores))
	facts.Subject = best.Subject
	if assure(&facts, &out.Outcome); out.Decision != decision.Match {
		return true, nil
	}
	token, err := s.assert(ctx, facts, out.Outcome)
	if err != nil || !s.galleries.admits(r.Gallery, best.Subject, r.Among) { // it left the gallery while this was signed
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
