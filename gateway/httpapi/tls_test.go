package httpapi

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"biogate/gateway"
	"biogate/gateway/kiosk"
)

// certificateFiles writes a certificate that signed itself, and its key.
func certificateFiles(t testing.TB, dir, name string) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	certificate, key = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	for path, block := range map[string]*pem.Block{certificate: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certificate, key
}

// secure makes a server speak TLS.
func secure(t testing.TB, d *Deps) *Certificate {
	t.Helper()
	crt, key := certificateFiles(t, t.TempDir(), "gateway.example")
	c, err := LoadCertificate(crt, key, slog.New(slog.NewJSONHandler(io.Discard, nil)), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	d.Config.TLS = ServerTLS(c)
	return c
}

func (r *rig) dialTLS(t testing.TB, config *tls.Config) (*tls.Conn, error) {
	t.Helper()
	config.InsecureSkipVerify = true
	c := tls.Client(r.dial(t), config)
	return c, c.Handshake()
}

// TestOverTLS is what limits and framing are tested for without it.
func TestOverTLS(t *testing.T) {
	r := start(t, &fakeAPI{}, func(d *Deps) {
		secure(t, d)
		d.Config.HeaderTimeout, d.Config.Connections = 2*time.Second, 4
	})
	for name, c := range map[string]struct {
		sent   string
		status int
	}{
		"request":          {"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n", 200},
		"large body":       {"POST /v1/subjects/x/templates HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 40000000\r\n\r\n" + strings.Repeat("x", 4_000_000), 413},
		"ambiguous":        {"POST /v1/subjects/x/templates HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n", 400},
		"slow header":      {"GET /livez HTTP/1.1\r\nHost: x\r\n", 408},
		"large header":     {"GET /livez HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 10<<10) + "\r\n\r\n", 431},
		"body that is cut": {"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nGET /v1/subjects/smuggled HTTP/1.1\r\nHost: x\r\n\r\n", 404},
	} {
		conn, err := r.dialTLS(t, &tls.Config{})
		if err != nil {
			t.Fatal(name, err)
		}
		if conn.ConnectionState().Version != tls.VersionTLS13 {
			t.Error("not TLS 1.3")
		}
		if _, err := io.WriteString(conn, c.sent); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if status, text := readRaw(t, conn); status != c.status {
			t.Errorf("%s: %d %s", name, status, text)
		}
		conn.Close()
		for !r.listener.isEmpty() {
			time.Sleep(time.Millisecond)
		}
	}
	for range 4 {
		if _, err := r.dialTLS(t, &tls.Config{}); err != nil {
			t.Fatal(err)
		}
	}
	conn, err := r.dialTLS(t, &tls.Config{})
	if err != nil {
		t.Fatal("over the limit:", err)
	}
	if status, text := readRaw(t, conn); status != 503 || !strings.Contains(text, codeOverloaded) {
		t.Errorf("over the limit: %d %s", status, text)
	}
}

func TestWeakTLSIsRefused(t *testing.T) {
	r := start(t, &fakeAPI{}, func(d *Deps) { secure(t, d) })
	for name, config := range map[string]*tls.Config{
		"TLS 1.0":         {MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10},
		"TLS 1.1":         {MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11},
		"CBC":             {MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}},
		"no secrecy":      {MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}},
		"HTTP/2 and only": {NextProtos: []string{"h2"}},
	} {
		if _, err := r.dialTLS(t, config); err == nil {
			t.Errorf("%s: hands were shaken", name)
		}
	}
	lax := start(t, &fakeAPI{}, func(d *Deps) { secure(t, d); d.Config.TLS.CipherSuites = nil })
	if _, err := lax.dialTLS(t, &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}); err == nil {
		t.Error("TLS 1.1 is refused for its suites alone")
	}
	if _, err := r.dialTLS(t, &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}}); err != nil {
		t.Error("sound TLS 1.2:", err)
	}
}

// TestSlowHandshakesHoldUpNobody: they end with the time for a header, and others are served meanwhile.
func TestSlowHandshakesHoldUpNobody(t *testing.T) {
	r := start(t, &fakeAPI{}, func(d *Deps) { secure(t, d); d.Config.HeaderTimeout = 300 * time.Millisecond })
	var silent []net.Conn
	for range 20 {
		silent = append(silent, r.dial(t))
	}
	conn, err := r.dialTLS(t, &tls.Config{})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(conn, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
	if status, _ := readRaw(t, conn); status != 200 {
		t.Error(status)
	}
	for _, c := range silent {
		if _, err := io.ReadAll(c); err != nil {
			t.Fatal("a silent client was not hung up on:", err)
		}
	}
}

func TestPlainHTTPToTheTLSPort(t *testing.T) {
	r := start(t, &fakeAPI{}, func(d *Deps) { secure(t, d) })
	for _, path := range []string{"/livez", "/v1/subjects/a"} {
		conn := r.dial(t)
		fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path)
		if status, text := readRaw(t, conn); status != 400 || !strings.Contains(text, codePlain) {
			t.Errorf("%d %s", status, text)
		}
	}
}

