package assertion_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"biogate/adapters/filesigner"
	"biogate/gateway/assertion"
)

var at = time.Unix(1_790_000_000, 0)

func TestVerifyAcceptsWhatTheIssuerMakes(t *testing.T) {
	for _, alg := range []string{filesigner.EdDSA, filesigner.ES256} {
		i := newIssuer(t, assertion.Options{Signer: newSigner(t, alg), Now: func() time.Time { return at }})
		token := issue(t, i, facts())
		expect := assertion.Expect{Issuer: issuerURL, Audience: audience, Nonce: "n-1", Now: at, Algorithms: []string{alg}}
		c, err := assertion.Verify(token, i.JWKS(), expect)
		if err != nil || c.Audience != audience || c.Biogate.FMR != 1e-6 || len(c.Biogate.Modalities) != 2 {
			t.Errorf("%s: %+v, %v", alg, c, err)
		}
		for now, want := range map[time.Duration]error{
			120*time.Second - 1: nil,
			120 * time.Second:   assertion.ErrExpired,
			0:                   nil,
			-1:                  assertion.ErrNotYet,
		} {
			expect.Now = at.Add(now)
			if _, err := assertion.Verify(token, i.JWKS(), expect); !errors.Is(err, want) {
				t.Errorf("%s after %s: %v, expected %v", alg, now, err, want)
			}
		}
	}
}

func TestVerifyRefuses(t *testing.T) {
	for _, alg := range []string{filesigner.EdDSA, filesigner.ES256} {
		i := newIssuer(t, assertion.Options{Signer: newSigner(t, alg), Now: func() time.Time { return at }})
		token, expect := issue(t, i, facts()), assertion.Expect{Audience: audience, Now: at}
		for _, f := range forgeries(t, token, i.JWKS(), newSigner(t, alg)) {
			c, err := assertion.Verify(f.token, i.JWKS(), expect)
			if !errors.Is(err, f.err) || c.Subject != "" {
				t.Errorf("%s, %s: %v, expected %v", alg, f.name, err, f.err)
			}
		}
	}
}

// No character of a token can be exchanged.
func TestVerifyRefusesEveryChangedCharacter(t *testing.T) {
	i := newIssuer(t, assertion.Options{Signer: newSigner(t, ""), Now: func() time.Time { return at }})
	token := []byte(issue(t, i, facts()))
	for n, was := range token {
		for _, other := range []byte{'A', '.', was ^ 1} {
			if other == was {
				continue
			}
			token[n] = other
			if _, err := assertion.Verify(string(token), i.JWKS(), assertion.Expect{Audience: audience, Now: at}); err == nil {
				t.Errorf("character %d exchanged: accepted", n)
			}
		}
		token[n] = was
	}
}

func TestVerifyChecksEveryExpectation(t *testing.T) {
	i := newIssuer(t, assertion.Options{Signer: newSigner(t, ""), Now: func() time.Time { return at }})
	token, jwks := issue(t, i, facts()), i.JWKS()
	good := assertion.Expect{Issuer: issuerURL, Audience: audience, Nonce: "n-1", Now: at}
	change := func(name string, want error, f func(*assertion.Expect)) {
		e := good
		f(&e)
		if _, err := assertion.Verify(token, jwks, e); !errors.Is(err, want) {
			t.Errorf("%s: %v, expected %v", name, err, want)
		}
	}
	change("another issuer", assertion.ErrIssuer, func(e *assertion.Expect) { e.Issuer = "http://other" })
	change("any issuer", nil, func(e *assertion.Expect) { e.Issuer = "" })
	change("another audience", assertion.ErrAudience, func(e *assertion.Expect) { e.Audience = "https://shop.example" })
	change("no audience", assertion.ErrAudience, func(e *assertion.Expect) { e.Audience = "" })
	change("any audience", nil, func(e *assertion.Expect) { e.Audience, e.AnyAudience = "", true })
	change("another nonce", assertion.ErrNonce, func(e *assertion.Expect) { e.Nonce = "n-2" })
	change("an algorithm not wanted", assertion.ErrAlgorithm, func(e *assertion.Expect) { e.Algorithms = []string{"ES256"} })
	change("no algorithm wanted", assertion.ErrAlgorithm, func(e *assertion.Expect) { e.Algorithms = []string{} })
	change("HS256 wanted", assertion.ErrAlgorithm, func(e *assertion.Expect) { e.Algorithms = []string{"HS256", "none"} })
	change("real time", assertion.ErrExpired, func(e *assertion.Expect) { e.Now = time.Time{}; e.Leeway = -1000000 * time.Hour })
	change("late, within leeway", nil, func(e *assertion.Expect) { e.Now, e.Leeway = at.Add(150*time.Second), time.Minute })
	change("early, within leeway", nil, func(e *assertion.Expect) { e.Now, e.Leeway = at.Add(-30*time.Second), time.Minute })
}

