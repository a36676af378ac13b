package config

import (
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"biogate/gateway"
	"biogate/gateway/decision"
	"biogate/matcher"
)

// Audience is a relying party that is registered. What it leaves out is as Effective says.
type Audience struct {
	// Name is the value of "audience" in requests and of "aud" in assertions.
	Name string `yaml:"name"`
	// Modalities whose captures count, of face and finger; left out: all.
	Modalities []string `yaml:"modalities"`
	// MaxFMR, IdentifyFPIR, PAD and Challenge are used in place of those of policy; left out: those.
	MaxFMR       *float64 `yaml:"max_fmr"`
	IdentifyFPIR *float64 `yaml:"identify_fpir"`
	PAD          *string  `yaml:"pad"`
	Challenge    *string  `yaml:"challenge"`
	// Fresh demands that requests answer a challenge of this gateway, of any kind; left out: true in production mode.
	Fresh *bool `yaml:"fresh"`
	// Level2 is what a match needs for acr urn:biogate:acr:2; left out: every match is urn:biogate:acr:1.
	Level2 *Level2 `yaml:"level2"`
	// RequireLevel is the least that is asserted, 1 or 2. A match below it is inconclusive: step-up-required.
	RequireLevel *int `yaml:"require_level"`
	// Lifetime of its assertions, whole seconds, at most an hour; left out: assertion.lifetime.
	Lifetime *time.Duration `yaml:"lifetime"`
	// Claims are the optional parts of "biogate" that it is told: fmr, pad, model, gallery, quality, challenge, device. Left out:
	// the first four; []: none.
	Claims []string `yaml:"claims"`
	// Sector is the name under which subjects are made: audiences of one sector see the same. Left out: the audience's own name.
	Sector *string `yaml:"sector"`
	// PlainSubject puts the enrolled id into "sub" instead of a pairwise one: for the party that enrolled the people.
	PlainSubject bool `yaml:"plain_subject"`
	// HideEnrolment: whoever does not match learns nothing about whether the subject is enrolled.
	HideEnrolment bool `yaml:"hide_enrolment"`
	// Binding is the key that assertions are bound to: none, dpop (RFC 9449) or mtls (RFC 8705). Left out: none.
	Binding *string `yaml:"binding"`
	// Introspection is once, an assertion is said to be good one time, or off. Left out: once.
	Introspection *string `yaml:"introspection"`
}

// Level2 is the second level of assurance.
type Level2 struct {
	// MaxFMR is the highest false match rate; left out: 1e-6, or the audience's max_fmr where that is lower. For an
	// identification it is that of the whole search.
	MaxFMR *float64 `yaml:"max_fmr"`
	// Modalities is how many different ones the match must rest on, 1 or 2; left out: 1.
	Modalities *int `yaml:"modalities"`
	// PAD is cleared, only captures that a method judged bona fide which is strong enough to decide count, or any. Left out: cleared.
	PAD *string `yaml:"pad"`
	// Fresh demands a nonce of POST /v1/challenges; left out: true.
	Fresh *bool `yaml:"fresh"`
}

// Words of these settings.
const (
	bindingNone       = "none"
	introspectionOnce = "once"
	padCleared        = "cleared"
	padAny            = "any"
	level2MaxFMR      = 1e-6
)

// Effective is an audience with everything filled in that it leaves out: what an operator reviews, and what is enforced.
func (c Config) Effective(a Audience) Audience {
	fill(&a.Modalities, []string{string(matcher.Face), string(matcher.Finger)}, a.Modalities == nil)
	a.MaxFMR = stated(a.MaxFMR, c.Policy.MaxFMR)
	a.IdentifyFPIR = stated(a.IdentifyFPIR, c.Policy.IdentifyFPIR)
	a.PAD = stated(a.PAD, c.Policy.PAD)
	a.Challenge = stated(a.Challenge, c.Policy.Challenge)
	a.Fresh = stated(a.Fresh, c.Mode == Production)
	a.RequireLevel = stated(a.RequireLevel, 1)
	a.Lifetime = stated(a.Lifetime, c.Assertion.Lifetime)
	fill(&a.Claims, words(gateway.DefaultClaims), a.Claims == nil)
	a.Sector = stated(a.Sector, a.Name)
	a.Binding = stated(a.Binding, bindingNone)
	a.Introspection = stated(a.Introspection, introspectionOnce)
	if a.Level2 != nil {
		a.Level2 = &Level2{
			MaxFMR:     stated(a.Level2.MaxFMR, min(level2MaxFMR, *a.MaxFMR)),
			Modalities: stated(a.Level2.Modalities, 1),
			PAD:        stated(a.Level2.PAD, padCleared),
			Fresh:      stated(a.Level2.Fresh, true),
		}
	}
	return a
}

// stated is the setting, or its default where it is left out.
func stated[T any](setting *T, otherwise T) *T {
	if setting == nil {
		return &otherwise
	}
	return setting
}

func fill[T any](setting *T, value T, missing bool) {
	if missing {
		*setting = value
	}
}

func words[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, w := range list {
		out[i] = string(w)
	}
	return out
}

