package httpsig

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"net/http"
	"testing"
	"time"
)

const testNonce = "abcdefghijklmnop"

var testNow = time.Unix(1_800_000_000, 0)

func edKey(t testing.TB) crypto.Signer {
	t.Helper()
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
}

func ecKey(t testing.TB) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// signed is a request as a server sees it that a client signed.
func signed(t testing.TB, key crypto.Signer, method, url string, body []byte) (*http.Request, Message) {
	t.Helper()
	req, err := http.NewRequest(method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if len(body) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	if err := Sign(req, body, SignOptions{KeyID: "kiosk-17", Key: key, Now: testNow, Nonce: testNonce}); err != nil {
		t.Fatal(err)
	}
	return req, outgoing(req, len(body))
}

func TestWhatWeSignIsTaken(t *testing.T) {
	for name, key := range map[string]crypto.Signer{Ed25519: edKey(t), ECDSAP256: ecKey(t)} {
		for _, body := range []string{"", `{"subject":"s"}`} {
			_, m := signed(t, key, http.MethodPost, "https://Gate.example:443/v1/verifications?a=1&b=%20", []byte(body))
			s, err := Parse(m)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if s.KeyID != "kiosk-17" || s.Nonce != testNonce || !s.Created.Equal(testNow) || !s.Expires.IsZero() {
				t.Errorf("%s: read %+v", name, s)
			}
			if err := errors.Join(s.Verify(key.Public()), s.Digest.Check([]byte(body))); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if err := s.Digest.Check([]byte(body + " ")); !errors.Is(err, ErrDigest) {
				t.Errorf("%s: another body: %v", name, err)
			}
		}
	}
}
