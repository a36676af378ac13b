package httpsig

import (
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"time"
)

// Limits, in bytes or in pieces.
const (
	maxFields     = 8 << 10 // of Signature-Input, Signature and Content-Digest together
	maxComponents = 16
	maxName       = 64 // of a component or a label
	maxKeyID      = 128
	minNonce      = 16
	maxNonce      = 128
	maxTime       = 253402300799 // seconds since 1970 to the end of 9999
)

// Header fields.
const (
	inputField  = "signature-input"
	valueField  = "signature"
	digestField = "content-digest"
)

// signatureFields are the two fields that make a signature, one line each.
func signatureFields(m Message) (input, value string, err error) {
	inputs, values := m.Header(inputField), m.Header(valueField)
	if len(inputs) == 0 && len(values) == 0 {
		return "", "", ErrAbsent
	}
	if len(inputs) != 1 || len(values) != 1 {
		return "", "", fmt.Errorf("%w: Signature-Input and Signature come once each, or not at all", ErrMalformed)
	}
	total := len(inputs[0]) + len(values[0])
	for _, line := range m.Header(digestField) {
		total += len(line)
	}
	if total > maxFields {
		return "", "", fmt.Errorf("%w: the header fields are too long", ErrMalformed)
	}
	return inputs[0], values[0], nil
}

// input is a Signature-Input with a single member (RFC 9421, section 4.1).
type input struct {
	label      string
	components [maxComponents]string
	count      int
	params     string // the member as it came: the value of @signature-params
	signature  Signature
}

func (in *input) covers(name string) bool {
	for _, c := range in.components[:in.count] {
		if c == name {
			return true
		}
	}
	return false
}

// parseInput reads a Signature-Input that is complete.
func parseInput(s string) (input, error) {
	in, err := readInput(s)
	if err != nil {
		return input{}, err
	}
	if c := in.signature; c.Nonce == "" || c.KeyID == "" || c.Created.IsZero() {
		return input{}, fmt.Errorf("%w: created, nonce and keyid are needed", ErrMalformed)
	}
	return in, nil
}

// readInput reads `label=("a" "b");created=1;nonce="n";keyid="k"`.
func readInput(s string) (input, error) {
	r := reader{rest: s}
	in := input{label: r.key()}
	r.literal("=")
	start := r.rest
	r.literal("(")
	for !r.failed && !r.next(')') {
		if in.count > 0 {
			r.literal(" ")
		}
		in.add(&r, r.quoted())
	}
	for !r.failed && r.rest != "" {
		r.literal(";")
		in.parameter(&r)
	}
	in.params = start
	if !in.signature.Expires.IsZero() && in.signature.Expires.Before(in.signature.Created) {
		r.fail()
	}
	if r.failed {
		return input{}, fmt.Errorf("%w: Signature-Input is not as the profile has it", ErrMalformed)
	}
	return in, nil
}

// add takes a component of which the profile knows, once.
func (in *input) add(r *reader, name string) {
	if r.failed || in.count == maxComponents || in.covers(name) || !knownComponent(name) {
		r.fail()
		return
	}
	in.components[in.count] = name
	in.count++
}

func knownComponent(name string) bool {
	for _, known := range required {
		if name == known {
			return true
		}
	}
	return fieldName(name) && name != inputField && name != valueField
}

// parameter takes a parameter of which the profile knows, once.
func (in *input) parameter(r *reader) {
	s := &in.signature
	switch r.key() {
	case "created":
		r.once(s.Created.IsZero())
		s.Created = r.time()
	case "expires":
		r.once(s.Expires.IsZero())
		s.Expires = r.time()
	case "nonce":
		r.once(s.Nonce == "")
		s.Nonce = r.text(minNonce, maxNonce)
	case "keyid":
		r.once(s.KeyID == "")
		s.KeyID = r.text(1, maxKeyID)
	case "alg":
		r.once(s.algorithm == "")
		s.algorithm = r.text(1, maxName)
	default:
		r.fail()
	}
}

