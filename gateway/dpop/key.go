package dpop

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math/big"
	"slices"
)

// algorithms are those of a proof, by their names in JOSE.
var algorithms = []string{"EdDSA", "ES256"}

// Algorithms that proofs may be signed with, for discovery (RFC 9449, section 5.1).
func Algorithms() []string { return slices.Clone(algorithms) }

// private are the members that only private and symmetric keys have (RFC 7518, section 6; RFC 8037, section 2).
var private = []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"}

// coordinate is the length of one of P-256, and of an Ed25519 key, in bytes.
const coordinate = 32

// key is the public key of a proof.
type key struct {
	ed   ed25519.PublicKey // one of the two
	ec   *ecdsa.PublicKey
	x, y string // as in the JWK
}

// key reads the header, and out of it the key that its algorithm needs. What changes how the rest is read is refused: crit
// (RFC 7515, section 4.1.11) and b64 (RFC 7797).
func (p parts) key() (key, error) {
	h := p.header
	if h.text("typ") != proofType || h.has("crit") || h.has("b64") {
		return key{}, fmt.Errorf("%w: its header is not that of a proof", ErrMalformed)
	}
	jwk, err := readObject(h["jwk"])
	if err != nil {
		return key{}, ErrKey
	}
	for _, name := range private {
		if jwk.has(name) {
			return key{}, fmt.Errorf("%w: the key is not public", ErrKey)
		}
	}
	k := key{x: jwk.text("x"), y: jwk.text("y")}
	switch alg, kty, crv := h.text("alg"), jwk.text("kty"), jwk.text("crv"); {
	case alg == "EdDSA" && kty == "OKP" && crv == "Ed25519" && !jwk.has("y"):
		return k.ed25519()
	case alg == "ES256" && kty == "EC" && crv == "P-256":
		return k.p256()
	}
	return key{}, ErrKey
}

func (k key) ed25519() (key, error) {
	x, err := decode(k.x)
	if err != nil || len(x) != ed25519.PublicKeySize {
		return key{}, ErrKey
	}
	k.ed = x
	return k, nil
}

func (k key) p256() (key, error) {
	x, errX := decode(k.x)
	y, errY := decode(k.y)
	if errX != nil || errY != nil || len(x) != coordinate || len(y) != coordinate {
		return key{}, ErrKey
	}
	point := append(append([]byte{4}, x...), y...)
	ec, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point) // refuses what is not on the curve
	if err != nil {
		return key{}, ErrKey
	}
	k.ec = ec
	return k, nil
}

func (k key) verify(signed string, signature []byte) bool {
	if len(signature) != 2*coordinate {
		return false
	}
	if k.ed != nil {
		return ed25519.Verify(k.ed, []byte(signed), signature)
	}
	sum := sha256.Sum256([]byte(signed))
	r, s := new(big.Int).SetBytes(signature[:coordinate]), new(big.Int).SetBytes(signature[coordinate:])
	return ecdsa.Verify(k.ec, sum[:], r, s)
}

// thumbprint is that of RFC 7638, section 3: the required members in order. x and y are canonical base64url and need no
// escapes.
func (k key) thumbprint() string {
	members := `{"crv":"Ed25519","kty":"OKP","x":"` + k.x + `"}`
	if k.ec != nil {
		members = `{"crv":"P-256","kty":"EC","x":"` + k.x + `","y":"` + k.y + `"}`
	}
	sum := sha256.Sum256([]byte(members))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
