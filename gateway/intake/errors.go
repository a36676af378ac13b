package intake

import (
	"fmt"

	"biogate/gateway"
	"biogate/matcher"
)

// Codes of what intake refuses. They are part of the outside surface.
const (
	CodeBodyEmpty      = "body-empty"
	CodeJSON           = "json-invalid"
	CodeMultipart      = "multipart-invalid"
	CodeQuery          = "query-invalid"
	CodeMediaType      = "media-type-unsupported"
	CodeUnknownField   = "unknown-field"
	CodeDuplicateField = "duplicate-field"
	CodeField          = "field-invalid" // a value of the wrong type: text, null or NaN where a number belongs
	CodeBase64         = "base64-invalid"
	CodeNoCaptures     = "captures-missing"
	CodeManyCaptures   = "captures-too-many"
	CodeEmptyCapture   = "capture-empty"
	CodeModality       = "modality-unknown"
	CodePosition       = "position-unknown"
	CodeSubject        = "subject-invalid"
	CodeGallery        = "gallery-invalid"
	CodeGroup          = "group-invalid"
	CodeSubjects       = "subjects-invalid"
	CodeAudience       = "audience-invalid"
	CodeNonce          = "nonce-invalid"
	CodeChallenge      = "challenge-unknown"
	CodeSequence       = "sequence-invalid"
	CodeToken          = "token-invalid"
	CodeManyMembers    = "members-too-many"
	CodeParameter      = string(matcher.CodeBadParameter)
)

func refuse(kind gateway.Kind, code, format string, args ...any) *gateway.Error {
	return &gateway.Error{Kind: kind, Code: code, Detail: fmt.Sprintf(format, args...)}
}

func malformed(code, format string, args ...any) *gateway.Error {
	return refuse(gateway.Malformed, code, format, args...)
}

// named returns name in quotes, cut to a length that an error may repeat.
func named(name string) string {
	if len(name) > maxFieldName {
		name = name[:maxFieldName] + "..."
	}
	return fmt.Sprintf("%q", name)
}
