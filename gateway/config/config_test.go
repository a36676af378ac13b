package config

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"biogate/gateway/decision"
)

func TestDefaultStartsAGateway(t *testing.T) {
	c, err := Load("")
	if err != nil || c.Validate() != nil {
		t.Fatalf("%v, %v", err, c.Validate())
	}
	if c.Mode != Development || c.Listen != "127.0.0.1:8080" || c.Policy.MaxFMR != 1e-4 || c.Assertion.Lifetime != 120*time.Second {
		t.Errorf("%+v", c)
	}
}

// example.yaml is the documentation: every setting, with the default.
func TestExampleIsTheDefault(t *testing.T) {
	c, err := Load("example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c.Audiences = nil
	if !reflect.DeepEqual(c, Default()) {
		t.Errorf("example.yaml is\n%+v\nthe default is\n%+v", c, Default())
	}
	var file, settings map[string]any
	text, err := os.ReadFile("example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	everything, err := yaml.Marshal(Default())
	if err != nil {
		t.Fatal(err)
	}
	if yaml.Unmarshal(text, &file) != nil || yaml.Unmarshal(everything, &settings) != nil {
		t.Fatal("not YAML")
	}
	expectKeys(t, "", settings, file)
	for _, setting := range []string{"name:", "plain_subject:", "max_fmr:"} {
		if !bytes.Contains(text, []byte("  "+setting)) && !bytes.Contains(text, []byte("- "+setting)) {
			t.Errorf("example.yaml does not show %s of an audience", setting)
		}
	}
}

func expectKeys(t *testing.T, path string, want, got map[string]any) {
	for name, value := range want {
		there, ok := got[name]
		if !ok {
			t.Errorf("example.yaml does not show %s%s", path, name)
		}
		if inner, nested := value.(map[string]any); nested {
			expectKeys(t, path+name+".", inner, there.(map[string]any))
		}
	}
}

func TestFileOverEveryDefault(t *testing.T) {
	c, err := parse([]byte("listen: :9\npolicy: {max_fmr: 1.0e-6}\naudiences:\n- {name: a, max_fmr: 0.5}\n- {name: b, plain_subject: true}\n"))
	if err != nil || c.Validate() != nil {
		t.Fatalf("%v, %v", err, c.Validate())
	}
	if c.Listen != ":9" || c.Policy.MaxFMR != 1e-6 || c.Policy.MaxCandidates != 5 || c.Data != "data" {
		t.Errorf("%+v", c)
	}
	policies := c.Parties()
	if len(policies) != 2 || policies["a"].Policy.MaxFMR != 0.5 || policies["b"].Policy.MaxFMR != 1e-6 || policies["a"].Policy.IdentifyFPIR != 1e-3 {
		t.Errorf("policies of audiences: %+v", policies)
	}
	if !policies["b"].PlainSubject || policies["a"].PlainSubject {
		t.Errorf("plain subjects: %+v", policies)
	}
	c, err = parse([]byte("policy: {pad: off}\naudiences:\n- {name: a, pad: require, challenge: colour}\n- {name: b, max_fmr: 1.0e-6}\n"))
	if err != nil || c.Validate() != nil {
		t.Fatalf("%v, %v", err, c.Validate())
	}
	policies = c.Parties()
	if c.DecisionPolicy().PAD != decision.PADOff || policies["b"].Policy.PAD != decision.PADOff || policies["a"].Policy.PAD != decision.PADRequire || policies["a"].Policy.Challenge != "colour" {
		t.Errorf("presentation attacks: %+v, %+v", c.DecisionPolicy(), policies)
	}
	for _, empty := range []string{"", "# nothing\n", "---\n"} {
		if c, err := parse([]byte(empty)); err != nil || !reflect.DeepEqual(c, Default()) {
			t.Errorf("%q: %v", empty, err)
		}
	}
}

func TestBrokenFilesAreExplained(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		_, err := parse([]byte(text))
		if err == nil {
			t.Errorf("%q is accepted", text)
			return
		}
		for _, part := range want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%q: %q does not say %q", text, err, part)
			}
		}
		if strings.Contains(err.Error(), "config.") || strings.Contains(err.Error(), "unmarshal") {
			t.Errorf("%q: %q names a Go type", text, err)
		}
	}
	f("mode: development\nlissten: :1\n", "line 2", "unknown setting lissten")
	f("policy: {max_frm: 1}\n", "line 1", "unknown setting max_frm")
	f("audiences: [{modality: [face]}]\n", "unknown setting modality")
	f("listen: a\nlisten: b\n", "line 2", "listen")
	f("workers: many\n", `line 1: workers wants a whole number, has "many"`)
	f("mode: production\nlimits:\n  slots: many\n  queue: several\n", `line 3: limits.slots wants a whole number, has "many"`, `line 4: limits.queue wants a whole number, has "several"`)
	f("limits: {queue: 1, slots: many, connections: many}\n", "limits.slots wants", "limits.connections wants")
	f("assertion: {lifetime: 2 minutes}\n", `line 1: assertion.lifetime wants a time with its unit, such as 90s, has "2 minutes"`)
	f("kiosks: {window: a time that is long}\n", `kiosks.window wants a time with its unit, such as 90s, has "a time ..."`)
	f("workers: 1.5\nlimits: {slots: 0.5, queue: 1e2}\n", `line 1: workers wants a whole number, has "1.5"`, `line 2: limits.slots wants a whole number, has "0.5"`)
	f("workers: .nan\n", "workers wants a whole number")
	f("{listen: many, log_level: many, workers: many}\n", `line 1: workers wants a whole number, has "many"`)
	f("listen: &much many\nworkers: *much\n", `workers wants a whole number, has "many"`)
	f("policy: [1]\n", "policy wants settings, name: value, has a list")
	f("audiences: {name: a}\n", "audiences wants a list of audiences, has settings")
	f("audiences:\n- {name: a}\n- {name: b, max_fmr: low}\n", `line 3: audiences[1].max_fmr wants a number, has "low"`)
	f("tls: {terminated: perhaps}\n", `tls.terminated wants true or false, has "perhaps"`)
	f("{}\n---\n{}\n", "more than one document")
	f("a: [\n", "line")
	f("[]\n", "line 1")
	f(strings.Repeat("#", maxFileBytes+1), "bytes")
}

func TestMissingFileIsNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none.yaml")
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Error(err)
	}
	if err := os.WriteFile(path, []byte("x: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), path+": line 1") {
		t.Error(err)
	}
}

func TestStrongerSourcesWin(t *testing.T) {
	c, err := parse([]byte("listen: file\ndata: file\nredis: file\n"))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Environment([]string{"BIOGATE_LISTEN=env", "BIOGATE_DATA=env", "BIOGATE_REDIS=", "PATH=x"}); err != nil {
		t.Fatal(err)
	}
	c.Override(Overrides{Listen: "flag"})
	if c.Listen != "flag" || c.Data != "env" || c.Redis != "file" {
		t.Errorf("listen %s, data %s, redis %s", c.Listen, c.Data, c.Redis)
	}
}

func TestValidateNamesTheSettingAndItsValue(t *testing.T) {
	f := func(change func(*Config), want ...string) {
		t.Helper()
		c := Default()
		change(&c)
		err := c.Validate()
		if err == nil {
			t.Errorf("accepted; expected %q", want)
			return
		}
		for _, part := range want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%q does not say %q", err, part)
			}
		}
	}
	rate, wrong := 0.0, "wrong"
	f(func(c *Config) { c.Mode = Production }, "production", "tls.certificate", "issuer", "audiences")
	f(func(c *Config) { c.TLS.Certificate = "a.pem" }, "tls.key")
	f(func(c *Config) { c.Mode = "test" }, `mode is "test"`)
	f(func(c *Config) { c.Listen = "8080" }, `listen is "8080"`)
	f(func(c *Config) { c.Listen = "a:http" }, `listen is "a:http"`)
	f(func(c *Config) { c.Listen = "a:70000" }, `listen is "a:70000"`)
	f(func(c *Config) { c.Data = "" }, "data is empty")
	f(func(c *Config) { c.Models = "" }, "models is empty")
	f(func(c *Config) { c.Networks = "cuda" }, `networks is "cuda"`)
	f(func(c *Config) { c.Issuer = "bank" }, `issuer is "bank"`)
	f(func(c *Config) { c.Issuer = "https://a/?b" }, `issuer is "https://a/?b"`)
	f(func(c *Config) { c.LogLevel = "loud" }, `log_level is "loud"`)
	f(func(c *Config) { c.Workers = -1 }, "workers is -1")
	f(func(c *Config) { c.Policy.MaxFMR = 2 }, "policy.max_fmr is 2")
	f(func(c *Config) { c.Policy.IdentifyFPIR = 0 }, "policy.identify_fpir is 0")
	f(func(c *Config) { c.Policy.MaxCandidates = 0 }, "policy.max_candidates is 0")
	f(func(c *Config) { c.Policy.PAD = "maybe" }, `policy.pad is "maybe"`)
	f(func(c *Config) { c.Policy.Challenge = "colour" }, `policy.challenge is "colour", and pad is not "require"`)
	f(func(c *Config) { c.Policy.PAD, c.Policy.Challenge = "require", "blink" }, `policy.challenge is "blink"`)
	f(func(c *Config) { c.Audiences = []Audience{{Name: "a", PAD: &wrong}} }, `audiences[0].pad is "wrong"`)
	f(func(c *Config) { c.Audiences = []Audience{{Name: "a", MaxFMR: &rate}} }, "audiences[0].max_fmr is 0")
	f(func(c *Config) { c.Audiences = []Audience{{Name: "a"}, {Name: "a"}} }, `audiences[1].name is "a" for the second time`)
	f(func(c *Config) { c.Audiences = []Audience{{}} }, `audiences[0].name is ""`)
	f(func(c *Config) { c.Assertion.Algorithm = "RS256" }, `assertion.algorithm is "RS256"`)
	f(func(c *Config) { c.Assertion.Lifetime = 120 }, "assertion.lifetime is 120ns")
	f(func(c *Config) { c.Assertion.Lifetime = 2 * time.Hour }, "assertion.lifetime is 2h0m0s")
	f(func(c *Config) { c.Assertion.KeyOverlap = time.Minute }, "assertion.key_overlap is 1m0s")
	f(func(c *Config) { c.Limits.BodyBytes = 0 }, "limits.body_bytes is 0")
	f(func(c *Config) { c.Limits.BodyBudgetBytes = 1 << 20 }, "limits.body_budget_bytes is 1048576")
	f(func(c *Config) { c.Limits.RequestTimeout = 15 }, "limits.request_timeout is 15ns")
	f(func(c *Config) { c.Cache.Deployment = "A B" }, `cache.deployment is "A B"`)
	f(func(c *Config) { c.Cache.TTL = 0 }, "cache.ttl is 0s")
	f(func(c *Config) { c.Breakers.Record.Timeout = 0 }, "breakers.record.timeout is 0s")
	f(func(c *Config) { c.Rates.Device.PerSecond = 1e-10 }, "rates.device.per_second is 1e-10") // one in 300 years is no Duration: it would bound nothing
	f(func(c *Config) { c.Workers, c.Data = -1, "" }, "workers is -1", "data is empty")         // all at once
}

