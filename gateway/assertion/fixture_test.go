package assertion_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"biogate/adapters/filesigner"
	"biogate/gateway"
	"biogate/gateway/assertion"
	"biogate/matcher"
)

const (
	issuerURL = "http://127.0.0.1:8080"
	audience  = "https://bank.example"
)

var pairwiseKey = []byte("a pairwise key of 32 bytes or so")

// plainSigner signs nothing: its token is the payload.
type plainSigner struct{}

func (plainSigner) Sign(_ context.Context, _ string, payload []byte) (string, error) {
	return string(payload), nil
}
func (plainSigner) JWKS() []byte { return []byte(`{"keys":[]}`) }

func newSigner(t testing.TB, alg string) *filesigner.Signer {
	t.Helper()
	s, err := filesigner.Open(filesigner.Options{Dir: t.TempDir(), Algorithm: alg})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newIssuer(t testing.TB, o assertion.Options) *assertion.Issuer {
	t.Helper()
	if o.Issuer == nil {
		o.Issuer = mustURL(issuerURL)
	}
	if o.PairwiseKey == nil {
		o.PairwiseKey = pairwiseKey
	}
	i, err := assertion.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func mustURL(s string) *url.URL {
	u, err := url.Parse(s)
	if err != nil {
		panic(err)
	}
	return u
}

// facts is a sound statement about face and finger.
func facts() gateway.AssertionFacts {
	return gateway.AssertionFacts{
		Subject:  "alice",
		Party:    gateway.Party{Audience: audience},
		Level:    1,
		Nonce:    "n-1",
		AuthTime: time.Unix(1_790_000_000, 0),
		Mode:     "verify",
		FMR:      2.5e-7,
		Modalities: []gateway.ModalityFacts{
			{Modality: matcher.Finger, Model: "finger-minutiae-1", FMR: 1e-5, Extrapolated: true, Quality: 81},
			{Modality: matcher.Face, Model: "face-112-1", FMR: 3e-4, Quality: 64, PAD: &matcher.PAD{Score: 0.7, Advisory: true}},
		},
	}
}

func issue(t testing.TB, i *assertion.Issuer, a gateway.AssertionFacts) string {
	t.Helper()
	token, err := i.Assertion(context.Background(), a)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// claimsOf reads a token of plainSigner.
func claimsOf(t testing.TB, token string) assertion.Claims {
	t.Helper()
	var c assertion.Claims
	if err := json.Unmarshal([]byte(token), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// forgery is a token that nobody may accept, made from a good one.
type forgery struct {
	name  string
	token string
	err   error  // of Verify
	jose  string // code of npm jose
}

// forgeries are made of a good token, its key set, and a signer whose key is not in it.
func forgeries(t testing.TB, token string, jwks []byte, foreign *filesigner.Signer) []forgery {
	t.Helper()
	part := strings.Split(token, ".")
	header := decode(t, part[0])
	kid, alg := header["kid"].(string), header["alg"].(string)
	withHeader := func(h map[string]any, sign func(input string) string) string {
		input := encode(t, h) + "." + part[1]
		return input + "." + sign(input)
	}
	keep := func(string) string { return part[2] }
	none := func(string) string { return "" }

	out := []forgery{
		{"a byte of the payload changed", part[0] + "." + stronger(t, part[1]) + "." + part[2], assertion.ErrSignature, "ERR_JWS_SIGNATURE_VERIFICATION_FAILED"},
		{"a byte of the signature changed", part[0] + "." + part[1] + "." + flip(part[2]), assertion.ErrSignature, "ERR_JWS_SIGNATURE_VERIFICATION_FAILED"},
		{"a byte of the key id changed", withHeader(map[string]any{"alg": alg, "kid": flip(kid), "typ": assertion.Type}, keep), assertion.ErrUnknownKey, "ERR_JWKS_NO_MATCHING_KEY"},
		{"a member added to the header", withHeader(map[string]any{"alg": alg, "kid": kid, "typ": assertion.Type, "x": 1}, keep), assertion.ErrSignature, "ERR_JWS_SIGNATURE_VERIFICATION_FAILED"},
		{"a critical extension", withHeader(map[string]any{"alg": alg, "kid": kid, "typ": assertion.Type, "crit": []string{"x"}, "x": 1}, keep), assertion.ErrMalformed, "ERR_JOSE_NOT_SUPPORTED"},
		{"no signature", part[0] + "." + part[1] + ".", assertion.ErrSignature, "ERR_JWS_SIGNATURE_VERIFICATION_FAILED"},
		{"a foreign key under our key id", withHeader(map[string]any{"alg": alg, "kid": kid, "typ": assertion.Type}, func(string) string {
			return strings.Split(resign(t, foreign, part[1]), ".")[2]
		}), assertion.ErrSignature, "ERR_JWS_SIGNATURE_VERIFICATION_FAILED"},
		{"a foreign key", resign(t, foreign, part[1]), assertion.ErrUnknownKey, "ERR_JWKS_NO_MATCHING_KEY"},
		{"the other algorithm", withHeader(map[string]any{"alg": other(alg), "kid": kid, "typ": assertion.Type}, keep), assertion.ErrKeyMismatch, "ERR_JOSE_ALG_NOT_ALLOWED"},
	}
	for _, spelling := range []string{"none", "None", "NONE", ""} {
		token := withHeader(map[string]any{"alg": spelling, "kid": kid, "typ": assertion.Type}, none)
		out = append(out, forgery{fmt.Sprintf("alg %q", spelling), token, assertion.ErrAlgorithm, "ERR_JOSE_ALG_NOT_ALLOWED"})
	}
	out[len(out)-1].jose = "ERR_JWS_INVALID" // no algorithm at all
	for name, secret := range publicForms(t, jwks) {
		token := withHeader(map[string]any{"alg": "HS256", "kid": kid, "typ": assertion.Type}, func(input string) string {
			mac := hmac.New(sha256.New, secret)
			mac.Write([]byte(input))
			return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
		})
		out = append(out, forgery{"HS256 with the public key as secret: " + name, token, assertion.ErrAlgorithm, "ERR_JOSE_ALG_NOT_ALLOWED"})
	}
	return out
}

// publicForms are the shapes in which a confused verifier may take a public key for a secret.
func publicForms(t testing.TB, jwks []byte) map[string][]byte {
	t.Helper()
	var set struct{ Keys []json.RawMessage }
	if err := json.Unmarshal(jwks, &set); err != nil {
		t.Fatal(err)
	}
	var key struct{ X string }
	if err := json.Unmarshal(set.Keys[0], &key); err != nil {
		t.Fatal(err)
	}
	x, err := base64.RawURLEncoding.DecodeString(key.X)
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{"x": x, "JWK": set.Keys[0], "JWK Set": jwks}
}

// resign signs a payload with another key.
func resign(t testing.TB, s *filesigner.Signer, payload string) string {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		t.Fatal(err)
	}
	token, err := s.Sign(context.Background(), assertion.Type, text)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func decode(t testing.TB, part string) map[string]any {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func encode(t testing.TB, m map[string]any) string {
	t.Helper()
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// stronger changes one byte of a payload, so that it states a lower rate.
func stronger(t testing.TB, payload string) string {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil || !bytes.Contains(text, []byte(`"fmr":0.000001`)) {
		t.Fatalf("%s, %v", text, err)
	}
	return base64.RawURLEncoding.EncodeToString(bytes.Replace(text, []byte("0.000001"), []byte("0.000000001"), 1))
}

// flip changes the character in the middle of base64url.
func flip(s string) string {
	b := []byte(s)
	i := len(b) / 2
	if b[i] == 'A' {
		b[i] = 'B'
	} else {
		b[i] = 'A'
	}
	return string(b)
}

func other(alg string) string {
	if alg == filesigner.EdDSA {
		return filesigner.ES256
	}
	return filesigner.EdDSA
}
