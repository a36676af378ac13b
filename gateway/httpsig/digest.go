package httpsig

import (
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"fmt"
)

// Digest is a Content-Digest of RFC 9530: SHA-256, SHA-512 or both. The zero Digest is that of a request without one.
type Digest struct {
	has256, has512 bool
	sum256         [sha256.Size]byte
	sum512         [sha512.Size]byte
}

// Check says whether d is of a body. An empty body needs no digest; a body without one is refused. ErrDigest.
func (d Digest) Check(body []byte) error {
	if !d.has256 && !d.has512 && len(body) > 0 {
		return fmt.Errorf("%w: there is none", ErrDigest)
	}
	if d.has256 {
		if sum := sha256.Sum256(body); subtle.ConstantTimeCompare(sum[:], d.sum256[:]) != 1 {
			return ErrDigest
		}
	}
	if d.has512 {
		if sum := sha512.Sum512(body); subtle.ConstantTimeCompare(sum[:], d.sum512[:]) != 1 {
			return ErrDigest
		}
	}
	return nil
}

// digestOf reads `sha-256=:base64:`, `sha-512=:base64:`, or both with ", " between them.
func digestOf(m Message) (d Digest, err error) {
	lines := m.Header(digestField)
	if len(lines) == 0 {
		return d, nil
	}
	r := reader{rest: lines[0]}
	d.member(&r)
	if r.rest != "" {
		r.literal(", ")
		d.member(&r)
	}
	if len(lines) > 1 || r.failed || r.rest != "" {
		return Digest{}, fmt.Errorf("%w: Content-Digest is not of SHA-256 or SHA-512", ErrMalformed)
	}
	return d, nil
}

func (d *Digest) member(r *reader) {
	switch r.key() {
	case "sha-256":
		r.once(!d.has256)
		d.has256 = true
		r.literal("=")
		r.bytes(d.sum256[:])
	case "sha-512":
		r.once(!d.has512)
		d.has512 = true
		r.literal("=")
		r.bytes(d.sum512[:])
	default:
		r.fail()
	}
}