// parseValue reads `label=:base64:`.
func parseValue(s, label string) (value [signatureBytes]byte, err error) {
	r := reader{rest: s}
	if r.key() != label {
		r.fail()
	}
	r.literal("=")
	r.bytes(value[:])
	if r.failed || r.rest != "" {
		return value, fmt.Errorf("%w: Signature is not one of 64 bytes under the label of Signature-Input", ErrMalformed)
	}
	return value, nil
}

// reader takes canonical pieces of structured fields (RFC 8941, section 4.1) off a string. What it does not expect makes it
// fail for good; what it returns then means nothing.
type reader struct {
	rest   string
	failed bool
}

func (r *reader) fail() { r.failed = true; r.rest = "" }

// once fails at what was there before.
func (r *reader) once(first bool) {
	if !first {
		r.fail()
	}
}

// take returns the first n bytes.
func (r *reader) take(n int) string {
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

// next takes c, if it is next.
func (r *reader) next(c byte) bool {
	if r.rest == "" || r.rest[0] != c {
		return false
	}
	r.take(1)
	return true
}

func (r *reader) literal(s string) {
	if len(r.rest) < len(s) || r.rest[:len(s)] != s {
		r.fail()
		return
	}
	r.take(len(s))
}

// key of a dictionary or a parameter.
func (r *reader) key() string {
	n := 0
	for n < len(r.rest) && n <= maxName && keyChar(r.rest[n], n == 0) {
		n++
	}
	if n == 0 || n > maxName {
		r.fail()
		return ""
	}
	return r.take(n)
}

func keyChar(c byte, first bool) bool {
	switch {
	case 'a' <= c && c <= 'z', c == '*':
		return true
	case '0' <= c && c <= '9', c == '_', c == '-', c == '.':
		return !first
	}
	return false
}

// quoted is a string. Those with an escape are refused: nothing that the profile knows needs one.
func (r *reader) quoted() string {
	r.literal(`"`)
	for n := range len(r.rest) {
		switch c := r.rest[n]; {
		case c == '"':
			s := r.take(n)
			r.take(1)
			return s
		case c < ' ' || c > '~' || c == '\\':
			r.fail()
			return ""
		}
	}
	r.fail()
	return ""
}

// text is "=" and a string of so many characters, none of them blank.
func (r *reader) text(low, high int) string {
	r.literal("=")
	s := r.quoted()
	if len(s) < low || len(s) > high {
		r.fail()
	}
	for i := range len(s) {
		if s[i] == ' ' {
			r.fail()
		}
	}
	return s
}

// time is "=" and seconds since 1970, from 1 on.
func (r *reader) time() time.Time {
	r.literal("=")
	seconds, n := int64(0), 0
	for n < len(r.rest) && '0' <= r.rest[n] && r.rest[n] <= '9' && seconds <= maxTime {
		seconds = 10*seconds + int64(r.rest[n]-'0')
		n++
	}
	if n == 0 || seconds > maxTime || r.rest[0] == '0' {
		r.fail()
		return time.Time{}
	}
	r.take(n)
	return time.Unix(seconds, 0)
}

// canonical base64: no second spelling of the last character's unused bits.
var canonical = base64.StdEncoding.Strict()

// bytes is a byte sequence that fills into.
func (r *reader) bytes(into []byte) {
	r.literal(":")
	n := canonical.EncodedLen(len(into))
	if len(r.rest) < n {
		r.fail()
		return
	}
	var decoded [sha512.Size + 2]byte // room for the padding
	if m, err := canonical.Decode(decoded[:], []byte(r.take(n))); err != nil || m != len(into) {
		r.fail()
	}
	copy(into, decoded[:])
	r.literal(":")
}

// fieldName: lower-case letters, digits, hyphens and underscores.
func fieldName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return s != "" && len(s) <= maxName
}
