// Package eddsa checks Ed25519 signatures (RFC 8032) of keys that come again: with a table of a key's multiples a check needs
// additions where crypto/ed25519 doubles a point 252 times. It takes what crypto/ed25519 takes, and nothing else: S below the
// group's order, R compared as bytes (no multiplication by the cofactor), public keys in any encoding of a point on the curve.
//
// Its time depends on its arguments. All of them are public: nothing in here may ever touch a private key.
package eddsa

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha512"
	"errors"
	"sync"

	"filippo.io/edwards25519"
)

// A key's table: 64 signed digits, 16 rows of 8 points, 20 KiB, 12 doublings a check. docs/adr/0069-device-key-tables.md has others.
const (
	keyWindow  = 4 // bits of a digit
	keySpacing = 4 // digits that share a row
)

// Key is a public key with the table of its multiples. It never changes, and is safe for concurrent use.
type Key struct {
	public [ed25519.PublicKeySize]byte // as it was given: what signatures hash
	minus  *table                      // of -A
	base   *table                      // of B
}

// Prepare makes the table of a key, which takes little longer than a check without one. An error when crypto/ed25519 would take no
// signature of such a key: it has another length than 32 bytes, or is no point on the curve.
func Prepare(public ed25519.PublicKey) (*Key, error) {
	if len(public) != ed25519.PublicKeySize {
		return nil, errors.New("an Ed25519 public key has 32 bytes")
	}
	a, err := new(edwards25519.Point).SetBytes(public)
	if err != nil {
		return nil, errors.New("the Ed25519 public key is no point on the curve")
	}
	return &Key{[ed25519.PublicKeySize]byte(public), newTable(a.Negate(a), keyWindow, keySpacing), basepoint()}, nil
}

// Verify says whether sig is a signature of message by the key: whether S B - k A is R (RFC 8032, section 5.1.7).
func (k *Key) Verify(message, sig []byte) bool {
	if len(sig) != ed25519.SignatureSize {
		return false
	}
	s, err := edwards25519.NewScalar().SetCanonicalBytes(sig[32:])
	if err != nil {
		return false
	}
	sum := k.hash(sig[:32], message)
	c, err := edwards25519.NewScalar().SetUniformBytes(sum[:])
	if err != nil {
		return false
	}
	var r edwards25519.Point
	k.minus.times(&r, c)
	d := digitsOf(s, k.base.window)
	k.base.add(&r, &d, 0)
	return bytes.Equal(r.Bytes(), sig[:32])
}

// hash is SHA-512 of R, A and the message: k, before it is reduced.
func (k *Key) hash(r, message []byte) (sum [sha512.Size]byte) {
	h := sha512.New()
	h.Write(r)
	h.Write(k.public[:])
	h.Write(message)
	h.Sum(sum[:0])
	return sum
}

// baseWindow makes the table of the base point 37 rows of 64 points: one for all keys, so it may be large.
const baseWindow = 7

// basepoint is made once, with the first key.
var basepoint = sync.OnceValue(func() *table { return newTable(edwards25519.NewGeneratorPoint(), baseWindow, 1) })
