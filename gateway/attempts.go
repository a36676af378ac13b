package gateway

import (
	"context"
	"maps"
	"slices"
	"time"

	"biogate/gateway/decision"
	"biogate/matcher"
)

// attempt is one attempt to be verified as a subject. It counts as failed from its beginning, so that of many at once no more
// are compared than are allowed, and until it is settled: what happens in between, a panic or a client who leaves before the
// answer, makes no attempt a free one.
type attempt struct {
	attempts Attempts // nil: not counted
	subject  string

	matched bool // whoever asked is the subject
	stated  bool // and that left
	free    bool // nothing was compared, and nothing learnt
}

// attempt begins one, or refuses while the subject's back-off lasts. It stands after extraction: captures that cannot be compared
// are no attempt, and must not keep others of the same subject waiting meanwhile. A subject that nobody knows is treated alike.
func (s *Service) attempt(ctx context.Context, subject string, questions []asked) (*attempt, error) {
	if s.deps.Attempts == nil || len(questions) == 0 {
		return &attempt{}, nil
	}
	wait, err := s.deps.Attempts.Begin(ctx, subject)
	switch {
	case err != nil:
		return nil, unavailable("attempts-unavailable", "how many attempts failed before cannot be said now", err)
	case wait > 0:
		s.deps.Observer.Decision("verify", "refused")
		return nil, &Error{Kind: Limited, Code: "attempts-exceeded", Detail: "too many attempts to be verified as this subject failed", RetryAfter: max(wait, time.Second)}
	}
	return &attempt{attempts: s.deps.Attempts, subject: subject}, nil
}

// compared notes what a comparison came to. It was no attempt when it is certain that nothing was compared: nothing that is held
// could be, or the record did not answer. An error on the way is no such certainty. Where who is enrolled is hidden, whether
// something was compared must not show: every attempt counts.
func (a *attempt) compared(found compared, party Party, err error) {
	if party.HideEnrolment {
		return
	}
	if err != nil {
		a.free = AsError(err).Kind == Unavailable
		return
	}
	a.free = len(found.scores) == 0
}

// decided notes a decision that is on record, and about to leave.
func (a *attempt) decided(out Outcome) { a.stated = out.Decision == decision.Match }

// settle says how the attempt ended. Who matched has not failed, even if that could not be stated. What cannot be told to the
// memory of attempts leaves it stricter.
func (a *attempt) settle(ctx context.Context) {
	if a.attempts == nil {
		return
	}
	ctx = context.WithoutCancel(ctx)
	switch {
	case a.stated:
		_ = a.attempts.Succeed(ctx, a.subject)
	case a.matched, a.free:
		_ = a.attempts.Withdraw(ctx, a.subject)
	}
}

// maxNamed is how many subjects a search may be confined to and still be as good as a verification of each.
const maxNamed = 5

// attempts are those that one search makes.
type attempts []*attempt

// attemptsAt begins an attempt at each of the few whom a search can find: asking who of one person somebody is, is no way round the
// limit of verifications.
func (s *Service) attemptsAt(ctx context.Context, subjects []string, questions []asked) (all attempts, err error) {
	for _, subject := range subjects {
		one, err := s.attempt(ctx, subject, questions)
		if err != nil {
			all.compared(false)
			all.settle(ctx)
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

// compared notes whether the search compared anything.
func (all attempts) compared(anything bool) {
	for _, a := range all {
		a.free = !anything
	}
}

// decided notes a decision that is on record: who was found has not failed, and the others were not meant.
func (all attempts) decided(out IdentifyOutcome) {
	if out.Decision != decision.Match {
		return
	}
	for _, a := range all {
		a.stated = a.subject == out.Candidates[0].Subject
		a.free = !a.stated
	}
}

func (all attempts) settle(ctx context.Context) {
	for _, a := range all {
		a.settle(ctx)
	}
}

// few are those at whom a search is an attempt, sorted: subjects that it names, when they are at most maxNamed, or the only member
// of a gallery. In a larger gallery strangers are to be expected, and must not keep its members waiting.
func (gs *galleries) few(name string, among matcher.Filter) (subjects []string) {
	if among.Subjects != nil {
		subjects = slices.Sorted(slices.Values(among.Subjects))
		if subjects = slices.Compact(subjects); len(subjects) <= maxNamed {
			return subjects
		}
		return nil
	}
	gs.mu.RLock()
	defer gs.mu.RUnlock()
	g, ok := gs.live(name)
	if !ok || len(g.members) > 1 {
		return nil
	}
	return slices.Sorted(maps.Keys(g.members))
}
