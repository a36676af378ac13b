//go:build cgo

package pkcs11signer

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"encoding/asn1"
	"fmt"

	"github.com/miekg/pkcs11"
)

// Algorithms of keys (RFC 7518, RFC 8037).
const (
	eddsa = "EdDSA"
	es256 = "ES256"
)

// PKCS #11 3.0, section 2.3 of its Current Mechanisms; the Go module knows 2.40 alone.
const (
	ckmEdwardsKeyPairGen = 0x1055
	ckmEdDSA             = 0x1057
)

// curve is how a token is asked for an algorithm.
type curve struct {
	generate   uint
	mechanisms []*pkcs11.Mechanism
	params     [][]byte // DER, in the forms that devices take
}

var curves = map[string]curve{
	es256: {pkcs11.CKM_EC_KEY_PAIR_GEN, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_ECDSA, nil)}, [][]byte{
		{0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07}, // 1.2.840.10045.3.1.7
	}},
	eddsa: {ckmEdwardsKeyPairGen, []*pkcs11.Mechanism{pkcs11.NewMechanism(ckmEdDSA, nil)}, [][]byte{
		{0x06, 0x03, 0x2b, 0x65, 0x70},                // 1.3.101.112 (RFC 8410)
		append([]byte{0x13, 0x0c}, "edwards25519"...), // PrintableString
	}},
}

// parsePoint reads CKA_EC_POINT: the point in a DER OCTET STRING, as the specification has it, or bare, as some devices do.
func parsePoint(alg string, value []byte) (crypto.PublicKey, error) {
	point := value
	var inner []byte
	if rest, err := asn1.Unmarshal(value, &inner); err == nil && len(rest) == 0 {
		point = inner
	}
	switch alg {
	case eddsa:
		if len(point) == ed25519.PublicKeySize {
			return ed25519.PublicKey(point), nil
		}
	case es256:
		if public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point); err == nil {
			return public, nil
		}
	}
	return nil, fmt.Errorf("%w: its public point, %d bytes, is none of %s", ErrKey, len(value), alg)
}