// TestCertificateIsReadAgain: a pair that does not belong together changes nothing, the next that does is served.
func TestCertificateIsReadAgain(t *testing.T) {
	dir, clock := t.TempDir(), time.Now()
	crt, key := certificateFiles(t, dir, "old.example")
	c, err := LoadCertificate(crt, key, slog.New(slog.NewJSONHandler(io.Discard, nil)), func() time.Time { return clock })
	if err != nil {
		t.Fatal(err)
	}
	name := func() string { clock = clock.Add(certificateRecheck); return c.current().Leaf.DNSNames[0] }
	newCrt, newKey := certificateFiles(t, t.TempDir(), "new.example")
	if err := os.Rename(newCrt, crt); err != nil {
		t.Fatal(err)
	}
	if got := name(); got != "old.example" {
		t.Error("half a pair is served:", got)
	}
	if err := os.Rename(newKey, key); err != nil {
		t.Fatal(err)
	}
	if got := name(); got != "new.example" {
		t.Error("the new pair is not served:", got)
	}
	if err := os.Chmod(key, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadCertificate(crt, key, slog.Default(), time.Now); err == nil || !strings.Contains(err.Error(), "0644") {
		t.Error("a key that others can read:", err)
	}
}

// gatekeeper is an Authenticator that knows who sends the header Device, or one certificate.
type gatekeeper struct{ asked chan kiosk.Request }

func (g gatekeeper) Authenticate(_ context.Context, r kiosk.Request) (kiosk.Identity, error) {
	if g.asked != nil {
		g.asked <- r
	}
	if d := r.Header("device"); len(d) == 1 {
		return kiosk.Identity{Caller: gateway.Caller{Device: d[0]}}, nil
	}
	return kiosk.Identity{}, &gateway.Error{Kind: gateway.Unauthorized, Code: "credential-required", Detail: "no"}
}

// TestStrangersAreRefusedBeforeTheirBody: not a byte of it is waited for; what anybody may see stays open.
func TestStrangersAreRefusedBeforeTheirBody(t *testing.T) {
	r := start(t, &fakeAPI{}, func(d *Deps) { d.Kiosks = gatekeeper{} })
	for _, route := range routes {
		path := strings.NewReplacer(":subject", "a", ":gallery", "g").Replace(route.path)
		for _, method := range route.methods() {
			conn := r.dial(t)
			fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n\r\n", method, path)
			if route.needs == "" {
				conn.Close()
				continue
			}
			res, err := io.ReadAll(io.LimitReader(conn, 12))
			if err != nil || string(res) != "HTTP/1.1 401" {
				t.Errorf("%s %s: %q %v", method, path, res, err)
			}
		}
	}
	for _, path := range []string{"/livez", "/readyz", "/.well-known/jwks.json", "/openapi.yaml", "/docs"} {
		if got := r.call(t, "GET", path, nil); got.status != 200 {
			t.Errorf("%s: %d", path, got.status)
		}
	}
	got := r.call(t, "GET", "/metrics", nil)
	if got.status != 401 || got.header.Get("WWW-Authenticate") == "" {
		t.Errorf("metrics without a credential: %d %v", got.status, got.header)
	}
	if got := r.call(t, "GET", "/metrics", nil, "Device", "monitor"); got.status != 200 {
		t.Errorf("metrics: %d", got.status)
	}
}

// TestReceiptsBelongToADevice: another device that knows a key gets no answer of the first.
func TestReceiptsBelongToADevice(t *testing.T) {
	r := start(t, &fakeAPI{}, func(d *Deps) { d.Kiosks = gatekeeper{} })
	first := r.postJSON(t, "/v1/subjects/a/templates", oneFinger, "Idempotency-Key", "k", "Device", "counter-1")
	again := r.postJSON(t, "/v1/subjects/a/templates", oneFinger, "Idempotency-Key", "k", "Device", "counter-1")
	other := r.postJSON(t, "/v1/subjects/a/templates", oneFinger, "Idempotency-Key", "k", "Device", "counter-2")
	if first.status != 201 || again.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("%d %v", first.status, again.header)
	}
	if other.status != 201 || other.header.Get("Idempotent-Replayed") != "" {
		t.Errorf("another device got the first one's answer: %d %v", other.status, other.header)
	}
}

// TestPeerIsWhoHoldsTheKey: the client's certificate reaches the authenticator, and a proxy's does not.
func TestPeerIsWhoHoldsTheKey(t *testing.T) {
	crt, key := certificateFiles(t, t.TempDir(), "gate-1")
	pair, err := tls.LoadX509KeyPair(crt, key)
	if err != nil {
		t.Fatal(err)
	}
	for _, proxied := range []bool{false, true} {
		asked := make(chan kiosk.Request, 1)
		r := start(t, &fakeAPI{}, func(d *Deps) { secure(t, d); d.Kiosks, d.Config.Rates.Proxied = gatekeeper{asked}, proxied })
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{pair}}}}
		res, err := client.Get("https://" + r.addr + "/v1/subjects/a%2Fb?x=%20y")
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		got := <-asked
		if (got.Peer != nil) == proxied || got.Path != "/v1/subjects/a%2Fb" || got.Query != "x=%20y" || got.Authority != r.addr || got.Needs != kiosk.Read {
			t.Errorf("proxied %t: %+v", proxied, got)
		}
	}
}
