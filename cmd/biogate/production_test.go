package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"biogate/gateway/config"
)

// site is a folder from which a production gateway is run, as docs/operations.md has it, with keys in files.
type site struct {
	t           *testing.T
	dir, config string
	address     string // of the gateway
	roots       *x509.CertPool
}

// newSite writes a configuration and a server's certificate that ends so much later. There are no keys and no devices yet.
func newSite(t *testing.T, ends time.Duration) *site {
	t.Helper()
	address, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, dir: t.TempDir(), address: address, roots: x509.NewCertPool()}
	s.config = filepath.Join(s.dir, "gateway.yaml")
	s.certify("localhost", ends)
	_, port, _ := net.SplitHostPort(address)
	text := strings.NewReplacer("DIR", s.dir, "ADDRESS", address, "PORT", port, "MODELS", modelsDir(t)).Replace(`
mode: production
listen: ADDRESS
issuer: https://localhost:PORT
data: DIR/state
models: MODELS
tls: {certificate: DIR/server.crt, key: DIR/server.key}
audiences:
- {name: https://airline.example, binding: mtls, level2: {pad: any}, require_level: 2}
- {name: https://shop.example, claims: []}
`)
	if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

// certify makes the server's certificate anew.
func (s *site) certify(host string, ends time.Duration) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(ends),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		s.t.Fatal(err)
	}
	_ = os.Remove(s.file("server.crt"))
	_ = os.Remove(s.file("server.key"))
	if err := (newFiles{{s.file("server.crt"), nil, der}, {s.file("server.key"), key, nil}}).write(); err != nil {
		s.t.Fatal(err)
	}
	s.roots = x509.NewCertPool()
	leaf, _ := x509.ParseCertificate(der)
	s.roots.AddCert(leaf)
}

func (s *site) file(name string) string { return filepath.Join(s.dir, name) }

// do runs a command.
func (s *site) do(args ...string) (status int, out, problems string) {
	var o, e bytes.Buffer
	status = run(s.t.Context(), args, &o, &e)
	return status, o.String(), e.String()
}

func (s *site) done(args ...string) string {
	s.t.Helper()
	status, out, problems := s.do(args...)
	if status != exitDone {
		s.t.Fatalf("%v: %d %s", args, status, problems)
	}
	return out
}

// device registers one that has a certificate.
func (s *site) device(id, can string, audiences ...string) {
	s.t.Helper()
	args := []string{"devices", "add", "--config", s.config, "--id", id, "--site", "t2", "--can", can, "--make-cert", s.file(id)}
	for _, a := range audiences {
		args = append(args, "--audience", a)
	}
	s.done(args...)
}

// serve runs the gateway until the test ends.
func (s *site) serve() {
	s.t.Helper()
	c, err := serveFlags{Config: s.config}.load()
	if err != nil {
		s.t.Fatal(err)
	}
	a, err := build(s.t.Context(), c, quietLog())
	if err != nil {
		s.t.Fatal(err)
	}
	a.config.Limits.DrainGrace = 0
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.serve(ctx) }()
	s.t.Cleanup(func() {
		cancel()
		<-ended
		a.close()
	})
}

// ask runs a command of a device against the gateway.
func (s *site) ask(device string, args ...string) (status int, out, problems string) {
	_, port, _ := net.SplitHostPort(s.address)
	return s.do(append(args, "--url", "https://localhost:"+port, "--ca", s.file("server.crt"), "--tls-cert", s.file(device)+".crt", "--tls-key", s.file(device)+".key")...)
}

// form posts a form as a device.
func (s *site) form(device, path string, values url.Values) string {
	s.t.Helper()
	pair, err := tls.LoadX509KeyPair(s.file(device)+".crt", s.file(device)+".key")
	if err != nil {
		s.t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.roots, ServerName: "localhost", Certificates: []tls.Certificate{pair}}}}
	defer client.CloseIdleConnections()
	res, err := client.PostForm("https://"+s.address+path, values)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body)
	return string(text)
}

