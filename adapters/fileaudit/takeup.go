package fileaudit

import (
	"errors"
	"fmt"
	"path/filepath"

	"biogate/gateway"
	"biogate/gateway/audit"
	"biogate/internal/durable"
)

// takeUp finds the end of the trail and opens it for appending. It returns the event that says how the gateway found it.
func (l *Log) takeUp() (start gateway.AuditEvent, err error) {
	start = gateway.AuditEvent{Action: audit.Start, Outcome: "done"}
	dir := l.options.Dir
	head, err := Head(dir)
	if err != nil {
		return start, err
	}
	segments, err := Segments(dir)
	switch {
	case err != nil:
		return start, err
	case len(segments) == 0 && head != "":
		return start, fmt.Errorf("the audit trail in %s is gone, and HEAD says that there was one; %s", dir, advice)
	case len(segments) == 0:
		return start, l.beginTrail()
	}
	last := segments[len(segments)-1]
	found, err := l.inspect(segments, head)
	if err != nil {
		return start, err
	}
	l.segment, l.size, l.seq, l.hash, l.key = last.Name, found.Good, found.Last, found.Final, found.FinalKey
	l.unsaid = found.Unsigned > 0
	l.broken = true // so that recover opens it and cuts off what was not acknowledged
	if err := l.recover(); err != nil {
		return start, err
	}
	if found.Torn > 0 {
		start.Reasons = append(start.Reasons, "torn-write-cut")
		l.options.Warn(fmt.Sprintf("the last line of the audit trail was incomplete, as after a crash in the middle of a write: %d bytes were cut off", found.Torn), nil)
	}
	if found.LastAction != "stop" {
		start.Reasons = append(start.Reasons, "no-stop-before")
	}
	if found.Unsigned > 0 { // what a checkpoint will vouch for from now on was not vouched for until now
		start.Reasons, start.Count = append(start.Reasons, "unsigned-before"), int(found.Unsigned)
	}
	return start, nil
}

const advice = "find out with `biogate audit verify` what happened; to go on with a new trail, move the folder away and keep it"

// inspect checks the last two segments: the last alone may have no line yet. `biogate audit verify` checks all.
func (l *Log) inspect(segments []audit.Segment, head string) (audit.Report, error) {
	last := segments[max(0, len(segments)-2):]
	keys, err := l.options.Keys()
	if err != nil {
		return audit.Report{}, err
	}
	found, err := audit.Verify(audit.Trail{Segments: last, Head: head, Keys: keys, Running: true})
	if err != nil {
		return found, err
	}
	for _, f := range found.Findings {
		if f.Kind == audit.Beginning || f.Kind == audit.Unsigned {
			continue // said by verify; a signer that failed for long, or archived segments, must not stop the gateway
		}
		return found, fmt.Errorf("the audit trail in %s is damaged: %s, line %d of %s: %s; %s", l.options.Dir, f.Kind, f.Seq, filepath.Base(f.File), f.Detail, advice)
	}
	return found, nil
}

// beginTrail makes the first segment.
func (l *Log) beginTrail() error {
	l.segment = segmentName(1)
	f, err := l.files(filepath.Join(l.options.Dir, l.segment), true)
	if err != nil {
		return err
	}
	l.file = f
	return errors.Join(durable.SyncDir(l.options.Dir), durable.SyncDir(filepath.Dir(l.options.Dir)))
}
