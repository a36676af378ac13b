package intake

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"
	"unicode/utf8"

	"biogate/gateway"
)

// jsonReader walks a JSON text (RFC 8259) whose shape is known. It refuses unknown and repeated fields by their path,
// recurses no deeper than the shape, and touches the bytes of a long string once. The first error sticks: after it every
// call returns a zero value, so that callers check once, at the end.
type jsonReader struct {
	text []byte
	pos  int
	path []byte   // of the value being read: captures[0].dpi
	wide []string // paths of fields that widen the request when they are absent: null is refused there
	err  *gateway.Error
}

// field is one member that an object may have. read is not called when the value is null, which means absent.
type field struct {
	name string
	read func()
}

// readJSON reads text, which holds exactly one value, with read.
func readJSON(text []byte, read func(r *jsonReader)) error {
	r := &jsonReader{text: text}
	if r.skip(); r.pos == len(r.text) {
		return malformed(CodeBodyEmpty, "the JSON text is empty")
	}
	read(r)
	if r.skip(); r.err == nil && r.pos < len(r.text) {
		r.fail(CodeJSON, "there is more after the end of the JSON value")
	}
	if r.err != nil {
		return r.err
	}
	return nil
}

func (r *jsonReader) fail(code, format string, args ...any) {
	if r.err != nil {
		return
	}
	r.err = malformed(code, format, args...)
	if len(r.path) > 0 {
		r.err.Detail = string(r.path) + ": " + r.err.Detail
	}
}

// refuse makes err, unless nil, the reader's error.
func (r *jsonReader) refuse(err *gateway.Error) {
	if err != nil && r.err == nil {
		r.err = err
		r.err.Detail = string(r.path) + ": " + r.err.Detail
	}
}

// refuseError is refuse for an error that is nil or a *gateway.Error.
func (r *jsonReader) refuseError(err error) {
	if err != nil {
		r.refuse(gateway.AsError(err))
	}
}

// wrong refuses the next value, which is not what belongs here.
func (r *jsonReader) wrong(belongs string) {
	if r.peek(); r.pos == len(r.text) {
		r.fail(CodeJSON, "the text ends where %s belongs", belongs)
		return
	}
	r.fail(CodeField, "%s belongs here", belongs)
}

func (r *jsonReader) skip() {
	for r.pos < len(r.text) {
		switch r.text[r.pos] {
		case ' ', '\t', '\r', '\n':
			r.pos++
		default:
			return
		}
	}
}

// peek returns the next byte that is no white space, 0 at the end and after an error.
func (r *jsonReader) peek() byte {
	if r.skip(); r.err != nil || r.pos == len(r.text) {
		return 0
	}
	return r.text[r.pos]
}

func (r *jsonReader) expect(c byte) bool {
	if r.peek() != c {
		r.fail(CodeJSON, "'%c' is missing at byte %d", c, r.pos)
		return false
	}
	r.pos++
	return true
}

// more says whether another element follows in a list that end closes, and steps over what stands between.
func (r *jsonReader) more(first bool, end byte) bool {
	if r.peek() == end {
		r.pos++
		return false
	}
	return r.err == nil && (first || r.expect(','))
}

func (r *jsonReader) null() bool {
	if r.peek() != 'n' || !bytes.HasPrefix(r.text[r.pos:], []byte("null")) {
		return false
	}
	r.pos += len("null")
	return true
}

// boolean reads true or false.
func (r *jsonReader) boolean() bool {
	r.peek()
	for text, value := range map[string]bool{"true": true, "false": false} {
		if bytes.HasPrefix(r.text[r.pos:], []byte(text)) {
			r.pos += len(text)
			return value
		}
	}
	r.wrong("true or false")
	return false
}

// absent steps over a null, where one may stand.
func (r *jsonReader) absent() bool {
	if !r.null() {
		return false
	}
	if slices.Contains(r.wide, string(r.path)) {
		r.fail(CodeField, "null does not belong here; left out, the field confines nothing")
	}
	return true
}

// object reads an object that may have the given fields, at most 64.
func (r *jsonReader) object(fields ...field) {
	if r.peek() != '{' {
		r.wrong("an object")
		return
	}
	r.pos++
	depth, seen := len(r.path), uint64(0)
	for first := true; r.more(first, '}'); first = false {
		name := r.name()
		k := indexField(fields, name)
		switch {
		case r.err != nil:
			return
		case k < 0:
			r.fail(CodeUnknownField, "there is no field %s here", named(name))
			return
		case seen&(1<<k) != 0:
			r.fail(CodeDuplicateField, "the field %s is there twice", named(name))
			return
		}
		seen |= 1 << k
		r.push(name)
		if r.expect(':') && !r.absent() {
			fields[k].read()
		}
		if r.err != nil {
			return
		}
		r.path = r.path[:depth]
	}
}

func indexField(fields []field, name string) int {
	for k := range fields {
		if fields[k].name == name {
			return k
		}
	}
	return -1
}