// What the issuer would never sign is refused even under a good signature.
func TestVerifyRefusesSignedNonsense(t *testing.T) {
	signer := newSigner(t, "")
	whole := issue(t, newIssuer(t, assertion.Options{Signer: plainSigner{}, Now: func() time.Time { return at }}), facts())
	replace := func(old, with string) string {
		if !strings.Contains(whole, old) {
			t.Fatalf("%q is not in %s", old, whole)
		}
		return strings.Replace(whole, old, with, 1)
	}
	for payload, want := range map[string]error{
		whole: nil,
		replace(`"decision":"match"`, `"decision":"no-match"`):                    assertion.ErrClaims,
		replace(`"fmr":0.000001`, `"fmr":0`):                                      assertion.ErrClaims,
		replace(`"fmr":0.000001`, `"fmr":1.1`):                                    assertion.ErrClaims,
		replace(`"amr":["face","fpt"]`, `"amr":[]`):                               assertion.ErrClaims,
		replace(`"jti"`, `"x"`):                                                   assertion.ErrClaims,
		replace(`"exp"`, `"x"`):                                                   assertion.ErrExpired,
		replace(`"iat":1790000000`, `"iat":1790000009`):                           assertion.ErrNotYet,
		replace(`"nbf":1790000000`, `"nbf":1790000009`):                           assertion.ErrNotYet,
		replace(`"exp":1790000120`, `"exp":"never"`):                              assertion.ErrMalformed,
		replace(`"aud":"https://bank.example"`, `"aud":["https://bank.example"]`): assertion.ErrMalformed,
		`[]`: assertion.ErrMalformed,
		`{}`: assertion.ErrAudience,
		`{`:  assertion.ErrMalformed,
		``:   assertion.ErrMalformed,
	} {
		token, err := signer.Sign(context.Background(), assertion.Type, []byte(payload))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := assertion.Verify(token, signer.JWKS(), assertion.Expect{Audience: audience, Now: at}); !errors.Is(err, want) {
			t.Errorf("%s: %v, expected %v", payload, err, want)
		}
	}
}

func TestVerifyRefusesOtherTypes(t *testing.T) {
	signer := newSigner(t, "")
	payload := issue(t, newIssuer(t, assertion.Options{Signer: plainSigner{}, Now: func() time.Time { return at }}), facts())
	for typ, want := range map[string]error{
		"biogate+jwt":             nil,
		"application/biogate+jwt": nil,
		"BioGate+JWT":             nil,
		"JWT":                     assertion.ErrType,
		"":                        assertion.ErrType,
		"biogate-deletion+jwt":    assertion.ErrType,
		"biogate+jwt2":            assertion.ErrType,
	} {
		token, err := signer.Sign(context.Background(), typ, []byte(payload))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := assertion.Verify(token, signer.JWKS(), assertion.Expect{Audience: audience, Now: at}); !errors.Is(err, want) {
			t.Errorf("typ %q: %v, expected %v", typ, err, want)
		}
	}
}

