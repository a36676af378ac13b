package gateway

import "context"

// done is the outcome of what is not decided but done.
const done = "done"

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
