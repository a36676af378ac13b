package assertion_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"biogate/gateway"
	"biogate/gateway/assertion"
	"biogate/gateway/decision"
	"biogate/matcher"
)

// The bytes of an assertion are what relying parties read: a change here is a change of the contract.
func TestClaimsAreThoseOfTheContract(t *testing.T) {
	i := newIssuer(t, assertion.Options{
		Signer: plainSigner{},
		Now:    func() time.Time { return time.Unix(1_790_000_001, 999) },
		NewID:  func() string { return "id-1" },
	})
	const common = `"iss":"http://127.0.0.1:8080","sub":"SUB","aud":"https://bank.example","iat":1790000000,"nbf":1790000000,` +
		`"exp":1790000120,"jti":"id-1",`
	sub := claimsOf(t, issue(t, i, facts())).Subject

	want := `{` + common + `"nonce":"n-1","auth_time":1790000000,"acr":"urn:biogate:acr:1","amr":["face","fpt"],` +
		`"biogate":{"decision":"match","mode":"verify","fmr":0.000001,"modalities":[` +
		`{"modality":"face","model":"face-112-1","fmr":0.001,"quality":50,"pad":{"score":0.5,"suspect":false,"advisory":true}},` +
		`{"modality":"finger","model":"finger-minutiae-1","fmr":0.001,"extrapolated":true,"quality":50,"pad":null}],` +
		`"degraded":[]}}`
	if got := issue(t, i, facts()); got != strings.Replace(want, "SUB", sub, 1) {
		t.Errorf("verify:\n%s\nexpected\n%s", got, want)
	}

	a := facts()
	a.Mode, a.Gallery, a.Caller.Device, a.Nonce, a.Extrapolated = "identify", "staff", "kiosk-7", "", true
	a.Modalities, a.Degraded = a.Modalities[:1], []string{"cache"}
	a.Group, a.Searched = "night", 42
	a.Party.Claims = gateway.KnownClaims
	a.Modalities[0].PAD = &matcher.PAD{Score: 0.9, Evidence: []matcher.PADEvidence{
		{Name: "challenge-colour", Score: 0.8, Reason: "left out"}, {Name: "network", Score: 0.2, Suspect: true, Advisory: true},
	}}
	want = `{` + common + `"auth_time":1790000000,"acr":"urn:biogate:acr:1","amr":["fpt"],` +
		`"biogate":{"decision":"match","mode":"identify","fmr":0.000001,"extrapolated":true,"modalities":[` +
		`{"modality":"finger","model":"finger-minutiae-1","fmr":0.001,"extrapolated":true,"quality":50,"pad":{"score":0.5,"suspect":false,"advisory":false,` +
		`"evidence":[{"name":"challenge-colour","suspect":false,"advisory":false},{"name":"network","suspect":true,"advisory":true}]}}],` +
		`"gallery":"staff","group":"night","searched":50,"degraded":["cache"],"device":"kiosk-7"}}`
	if got := issue(t, i, a); got != strings.Replace(want, "SUB", sub, 1) {
		t.Errorf("identify:\n%s\nexpected\n%s", got, want)
	}
}

func TestDeletionReceipt(t *testing.T) {
	signer := newSigner(t, "")
	i := newIssuer(t, assertion.Options{Signer: signer, Now: func() time.Time { return time.Unix(1_790_000_000, 0) }})
	d := gateway.DeletionFacts{Subject: "alice", Templates: 3, DeletedAt: time.Unix(1_789_999_999, 0), Degraded: []string{"cache"}}
	token, err := i.DeletionReceipt(context.Background(), d)
	if err != nil {
		t.Fatal(err)
	}
	c, err := assertion.VerifyDeletion(token, i.JWKS(), issuerURL)
	if err != nil {
		t.Fatal(err)
	}
	if c.Templates != 3 || c.DeletedAt != 1_789_999_999 || c.IssuedAt != 1_790_000_000 || c.ID == "" || !slices.Equal(c.Degraded, d.Degraded) {
		t.Errorf("%+v", c)
	}
	again, _ := i.DeletionReceipt(context.Background(), d)
	if c2, _ := assertion.VerifyDeletion(again, i.JWKS(), issuerURL); c2.Subject != c.Subject || c2.ID == c.ID {
		t.Error("receipts about one subject name different subjects, or share an id")
	}
	if c.Subject == "alice" {
		t.Error("the receipt shows the enrolled id")
	}
	if _, err := assertion.VerifyDeletion(token, i.JWKS(), "http://other"); !errors.Is(err, assertion.ErrIssuer) {
		t.Errorf("another issuer: %v", err)
	}
	if _, err := assertion.VerifyDeletion(issue(t, i, facts()), i.JWKS(), ""); !errors.Is(err, assertion.ErrType) {
		t.Errorf("an assertion as a receipt: %v", err)
	}
	for _, bad := range []gateway.DeletionFacts{
		{Templates: 1, DeletedAt: time.Now()},
		{Subject: "\xff", Templates: 1, DeletedAt: time.Now()},
		{Subject: "a", Templates: -1, DeletedAt: time.Now()},
		{Subject: "a", Templates: 1},
	} {
		if token, err := i.DeletionReceipt(context.Background(), bad); err == nil || token != "" {
			t.Errorf("%+v: %q, %v", bad, token, err)
		}
	}
}