func TestPasswordsAreNotShown(t *testing.T) {
	for _, bad := range []string{
		"http://u:s3cret@host/", "redis://u:s3cret@", "redis://u:s3cret@host:port:x/0", "redis://u:s3cret\x7f@h", "u:s3cret@host:6379", "redis://u:s3%cret@h:1/0",
	} {
		for _, change := range []func(*Config){func(c *Config) { c.Redis = bad }, func(c *Config) { c.Issuer = bad }} {
			c := Default()
			change(&c)
			if err := c.Validate(); err == nil || strings.Contains(err.Error(), "s3") {
				t.Errorf("%q: %v", bad, err)
			}
		}
	}
	for _, good := range []string{"redis://localhost:6379/0", "rediss://u:p@h:1/2", "redis://h"} {
		c := Default()
		c.Redis = good
		if err := c.Validate(); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
}

// What is said to a Redis on another machine is protected in production; and whoever names an authority wants TLS.
func TestRedisIsReachedSafely(t *testing.T) {
	for redis, safe := range map[string]bool{
		"": true, "redis://localhost:6379/0": true, "redis://u:geheim@127.0.0.1:6379": true, "redis://[::1]:6379/0": true, "rediss://u:geheim@redis.example:6379/0": true,
		"redis://u:geheim@redis.example:6379/0": false, "redis://u:geheim@10.0.0.1/0": false, "REDIS://u:geheim@localhost.example/0": false,
		"redis://127.0.0.1:geheim@10.0.0.1/0": false,
	} {
		c := Default()
		c.Redis = redis
		if err := c.Validate(); err != nil {
			t.Errorf("%q in development: %v", redis, err)
		}
		c.Mode = Production
		if said := c.Validate().Error(); strings.Contains(said, "redis is a redis:// URL of another machine") == safe || strings.Contains(said, "geheim") {
			t.Errorf("%q in production: %s", redis, said)
		}
	}
	for redis, taken := range map[string]bool{"rediss://h:1": true, "REDISS://h:1": true, "redis://localhost": false, "": false} {
		c := Default()
		c.Redis, c.RedisCA = redis, "ca.pem"
		if err := c.Validate(); (err == nil) != taken || err != nil && !strings.Contains(err.Error(), `redis_ca is "ca.pem"`) {
			t.Errorf("%q with an authority: %v", redis, err)
		}
	}
}

func TestIssuerURL(t *testing.T) {
	f := func(issuer, address, want string) {
		t.Helper()
		c := Default()
		c.Issuer = issuer
		if u, err := c.IssuerURL(address); err != nil || u.String() != want {
			t.Errorf("%q on %q: %v, %v; expected %s", issuer, address, u, err, want)
		}
	}
	f("", "127.0.0.1:4711", "http://127.0.0.1:4711")
	f("", "[::]:80", "http://127.0.0.1:80")
	f("", ":80", "http://127.0.0.1:80")
	f("", "[::1]:80", "http://[::1]:80")
	f("https://id.example", ":80", "https://id.example")
	c := Default()
	if _, err := c.IssuerURL("nonsense"); err == nil {
		t.Error("an address without a port")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("mode: development\npolicy: {max_fmr: 1.0e-4}\n"))
	f.Add([]byte("a: &a [*a]\n"))
	f.Add([]byte("? {}\n: !!binary x\n"))
	f.Fuzz(func(_ *testing.T, text []byte) {
		if c, err := parse(text); err == nil {
			_ = c.Validate()
		}
	})
}

// One mistake in a policy hides no other.
func TestEveryMistakeInAPolicyIsNamed(t *testing.T) {
	c, err := parse([]byte(`
policy: {max_fmr: 2, identify_fpir: 0, max_candidates: 0, pad: maybe, challenge: dance}
audiences: [{name: a, pad: never, require_level: 3}]
`))
	if err != nil {
		t.Fatal(err)
	}
	said := c.Validate()
	for _, want := range []string{
		"policy.max_fmr is 2", "policy.identify_fpir is 0", "policy.max_candidates is 0", `policy.pad is "maybe"`, `policy.challenge is "dance"`,
		`audiences[0].pad is "never"`, "audiences[0].require_level is 3",
	} {
		if said == nil || !strings.Contains("\n"+said.Error(), "\n"+want) {
			t.Errorf("%v does not say %q", said, want)
		}
	}
}

// Nobody behind a proxy shows a certificate: no request for such an audience could ever be answered.
func TestCertificatesAreNotBoundBehindAProxy(t *testing.T) {
	for binding, refused := range map[string]bool{"mtls": true, "dpop": false, "none": false} {
		c, err := parse([]byte("tls: {terminated: true}\naudiences: [{name: a, binding: " + binding + "}]\n"))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Validate(); (err != nil) != refused || refused && !strings.Contains(err.Error(), "audiences[0].binding") {
			t.Errorf("%s: %v", binding, err)
		}
	}
}
