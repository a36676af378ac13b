package config

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestEverySettingHasAVariableOfItsOwn(t *testing.T) {
	c := Default()
	seen := map[string]string{}
	for _, s := range c.Settings() {
		if other, twice := seen[s.Variable]; twice {
			t.Errorf("%s is %s and %s", s.Variable, other, s.Path)
		}
		seen[s.Variable] = s.Path
		if strings.ToUpper(s.Variable) != s.Variable || strings.Contains(s.Path, "..") {
			t.Errorf("%+v", s)
		}
	}
	for variable, path := range map[string]string{
		"BIOGATE_LISTEN": "listen", "BIOGATE_POLICY_MAX_FMR": "policy.max_fmr", "BIOGATE_BREAKERS_CACHE_OPEN_FOR": "breakers.cache.open_for", "BIOGATE_AUDIENCES": "audiences",
	} {
		if seen[variable] != path {
			t.Errorf("%s is %q, not %s", variable, seen[variable], path)
		}
	}
}

func TestEnvironmentOverFile(t *testing.T) {
	c := Default()
	err := c.Environment([]string{
		"BIOGATE_POLICY_MAX_FMR=1e-6", "BIOGATE_POLICY_PAD=off", "BIOGATE_POLICY_DEDUPLICATE=true", "BIOGATE_ASSERTION_LIFETIME=90s",
		"BIOGATE_KIOSKS_SITES=[HAN, SGN]", "BIOGATE_LIMITS_SLOTS=7", "BIOGATE_AUDIENCES=[{name: a, max_fmr: 0.5}]", "BIOGATE_LOG_LEVEL=",
	})
	if err != nil || c.Validate() != nil {
		t.Fatal(err, c.Validate())
	}
	if c.Policy.MaxFMR != 1e-6 || c.Policy.PAD != "off" || !c.Policy.Deduplicate || c.Assertion.Lifetime != 90*time.Second ||
		!slices.Equal(c.Kiosks.Sites, []string{"HAN", "SGN"}) || c.Limits.Slots != 7 || *c.Audiences[0].MaxFMR != 0.5 || c.LogLevel != "info" {
		t.Errorf("%+v", c)
	}
}

func TestEnvironmentNamesEveryMistake(t *testing.T) {
	c := Default()
	err := c.Environment([]string{"BIOGATE_LIMITS_SLOTS=many", "BIOGATE_WORKERS=1.5", "BIOGATE_ASSERTION_LIFETIME=soon", "BIOGATE_AUDIENCES=[{nom: a}]", "BIOGATE_DATA=fine"})
	for _, want := range []string{"BIOGATE_LIMITS_SLOTS: ", "BIOGATE_WORKERS: ", "BIOGATE_ASSERTION_LIFETIME: ", "BIOGATE_AUDIENCES: ", "unknown setting nom"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
	if c.Data != "fine" || c.Limits.Slots != 0 {
		t.Errorf("%+v", c)
	}
	got := Unknown([]string{"BIOGATE_LISTEM=x", "BIOGATE_LISTEN=x", "BIOGATE_URL=x", "BIOGATE_POLICY=", "HOME=/"}, []string{"BIOGATE_URL"})
	if !slices.Equal(got, []string{"BIOGATE_LISTEM"}) {
		t.Errorf("unknown: %v", got)
	}
}

func TestSettingsShowNoPassword(t *testing.T) {
	c := Default()
	c.Redis = "redis://:geheim@10.0.0.1:6379/0"
	for _, s := range c.Settings() {
		if strings.Contains(s.Value, "geheim") {
			t.Errorf("%+v", s)
		}
		if s.Path == "redis" && !strings.Contains(s.Value, "10.0.0.1:6379") {
			t.Errorf("%+v", s)
		}
	}
}

// A file with a mistake still says what else is wrong with it.
func TestWhatCouldBeReadComesWithTheError(t *testing.T) {
	c, err := parse([]byte("listn: x\nlimits: {slots: many}\nlog_level: loud\n"))
	if err == nil || !strings.Contains(err.Error(), "listn") || !strings.Contains(err.Error(), "many") {
		t.Errorf("%v", err)
	}
	if invalid := c.Validate(); invalid == nil || !strings.Contains(invalid.Error(), "log_level") {
		t.Errorf("%v", invalid)
	}
}

// What is shown can be put back, and means the same: an audience that is told nothing and one that leaves claims out differ.
func TestShownAudiencesMeanTheSame(t *testing.T) {
	c := Default()
	if err := c.Environment([]string{"BIOGATE_AUDIENCES=[{name: nothing, claims: []}, {name: usual, level2: {}}, {name: plain, plain_subject: true}]"}); err != nil {
		t.Fatal(err)
	}
	again := Default()
	for _, s := range c.Settings() {
		if s.Path == "audiences" {
			if err := again.Environment([]string{s.Variable + "=" + s.Value}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := again.Validate(); err != nil {
		t.Errorf("what is shown is refused: %v", err)
	}
	if got, want := again.Parties(), c.Parties(); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v instead of %+v", got, want)
	}
	if n := len(again.Parties()["nothing"].Claims); n != 0 {
		t.Errorf("who is told nothing is told %d claims", n)
	}
}
