package matcher

// Code names why a sample or template was refused. It is part of the outside surface: clients read it.
type Code string

// What an engine can find wrong.
const (
	CodeUndecodable    Code = "capture-undecodable" // claims or looks like a known format and is broken
	CodeTooLarge       Code = "capture-too-large"   // more pixels or bytes than the limits allow
	CodeFormat         Code = "format-unsupported"  // bytes of no format that the engine reads
	CodeFormatMismatch Code = "format-mismatch"     // the bytes are not what the sender said
	CodeBadParameter   Code = "parameter-invalid"   // a parameter beside the bytes is out of range (dpi, width, ...)
	CodeUnusable       Code = "capture-unusable"    // a sound picture without a usable biometric characteristic; see Reasons
	CodeBadTemplate    Code = "template-malformed"  // a template that breaks its format
	CodeModelMismatch  Code = "model-mismatch"      // a template of another model or version
	CodeEngineMissing  Code = "engine-unavailable"  // this build or machine has no engine for the modality
)

// Error is a refusal that names its cause. It never carries biometric data or identifiers.
type Error struct {
	Code    Code
	Detail  string   // one sentence for a person
	Reasons []string // for CodeUnusable: kebab-case, worst first (no-face, several-faces, blank, too-few-minutiae, ...)
	Hint    string   // for CodeUnusable: a short sentence that a kiosk can show; may be empty
}

func (e *Error) Error() string { return string(e.Code) + ": " + e.Detail }

// Is makes errors.Is(err, &Error{Code: c}) compare codes alone.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code && t.Detail == ""
}
