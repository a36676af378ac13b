package gateway

import (
	"cmp"
	"context"
	"slices"
	"time"

	"biogate/gateway/decision"
)

// Party is a relying party: an audience of assertions, and what holds for it. Values are never changed in place.
type Party struct {
	Audience      string // value of "audience" in requests and of "aud" in assertions
	Policy        decision.Policy
	Lifetime      time.Duration // of its assertions, whole seconds; 0: the issuer's
	Claims        []Claim       // the optional parts of "biogate" that it is told; nil: DefaultClaims
	Sector        string        // audiences of one sector see the same subjects; empty: the audience alone
	PlainSubject  bool          // "sub" is the enrolled id: for the party that enrolled the people
	Binding       Binding
	Introspection Introspection
	HideEnrolment bool // whoever does not match learns nothing about whether the subject is enrolled
}

// Claim is an optional part of the member "biogate" of an assertion.
type Claim string

// The claims. What is not listed always leaves: decision, mode, modalities by name, degraded.
const (
	ClaimFMR     Claim = "fmr"     // fmr and extrapolated, of the match and of each modality
	ClaimQuality Claim = "quality" // of each modality
	ClaimPAD     Claim = "pad"     // of each modality
	ClaimModel   Claim = "model"   // of each modality
	ClaimGallery Claim = "gallery" // gallery, group and searched
	// ClaimChallenge is the nonce of ours that was answered: it shows to the millisecond when it was made. The level says that
	// one was.
	ClaimChallenge Claim = "challenge"
	ClaimDevice    Claim = "device" // says where the person was, and with the time who else was not
)

// KnownClaims are all that there are; DefaultClaims those of a party that does not choose.
var (
	KnownClaims   = []Claim{ClaimFMR, ClaimQuality, ClaimPAD, ClaimModel, ClaimGallery, ClaimChallenge, ClaimDevice}
	DefaultClaims = []Claim{ClaimFMR, ClaimQuality, ClaimPAD, ClaimModel, ClaimGallery}
)

// Tells says whether a claim leaves for the party.
func (p Party) Tells(c Claim) bool {
	if p.Claims == nil {
		return slices.Contains(DefaultClaims, c)
	}
	return slices.Contains(p.Claims, c)
}

// SectorName is the name under which the party's subjects are made.
func (p Party) SectorName() string { return cmp.Or(p.Sector, p.Audience) }

// Binding is the key that an assertion is bound to (claim "cnf", RFC 7800).
type Binding string

// The bindings.
const (
	BindNone Binding = ""
	BindDPoP Binding = "dpop" // the key of the caller's DPoP proof, "jkt" (RFC 9449, section 6.1)
	BindMTLS Binding = "mtls" // the caller's client certificate, "x5t#S256" (RFC 8705, section 3.1)
)

// Key is the caller's proven key that the party's assertions are bound to; empty when it has proven none.
func (b Binding) Key(c Caller) string {
	switch b {
	case BindDPoP:
		return c.Proven.DPoP
	case BindMTLS:
		return c.Proven.Certificate
	}
	return ""
}

// Introspection says whether a party may ask if an assertion is to be taken (RFC 7662).
type Introspection string

// What a party may ask.
const (
	IntrospectOnce Introspection = ""    // the first answer is yes, every later one no
	IntrospectOff  Introspection = "off" // the answer is always no
)

// party is the relying party of a request, which its caller may ask for and has the key for.
func (s *Service) party(ctx context.Context, audience string) (Party, error) {
	caller := CallerOf(ctx)
	if !caller.MayAsk(audience) {
		return Party{}, &Error{Kind: Forbidden, Code: "audience-forbidden", Detail: "this device may not ask for this audience"}
	}
	p, registered := s.registered(audience)
	if !registered {
		return Party{}, &Error{Kind: Forbidden, Code: "audience-unknown", Detail: "this audience is not registered", Hint: "an operator registers it under audiences in the configuration"}
	}
	if p.Binding != BindNone && p.Binding.Key(caller) == "" {
		return Party{}, keyBindingRequired(p.Binding)
	}
	return p, nil
}

// registered is the relying party of an audience. Where any is served, one that is not registered has the default policy, but
// never under the name of a sector: it would see the subjects of those that are in it.
func (s *Service) registered(audience string) (Party, bool) {
	if p, ok := s.deps.Parties[audience]; ok {
		return p, true
	}
	return Party{Audience: audience, Policy: s.deps.Policy}, !s.deps.OnlyParties && !s.sectors[audience]
}

// sectorsOf are the names under which the subjects of registered parties are made.
func sectorsOf(parties map[string]Party) map[string]bool {
	out := map[string]bool{}
	for _, p := range parties {
		out[p.SectorName()] = true
	}
	return out
}

func keyBindingRequired(b Binding) error {
	hint := "send a DPoP proof (RFC 9449) with the request"
	if b == BindMTLS {
		hint = "connect with the device's client certificate"
	}
	return &Error{Kind: Forbidden, Code: "key-binding-required", Detail: "assertions for this audience are bound to a key, and the request proves to hold none", Hint: hint}
}

const (
	reasonNotAccepted = "modality-not-accepted"
	reasonStepUp      = "step-up-required"
)

// accepted are the captures of modalities that a policy accepts, and why others do not count.
func accepted(captures []captured, policy decision.Policy) (out []captured, reasons []string) {
	for _, c := range captures {
		if !policy.Accepts(c.info.Modality) {
			reasons = union(reasons, []string{reasonNotAccepted + ":" + string(c.info.Modality)})
			continue
		}
		out = append(out, c)
	}
	return out, reasons
}

// assure writes down which level of assurance a match reaches, and withholds one that falls short of what its party requires.
func assure(facts *AssertionFacts, out *Outcome) {
	if out.Decision != decision.Match {
		return
	}
	level, lacks := facts.Party.Policy.Level(strength(*facts, *out))
	if facts.Level = level; level >= facts.Party.Policy.RequireLevel {
		return
	}
	out.Decision = decision.Inconclusive
	for _, what := range lacks {
		out.Reasons = append(out.Reasons, reasonStepUp+":"+what)
	}
}

// strength is what a level is decided on.
func strength(facts AssertionFacts, out Outcome) decision.Strength {
	s := decision.Strength{FMR: out.FMR, Searched: facts.Searched, Fresh: facts.Fresh}
	for _, m := range supporting(out) {
		s.Supports = append(s.Supports, decision.Support{Modality: m.Modality, FMR: m.FMR, Cleared: cleared(m.PAD)})
	}
	return s
}