func parsed[T ~string](list []string) []T {
	out := make([]T, len(list))
	for i, w := range list {
		out[i] = T(w)
	}
	return out
}

// party is an audience as the gateway enforces it; a is Effective.
func (c Config) party(a Audience) gateway.Party {
	p := gateway.Party{
		Audience: a.Name, Policy: c.DecisionPolicy(), Lifetime: *a.Lifetime, Claims: parsed[gateway.Claim](a.Claims),
		Sector: *a.Sector, PlainSubject: a.PlainSubject, HideEnrolment: a.HideEnrolment,
		Binding:       gateway.Binding(unless(*a.Binding, bindingNone)),
		Introspection: gateway.Introspection(unless(*a.Introspection, introspectionOnce)),
	}
	p.Policy.Modalities = parsed[matcher.Modality](a.Modalities)
	p.Policy.MaxFMR, p.Policy.IdentifyFPIR = *a.MaxFMR, *a.IdentifyFPIR
	p.Policy.PAD, p.Policy.Challenge, p.Policy.RequireLevel = decision.PAD(*a.PAD), *a.Challenge, *a.RequireLevel
	p.Policy.Fresh = *a.Fresh
	if l := a.Level2; l != nil {
		p.Policy.Level2 = &decision.Level{MaxFMR: *l.MaxFMR, Modalities: *l.Modalities, Cleared: *l.PAD == padCleared, Fresh: *l.Fresh}
	}
	return p
}

// unless is a word, or nothing for the one that stands for nothing.
func unless(word, nothing string) string {
	if word == nothing {
		return ""
	}
	return word
}

// Parties are the registered relying parties by audience.
func (c Config) Parties() map[string]gateway.Party {
	parties := map[string]gateway.Party{}
	for _, a := range c.Audiences {
		parties[a.Name] = c.party(c.Effective(a))
	}
	return parties
}

// Settings are an audience's as in the file, by name, for documents.
func (a Audience) Settings() (map[string]any, error) {
	text, err := yaml.Marshal(a)
	if err != nil {
		return nil, err
	}
	var out map[string]any
	return out, yaml.Unmarshal(text, &out)
}

// YAML is an audience as it can stand in the file.
func (a Audience) YAML() (string, error) {
	text, err := yaml.Marshal([]Audience{a})
	return string(text), err
}

func (c Config) checkAudiences() (errs []error) {
	seen := map[string]bool{}
	for i, a := range c.Audiences {
		setting := fmt.Sprintf("audiences[%d]", i)
		errs = append(errs,
			need(a.Name != "" && len(a.Name) <= 512 && utf8.ValidString(a.Name), "%s.name is %q, it must be 1 to 512 bytes of UTF-8", setting, a.Name),
			need(!seen[a.Name], "%s.name is %q for the second time", setting, a.Name))
		seen[a.Name] = true
		effective := c.Effective(a)
		errs = append(errs, c.checkAudience(setting+".", effective)...)
		errs = append(errs, prefixed(setting+".", c.party(effective).Policy.Check())...)
	}
	return errs
}

// checkAudience looks at what the policy of decisions does not.
func (c Config) checkAudience(at string, a Audience) []error {
	errs := []error{
		need(len(a.Modalities) > 0, "%smodalities is empty, it must have face or finger", at),
		within(at+"lifetime", *a.Lifetime, time.Second, time.Hour),
		need(*a.Lifetime%time.Second == 0, "%slifetime is %s, it must be whole seconds", at, *a.Lifetime),
		need(c.Assertion.KeyOverlap >= *a.Lifetime+10*time.Minute, "%slifetime is %s, assertion.key_overlap (%s) must be at least 10m0s more", at, *a.Lifetime, c.Assertion.KeyOverlap),
		need(*a.Sector != "" && len(*a.Sector) <= 512 && utf8.ValidString(*a.Sector), "%ssector is %q, it must be 1 to 512 bytes of UTF-8", at, *a.Sector),
		need(!a.PlainSubject || *a.Sector == a.Name, "%splain_subject is true, and sector is %q: a plain subject is of no sector", at, *a.Sector),
		oneOf(at+"binding", *a.Binding, bindingNone, string(gateway.BindDPoP), string(gateway.BindMTLS)),
		need(*a.Binding != string(gateway.BindMTLS) || !c.TLS.Terminated, "%sbinding is %q, and tls.terminated: behind a proxy nobody shows a certificate that could be bound; use %q", at, gateway.BindMTLS, gateway.BindDPoP),
		oneOf(at+"introspection", *a.Introspection, introspectionOnce, string(gateway.IntrospectOff)),
	}
	if a.Level2 != nil {
		errs = append(errs, oneOf(at+"level2.pad", *a.Level2.PAD, padCleared, padAny))
	}
	for i, claim := range a.Claims {
		errs = append(errs,
			oneOf(at+"claims", claim, words(gateway.KnownClaims)...),
			need(!slices.Contains(a.Claims[:i], claim), "%sclaims has %q twice", at, claim))
	}
	return errs
}

func oneOf(setting, value string, words ...string) error {
	return need(slices.Contains(words, value), "%s is %q, it must be one of %q", setting, value, words)
}
