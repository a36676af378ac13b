// Package intake turns the bodies of requests into what the service is asked: JSON, multipart and raw forms, one meaning.
// It is strict, because a field that is not understood is a question that was not answered: unknown fields, repeated
// fields and values out of range are refused with an error that names them. All errors are *gateway.Error.
package intake

import (
	"mime"
	"strings"
	"time"

	"biogate/gateway"
	"biogate/gateway/challenge"
	"biogate/matcher"
)

// Body is a request's body and what describes it. Samples made from it alias Bytes.
type Body struct {
	ContentType string
	Query       string // undecoded query string: describes a raw body, and is refused beside other forms
	Bytes       []byte
}

// ask is what any request with captures may say. The fields that a request has are those it lists.
type ask struct {
	subject, gallery, audience, nonce, challenge string
	maxCandidates                                int
	among                                        matcher.Filter
	expires                                      time.Time
	captures                                     []capture
}

// Enroll reads a request to enrol captures for subject, which came with the path.
func Enroll(subject string, b Body) (gateway.EnrollRequest, error) {
	if err := first(Subject(subject), meant(subject, CodeSubject)); err != nil {
		return gateway.EnrollRequest{}, err
	}
	a, list, err := read(b, []string{"expires_at"})
	return gateway.EnrollRequest{Subject: subject, Captures: list, ExpiresAt: a.expires}, err
}

// Verify reads a request to compare captures with a subject.
func Verify(b Body) (gateway.VerifyRequest, error) {
	a, list, err := read(b, []string{"subject", "audience", "nonce", "challenge"})
	if err == nil {
		err = first(Subject(a.subject), meant(a.subject, CodeSubject), checkAudience(a.audience))
	}
	return gateway.VerifyRequest{Subject: a.subject, Audience: a.audience, Nonce: a.nonce, Challenge: a.challenge, Captures: list}, err
}

