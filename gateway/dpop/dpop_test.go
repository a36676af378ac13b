package dpop

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"
)

var want = Want{Method: "POST", URL: "https://gate.example/v1/verifications", Now: time.Unix(1_800_000_000, 0), Window: time.Minute}

// maker makes proofs with jwx, which Verify does not use.
type maker struct {
	alg     jwa.SignatureAlgorithm
	key     crypto.Signer
	header  map[string]any // over what is right
	claims  map[string]any // over what is right; nil: left out
	private bool           // the JWK is the private one
}

func edMaker() maker {
	return maker{alg: jwa.EdDSA, key: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{3}, ed25519.SeedSize))}
}

func ecMaker(t testing.TB) maker {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return maker{alg: jwa.ES256, key: k}
}

func (m maker) jwk(t testing.TB) jwk.Key {
	t.Helper()
	var raw any = m.key.Public()
	if m.private {
		raw = m.key
	}
	k, err := jwk.FromRaw(raw)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (m maker) proof(t testing.TB) string {
	t.Helper()
	claims := map[string]any{"jti": "one-time", "htm": "POST", "htu": want.URL, "iat": want.Now.Unix()}
	for name, value := range m.claims {
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
	}
	header := map[string]any{"typ": "dpop+jwt", "alg": m.alg.String(), "jwk": m.jwk(t)}
	for name, value := range m.header {
		if header[name] = value; value == nil {
			delete(header, name)
		}
	}
	return m.sign(t, marshal(t, header), marshal(t, claims))
}

// sign takes any header: jwx's own would mend it.
func (m maker) sign(t testing.TB, header, payload []byte) string {
	t.Helper()
	signed := base64.RawURLEncoding.EncodeToString(header) + "." + base64.RawURLEncoding.EncodeToString(payload)
	signer, err := jws.NewSigner(m.alg)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := signer.Sign([]byte(signed), m.key)
	if err != nil {
		t.Fatal(err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestAGoodProofIsTaken(t *testing.T) {
	for _, m := range []maker{edMaker(), ecMaker(t)} {
		p, err := Verify(m.proof(t), want)
		if err != nil {
			t.Fatalf("%s: %v", m.alg, err)
		}
		sum, err := m.jwk(t).Thumbprint(crypto.SHA256)
		if err != nil {
			t.Fatal(err)
		}
		if p.Thumbprint != base64.RawURLEncoding.EncodeToString(sum) {
			t.Errorf("%s: thumbprint %s, jwx makes it %x", m.alg, p.Thumbprint, sum)
		}
		if p.ID != "one-time" || !p.IssuedAt.Equal(want.Now) {
			t.Errorf("%s: %+v", m.alg, p)
		}
	}
}

func TestProofsThatAreRefused(t *testing.T) {
	ec, ed := ecMaker(t), edMaker()
	type parts = map[string]any
	good := func(m maker) parts {
		return parts{"kty": "EC", "crv": "P-256", "x": coordinates(t, m)["x"], "y": coordinates(t, m)["y"]}
	}
	with := func(base parts, name string, value any) parts {
		out := parts{name: value}
		for n, v := range base {
			if _, ok := out[n]; !ok {
				out[n] = v
			}
		}
		return out
	}
	for name, c := range map[string]struct {
		m    maker
		want error
	}{
		"an access token":       {maker{ec.alg, ec.key, parts{"typ": "JWT"}, nil, false}, ErrMalformed},
		"no type":               {maker{ec.alg, ec.key, parts{"typ": nil}, nil, false}, ErrMalformed},
		"crit":                  {maker{ec.alg, ec.key, parts{"crit": []string{"x"}, "x": 1}, nil, false}, ErrMalformed},
		"b64":                   {maker{ec.alg, ec.key, parts{"b64": true}, nil, false}, ErrMalformed},
		"alg none":              {maker{ec.alg, ec.key, parts{"alg": "none"}, nil, false}, ErrKey},
		"alg HS256":             {maker{ec.alg, ec.key, parts{"alg": "HS256"}, nil, false}, ErrKey},
		"alg of another key":    {maker{ec.alg, ec.key, parts{"alg": "EdDSA"}, nil, false}, ErrKey},
		"no key":                {maker{ec.alg, ec.key, parts{"jwk": nil}, nil, false}, ErrKey},
		"a private P-256 key":   {maker{ec.alg, ec.key, nil, nil, true}, ErrKey},
		"a private Ed25519 key": {maker{ed.alg, ed.key, nil, nil, true}, ErrKey},
		"a symmetric key":       {maker{ec.alg, ec.key, parts{"jwk": with(good(ec), "k", "AAAA")}, nil, false}, ErrKey},
		"a point off the curve": {maker{ec.alg, ec.key, parts{"jwk": with(good(ec), "y", strings.Repeat("A", 43))}, nil, false}, ErrKey},
		"a short coordinate":    {maker{ec.alg, ec.key, parts{"jwk": with(good(ec), "y", "AAAA")}, nil, false}, ErrKey},
		"a short Ed25519 key":   {maker{ed.alg, ed.key, parts{"jwk": parts{"kty": "OKP", "crv": "Ed25519", "x": "AAAA"}}, nil, false}, ErrKey},
		"another curve":         {maker{ec.alg, ec.key, parts{"jwk": with(good(ec), "crv", "P-384")}, nil, false}, ErrKey},
		"another's key":         {maker{ec.alg, ec.key, parts{"jwk": good(ecMaker(t))}, nil, false}, ErrSignature},
		"another method":        {maker{ec.alg, ec.key, nil, parts{"htm": "GET"}, false}, ErrTarget},
		"the method's case":     {maker{ec.alg, ec.key, nil, parts{"htm": "post"}, false}, ErrTarget},
		"no method":             {maker{ec.alg, ec.key, nil, parts{"htm": nil}, false}, ErrTarget},
		"no URL":                {maker{ec.alg, ec.key, nil, parts{"htu": nil}, false}, ErrTarget},
		"old":                   {maker{ec.alg, ec.key, nil, parts{"iat": want.Now.Unix() - 61}, false}, ErrTime},
		"of the future":         {maker{ec.alg, ec.key, nil, parts{"iat": want.Now.Unix() + 61}, false}, ErrTime},
		"no time":               {maker{ec.alg, ec.key, nil, parts{"iat": nil}, false}, ErrMalformed},
		"time as text":          {maker{ec.alg, ec.key, nil, parts{"iat": "1800000000"}, false}, ErrMalformed},
		"time beyond all":       {maker{ec.alg, ec.key, nil, parts{"iat": int64(1) << 62}, false}, ErrMalformed},
		"no id":                 {maker{ec.alg, ec.key, nil, parts{"jti": nil}, false}, ErrMalformed},
		"an empty id":           {maker{ec.alg, ec.key, nil, parts{"jti": ""}, false}, ErrMalformed},
		"an id as number":       {maker{ec.alg, ec.key, nil, parts{"jti": 7}, false}, ErrMalformed},
		"a long id":             {maker{ec.alg, ec.key, nil, parts{"jti": strings.Repeat("j", 129)}, false}, ErrMalformed},
		"an id with a break":    {maker{ec.alg, ec.key, nil, parts{"jti": "a\nb"}, false}, ErrMalformed},
		"too long":              {maker{ec.alg, ec.key, nil, parts{"more": strings.Repeat("m", MaxBytes)}, false}, ErrMalformed},
	} {
		if _, err := Verify(c.m.proof(t), want); !errors.Is(err, c.want) {
			t.Errorf("%s: %v instead of %v", name, err, c.want)
		}
	}
}

func coordinates(t testing.TB, m maker) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal(marshal(t, m.jwk(t)), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// Who can make a member count twice can show one key to one reader and another to the next.
func TestMembersThatAreThereTwiceAreRefused(t *testing.T) {
	m := edMaker()
	key := string(marshal(t, m.jwk(t)))
	payload := `{"jti":"a","htm":"POST","htu":"` + want.URL + `","iat":1800000000}`
	header := `{"typ":"dpop+jwt","alg":"EdDSA","jwk":` + key + `}`
	if _, err := Verify(m.sign(t, []byte(header), []byte(payload)), want); err != nil {
		t.Fatal(err)
	}
	for _, c := range [][2]string{
		{strings.Replace(header, `"alg"`, `"alg":"none","alg"`, 1), payload},
		{strings.Replace(header, `"jwk"`, `"jwk":{},"jwk"`, 1), payload},
		{strings.Replace(header, `"x"`, `"x":"AAAA","x"`, 1), payload},
		{header, strings.Replace(payload, `"jti"`, `"jti":"b","\u006ati"`, 1)},
		{header, payload + `{}`},
		{header, `[` + payload + `]`},
		{header, `null`},
	} {
		if _, err := Verify(m.sign(t, []byte(c[0]), []byte(c[1])), want); err == nil {
			t.Errorf("taken: %s %s", c[0], c[1])
		}
	}
}

// One proof has one spelling, or its copies could pass for others.
func TestEveryChangeOfAProofIsRefused(t *testing.T) {
	for _, m := range []maker{edMaker(), ecMaker(t)} {
		proof := m.proof(t)
		for i := range proof {
			for _, c := range []byte{'A', 'z', '.', '=', '\n', proof[i] ^ 1} {
				if c == proof[i] {
					continue
				}
				if _, err := Verify(proof[:i]+string(rune(c))+proof[i+1:], want); err == nil {
					t.Fatalf("%s: byte %d as %q is taken", m.alg, i, c)
				}
			}
		}
		for _, other := range []string{proof + "\n", proof + "=", " " + proof, proof + ".", proof + "." + proof, proof + ", " + proof, ""} {
			if _, err := Verify(other, want); err == nil {
				t.Errorf("%s: taken: %q", m.alg, other)
			}
		}
	}
}

func TestTheTargetOfAProof(t *testing.T) {
	for htu, good := range map[string]bool{
		"https://gate.example/v1/verifications":                       true,
		"HTTPS://Gate.Example:443/v1/verifications?a=b#c":             true,
		"http://gate.example/v1/verifications":                        false,
		"https://gate.example:80/v1/verifications":                    false,
		"https://gate.example:8443/v1/verifications":                  false,
		"https://gate.example.evil/v1/verifications":                  false,
		"https://u@gate.example/v1/verifications":                     false,
		"https://gate.example/v1/verifications/":                      false,
		"https://gate.example/v1/x/../verifications":                  false,
		"https://gate.example/v1/%76erifications":                     false,
		"https://gate.example/V1/verifications":                       false,
		"https://gate.example//v1/verifications":                      false,
		"//gate.example/v1/verifications":                             false,
		"/v1/verifications":                                           false,
		"https:gate.example/v1/verifications":                         false,
		"https://evil.example/?https://gate.example/v1/verifications": false,
		"": false,
	} {
		m := edMaker()
		m.claims = map[string]any{"htu": htu}
		if _, err := Verify(m.proof(t), want); (err == nil) != good {
			t.Errorf("%q: %v", htu, err)
		}
	}
	if sameTarget("", "") || sameTarget("/a", "/a") {
		t.Error("two URLs that are none are the same")
	}
	if !sameTarget("https://gate.example", "https://gate.example:443/") {
		t.Error("the root has two names")
	}
}

func FuzzVerify(f *testing.F) {
	f.Add(edMaker().proof(f))
	f.Add(ecMaker(f).proof(f))
	f.Fuzz(func(t *testing.T, proof string) {
		p, err := Verify(proof, want)
		if err == nil && (len(p.Thumbprint) != 43 || !visible(p.ID) || len(p.ID) > maxID || p.IssuedAt.Sub(want.Now).Abs() > want.Window) {
			t.Errorf("taken: %+v", p)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	for _, m := range []maker{edMaker(), ecMaker(b)} {
		b.Run(m.alg.String(), func(b *testing.B) {
			proof := m.proof(b)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Verify(proof, want); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
