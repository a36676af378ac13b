package config

import (
	"slices"
	"strings"
	"testing"
	"time"

	"biogate/gateway"
	"biogate/gateway/decision"
)

const everySetting = `
audiences:
- name: https://bank.example
  modalities: [face]
  max_fmr: 0.00001
  identify_fpir: 0.0001
  pad: require
  challenge: head-turn
  level2: {max_fmr: 1.0e-7, modalities: 1, pad: any, fresh: false}
  require_level: 2
  lifetime: 60s
  claims: [fmr, device]
  sector: bank-group
  binding: dpop
  introspection: off
- name: https://portal.example
  level2: {}
`

func TestAudiencesBecomeParties(t *testing.T) {
	c, err := parse([]byte(everySetting))
	if err != nil || c.Validate() != nil {
		t.Fatal(err, c.Validate())
	}
	bank, portal := c.Parties()["https://bank.example"], c.Parties()["https://portal.example"]
	p := bank.Policy
	if p.MaxFMR != 1e-5 || p.IdentifyFPIR != 1e-4 || p.PAD != decision.PADRequire || p.Challenge != "head-turn" || p.RequireLevel != 2 ||
		*p.Level2 != (decision.Level{MaxFMR: 1e-7, Modalities: 1}) || p.Accepts("finger") || !p.Accepts("face") {
		t.Errorf("policy %+v", p)
	}
	if bank.Lifetime != time.Minute || bank.SectorName() != "bank-group" || bank.Binding != gateway.BindDPoP || bank.Introspection != gateway.IntrospectOff ||
		!bank.Tells(gateway.ClaimDevice) || bank.Tells(gateway.ClaimPAD) {
		t.Errorf("%+v", bank)
	}
	if portal.Lifetime != 2*time.Minute || portal.SectorName() != portal.Audience || portal.Binding != gateway.BindNone || portal.Introspection != gateway.IntrospectOnce ||
		*portal.Policy.Level2 != (decision.Level{MaxFMR: 1e-6, Modalities: 1, Cleared: true, Fresh: true}) || portal.Tells(gateway.ClaimDevice) || !portal.Tells(gateway.ClaimPAD) {
		t.Errorf("what is left out: %+v", portal)
	}
}

// What is shown to an operator can stand in the file, and means the same.
func TestWhatIsShownIsWhatHolds(t *testing.T) {
	c, err := parse([]byte(everySetting))
	if err != nil {
		t.Fatal(err)
	}
	text := "audiences:\n"
	for _, a := range c.Audiences {
		shown, err := c.Effective(a).YAML()
		if err != nil {
			t.Fatal(err)
		}
		text += shown
	}
	again, err := parse([]byte(text))
	if err != nil || again.Validate() != nil {
		t.Fatalf("%v %v\n%s", err, again.Validate(), text)
	}
	for name, p := range c.Parties() {
		q := again.Parties()[name]
		if q.Sector != p.Sector || q.Binding != p.Binding || q.Lifetime != p.Lifetime || !slices.Equal(q.Claims, p.Claims) || *q.Policy.Level2 != *p.Policy.Level2 || q.Policy.MaxFMR != p.Policy.MaxFMR {
			t.Errorf("%+v is shown as %+v", p, q)
		}
	}
}

func TestAudiencesAreChecked(t *testing.T) {
	for setting, want := range map[string]string{
		"modalities: []":                       "audiences[0].modalities is empty",
		"modalities: [iris]":                   `audiences[0].modalities has "iris"`,
		"lifetime: 1500ms":                     "audiences[0].lifetime is 1.5s, it must be whole seconds",
		"lifetime: 2h":                         "audiences[0].lifetime is 2h0m0s",
		"claims: [fmr, iris]":                  `audiences[0].claims is "iris"`,
		"claims: [fmr, fmr]":                   `audiences[0].claims has "fmr" twice`,
		"sector: ''":                           "audiences[0].sector is \"\"",
		"{plain_subject: true, sector: group}": "a plain subject is of no sector",
		"binding: tls":                         `audiences[0].binding is "tls"`,
		"introspection: always":                `audiences[0].introspection is "always"`,
		"level2: {pad: never}":                 `audiences[0].level2.pad is "never"`,
		"level2: {modalities: 3}":              "audiences[0].level2.modalities is 3",
		"level2: {max_fmr: 0.1}":               "audiences[0].level2.max_fmr is 0.1",
		"require_level: 2":                     "audiences[0].require_level is 2, and there is no level2",
		"{pad: off, level2: {}}":               "nothing would be judged",
		"identify_fpir: 1":                     "audiences[0].identify_fpir is 1",
	} {
		text := "audiences:\n- name: a\n  " + setting + "\n"
		if inner, ok := strings.CutPrefix(setting, "{"); ok {
			text = "audiences:\n- {name: a, " + inner + "\n"
		}
		c, err := parse([]byte(text))
		if err != nil {
			t.Fatal(setting, err)
		}
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v does not say %q", setting, err, want)
		}
	}
}