func TestUnsoundFactsAreNotAsserted(t *testing.T) {
	i := newIssuer(t, assertion.Options{Signer: plainSigner{}})
	change := func(name string, f func(*gateway.AssertionFacts)) {
		a := facts()
		f(&a)
		token, err := i.Assertion(context.Background(), a)
		var typed *gateway.Error // which a breaker does not count
		if !errors.As(err, &typed) || typed.Kind != gateway.Internal || token != "" {
			t.Errorf("%s: %q, %v", name, token, err)
		}
	}
	change("no subject", func(a *gateway.AssertionFacts) { a.Subject = "" })
	change("no level", func(a *gateway.AssertionFacts) { a.Level = 0 })
	change("a level that there is not", func(a *gateway.AssertionFacts) { a.Level = 3 })
	change("a lower level than required", func(a *gateway.AssertionFacts) { a.Party.Policy.RequireLevel = 2 })
	change("a modality that is not accepted", func(a *gateway.AssertionFacts) { a.Party.Policy.Modalities = []matcher.Modality{matcher.Face} })
	change("no DPoP key", func(a *gateway.AssertionFacts) { a.Party.Binding, a.Caller.Proven.Certificate = gateway.BindDPoP, "x" })
	change("no certificate", func(a *gateway.AssertionFacts) { a.Party.Binding, a.Caller.Proven.DPoP = gateway.BindMTLS, "x" })
	change("a binding that there is not", func(a *gateway.AssertionFacts) { a.Party.Binding = "tls" })
	change("no audience", func(a *gateway.AssertionFacts) { a.Party.Audience = "" })
	change("subject not UTF-8", func(a *gateway.AssertionFacts) { a.Subject = "a\xff" })
	change("audience not UTF-8", func(a *gateway.AssertionFacts) { a.Party.Audience = "a\xff" })
	change("nonce not UTF-8", func(a *gateway.AssertionFacts) { a.Nonce = "a\xff" })
	change("no time", func(a *gateway.AssertionFacts) { a.AuthTime = time.Time{} })
	change("no mode", func(a *gateway.AssertionFacts) { a.Mode = "" })
	change("unknown mode", func(a *gateway.AssertionFacts) { a.Mode = "guess" })
	change("1:1 with a gallery", func(a *gateway.AssertionFacts) { a.Gallery = "g" })
	change("1:N without a gallery", func(a *gateway.AssertionFacts) { a.Mode, a.Searched = "identify", 1 })
	change("1:N of nobody", func(a *gateway.AssertionFacts) { a.Mode, a.Gallery = "identify", "g" })
	change("1:1 in a group", func(a *gateway.AssertionFacts) { a.Group = "g" })
	change("1:1 with a search", func(a *gateway.AssertionFacts) { a.Searched = 1 })
	change("no modality", func(a *gateway.AssertionFacts) { a.Modalities = nil })
	change("unknown modality", func(a *gateway.AssertionFacts) { a.Modalities[0].Modality = "gait" })
	change("no model", func(a *gateway.AssertionFacts) { a.Modalities[0].Model = "" })
	change("quality too high", func(a *gateway.AssertionFacts) { a.Modalities[0].Quality = 101 })
	change("quality too low", func(a *gateway.AssertionFacts) { a.Modalities[0].Quality = -1 })
	change("attack suspected", func(a *gateway.AssertionFacts) { a.Modalities[1].PAD = &matcher.PAD{Suspect: true} })
	evidence := func(e matcher.PADEvidence) func(a *gateway.AssertionFacts) {
		return func(a *gateway.AssertionFacts) {
			a.Modalities[1].PAD = &matcher.PAD{Score: 1, Evidence: []matcher.PADEvidence{e}}
		}
	}
	change("attack suspected by one method", evidence(matcher.PADEvidence{Name: "spectrum", Suspect: true}))
	change("evidence without a name", evidence(matcher.PADEvidence{Score: 1}))
	change("evidence out of range", evidence(matcher.PADEvidence{Name: "spectrum", Score: 1.1}))
	change("attack score NaN", func(a *gateway.AssertionFacts) { a.Modalities[1].PAD.Score = math.NaN() })
	for _, rate := range []float64{0, -1, 1.0001, math.NaN(), math.Inf(1)} {
		change("rate", func(a *gateway.AssertionFacts) { a.FMR = rate })
		change("rate of a modality", func(a *gateway.AssertionFacts) { a.Modalities[1].FMR = rate })
	}
}

