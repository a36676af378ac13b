package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"biogate/gateway/decision"
	"biogate/matcher"
)

// Where a party's policy hides who is enrolled, whoever does not match learns nothing about the subject: unknown, known without
// a reference that can be compared, damaged, or another person than the captures show. All get the same answer, after the same
// work, at the same times. The record of what was done has the truth. docs/adr/0063-limits.md argues it.

// reasonHidden: the captures did not match, or there was nothing to match; which of them is not told.
const reasonHidden = "enrolment-hidden"

// usualQuantum is when no other is set.
const usualQuantum = 50 * time.Millisecond

// makeDecoys makes one of each engine, which it must be able to when a party hides who is enrolled.
func makeDecoys(d Deps) (map[matcher.Modality]StoredTemplate, error) {
	decoys := map[matcher.Modality]StoredTemplate{}
	for audience, party := range d.Parties {
		for _, e := range d.Engines {
			if _, made := decoys[e.Modality()]; !party.HideEnrolment || made {
				continue
			}
			decoy, err := decoyOf(e)
			if err != nil {
				return nil, fmt.Errorf("audience %q hides who is enrolled: model %s: %w", audience, e.Model(), err)
			}
			decoys[e.Modality()] = decoy
		}
	}
	return decoys, nil
}

func decoyOf(e matcher.Engine) (StoredTemplate, error) {
	maker, can := e.(matcher.Decoyer)
	if !can {
		return StoredTemplate{}, errors.New("its engine makes no decoys")
	}
	t, err := maker.Decoy()
	if err != nil {
		return StoredTemplate{}, err
	}
	data, err := t.AppendBinary(nil)
	return StoredTemplate{ID: "decoy " + string(e.Modality()), Modality: t.Modality, Model: t.Model, Position: t.Position, Data: data}, err
}

// confrontHidden is confront, in which nothing that is particular to the subject shows: what cannot be read or compared is a reason
// for the record of what was done, and decoys are compared in its place.
func (s *Service) confrontHidden(ctx context.Context, subject string, questions []asked) (found compared, degraded []string, err error) {
	refs, degraded, lookupErr := s.lookup(ctx, subject)
	found, compareErr := s.compareStaged(questions, refs, true)
	if compareErr != nil {
		found = compared{}
	}
	s.compareDecoys(unanswered(questions, found))
	for _, cause := range []error{lookupErr, compareErr} {
		if cause != nil {
			found.reasons = append(found.reasons, AsError(cause).Code)
		}
	}
	return found, degraded, ctx.Err()
}

// unanswered are the questions about modalities of which nothing was compared.
func unanswered(questions []asked, found compared) (out []asked) {
	answered := modalitiesOf(found.scores)
	for _, q := range questions {
		if !slices.Contains(answered, q.modality) {
			out = append(out, q)
		}
	}
	return out
}

// compareDecoys takes the time of a comparison. Whatever comes of it is thrown away.
func (s *Service) compareDecoys(questions []asked) {
	var refs References
	for _, q := range questions {
		if decoy, ok := s.decoys[q.modality]; ok && !slices.ContainsFunc(refs.Templates, func(t StoredTemplate) bool { return t.ID == decoy.ID }) {
			refs.Templates = append(refs.Templates, decoy)
		}
	}
	_, _ = compare(questions, refs, true)
}

// hidden is what is told in place of every outcome but a match: what the captures say, and no more. It is inconclusive, for a
// no-match would claim that something was compared. away says that the record had not answered before this request: then who
// was not found in the cache could not be found at all, and nobody else is told more.
func hidden(captures []captured, questions []asked, aboutCaptures []string, away bool) (Outcome, error) {
	if away {
		return Outcome{}, stored(errors.New("the record did not answer before this request"), nil)
	}
	reasons := union(unusable(captures), aboutCaptures)
	if len(questions) > 0 {
		reasons = append(reasons, reasonHidden)
	}
	return Outcome{Decision: decision.Inconclusive, FMR: 1, Reasons: reasons, Captures: infos(captures)}, nil
}

// recordAway says whether the record is known not to answer, before anything of a request could tell.
func (s *Service) recordAway() bool { return slices.Contains(s.deps.Registry.Degraded(), "record") }

// paced is when an answer that hides something leaves: at the next multiple of the quantum after its request had arrived. So
// what took a little longer does not show, and what took much longer shows rarely.
func (s *Service) paced(arrived time.Time) time.Time {
	quantum := s.deps.Quantum
	if quantum <= 0 {
		quantum = usualQuantum
	}
	took := max(s.deps.Now().Sub(arrived), 0)
	return arrived.Add((took + quantum).Truncate(quantum))
}

// conceal paces whatever is told to a party that hides who is enrolled, but a match, which hides nothing.
func (s *Service) conceal(arrived time.Time, out Outcome, err error) (Outcome, error) {
	switch {
	case err != nil:
		e := *AsError(err)
		e.NotBefore = s.paced(arrived)
		return Outcome{}, &e
	case out.Decision != decision.Match:
		out.NotBefore = s.paced(arrived)
	}
	return out, nil
}