// Identify reads a request to search a gallery for captures.
func Identify(b Body) (gateway.IdentifyRequest, error) {
	a, list, err := read(b, []string{"gallery", "audience", "nonce", "challenge", "max_candidates", "group", "subjects"})
	if err == nil {
		err = first(GalleryName(a.gallery), checkAudience(a.audience))
	}
	return gateway.IdentifyRequest{
		Gallery: a.gallery, Audience: a.audience, Nonce: a.nonce, Challenge: a.challenge, Captures: list, MaxCandidates: a.maxCandidates, Among: a.among,
	}, err
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// read dispatches on the form of the body. fields are what the request may say beside its captures.
func read(b Body, fields []string) (ask, []matcher.Sample, error) {
	a, err := readForm(b, fields)
	if err != nil {
		return ask{}, nil, err
	}
	list, err := samples(a.captures)
	return a, list, err
}

func readForm(b Body, fields []string) (ask, error) {
	if len(b.Bytes) == 0 {
		return ask{}, malformed(CodeBodyEmpty, "the request has no body")
	}
	mediaType, params, err := mime.ParseMediaType(b.ContentType)
	raw := isRaw(mediaType)
	switch {
	case err != nil:
		return ask{}, unsupported()
	case b.Query != "" && !raw:
		return ask{}, malformed(CodeUnknownField, "query parameters describe a raw body; this body describes itself")
	case mediaType == "application/json" && utf8Charset(params["charset"]):
		return readJSONAsk(b.Bytes, fields, true)
	case mediaType == "multipart/form-data":
		return readMultipart(b.Bytes, params["boundary"], fields)
	case raw:
		return readRaw(b, mediaType, fields)
	}
	return ask{}, unsupported()
}

func utf8Charset(name string) bool { return name == "" || strings.EqualFold(name, "utf-8") }

func unsupported() *gateway.Error {
	e := refuse(gateway.Unsupported, CodeMediaType, "the Content-Type is none that this call reads")
	e.Hint = "Send application/json, multipart/form-data, image/* or application/octet-stream."
	return e
}

// readJSONAsk reads the JSON form; without data it is the request part of a multipart form.
func readJSONAsk(text []byte, fields []string, withData bool) (a ask, err error) {
	err = readJSON(text, func(r *jsonReader) {
		r.wide = []string{"group", "subjects"}
		known := []field{{"captures", func() { a.captures = r.captures(withData) }}}
		for _, name := range fields {
			known = append(known, field{name, func() { r.set(&a, name) }})
		}
		r.object(known...)
	})
	return a, err
}

func (r *jsonReader) set(a *ask, name string) {
	switch name {
	case "max_candidates":
		a.maxCandidates = r.integer(1, maxCandidates)
	case "subjects":
		a.among.Subjects = r.among()
	default:
		r.refuse(a.setText(name, r.str()))
	}
}

// setText sets a field that is text.
func (a *ask) setText(name, value string) *gateway.Error {
	switch name {
	case "subject":
		a.subject = value
	case "gallery":
		a.gallery = value
	case "audience":
		a.audience = value
	case "nonce":
		a.nonce = value
		return checkNonce(value)
	case "expires_at":
		at, err := instant(value)
		a.expires = at
		return err
	case "challenge":
		a.challenge = value
		return checkChallenge(value)
	case "group":
		a.among.Group = value
		if err := GroupName(value); err != nil {
			return gateway.AsError(err)
		}
	}
	return nil
}

// Gallery reads a request to make a gallery or change it. An empty body states no purpose and no expiry.
func Gallery(name string, b Body) (gateway.Gallery, error) {
	g := gateway.Gallery{Name: name}
	if err := GalleryName(name); err != nil || len(b.Bytes) == 0 {
		return g, err
	}
	if mediaType, _, err := mime.ParseMediaType(b.ContentType); err != nil || mediaType != "application/json" {
		return g, refuse(gateway.Unsupported, CodeMediaType, "a gallery is described in application/json")
	}
	err := readJSON(b.Bytes, func(r *jsonReader) {
		r.object(
			field{"purpose", func() { g.Purpose = r.purpose() }},
			field{"expires_at", func() { g.ExpiresAt = r.time() }},
			field{"erase_members", func() { g.EraseMembers = r.boolean() }},
		)
	})
	return g, err
}

// Challenge reads what kind of nonce is asked for, and what for. An empty body asks for one without an instruction, for anything.
func Challenge(b Body) (gateway.ChallengeRequest, error) {
	q := gateway.ChallengeRequest{Kind: challenge.KindNonce}
	if len(b.Bytes) == 0 {
		return q, nil
	}
	if mediaType, _, err := mime.ParseMediaType(b.ContentType); err != nil || mediaType != "application/json" {
		return gateway.ChallengeRequest{}, refuse(gateway.Unsupported, CodeMediaType, "a challenge is asked for in application/json")
	}
	err := readJSON(b.Bytes, func(r *jsonReader) {
		r.wide = []string{"audience", "subject", "gallery"}
		r.object(
			field{"kind", func() { q.Kind = r.str() }},
			field{"audience", func() { q.Audience = r.str(); r.refuseError(checkAudience(q.Audience)) }},
			field{"subject", func() { q.Subject = r.str(); r.refuseError(first(Subject(q.Subject), meant(q.Subject, CodeSubject))) }},
			field{"gallery", func() { q.Gallery = r.str(); r.refuseError(GalleryName(q.Gallery)) }},
		)
	})
	if err == nil && !challenge.Known(q.Kind) {
		err = malformed(CodeChallenge, "a challenge is one of %s, %s and %s", challenge.KindNonce, matcher.ChallengeColour, matcher.ChallengeHeadTurn)
	}
	if err != nil {
		return gateway.ChallengeRequest{}, err
	}
	return q, nil
}

func (r *jsonReader) purpose() string {
	s := r.str()
	if r.err == nil && s != "" && !printable(s, maxPurpose) {
		r.fail(CodeParameter, "a purpose is at most %d printable bytes", maxPurpose)
	}
	return s
}

func (r *jsonReader) time() time.Time {
	t, err := instant(r.str())
	if err != nil {
		r.refuse(err)
	}
	return t
}

func instant(text string) (time.Time, *gateway.Error) {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, malformed(CodeParameter, "a time looks like 2030-01-31T12:00:00Z (RFC 3339)")
	}
	return t.UTC(), nil
}