func (r *jsonReader) push(name string) {
	if len(r.path) > 0 {
		r.path = append(r.path, '.')
	}
	r.path = append(r.path, name...)
}

// array reads an array, each element with read.
func (r *jsonReader) array(read func(i int)) {
	if r.peek() != '[' {
		r.wrong("an array")
		return
	}
	r.pos++
	depth := len(r.path)
	for i := 0; r.more(i == 0, ']'); i++ {
		r.path = append(strconv.AppendInt(append(r.path, '['), int64(i), 10), ']')
		if read(i); r.err != nil {
			return
		}
		r.path = r.path[:depth]
	}
}

func (r *jsonReader) name() string {
	if r.peek() != '"' {
		r.fail(CodeJSON, "a field's name is missing at byte %d", r.pos)
		return ""
	}
	return r.str()
}

func (r *jsonReader) str() string {
	s, escaped := r.quoted()
	switch {
	case r.err != nil:
		return ""
	case !utf8.Valid(s) || hasControl(s):
		r.fail(CodeJSON, "the string holds a raw control character or is no UTF-8")
		return ""
	case escaped:
		s = r.unescape(s)
	}
	return string(s)
}

// base64 reads a string of base64, in the standard or the URL alphabet, with or without padding.
func (r *jsonReader) base64() []byte {
	s, escaped := r.quoted()
	switch {
	case r.err != nil:
		return nil
	case escaped:
		s = r.unescape(s)
	case bytes.IndexByte(s, '\n') >= 0 || bytes.IndexByte(s, '\r') >= 0: // which the decoder would skip
		r.fail(CodeJSON, "the string holds a raw control character")
		return nil
	}
	if r.err != nil {
		return nil
	}
	b, err := decodeBase64(s)
	r.refuse(err)
	return b
}

func decodeBase64(s []byte) ([]byte, *gateway.Error) {
	s = bytes.TrimRight(s, "\r\n")
	padded := bytes.HasSuffix(s, []byte("="))
	enc := base64.StdEncoding
	if bytes.IndexByte(s, '-') >= 0 || bytes.IndexByte(s, '_') >= 0 {
		enc = base64.URLEncoding
	}
	if !padded {
		enc = enc.WithPadding(base64.NoPadding)
	}
	b := make([]byte, enc.DecodedLen(len(s)))
	n, err := enc.Decode(b, s)
	if err == nil {
		return b[:n], nil
	}
	refused := malformed(CodeBase64, "the text is not base64")
	if at, ok := err.(base64.CorruptInputError); ok {
		refused.Detail = "the text is not base64 at byte " + strconv.FormatInt(int64(at), 10)
	}
	if bytes.HasPrefix(s, []byte("data:")) {
		refused.Hint = "This is a data URL: send only what follows its comma."
	}
	return nil, refused
}

// quoted returns the bytes between the quotes of the next string, and whether any of them are escapes.
func (r *jsonReader) quoted() (s []byte, escaped bool) {
	if r.peek() != '"' {
		r.wrong("a string")
		return nil, false
	}
	rest := r.text[r.pos+1:]
	end := bytes.IndexByte(rest, '"')
	if end >= 0 && bytes.IndexByte(rest[:end], '\\') >= 0 {
		end, escaped = endOfEscaped(rest), true
	}
	if end < 0 {
		r.fail(CodeJSON, "a string has no end")
		return nil, false
	}
	r.pos += end + 2
	return rest[:end], escaped
}

// endOfEscaped returns the index of the quote that ends a string with escapes, or -1.
func endOfEscaped(s []byte) int {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return -1
}

func (r *jsonReader) unescape(s []byte) []byte {
	quoted := make([]byte, 0, len(s)+2)
	quoted = append(append(append(quoted, '"'), s...), '"')
	var out string
	if json.Unmarshal(quoted, &out) != nil {
		r.fail(CodeJSON, "a string holds a broken escape")
		return nil
	}
	return []byte(out)
}

func hasControl(s []byte) bool {
	for _, c := range s {
		if c < ' ' {
			return true
		}
	}
	return false
}

// number reads a finite number.
func (r *jsonReader) number() float64 {
	r.skip()
	end := r.pos
	for end < len(r.text) && bytes.IndexByte([]byte("+-.eE0123456789"), r.text[end]) >= 0 {
		end++
	}
	token := r.text[r.pos:end]
	v, err := strconv.ParseFloat(string(token), 64)
	if len(token) == 0 || !json.Valid(token) || err != nil {
		r.wrong("a finite number")
		return 0
	}
	r.pos = end
	return v
}

// integer reads a whole number from low to high.
func (r *jsonReader) integer(low, high int) int {
	v := r.number()
	if r.err != nil {
		return 0
	}
	if v != float64(int(v)) || v < float64(low) || v > float64(high) {
		r.fail(CodeParameter, "a whole number from %d to %d belongs here", low, high)
		return 0
	}
	return int(v)
}
