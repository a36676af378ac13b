// Package httpsig signs requests and checks their signatures: HTTP Message Signatures (RFC 9421) over what makes a request
// mean what it means, its body by Content-Digest (RFC 9530). Of both it takes a strict profile:
//
//   - one signature, over every component in required, and over every header field in covered that the request has;
//   - parameters created, nonce and keyid, and if the client likes expires and alg; no others, and no flags on components;
//   - canonical spelling alone (RFC 8941, section 4.1), nothing twice, so that there is one way to read what was signed.
//
// It knows no keys, no clock and no nonces: who holds a key id, when a signature is fresh and whether its nonce was seen
// before is the caller's to judge.
package httpsig

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"errors"
	"math/big"
	"time"

	"biogate/internal/eddsa"
)

// What is wrong with a request. Errors wrap one of these, and say nothing of what the request holds.
var (
	ErrAbsent    = errors.New("the request is not signed")
	ErrMalformed = errors.New("the signature cannot be read")
	ErrUncovered = errors.New("the signature does not cover all that it must")
	ErrKey       = errors.New("the key does not fit the signature")
	ErrSignature = errors.New("the signature is not one of this request by this key")
	ErrDigest    = errors.New("the content digest does not fit the body")
)

// Message is a request as it came over the wire. A server that routes by a cleaned path gives the raw one here.
type Message struct {
	Method    string                     // as sent: "POST"
	Authority string                     // Host, or :authority, as sent
	Path      string                     // up to the "?", with its percent signs; empty stands for "/"
	Query     string                     // behind the "?"; empty if there is none
	Header    func(name string) []string // the lines of a field by its lower-case name; they are not kept
}

// Algorithms of RFC 9421, section 6.2.2, that a signature may have.
const (
	Ed25519   = "ed25519"           // section 3.3.6
	ECDSAP256 = "ecdsa-p256-sha256" // section 3.3.4
)

// signatureBytes is the length of a signature, whichever the algorithm.
const signatureBytes = 64

// Signature is what a request claims about itself. Nothing of it is true before Verify said so.
type Signature struct {
	KeyID   string
	Nonce   string    // 16 to 128 printable characters
	Created time.Time // whole seconds
	Expires time.Time // zero: the signature does not say; else not before Created
	Digest  Digest    // zero: the request has no Content-Digest

	algorithm string // empty: the key decides
	base      []byte // what was signed (RFC 9421, section 2.5)
	value     [signatureBytes]byte
}

// Parse reads the signature of a request, and sees to it that it covers what it must. ErrAbsent, ErrMalformed, ErrUncovered.
func Parse(m Message) (Signature, error) {
	input, value, err := signatureFields(m)
	if err != nil {
		return Signature{}, err
	}
	in, err := parseInput(input)
	if err != nil {
		return Signature{}, err
	}
	s := in.signature
	if s.value, err = parseValue(value, in.label); err != nil {
		return Signature{}, err
	}
	if err = in.coversAll(m); err != nil {
		return Signature{}, err
	}
	if s.base, err = base(m, in); err != nil {
		return Signature{}, err
	}
	s.Digest, err = digestOf(m)
	return s, err
}

// Verify says whether the request of s was signed with the private half of key: an ed25519.PublicKey, the same as an *eddsa.Key,
// or an *ecdsa.PublicKey on P-256. ErrKey when it is none of them, or not for the algorithm that s names; ErrSignature when it was not.
func (s Signature) Verify(key crypto.PublicKey) error {
	algorithm, err := algorithmOf(key)
	if err != nil || (s.algorithm != "" && s.algorithm != algorithm) {
		return ErrKey
	}
	good := false
	switch k := key.(type) {
	case ed25519.PublicKey:
		good = ed25519.Verify(k, s.base, s.value[:])
	case *eddsa.Key:
		good = k.Verify(s.base, s.value[:])
	case *ecdsa.PublicKey:
		sum := sha256.Sum256(s.base)
		r, t := new(big.Int).SetBytes(s.value[:32]), new(big.Int).SetBytes(s.value[32:])
		good = ecdsa.Verify(k, sum[:], r, t)
	}
	if !good {
		return ErrSignature
	}
	return nil
}

// algorithmOf is the one algorithm that a key is for. The algorithm never chooses how a key is read.
func algorithmOf(key crypto.PublicKey) (string, error) {
	switch k := key.(type) {
	case ed25519.PublicKey:
		if len(k) == ed25519.PublicKeySize {
			return Ed25519, nil
		}
	case *eddsa.Key:
		if k != nil {
			return Ed25519, nil
		}
	case *ecdsa.PublicKey:
		if k != nil && k.Curve == elliptic.P256() {
			return ECDSAP256, nil
		}
	}
	return "", ErrKey
}
