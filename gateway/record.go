package gateway

import (
	"context"
	"errors"
	"slices"
	"time"
)

// Outcomes of what is not decided but done.
const (
	begun = "begun" // what follows may have been done
	done  = "done"
)

// record puts an event on record: what it speaks of may leave only then. Trace, device and time are filled in here.
func (s *Service) record(ctx context.Context, e AuditEvent) error {
	if s.deps.Audit == nil {
		return nil
	}
	e.At, e.Trace, e.Device = s.deps.Now().UTC(), TraceID(ctx), CallerOf(ctx).Device
	return s.staged("audit", func() error {
		if err := s.deps.Audit.Append(ctx, e); err != nil {
			return unavailable("audit-unavailable", "the request cannot be put on record", err)
		}
		return nil
	})
}

// decided fills in what an outcome says.
func (e AuditEvent) decided(out Outcome) AuditEvent {
	e.Outcome, e.FMR, e.Reasons, e.Degraded = string(out.Decision), out.FMR, out.Reasons, out.Degraded
	return e
}

// change is a change of what is held. It is on record before it is made, because it cannot be put back as if it had not been:
// without a record nothing is changed. How it ended follows.
type change struct {
	service *Service
	event   AuditEvent
}

// begin puts on record that e is about to be done. After an error it must not be.
func (s *Service) begin(ctx context.Context, e AuditEvent) (change, error) {
	e.Outcome = begun
	return change{s, e}, s.record(ctx, e)
}

// end puts on record how the change ended, with err or well, and returns degraded, with "audit" among it when that failed: a
// change that was made must not look as if it were not, and what it answers beyond that stays here.
func (c change) end(ctx context.Context, err error, degraded []string) []string {
	ctx, cancel := aftermath(ctx)
	defer cancel()
	c.event.Outcome, c.event.Degraded = outcomeOf(err), degraded
	if c.service.record(ctx, c.event) != nil {
		return append(slices.Clip(degraded), "audit")
	}
	return degraded
}

// ended is end for a change that can be repeated without harm: when it is not on record, the caller is told to.
func (c change) ended(ctx context.Context, err error) error {
	if slices.Contains(c.end(ctx, err, nil), "audit") && err == nil {
		return unavailable("audit-unavailable", "the change was made, and cannot be put on record", nil)
	}
	return err
}

func outcomeOf(err error) string {
	switch {
	case err == nil:
		return done
	case errors.Is(err, context.Canceled):
		return "canceled"
	}
	return AsError(err).Code
}

// onRecord are the refusals that somebody will ask for later: who tried what he may not, again and again, or with what is not
// his. Those of requests that are merely wrong are not kept.
var onRecord = []string{
	"attempts-exceeded", "audience-forbidden", "audience-unknown", "challenge-required", "duplicate-subject", "nonce-spent",
	"presentation-attack-suspected", "subject-unknown",
}

// refused puts a refusal on record that belongs there, and returns err, or why it could not.
func (s *Service) refused(ctx context.Context, e AuditEvent, err error) error {
	if err == nil || !slices.Contains(onRecord, AsError(err).Code) {
		return err
	}
	e.Outcome = AsError(err).Code
	if failed := s.record(ctx, e); failed != nil {
		return failed
	}
	return err
}

// undoWithin bounds what is put right after a request whose own time may be over.
const undoWithin = 5 * time.Second

func aftermath(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), undoWithin)
}
