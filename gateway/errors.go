package gateway

import (
	"errors"
	"fmt"
	"time"

	"biogate/matcher"
)

// What stores answer; see Templates.
var (
	ErrNotFound = errors.New("not found")
	ErrConflict = errors.New("another version is held")
)

// Kind classes an Error. Only gateway/httpapi turns a Kind into a status.
type Kind int

// Kinds of errors, by who can mend them and how.
const (
	Internal     Kind = iota // a fault of ours; no detail leaves
	Malformed                // the request breaks its format
	Unauthorized             // no or unknown credential
	Forbidden                // known, but not allowed
	NotFound                 // no such subject, gallery or key
	Conflict                 // contradicts what is held
	TooLarge                 // over a limit of size
	Unsupported              // a format that is not read
	Unusable                 // well-formed, but the content cannot serve
	Limited                  // too many requests; later
	Unavailable              // an outside system or capacity is missing; later
	NotBuilt                 // this build or machine lacks the engine
)

// Error is a failure that a client may see: Detail, Hint and Reasons carry no biometric data and no identifiers.
type Error struct {
	Kind       Kind
	Code       string // stable, kebab-case
	Detail     string // one sentence
	Hint       string // what the caller can do; may be empty
	Reasons    []string
	RetryAfter time.Duration // for Limited and Unavailable
	NotBefore  time.Time     // when it may be told; zero: at once
	Cause      error         // for the log, never for the client
}

func (e *Error) Error() string {
	if e.Cause != nil {
		return fmt.Sprintf("%s: %s (%v)", e.Code, e.Detail, e.Cause)
	}
	return e.Code + ": " + e.Detail
}

func (e *Error) Unwrap() error { return e.Cause }

// Retryable says whether the same request may succeed later.
func (e *Error) Retryable() bool { return e.Kind == Limited || e.Kind == Unavailable }

// codeKinds says to which Kind each refusal of an engine belongs.
var codeKinds = map[matcher.Code]Kind{
	matcher.CodeUndecodable:    Malformed,
	matcher.CodeTooLarge:       TooLarge,
	matcher.CodeFormat:         Unsupported,
	matcher.CodeFormatMismatch: Unsupported,
	matcher.CodeBadParameter:   Malformed,
	matcher.CodeUnusable:       Unusable,
	matcher.CodeBadTemplate:    Malformed,
	matcher.CodeModelMismatch:  Unusable,
	matcher.CodeEngineMissing:  NotBuilt,
}

// AsError turns any error into an Error; what it does not know is Internal.
func AsError(err error) *Error {
	if e := (*Error)(nil); errors.As(err, &e) {
		return e
	}
	if e := (*matcher.Error)(nil); errors.As(err, &e) {
		return &Error{Kind: codeKinds[e.Code], Code: string(e.Code), Detail: e.Detail, Hint: e.Hint, Reasons: e.Reasons}
	}
	return &Error{Kind: Internal, Code: "internal", Detail: "the gateway failed", Cause: err}
}
