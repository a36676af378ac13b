// Package dpop checks proofs of possession (RFC 9449): a JWT that a client makes for one request, signed with a key that it
// carries. Whoever asks with a proof holds its key, and an assertion can be bound to it.
//
// A proof serves once. The package remembers none: the caller spends Proof.ID under Proof.Thumbprint.
package dpop

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// MaxBytes bounds a proof; one has about 500.
const MaxBytes = 8 << 10

const (
	proofType  = "dpop+jwt"   // RFC 9449, section 4.2
	maxID      = 128          // characters of a jti
	maxSeconds = 253402300799 // since 1970, to the end of 9999
)

// What is wrong with a proof. Errors wrap one of these, and say nothing of what the proof holds.
var (
	ErrMalformed = errors.New("the proof cannot be read")
	ErrKey       = errors.New("the proof has no public Ed25519 or P-256 key that fits its algorithm")
	ErrTarget    = errors.New("the proof is for another request")
	ErrTime      = errors.New("the proof is too old, or of the future")
	ErrSignature = errors.New("the proof is not signed with its key")
)

// Want is what a proof has to be for.
type Want struct {
	Method string        // of the request, "POST"
	URL    string        // of the request, as its client knows it; query and fragment do not matter
	Now    time.Time     // the gateway's
	Window time.Duration // how far the proof's time may lie from Now, on either side
}

// Proof is what a good proof shows.
type Proof struct {
	Thumbprint string    // of its key: RFC 7638 with SHA-256, base64url, 43 characters
	ID         string    // jti: 1 to 128 printable characters
	IssuedAt   time.Time // iat, whole seconds
}

// Verify checks a proof as RFC 9449, section 4.3, asks. The Proof is valid only when the error is nil. ErrMalformed, ErrKey,
// ErrTarget, ErrTime, ErrSignature.
func Verify(proof string, w Want) (Proof, error) {
	j, err := split(proof)
	if err != nil {
		return Proof{}, err
	}
	k, err := j.key()
	if err != nil {
		return Proof{}, err
	}
	c, err := j.claims()
	if err != nil {
		return Proof{}, err
	}
	if err := c.check(w); err != nil {
		return Proof{}, err
	}
	if !k.verify(j.signed, j.signature) {
		return Proof{}, ErrSignature
	}
	return Proof{Thumbprint: k.thumbprint(), ID: c.id, IssuedAt: c.issuedAt}, nil
}

// claims of a proof that have a meaning here (RFC 9449, section 4.2).
type claims struct {
	id, method, url string
	issuedAt        time.Time
}

func (c claims) check(w Want) error {
	if c.method != w.Method {
		return fmt.Errorf("%w: htm", ErrTarget)
	}
	if !sameTarget(c.url, w.URL) {
		return fmt.Errorf("%w: htu", ErrTarget)
	}
	if c.issuedAt.Before(w.Now.Add(-w.Window)) || c.issuedAt.After(w.Now.Add(w.Window)) {
		return ErrTime
	}
	return nil
}

// sameTarget compares scheme, host, port and path. Paths are compared as they are spelt: a client proves what it sends.
func sameTarget(a, b string) bool {
	x, okX := target(a)
	y, okY := target(b)
	return okX && okY && x == y
}

// target is a URL without what RFC 9449 leaves out, with scheme and host in lower case and no default port (RFC 3986,
// sections 6.2.2.1 and 6.2.3).
func target(s string) (string, bool) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || u.Opaque != "" {
		return "", false
	}
	host := strings.ToLower(u.Host)
	switch u.Scheme { // in lower case already
	case "https":
		host = strings.TrimSuffix(host, ":443")
	case "http":
		host = strings.TrimSuffix(host, ":80")
	default:
		return "", false
	}
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	return u.Scheme + "://" + host + path, true
}
