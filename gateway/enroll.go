package gateway

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"biogate/matcher"
)

// MaxTemplates bounds the templates of one subject: ten fingers and a face, each taken several times.
const MaxTemplates = 64

// Enroll holds captures as references of a subject: all of them or none.
func (s *Service) Enroll(ctx context.Context, r EnrollRequest) (EnrollResult, error) {
	if err := cmp.Or(checkIdentifier("subject", r.Subject), s.checkExpiry(r.ExpiresAt)); err != nil {
		return EnrollResult{}, err
	}
	out, err := s.enroll(ctx, r)
	return out, s.refused(ctx, AuditEvent{Action: "enroll", Subject: r.Subject}, err)
}

// enroll does it. It is on record.
func (s *Service) enroll(ctx context.Context, r EnrollRequest) (EnrollResult, error) {
	captures, err := s.extract(ctx, r.Captures, s.deps.Policy, nil)
	if err != nil {
		return EnrollResult{}, err
	}
	if err := allUsable(captures); err != nil {
		return EnrollResult{}, err
	}
	templates, err := s.store(captures, s.expiry(r.ExpiresAt))
	if err != nil {
		return EnrollResult{}, err
	}
	fused, err := s.fuseAhead(ctx, r.Subject, templates)
	if err != nil {
		return EnrollResult{}, err
	}
	leave, err := s.deduplicate(ctx, r.Subject, captures)
	if err != nil {
		return EnrollResult{}, err
	}
	defer leave()
	change, err := s.begin(ctx, AuditEvent{Action: "enroll", Subject: r.Subject, Count: len(templates)})
	if err != nil {
		return EnrollResult{}, err
	}
	_, degraded, err := s.deps.Registry.Update(ctx, r.Subject, adding(r.Subject, templates, s.deps.Now(), fused.derive))
	if err != nil {
		s.doubt(r.Subject) // it may have been written all the same
		err = stored(err, unknownSubject())
		change.end(ctx, err, nil)
		return EnrollResult{}, err
	}
	degraded = change.end(ctx, nil, degraded)
	out := EnrollResult{Subject: r.Subject, Templates: describe(templates, captures), Degraded: degraded}
	return out, nil
}

// allUsable refuses an enrolment with an unusable capture: a poor reference hurts its subject for years.
func allUsable(captures []captured) error {
	for i, c := range captures {
		if c.refusal != nil {
			return inCapture(i, len(captures), c.refusal)
		}
	}
	if attacked(captures) {
		return &Error{Kind: Unusable, Code: "presentation-attack-suspected", Detail: "a capture looks like a presentation attack"}
	}
	return nil
}

// store makes the stored form of every capture.
func (s *Service) store(captures []captured, expires time.Time) (out []StoredTemplate, err error) {
	out = make([]StoredTemplate, len(captures))
	for i, c := range captures {
		if out[i], err = s.storeOne(c.Template, c.Quality.Score); err != nil {
			return nil, err
		}
		out[i].ExpiresAt = expires
	}
	return out, nil
}

// storeOne makes the stored form of a template, and proves that it can be read back before anything is written.
func (s *Service) storeOne(t matcher.Template, quality int) (StoredTemplate, error) {
	data, err := t.AppendBinary(nil)
	if err != nil {
		return StoredTemplate{}, err
	}
	out := StoredTemplate{
		ID: newID(), Modality: t.Modality, Model: t.Model, Position: t.Position,
		Quality: quality, EnrolledAt: s.deps.Now().UTC(), Data: data,
	}
	_, err = reference(s.engines[out.Modality], out, map[string]matcher.Reference{})
	return out, err
}

// adding is the change that appends templates to what is held, and derives references from all of them.
func adding(subject string, templates []StoredTemplate, now time.Time, derive func([]StoredTemplate) []DerivedTemplate) func(References) (References, error) {
	return func(held References) (References, error) {
		if n := len(held.Templates) + len(templates); n > MaxTemplates {
			return References{}, &Error{Kind: Conflict, Code: "templates-too-many", Detail: fmt.Sprintf("the subject would have %d templates, at most %d are held", n, MaxTemplates), Hint: "delete the subject and enrol again"}
		}
		held = current(held, now)
		held.Subject = subject
		held.Templates = append(held.Templates[:len(held.Templates):len(held.Templates)], templates...)
		held.Derived = derive(held.Templates)
		return held, nil
	}
}

// deduplicate refuses a person who is held under another id. Until leave is called no other enrolment passes here, so that
// two at once cannot both be new. Whoever is in doubt is looked up first.
func (s *Service) deduplicate(ctx context.Context, subject string, captures []captured) (func(), error) {
	if !s.deps.Deduplicate {
		return func() {}, nil
	}
	leave, err := s.turn(ctx, s.enrolling)
	if err != nil {
		return nil, err
	}
	passed := false
	defer func() {
		if !passed {
			leave()
		}
	}()
	if err := s.lookAgain(ctx); err != nil {
		return nil, stored(err, nil)
	}
	questions, err := s.probes(unlabelled(captures))
	if err != nil {
		return nil, err
	}
	found, _, _, err := s.search(ctx, everyone, matcher.Filter{}, questions, s.deps.Policy)
	if err != nil {
		return nil, err
	}
	for _, c := range found {
		if c.Subject != subject {
			return nil, &Error{Kind: Conflict, Code: "duplicate-subject", Detail: "this person is enrolled under another id"}
		}
	}
	passed = true
	return leave, nil
}

// unlabelled takes the positions away: a label must not hide a finger from deduplication.
func unlabelled(captures []captured) []captured {
	out := slices.Clone(captures)
	for i := range out {
		out[i].Template.Position, out[i].info.Position = matcher.Unknown, matcher.Unknown
	}
	return out
}

func describe(templates []StoredTemplate, captures []captured) []TemplateInfo {
	out := make([]TemplateInfo, len(templates))
	for i, t := range templates {
		out[i] = templateInfo(t)
		if captures != nil {
			out[i].Quality.Reasons = captures[i].Quality.Reasons
		}
	}
	return out
}

func templateInfo(t StoredTemplate) TemplateInfo {
	return TemplateInfo{
		ID: t.ID, Modality: t.Modality, Position: t.Position, Model: t.Model,
		Quality: matcher.Quality{Score: t.Quality}, EnrolledAt: t.EnrolledAt, ExpiresAt: t.ExpiresAt,
	}
}
