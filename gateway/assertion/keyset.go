package assertion

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"encoding/json"
	"fmt"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"
)

// maxKeySetBytes bounds what is read of a key set; a key has about 200 bytes.
const maxKeySetBytes = 256 << 10

// publicKey is a key that fits the algorithm it is used with.
type publicKey struct {
	alg jwa.SignatureAlgorithm
	raw any // ed25519.PublicKey or *ecdsa.PublicKey on P-256
}

// findKey takes the key of that id from a key set and makes sure that it is a public key for alg and for signatures.
// The algorithm never chooses how a key's bytes are read: that is what makes confusing them impossible.
func findKey(jwks []byte, kid, alg string) (publicKey, error) {
	if len(jwks) > maxKeySetBytes {
		return publicKey{}, fmt.Errorf("assertion: %w: %d bytes, at most %d are read", ErrKeySet, len(jwks), maxKeySetBytes)
	}
	// A key of a kind that is not known is passed over, as RFC 7517, section 5, asks.
	set, err := jwk.Parse(jwks, jwk.WithIgnoreParseError(true))
	if err != nil {
		return publicKey{}, fmt.Errorf("assertion: %w: not a JSON Web Key Set", ErrKeySet)
	}
	key, found := set.LookupKeyID(kid)
	if kid == "" || !found {
		return publicKey{}, fmt.Errorf("assertion: %w: %q", ErrUnknownKey, kid)
	}
	var raw any
	if err := key.Raw(&raw); err != nil {
		return publicKey{}, fmt.Errorf("assertion: %w: key %q is broken", ErrKeySet, kid)
	}
	if !fits(raw, alg) || !permits(key, alg) {
		return publicKey{}, fmt.Errorf("assertion: %w: key %q, algorithm %q", ErrKeyMismatch, kid, alg)
	}
	return publicKey{alg: jwa.SignatureAlgorithm(alg), raw: raw}, nil
}

func fits(raw any, alg string) bool {
	switch k := raw.(type) {
	case ed25519.PublicKey:
		return alg == "EdDSA" && len(k) == ed25519.PublicKeySize // jwx reads any length, and verifying with it panics
	case *ecdsa.PublicKey:
		return alg == "ES256" && k.Curve == elliptic.P256()
	}
	return false
}

// permits reads what the key says of itself: alg and use, when they are there.
func permits(key jwk.Key, alg string) bool {
	return (key.Algorithm().String() == "" || key.Algorithm().String() == alg) &&
		(key.KeyUsage() == "" || key.KeyUsage() == string(jwk.ForSignature))
}

func (k publicKey) verify(signed, signature []byte) bool {
	verifier, err := jws.NewVerifier(k.alg)
	return err == nil && verifier.Verify(signed, signature, k.raw) == nil
}

// algorithmsIn lists the signature algorithms of a key set's keys, each once, in the order of algorithms.
func algorithmsIn(jwks []byte) []string {
	var set struct {
		Keys []struct {
			Alg string `json:"alg"`
		} `json:"keys"`
	}
	if err := json.Unmarshal(jwks, &set); err != nil {
		return nil
	}
	var out []string
	for _, alg := range algorithms {
		for _, key := range set.Keys {
			if key.Alg == alg {
				out = append(out, alg)
				break
			}
		}
	}
	return out
}
