package main

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"biogate/gateway/config"
	"biogate/gateway/httpsig"
	"biogate/gateway/kiosk"
)

// register runs `biogate devices add` and returns what the device holds: its key and its certificate.
func register(t *testing.T, data, id string, args ...string) (crypto.Signer, tls.Certificate) {
	t.Helper()
	dir := t.TempDir()
	key, cert := filepath.Join(dir, "device.pem"), filepath.Join(dir, "device")
	command := append([]string{"devices", "add", "--data", data, "--id", id, "--site", "han", "--make-key", key, "--make-cert", cert}, args...)
	var stderr bytes.Buffer
	if status := run(t.Context(), command, io.Discard, &stderr); status != exitDone {
		t.Fatalf("%d %s", status, stderr.String())
	}
	der, err := readPEM(key, "PRIVATE KEY")
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(cert+".crt", cert+".key")
	if err != nil {
		t.Fatal(err)
	}
	return private.(crypto.Signer), pair
}

// send sends a request as a device; a nil key leaves it unsigned. Requests are signed a second ahead, because what was signed
// before this process remembered is refused, and times are whole seconds.
func send(t *testing.T, c *http.Client, base, method, path, id string, key crypto.Signer) (int, string) {
	t.Helper()
	req, err := http.NewRequest(method, base+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if key != nil {
		if err := httpsig.Sign(req, nil, httpsig.SignOptions{KeyID: id, Key: key, Now: time.Now().Add(2 * time.Second), Nonce: rand.Text()}); err != nil {
			t.Fatal(err)
		}
	}
	res, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var p struct{ Code string }
	text, _ := io.ReadAll(res.Body)
	_ = json.Unmarshal(text, &p)
	return res.StatusCode, p.Code
}

// TestKiosksFromRegistrationToRevocation: two gateways on one registry, over TLS; one device by signature and by certificate.
func TestKiosksFromRegistrationToRevocation(t *testing.T) {
	data := t.TempDir()
	gate, gatePair := register(t, data, "gate-1", "--can", "verify,identify")
	counter, _ := register(t, data, "counter-1", "--can", "enroll,read,operate")
	server := filepath.Join(t.TempDir(), "server")
	_, files, err := makeCertificate(server, kiosk.Device{ID: "server", NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	if err := files.write(); err != nil {
		t.Fatal(err)
	}
	change := func(c *config.Config) {
		c.Kiosks.Required, c.Kiosks.Devices = true, filepath.Join(data, "devices.json")
		c.TLS.Certificate, c.TLS.Key = server+".crt", server+".key"
	}
	nodes := []*house{newHouse(t, change), newHouse(t, change)}
	client := func(pairs ...tls.Certificate) *http.Client {
		return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, Certificates: pairs}}}
	}
	plain := client()
	for i, h := range nodes {
		base := strings.Replace(h.url, "http://", "https://", 1)
		for name, c := range map[string]struct {
			client       *http.Client
			method, path string
			id           string
			key          crypto.Signer
			status       int
			code         string
		}{
			"nobody":              {plain, "POST", "/v1/challenges", "", nil, 401, "credential-required"},
			"gate":                {plain, "POST", "/v1/challenges", "gate-1", gate, 201, ""},
			"gate by certificate": {client(gatePair), "POST", "/v1/challenges", "", nil, 201, ""},
			"gate that enrols":    {plain, "POST", "/v1/subjects/a/templates", "gate-1", gate, 403, "capability-missing"},
			"gate that reads":     {client(gatePair), "GET", "/v1/subjects/a", "", nil, 403, "capability-missing"},
			"counter":             {plain, "GET", "/v1/subjects/a", "counter-1", counter, 404, "subject-unknown"},
			"counter with HEAD":   {plain, "HEAD", "/v1/subjects/a", "counter-1", counter, 404, ""},
			"counter as the gate": {plain, "POST", "/v1/challenges", "gate-1", counter, 401, "credential-refused"},
			"unknown device":      {plain, "POST", "/v1/challenges", "gate-9", gate, 401, "credential-refused"},
			"metrics":             {plain, "GET", "/metrics", "counter-1", counter, 200, ""},
			"metrics for anybody": {plain, "GET", "/metrics", "", nil, 401, "credential-required"},
			"keys for anybody":    {plain, "GET", "/.well-known/jwks.json", "", nil, 200, ""},
		} {
			if status, code := send(t, c.client, base, c.method, c.path, c.id, c.key); status != c.status || code != c.code {
				t.Errorf("node %d, %s: %d %s", i, name, status, code)
			}
		}
	}
	if status := run(t.Context(), []string{"devices", "revoke", "--data", data, "gate-1"}, io.Discard, io.Discard); status != exitDone {
		t.Fatal(status)
	}
	time.Sleep(time.Second) // as long as a revocation may take, on connections that are open
	byCertificate := client(gatePair)
	for i, h := range nodes {
		base := strings.Replace(h.url, "http://", "https://", 1)
		if status, code := send(t, plain, base, "POST", "/v1/challenges", "gate-1", gate); status != 401 || code != "device-revoked" {
			t.Errorf("node %d: a revoked device: %d %s", i, status, code)
		}
		if status, code := send(t, byCertificate, base, "POST", "/v1/challenges", "", nil); status != 401 || code != "device-revoked" {
			t.Errorf("node %d: a revoked certificate: %d %s", i, status, code)
		}
	}
}

// TestProductionNamesWhatIsMissing: all of it at once.
func TestProductionNamesWhatIsMissing(t *testing.T) {
	c := config.Default()
	c.Mode, c.Audit.Enabled, c.Attempts.Failures = config.Production, false, 0
	err := c.Validate()
	for _, what := range []string{"tls.certificate", "issuer", "audiences", "audit.enabled", "attempts.failures"} {
		if err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s is not named: %v", what, err)
		}
	}
	if !c.CredentialRequired() {
		t.Error("production mode takes requests of anybody")
	}
	c.TLS.Terminated, c.Listen = true, "0.0.0.0:8080"
	if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "tls.terminated") {
		t.Errorf("captures in the clear on the network: %v", err)
	}
	c.TLS = config.TLS{Certificate: "a", Key: "b"}
	c.Issuer, c.Audiences, c.Audit.Enabled, c.Attempts.Failures = "https://gateway.example", []config.Audience{{Name: "a"}}, true, 5
	if err := c.Validate(); err != nil {
		t.Errorf("nothing is missing: %v", err)
	}
}
