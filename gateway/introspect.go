package gateway

import (
	"context"
	"encoding/json"
	"slices"
	"time"
)

// MaxTokenBytes bounds the token of an introspection. An assertion has about 1 KB.
const MaxTokenBytes = 16 << 10

// Introspected is the answer to a relying party that asks whether it may take an assertion (RFC 7662). The zero value is no, and
// does not say why: the token may be of another gateway, expired, used up, or somebody else's.
type Introspected struct {
	Active bool
	Claims json.RawMessage // of the assertion, one JSON object; nil when not active
}

// What the record says of an introspection.
const (
	introspectActive  = "active"
	introspectUsed    = "used"
	introspectUnknown = "unknown"
)

// Introspect tells a relying party that an assertion is good, once: of many who ask, at once or later, the first is told. A token
// that is not for the caller is not used up by it. No is also said of one that may have been introspected where nobody remembers
// it: before the memory that nodes share began anew, or this process where none is shared.
//
// That its subject was forgotten meanwhile changes nothing. An assertion states what was so at auth_time, every relying party
// that checks it by itself takes it until exp, and to refuse it here the gateway would have to remember whoever asked to be
// forgotten.
func (s *Service) Introspect(ctx context.Context, token string) (Introspected, error) {
	read, ok, err := s.readFor(ctx, token)
	if err != nil {
		return Introspected{}, err
	}
	event := AuditEvent{Action: "introspect", Outcome: introspectUnknown}
	if !ok {
		return Introspected{}, s.record(ctx, event)
	}
	event.Outcome, event.Audience, event.Assertion = introspectUsed, read.Audience, read.ID
	first, err := s.nonces.Spend(ctx, "introspect:"+read.ID, read.Expires)
	if err != nil {
		return Introspected{}, unavailable("nonces-unavailable", "whether the assertion was used before cannot be said now", err)
	}
	if !first || !s.remembered(read) {
		return Introspected{}, s.record(ctx, event)
	}
	event.Outcome = introspectActive
	if err := s.record(ctx, event); err != nil { // it is used up: what is not on record does not leave
		return Introspected{}, err
	}
	return Introspected{Active: true, Claims: read.Claims}, nil
}

// remembered says whether it would be known if an assertion had been introspected before: since it was made no memory of what was
// used ended or began anew. An assertion of a process that remembered by itself, and is gone, is not.
func (s *Service) remembered(read Statement) bool {
	made, ok := s.tokenIDs.made(read.ID)
	if since, _ := s.sharedNonces(); !ok || made.Before(since) {
		return false
	}
	return made.Sub(read.Issued).Abs() < time.Minute // else the id is of another key
}

// readFor reads a token that the caller may ask about.
func (s *Service) readFor(ctx context.Context, token string) (read Statement, ok bool, err error) {
	if s.deps.Assertions == nil || len(token) > MaxTokenBytes {
		return Statement{}, false, nil
	}
	read, ok, err = s.deps.Assertions.ReadAssertion(ctx, token)
	if err != nil || !ok {
		return Statement{}, false, err
	}
	party, registered := s.registered(read.Audience)
	if !registered || party.Introspection == IntrospectOff || !s.speaksFor(CallerOf(ctx), read.Audience) {
		return Statement{}, false, nil
	}
	return read, true, nil
}

// speaksFor says whether the caller is the relying party of an audience. A registered device must name it: one that may ask for
// any audience is none of them. Where any audience is served to anybody, anybody is.
func (s *Service) speaksFor(c Caller, audience string) bool {
	return slices.Contains(c.Audiences, audience) || c.Device == "" && !s.deps.OnlyParties
}