type failingSigner struct{ plainSigner }

var errSigner = errors.New("out of order")

func (failingSigner) Sign(context.Context, string, []byte) (string, error) { return "", errSigner }

func TestSignerFailureIsPassedOn(t *testing.T) {
	i := newIssuer(t, assertion.Options{Signer: failingSigner{}})
	if token, err := i.Assertion(context.Background(), facts()); !errors.Is(err, errSigner) || token != "" {
		t.Errorf("%q, %v", token, err)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	good := assertion.Options{Issuer: mustURL(issuerURL), Signer: plainSigner{}, PairwiseKey: pairwiseKey}
	change := func(name string, f func(*assertion.Options)) {
		o := good
		f(&o)
		if _, err := assertion.New(o); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	change("no signer", func(o *assertion.Options) { o.Signer = nil })
	change("no pairwise key", func(o *assertion.Options) { o.PairwiseKey = nil })
	change("short pairwise key", func(o *assertion.Options) { o.PairwiseKey = pairwiseKey[:31] })
	change("negative lifetime", func(o *assertion.Options) { o.Lifetime = -time.Second })
	change("lifetime below a second", func(o *assertion.Options) { o.Lifetime = 1500 * time.Millisecond })
	change("no issuer", func(o *assertion.Options) { o.Issuer = nil })
	for _, u := range []string{"", "/x", "ftp://a", "http://", "http://a?b", "http://a#b", "http://u:p@a"} {
		change("issuer "+u, func(o *assertion.Options) { o.Issuer = mustURL(u) })
	}
}

// One person is one subject at an audience, and subjects of two audiences have nothing in common.
func TestPairwiseSubjects(t *testing.T) {
	i := newIssuer(t, assertion.Options{Signer: plainSigner{}})
	elsewhere := newIssuer(t, assertion.Options{Signer: plainSigner{}, PairwiseKey: []byte(strings.Repeat("k", 32))})
	subject := func(i *assertion.Issuer, audience, subject string) string {
		a := facts()
		a.Party, a.Subject = gateway.Party{Audience: audience}, subject
		return claimsOf(t, issue(t, i, a)).Subject
	}
	name := rapid.StringN(1, 20, 60)
	rapid.Check(t, func(r *rapid.T) {
		audienceA, audienceB, alice, bob := name.Draw(r, "a"), name.Draw(r, "b"), name.Draw(r, "alice"), name.Draw(r, "bob")
		sub := subject(i, audienceA, alice)
		if sub != subject(i, audienceA, alice) {
			r.Fatal("one person has two subjects at one audience")
		}
		if len(sub) != 43 || sub == alice {
			r.Fatalf("subject %q", sub)
		}
		if audienceA != audienceB && sub == subject(i, audienceB, alice) {
			r.Fatal("two audiences see the same subject")
		}
		if alice != bob && sub == subject(i, audienceA, bob) {
			r.Fatal("two people have the same subject")
		}
		if sub == subject(elsewhere, audienceA, alice) {
			r.Fatal("two deployments agree on a subject")
		}
	})
	// The border between audience and subject is part of the input.
	if subject(i, "ab", "c") == subject(i, "a", "bc") {
		t.Error("audience and subject run into each other")
	}
	// A receipt's subject is not one that any audience sees.
	token, err := i.DeletionReceipt(context.Background(), gateway.DeletionFacts{Subject: "c", DeletedAt: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	if claimsOf(t, token).Subject == subject(i, "ab", "c") {
		t.Error("a receipt names an audience's subject")
	}
}

// The subjects that relying parties have stored stay theirs through releases. The value was computed with Python's hmac.
func TestPairwiseSubjectIsStable(t *testing.T) {
	c := claimsOf(t, issue(t, newIssuer(t, assertion.Options{Signer: plainSigner{}}), facts()))
	if want := "CjVZcuANquQ7fUOdmDjVWUbJJK0rGxVRFkW4NKUSxp4"; c.Subject != want {
		t.Errorf("subject %s, expected %s", c.Subject, want)
	}
}

func TestPlainSubjectForConfiguredAudiences(t *testing.T) {
	i := newIssuer(t, assertion.Options{Signer: plainSigner{}})
	a := facts()
	a.Party.PlainSubject = true
	if c := claimsOf(t, issue(t, i, a)); c.Subject != "alice" {
		t.Errorf("subject %q at the audience that enrolled the person", c.Subject)
	}
	a = facts()
	if c := claimsOf(t, issue(t, i, a)); c.Subject == "alice" {
		t.Error("the enrolled id leaves to another audience")
	}
}

func TestTokenIDsDiffer(t *testing.T) {
	i := newIssuer(t, assertion.Options{Signer: plainSigner{}})
	if a, b := claimsOf(t, issue(t, i, facts())).ID, claimsOf(t, issue(t, i, facts())).ID; a == b || len(a) != 22 {
		t.Errorf("ids %q, %q", a, b)
	}
}

func TestOpenIDConfiguration(t *testing.T) {
	signer := newSigner(t, "ES256")
	i := newIssuer(t, assertion.Options{Signer: signer, Issuer: mustURL("https://id.example/bio/")})
	read := func(i *assertion.Issuer) map[string]any {
		text, err := i.OpenIDConfiguration()
		if err != nil {
			t.Fatal(err)
		}
		var d map[string]any
		if err := json.Unmarshal(text, &d); err != nil {
			t.Fatal(err)
		}
		return d
	}
	d := read(i)
	if d["issuer"] != "https://id.example/bio/" || d["jwks_uri"] != "https://id.example/bio/.well-known/jwks.json" {
		t.Errorf("issuer %v, jwks_uri %v", d["issuer"], d["jwks_uri"])
	}
	for member, want := range map[string][]any{
		"id_token_signing_alg_values_supported": {"ES256"},
		"subject_types_supported":               {"pairwise"},
		"acr_values_supported":                  {"urn:biogate:acr:1"},
	} {
		if got, _ := d[member].([]any); !slices.Equal(got, want) {
			t.Errorf("%s is %v, expected %v", member, d[member], want)
		}
	}
	var claims map[string]any
	everything := facts()
	everything.Party.Binding, everything.Caller.Proven.DPoP = gateway.BindDPoP, "thumbprint"
	text, _ := json.Marshal(claimsOf(t, issue(t, newIssuer(t, assertion.Options{Signer: plainSigner{}}), everything)))
	if err := json.Unmarshal(text, &claims); err != nil {
		t.Fatal(err)
	}
	supported := d["claims_supported"].([]any)
	for claim := range claims {
		if !slices.Contains(supported, any(claim)) {
			t.Errorf("claim %q is not announced", claim)
		}
	}
	if len(supported) != len(claims) {
		t.Errorf("announced are %v, an assertion has %d", supported, len(claims))
	}
	if d["introspection_endpoint"] != "https://id.example/bio/v1/introspect" || d["dpop_signing_alg_values_supported"] != nil || d["tls_client_certificate_bound_access_tokens"] != nil {
		t.Errorf("%v", d)
	}
	d = read(newIssuer(t, assertion.Options{Signer: signer, Parties: map[string]gateway.Party{
		"plain": {PlainSubject: true}, "dpop": {Binding: gateway.BindDPoP}, "mtls": {Binding: gateway.BindMTLS},
		"bank": {Policy: decision.Policy{Level2: &decision.Level{}}},
	}}))
	for member, want := range map[string]any{
		"subject_types_supported": []any{"pairwise", "public"}, "acr_values_supported": []any{"urn:biogate:acr:1", "urn:biogate:acr:2"},
		"dpop_signing_alg_values_supported": []any{"EdDSA", "ES256"}, "tls_client_certificate_bound_access_tokens": true,
	} {
		if !reflect.DeepEqual(d[member], want) {
			t.Errorf("%s is %v, expected %v", member, d[member], want)
		}
	}
	if _, err := newIssuer(t, assertion.Options{Signer: plainSigner{}}).OpenIDConfiguration(); err == nil {
		t.Error("a document without any key")
	}
}

func ExampleVerify() {
	var token string // from the kiosk or the gateway's answer
	var jwks []byte  // from the issuer's /.well-known/jwks.json
	expect := assertion.Expect{
		Issuer:   "https://id.example",
		Audience: "https://bank.example", // who you are
		Nonce:    "the one you asked for",
		Leeway:   time.Minute,
	}
	claims, err := assertion.Verify(token, jwks, expect)
	if errors.Is(err, assertion.ErrUnknownKey) {
		return // the keys were rotated: fetch the key set again, once
	}
	if err == nil && claims.Biogate.FMR <= 1e-6 {
		_ = claims.Subject // who it is, at your audience
	}
}

func BenchmarkAssertion(b *testing.B) {
	for _, alg := range []string{"none", "EdDSA", "ES256"} {
		b.Run(alg, func(b *testing.B) {
			var signer assertion.Signer = plainSigner{}
			if alg != "none" {
				signer = newSigner(b, alg)
			}
			i := newIssuer(b, assertion.Options{Signer: signer})
			b.ReportAllocs()
			for b.Loop() {
				issue(b, i, facts())
			}
		})
	}
}
