package imaging

import "fmt"

// Codes of Error; equal to the codes of the same meaning in package matcher.
const (
	CodeUndecodable    = "capture-undecodable" // a known format that is broken
	CodeTooLarge       = "capture-too-large"   // beyond the limits
	CodeFormat         = "format-unsupported"  // a format, or a variety of one, that is not read
	CodeFormatMismatch = "format-mismatch"     // the bytes are not what the sender claimed
)

// Error says why a picture was refused.
type Error struct {
	Code   string
	Detail string // one sentence for a person
}

func (e *Error) Error() string { return e.Code + ": " + e.Detail }

func refuse(code, format string, args ...any) error {
	return &Error{Code: code, Detail: fmt.Sprintf(format, args...)}
}