func (s *site) print(finger, k int) string {
	name := s.file("print.png")
	if err := os.WriteFile(name, impression(s.t, finger, k), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return name + ":right-index"
}

// TestProductionStartNamesAllThatIsMissing: keys, template keys, devices, and a certificate's key that others can read, at
// once; and a gateway that does not start leaves nothing behind that a later one would take for its own.
func TestProductionStartNamesAllThatIsMissing(t *testing.T) {
	s := newSite(t, 90*24*time.Hour)
	if err := os.Chmod(s.file("server.key"), 0o644); err != nil {
		t.Fatal(err)
	}
	status, _, problems := s.do("serve", "--config", s.config)
	for _, what := range []string{"tls.key", "keyring", "template keys", "no device"} {
		if status != exitFailure || !strings.Contains(problems, what) {
			t.Errorf("%d, %s is not named:\n%s", status, what, problems)
		}
	}
	if left, err := os.ReadDir(s.file("state")); err == nil && len(left) > 0 {
		t.Errorf("a gateway that did not start left %v", left)
	}
}

// TestProductionRefusesWhatDevelopmentMade: keys of a first start, by which nobody decided who may read them.
func TestProductionRefusesWhatDevelopmentMade(t *testing.T) {
	s := newSite(t, 90*24*time.Hour)
	h := newHouse(t, func(c *config.Config) { c.Data = s.file("state") })
	h.stop()
	s.device("gate-1", "verify")
	status, _, problems := s.do("serve", "--config", s.config)
	for _, what := range []string{"these keys were made by a first start in development mode", "the template keys"} {
		if status != exitFailure || !strings.Contains(problems, what) {
			t.Errorf("%d, %q is not said:\n%s", status, what, problems)
		}
	}
	if status, _, problems := s.do("keys", "init", "--config", s.config); status != exitFailure {
		t.Errorf("keys are made over those that are there: %d %s", status, problems)
	}
}

// TestProductionDoesNotReplaceLostTemplateKeys: whoever lost them is told of the backup, and not to make new ones.
func TestProductionDoesNotReplaceLostTemplateKeys(t *testing.T) {
	s := newSite(t, 90*24*time.Hour)
	s.done("keys", "init", "--config", s.config)
	s.device("counter-1", "enroll")
	t.Run("enrol", func(t *testing.T) {
		running := *s
		running.t = t
		running.serve()
		if status, _, problems := running.ask("counter-1", "enroll", "--subject", "an", "--finger", s.print(1, 0)); status != exitDone {
			t.Fatal(problems)
		}
	})
	if err := os.Remove(filepath.Join(s.file("state"), "keys", "template-keys.json")); err != nil {
		t.Fatal(err)
	}
	status, _, problems := s.do("serve", "--config", s.config)
	if status != exitFailure || !strings.Contains(problems, "restore the folder") || strings.Contains(problems, "keys init") {
		t.Errorf("%d %s", status, problems)
	}
}

// TestProductionOverMutualTLS: who may do what, from the command line and as a relying party, with keys in files.
func TestProductionOverMutualTLS(t *testing.T) {
	const airline, shop = "https://airline.example", "https://shop.example"
	s := newSite(t, 90*24*time.Hour)
	s.done("keys", "init", "--config", s.config)
	s.device("gate-1", "verify,identify", airline)
	s.device("counter-1", "enroll,verify")
	s.device("airline", "introspect", airline)
	s.device("shop", "introspect", shop)
	s.serve()
	if status, _, problems := s.ask("counter-1", "enroll", "--subject", "an", "--finger", s.print(1, 0)); status != exitDone {
		t.Fatal(problems)
	}
	for name, c := range map[string]struct {
		device string
		args   []string
		status int
		says   string
	}{
		"genuine":                  {"gate-1", []string{"verify", "--audience", airline, "--subject", "an"}, exitDone, ""},
		"nobody":                   {"gate-1", []string{"verify", "--audience", airline, "--subject", "nobody"}, exitFailure, "subject-unknown"},
		"enrolment at a gate":      {"gate-1", []string{"enroll", "--subject", "b"}, exitFailure, "capability-missing"},
		"another audience":         {"gate-1", []string{"verify", "--audience", shop, "--subject", "an"}, exitFailure, "audience-forbidden"},
		"unregistered audience":    {"counter-1", []string{"verify", "--audience", "https://other.example", "--subject", "an"}, exitFailure, "audience-unknown"},
		"relying party that looks": {"airline", []string{"verify", "--audience", airline, "--subject", "an"}, exitFailure, "capability-missing"},
	} {
		args := append(c.args, "--finger", s.print(1, 1))
		if status, out, problems := s.ask(c.device, args...); status != c.status || !strings.Contains(problems, c.says) {
			t.Errorf("%s: %d %s %s", name, status, out, problems)
		}
	}
	_, out, problems := s.ask("gate-1", "--json", "verify", "--audience", airline, "--subject", "an", "--finger", s.print(1, 1))
	var a struct{ Decision, Assertion string }
	if err := json.Unmarshal([]byte(out), &a); err != nil || a.Decision != "match" {
		t.Fatalf("%v %s %s", err, out, problems)
	}
	token := url.Values{"token": {a.Assertion}}
	for i, step := range []struct{ device, says string }{
		{"gate-1", "capability-missing"}, {"shop", `"active":false`}, {"airline", `"active":true`}, {"airline", `"active":false`},
	} {
		if text := s.form(step.device, "/v1/introspect", token); !strings.Contains(text, step.says) {
			t.Errorf("%d, %s asks: %s", i, step.device, text)
		}
	}
	s.done("devices", "revoke", "--config", s.config, "gate-1")
	eventually(t, "the revocation holds", func() bool {
		_, _, problems := s.ask("gate-1", "verify", "--audience", airline, "--subject", "an", "--finger", s.print(1, 1))
		return strings.Contains(problems, "device-revoked")
	})
	refused := s.done("audit", "show", "--config", s.config, "--action", "authenticate")
	for _, what := range []string{"capability-missing", "device-revoked"} { // one entry a device and a minute, however often
		if lines := strings.Count(refused, what); lines < 1 || lines > 3 || !strings.Contains(refused, `device="gate-1"`) {
			t.Errorf("%s stands %d times on record:\n%s", what, lines, refused)
		}
	}
	if out := s.done("audit", "verify", "--config", s.config); !strings.HasPrefix(out, "sound") {
		t.Error(out)
	}
}

// states are what doctor finds, by check.
func (s *site) states() map[string]string {
	_, out, _ := s.do("--json", "doctor", "--config", s.config)
	var d struct{ Findings []finding }
	if err := json.Unmarshal([]byte(out), &d); err != nil {
		s.t.Fatalf("%v: %s", err, out)
	}
	states := map[string]string{}
	for _, f := range d.Findings {
		states[f.Check] = f.State
	}
	return states
}

func (s *site) diagnosed(when string, want map[string]string) {
	s.t.Helper()
	got := s.states()
	for check, state := range want {
		if got[check] != state {
			s.t.Errorf("%s: %s is %q, not %q", when, check, got[check], state)
		}
	}
}

// TestDoctorSeesWhatProductionStandsOn, each thing while it is sound and when it is not.
func TestDoctorSeesWhatProductionStandsOn(t *testing.T) {
	s := newSite(t, 90*24*time.Hour)
	s.diagnosed("at first", map[string]string{"config": fine, "mode": fine, "keys": failure, "templates": failure, "devices": failure, "tls": fine, "audit": fine})
	s.done("keys", "init", "--config", s.config)
	s.device("gate-1", "verify")
	s.diagnosed("set up", map[string]string{"keys": fine, "templates": fine, "devices": fine, "store": fine, "listen": fine})
	t.Run("while a gateway runs", func(t *testing.T) {
		running := *s
		running.t = t
		running.serve()
		running.diagnosed("running", map[string]string{"running": fine, "store": "", "listen": "", "audit": fine})
	})
	s.diagnosed("stopped", map[string]string{"running": "", "store": fine, "audit": fine})
	s.certify("localhost", 20*24*time.Hour)
	s.diagnosed("20 days left", map[string]string{"tls": warning})
	s.certify("localhost", -time.Hour)
	s.diagnosed("expired", map[string]string{"tls": failure})
	s.certify("other.example", 90*24*time.Hour)
	s.diagnosed("another host's", map[string]string{"tls": failure})
	trail, err := filepath.Glob(filepath.Join(s.file("state"), "audit", "*.jsonl"))
	if err != nil || len(trail) != 1 {
		t.Fatal(trail, err)
	}
	text, err := os.ReadFile(trail[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(trail[0], bytes.Replace(text, []byte(`"done"`), []byte(`"none"`), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	s.done("devices", "revoke", "--config", s.config, "gate-1")
	s.diagnosed("tampered", map[string]string{"audit": failure, "devices": failure})
}