func TestVerifyRefusesMalformedTokens(t *testing.T) {
	i := newIssuer(t, assertion.Options{Signer: newSigner(t, ""), Now: func() time.Time { return at }})
	token := issue(t, i, facts())
	part := strings.Split(token, ".")
	for _, bad := range []string{
		"", ".", "..", "...", "a.b.c", token + ".", token + "=", token + "\n", " " + token, part[0] + "." + part[1],
		token + "." + part[0] + "." + part[1], // five parts: JWE
		part[0] + "." + part[1][:20] + "\n" + part[1][20:] + "." + part[2],
		lastBits(part[0]) + "." + part[1] + "." + part[2],
		`{"payload":"` + part[1] + `","signatures":[]}`,
		strings.Repeat("A", assertion.MaxTokenBytes+1),
	} {
		if _, err := assertion.Verify(bad, i.JWKS(), assertion.Expect{Audience: audience, Now: at}); !errors.Is(err, assertion.ErrMalformed) {
			t.Errorf("%.60q: %v", bad, err)
		}
	}
}

// lastBits spells the same bytes with other unused bits, or adds padding where there are none.
func lastBits(part string) string {
	if len(part)%4 == 0 {
		return part + "===="
	}
	return part[:len(part)-1] + string(part[len(part)-1]+1)
}

func TestVerifyRefusesBadKeySets(t *testing.T) {
	signer := newSigner(t, "")
	i := newIssuer(t, assertion.Options{Signer: signer, Now: func() time.Time { return at }})
	token, kid := issue(t, i, facts()), signer.List()[0].ID
	good := string(i.JWKS())
	for jwks, want := range map[string]error{
		good: nil,
		strings.Replace(good, `[`, `[{"kty":"AKP","alg":"ML-DSA-44","pub":"AA"},`, 1): nil, // a key of the future
		"":                                  assertion.ErrKeySet,
		"{}":                                assertion.ErrKeySet,
		"<html>":                            assertion.ErrKeySet,
		`{"keys":[]}`:                       assertion.ErrUnknownKey,
		strings.Repeat(" ", 300<<10) + good: assertion.ErrKeySet,
		strings.Replace(good, `"use":"sig"`, `"use":"enc"`, 1):                                                                 assertion.ErrKeyMismatch,
		strings.Replace(good, `"alg":"EdDSA"`, `"alg":"ES256"`, 1):                                                             assertion.ErrKeyMismatch,
		strings.Replace(good, `"alg":"EdDSA",`, ``, 1):                                                                         nil,
		fmt.Sprintf(`{"keys":[{"kty":"oct","kid":%q,"k":"%s"}]}`, kid, base64.RawURLEncoding.EncodeToString(make([]byte, 32))): assertion.ErrKeyMismatch,
		fmt.Sprintf(`{"keys":[{"kty":"RSA","kid":%q,"n":"AQAB","e":"AQAB"}]}`, kid):                                            assertion.ErrKeyMismatch,
		fmt.Sprintf(`{"keys":[{"kty":"OKP","crv":"Ed25519","kid":%q,"x":"%s"}]}`, kid, strings.Repeat("A", 39)):                assertion.ErrKeyMismatch,
		fmt.Sprintf(`{"keys":[{"kty":"OKP","crv":"X25519","kid":%q,"x":"%s"}]}`, kid, strings.Repeat("A", 43)):                 assertion.ErrKeyMismatch,
	} {
		if _, err := assertion.Verify(token, []byte(jwks), assertion.Expect{Audience: audience, Now: at}); !errors.Is(err, want) {
			t.Errorf("%.80s: %v, expected %v", jwks, err, want)
		}
	}
}

func FuzzVerify(f *testing.F) {
	i := newIssuer(f, assertion.Options{Signer: newSigner(f, "")})
	good := issue(f, i, facts())
	f.Add(good, i.JWKS())
	f.Add("e30.e30.", []byte(`{"keys":[{"kty":"EC","crv":"P-256","kid":"","x":"AA","y":"AA"}]}`))
	f.Add("eyJhbGciOiJub25lIn0.e30.", []byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","x":""}]}`))
	expect := assertion.Expect{Issuer: issuerURL, Audience: audience}
	f.Fuzz(func(t *testing.T, token string, jwks []byte) {
		if _, err := assertion.Verify(token, i.JWKS(), expect); err == nil && token != good {
			t.Errorf("accepted: %q", token)
		}
		_, _ = assertion.Verify(good, jwks, expect)
		_, _ = assertion.Verify(token, jwks, expect)
	})
}
