package kiosk

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net/http"
	"testing"
	"time"
)

// proofFor is a DPoP proof for the request of signed (RFC 9449, section 4.2).
func (k *desk) proofFor(key ed25519.PrivateKey, id, url string) string {
	encode := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	x := base64.RawURLEncoding.EncodeToString(key.Public().(ed25519.PublicKey))
	signed := encode(fmt.Sprintf(`{"typ":"dpop+jwt","alg":"EdDSA","jwk":{"kty":"OKP","crv":"Ed25519","x":"%s"}}`, x)) + "." +
		encode(fmt.Sprintf(`{"jti":"%s","htm":"POST","htu":"%s","iat":%d}`, id, url, k.now.Unix()))
	return signed + "." + encode(string(ed25519.Sign(key, []byte(signed))))
}

const target = "https://gateway.example/v1/verifications"

// TestProofServesOnce, also when another device sends it that has seen it; and a request without one proves no key.
func TestProofServesOnce(t *testing.T) {
	k := newDesk(t)
	counter := k.devices["counter-1"]
	counter.Capabilities = append(counter.Capabilities, Verify)
	k.devices["counter-1"] = counter
	_, key, _ := ed25519.GenerateKey(rand.Reader)
	proof := k.proofFor(key, "once", target)
	with := func(proof string) func(*http.Request) { return func(r *http.Request) { r.Header.Set("DPoP", proof) } }

	id := k.expect(t, "", k.signed(t, "gate-1", k.gate, with(proof)))
	if len(id.Caller.Proven.DPoP) != 43 {
		t.Errorf("%+v", id.Caller.Proven)
	}
	k.expect(t, "request-replayed", k.signed(t, "gate-1", k.gate, with(proof)))
	k.expect(t, "request-replayed", k.signed(t, "counter-1", k.counter, with(proof)))
	k.expect(t, "", k.signed(t, "counter-1", k.counter, with(k.proofFor(key, "twice", target))))
	if id := k.expect(t, "", k.signed(t, "gate-1", k.gate, nil)); id.Caller.Proven.DPoP != "" {
		t.Errorf("a key without a proof: %+v", id.Caller.Proven)
	}
}

// TestProofIsOfTheRequest: one for another gateway, another path or another time, or that the signature does not cover, is refused,
// over either way in.
func TestProofIsOfTheRequest(t *testing.T) {
	k := newDesk(t)
	_, key, _ := ed25519.GenerateKey(rand.Reader)
	for name, proof := range map[string]string{
		"gateway": k.proofFor(key, "a", "https://other.example/v1/verifications"),
		"path":    k.proofFor(key, "b", "https://gateway.example/v1/identifications"),
		"scheme":  k.proofFor(key, "c", "http://gateway.example/v1/verifications"),
		"form":    "x.y.z",
	} {
		t.Run(name, func(t *testing.T) {
			k.expect(t, "proof-invalid", k.signed(t, "gate-1", k.gate, func(r *http.Request) { r.Header.Set("DPoP", proof) }))
		})
	}
	added := k.signed(t, "gate-1", k.gate, nil)
	header, proof := added.Header, k.proofFor(key, "d", target)
	added.Header = func(name string) []string {
		if name == "dpop" {
			return []string{proof}
		}
		return header(name)
	}
	k.expect(t, "signature-invalid", added)
	peer := &x509.Certificate{Raw: []byte("der"), NotBefore: k.now.Add(-time.Hour), NotAfter: k.now.Add(time.Hour)}
	gate := k.devices["gate-1"]
	gate.Certificate = sha256.Sum256(peer.Raw)
	k.devices["gate-1"] = gate
	added.Peer, added.Header = peer, func(name string) []string {
		if name == "dpop" {
			return []string{proof, proof}
		}
		return nil
	}
	k.expect(t, "proof-invalid", added)
}
