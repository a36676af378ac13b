package gateway

import (
	"context"
	"errors"
	"slices"
)

// Subject says what is held about a subject.
func (s *Service) Subject(ctx context.Context, subject string) (SubjectInfo, error) {
	if err := checkIdentifier("subject", subject); err != nil {
		return SubjectInfo{}, err
	}
	refs, degraded, err := s.lookup(ctx, subject)
	if err != nil {
		return SubjectInfo{}, err
	}
	return SubjectInfo{Subject: subject, Templates: describe(refs.Templates, nil), Galleries: s.galleries.of(subject), Degraded: degraded}, nil
}

// Forget deletes a subject everywhere. When it returns, nothing matches the subject any more.
func (s *Service) Forget(ctx context.Context, subject string) (Deletion, error) {
	if err := checkIdentifier("subject", subject); err != nil {
		return Deletion{}, err
	}
	return s.forget(ctx, subject, "forget", nil)
}

// forget deletes a subject everywhere, if when is nil or says yes to what is held, and puts that on record as action.
func (s *Service) forget(ctx context.Context, subject, action string, when func(held References) bool) (Deletion, error) {
	change, err := s.begin(ctx, AuditEvent{Action: action, Subject: subject})
	if err != nil {
		return Deletion{}, err
	}
	held, degraded, err := s.deps.Registry.Forget(ctx, subject, when)
	if errors.Is(err, ErrConflict) {
		change.end(ctx, &Error{Kind: Conflict, Code: "kept"}, nil)
		return Deletion{}, err
	}
	if err != nil {
		if !errors.Is(err, ErrNotFound) {
			s.doubt(subject) // it may be gone all the same
		}
		err = stored(err, unknownSubject())
		change.end(ctx, err, nil)
		return Deletion{}, err
	}
	out := Deletion{Subject: subject, Templates: len(held.Templates), Degraded: degraded}
	out.Receipt, err = s.deps.Issuer.DeletionReceipt(ctx, DeletionFacts{
		Subject: subject, Templates: out.Templates, DeletedAt: s.deps.Now(), Degraded: degraded,
	})
	if err != nil { // the deletion is done and must not look as if it were not
		out.Degraded = append(out.Degraded, "signer")
	}
	change.event.Count = out.Templates
	if out.Degraded = change.end(ctx, nil, out.Degraded); slices.Contains(out.Degraded, "audit") {
		out.Receipt = "" // what is not on record does not leave
	}
	return out, nil
}
