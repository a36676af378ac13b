package gateway

import (
	"context"
	"errors"
	"slices"
	"time"
)

// expireEvery is how often the record is searched for references that have expired. They match nobody from the moment they
// expire; what this bounds is how long their bytes stay.
const expireEvery = 10 * time.Minute

// held is what is held about a subject and has not expired. ErrNotFound when nothing is, or when all of it has.
func (s *Service) held(ctx context.Context, subject string) (References, []string, error) {
	refs, degraded, err := s.deps.Registry.Get(ctx, subject)
	if err != nil || !anyExpired(refs, s.deps.Now()) {
		return refs, degraded, err
	}
	if refs = current(refs, s.deps.Now()); len(refs.Templates) == 0 {
		return References{}, degraded, ErrNotFound
	}
	return refs, degraded, nil
}

// current is refs without what has expired. A reference derived from what has expired stands for nothing: see inUse.
func current(refs References, now time.Time) References {
	refs.Templates = slices.DeleteFunc(slices.Clone(refs.Templates), func(t StoredTemplate) bool { return t.expired(now) })
	return refs
}

func anyExpired(refs References, now time.Time) bool {
	return slices.ContainsFunc(refs.Templates, func(t StoredTemplate) bool { return t.expired(now) })
}

func (t StoredTemplate) expired(now time.Time) bool {
	return !t.ExpiresAt.IsZero() && !now.Before(t.ExpiresAt)
}

// expiry is when references expire that were enrolled now: as was asked for, and no later than the policy says.
func (s *Service) expiry(asked time.Time) time.Time {
	if s.deps.Retention == 0 {
		return asked
	}
	latest := s.deps.Now().UTC().Add(s.deps.Retention)
	if asked.IsZero() || asked.After(latest) {
		return latest
	}
	return asked
}

func (s *Service) checkExpiry(at time.Time) error {
	if at.IsZero() || at.After(s.deps.Now()) {
		return nil
	}
	return &Error{Kind: Malformed, Code: "expiry-invalid", Detail: "expires_at lies in the past"}
}

// expire forgets references that have expired, everywhere. It goes on after a failure, but for one that the next subject would meet
// too, and is called again. What no key opens any more expires as well.
func (s *Service) expire(ctx context.Context) error {
	var due []string
	now := s.deps.Now()
	err := s.deps.Lister.Each(ctx, func(refs References) error {
		if anyExpired(refs, now) {
			due = append(due, refs.Subject)
		}
		return nil
	})
	for _, subject := range due {
		failed := s.expireOne(ctx, subject)
		err = errors.Join(err, failed)
		if failed != nil && AsError(failed).Kind == Unavailable {
			break
		}
	}
	return err
}

func (s *Service) expireOne(ctx context.Context, subject string) error {
	_, err := s.forget(ctx, subject, "expire", func(held References) bool { return len(current(held, s.deps.Now()).Templates) == 0 })
	if !errors.Is(err, ErrConflict) { // all had expired
		return err
	}
	gone := 0
	_, degraded, err := s.deps.Registry.Update(ctx, subject, func(held References) (References, error) {
		left := current(held, s.deps.Now())
		if gone = len(held.Templates) - len(left.Templates); gone == 0 || len(left.Templates) == 0 {
			return References{}, errNothingToExpire // somebody was faster; what is left to do, the next look finds
		}
		left.Derived = slices.DeleteFunc(slices.Clone(left.Derived), func(d DerivedTemplate) bool { return !madeOf(d, left.Templates) })
		return left, nil
	})
	if errors.Is(err, errNothingToExpire) {
		return nil
	}
	if err != nil {
		s.doubt(subject)
		return err
	}
	return s.record(ctx, AuditEvent{Action: "expire", Outcome: done, Subject: subject, Count: gone, Degraded: degraded})
}

var errNothingToExpire = errors.New("nothing to expire")
