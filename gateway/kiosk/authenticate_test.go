package kiosk

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"biogate/gateway"
	"biogate/gateway/challenge"
	"biogate/gateway/httpsig"
)

var now = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

// registryOf is a Devices in memory.
type registryOf map[string]Device

func (r registryOf) Device(_ context.Context, id string) (Device, error) {
	if d, ok := r[id]; ok {
		return d, nil
	}
	return Device{}, gateway.ErrNotFound
}

func (r registryOf) ByCertificate(_ context.Context, sum [32]byte) (Device, error) {
	for _, d := range r {
		if d.Certificate == sum {
			return d, nil
		}
	}
	return Device{}, gateway.ErrNotFound
}

// remembered is a Memory over the one of a process.
type remembered struct {
	*challenge.Spent
	window *time.Duration
}

func (m remembered) Window() time.Duration { return *m.window }

func (m remembered) Ahead() time.Duration { return *m.window }

func (m remembered) Take(ctx context.Context, device, name string, _, until time.Time) (bool, error) {
	return m.SpendBy(ctx, device, name, until)
}

// desk is an authenticator with a device gate-1 (Ed25519), counter-1 (P-256) and what tests need to be them.
type desk struct {
	*Authenticator
	devices registryOf
	gate    ed25519.PrivateKey
	counter *ecdsa.PrivateKey
	now     time.Time
	window  time.Duration
	refused []string
}

func newDesk(t testing.TB) *desk {
	t.Helper()
	public, gate, _ := ed25519.GenerateKey(rand.Reader)
	counter, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	k := &desk{gate: gate, counter: counter, now: now, window: time.Minute}
	valid := Device{Site: "han", NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour)}
	k.devices = registryOf{}
	valid.ID, valid.Key, valid.Capabilities = "gate-1", public, []Capability{Verify, Identify}
	k.devices[valid.ID] = valid
	valid.ID, valid.Key, valid.Capabilities = "counter-1", &counter.PublicKey, []Capability{Enroll, Read}
	k.devices[valid.ID] = valid
	clock := func() time.Time { return k.now }
	k.Authenticator, err = NewAuthenticator(Options{
		Devices: k.devices, Memory: remembered{challenge.NewSpent(1000, clock), &k.window}, Window: time.Minute, Sites: []string{"han"},
		Required: true, Authority: "gateway.example", Scheme: "https", Refused: func(code string) { k.refused = append(k.refused, code) }, Now: clock,
	})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

const body = `{"subject":"a"}`

// signed is a request of a device as its gateway reads it.
func (k *desk) signed(t testing.TB, id string, key crypto.Signer, change func(*http.Request)) Request {
	t.Helper()
	req, err := http.NewRequest("POST", "https://gateway.example/v1/verifications?a=b", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if change != nil {
		change(req)
	}
	if err := httpsig.Sign(req, []byte(body), httpsig.SignOptions{KeyID: id, Key: key, Now: k.now, Nonce: rand.Text()}); err != nil {
		t.Fatal(err)
	}
	return read(req)
}

func read(req *http.Request) Request {
	header := req.Header.Clone()
	header.Set("Content-Length", fmt.Sprint(len(body)))
	return Request{
		Message: httpsig.Message{
			Method: req.Method, Authority: req.Host, Path: req.URL.Path, Query: req.URL.RawQuery,
			Header: func(name string) []string { return header.Values(name) },
		},
		Needs: Verify,
	}
}

func code(err error) string {
	if err == nil {
		return ""
	}
	return gateway.AsError(err).Code
}

func (k *desk) expect(t testing.TB, want string, r Request) Identity {
	t.Helper()
	id, err := k.Authenticate(t.Context(), r)
	if code(err) != want {
		t.Errorf("answered %q (%v), expected %q", code(err), err, want)
	}
	if err != nil && id.Caller.Device != "" {
		t.Error("a refused request has an identity")
	}
	return id
}

func TestSignedRequestIsTakenOnce(t *testing.T) {
	k := newDesk(t)
	r := k.signed(t, "gate-1", k.gate, nil)
	id := k.expect(t, "", r)
	if id.Caller.Device != "gate-1" || id.CheckBody(t.Context(), []byte(body)) != nil {
		t.Errorf("%+v", id)
	}
	if err := id.CheckBody(t.Context(), []byte(body+" ")); code(err) != "digest-mismatch" {
		t.Errorf("another body: %v", err)
	}
	if err := id.CheckBody(t.Context(), nil); code(err) != "digest-mismatch" {
		t.Errorf("no body: %v", err)
	}
	k.expect(t, "request-replayed", r)
	r = k.signed(t, "counter-1", k.counter, nil)
	r.Needs = Enroll
	k.expect(t, "", r)
	if !slices.Equal(k.refused, []string{"digest-mismatch", "digest-mismatch", "request-replayed"}) {
		t.Errorf("counted %v", k.refused)
	}
}

func TestChangedRequestIsRefused(t *testing.T) {
	k := newDesk(t)
	for name, change := range map[string]func(*Request){
		"method": func(r *Request) { r.Method = "DELETE" },
		"path":   func(r *Request) { r.Path = "/v1/identifications" },
		"query":  func(r *Request) { r.Query = "a=c" },
		"type": func(r *Request) {
			was := r.Header
			r.Header = func(name string) []string {
				if name == "content-type" {
					return []string{"image/png"}
				}
				return was(name)
			}
		},
	} {
		r := k.signed(t, "gate-1", k.gate, nil)
		change(&r)
		if _, err := k.Authenticate(t.Context(), r); code(err) != "credential-refused" {
			t.Errorf("%s: %v", name, err)
		}
	}
	// An idempotency key that is added on the way is not covered.
	r := k.signed(t, "gate-1", k.gate, nil)
	was := r.Header
	r.Header = func(name string) []string {
		if name == "idempotency-key" {
			return []string{"x"}
		}
		return was(name)
	}
	k.expect(t, "signature-invalid", r)
}

// The Host header does not matter: what counts is for which gateway the device signed.
func TestRequestForAnotherGatewayIsRefused(t *testing.T) {
	k := newDesk(t)
	r := k.signed(t, "gate-1", k.gate, func(req *http.Request) { req.Host = "other.example" })
	k.expect(t, "credential-refused", r)
	r.Authority = "gateway.example"
	k.expect(t, "credential-refused", r)
}

// An outsider learns nothing of who is registered: not from what a device is, nor from when or where it may ask.
func TestOutsidersGetOneAnswer(t *testing.T) {
	k := newDesk(t)
	_, foreign, _ := ed25519.GenerateKey(rand.Reader)
	for id, change := range map[string]func(*Device){
		"revoked": func(d *Device) { d.RevokedAt = now.Add(-time.Minute) },
		"expired": func(d *Device) { d.NotAfter = now },
		"away":    func(d *Device) { d.Site = "sgn" },
		"keyless": func(d *Device) { d.Key, d.Certificate = nil, [32]byte{1} },
	} {
		d := k.devices["gate-1"]
		d.ID = id
		change(&d)
		k.devices[id] = d
	}
	_, first := k.Authenticate(t.Context(), k.signed(t, "nobody", foreign, nil))
	for _, id := range []string{"gate-1", "counter-1", "revoked", "expired", "away", "keyless"} {
		_, err := k.Authenticate(t.Context(), k.signed(t, id, foreign, nil))
		if code(err) != "credential-refused" || err.Error() != first.Error() {
			t.Errorf("%s: %v, nobody: %v", id, err, first)
		}
	}
	k.expect(t, "credential-refused", k.signed(t, "counter-1", k.gate, nil)) // the key of another device
}

func TestDeviceThatMayNot(t *testing.T) {
	k := newDesk(t)
	for want, change := range map[string]func(*Device){
		"device-revoked": func(d *Device) { d.RevokedAt = now },
		"device-expired": func(d *Device) { d.NotAfter = now },
		"site-forbidden": func(d *Device) { d.Site = "sgn" },
	} {
		d := k.devices["gate-1"]
		was := d
		change(&d)
		k.devices["gate-1"] = d
		k.expect(t, want, k.signed(t, "gate-1", k.gate, nil))
		k.devices["gate-1"] = was
	}
	d := k.devices["gate-1"]
	d.NotBefore = now.Add(time.Second)
	k.devices["gate-1"] = d
	k.expect(t, "device-expired", k.signed(t, "gate-1", k.gate, nil))
}

// TestCapabilities: a boarding gate may not enrol, whoever may verify or identify may ask for a challenge, and nobody else.
func TestCapabilities(t *testing.T) {
	k := newDesk(t)
	for _, c := range append(slices.Clone(capabilities), Ask) {
		for id, key := range map[string]crypto.Signer{"gate-1": k.gate, "counter-1": k.counter} {
			r := k.signed(t, id, key, nil)
			r.Needs = c
			want := "capability-missing"
			if slices.Contains(k.devices[id].Capabilities, c) || c == Ask && id == "gate-1" {
				want = ""
			}
			k.expect(t, want, r)
		}
	}
	if Ask.Known() {
		t.Error("the right to ask can be given by itself")
	}
}

func TestFreshness(t *testing.T) {
	k := newDesk(t)
	for _, c := range []struct {
		age, window time.Duration
		want        string
	}{
		{0, time.Minute, ""},
		{time.Minute, time.Minute, ""},
		{61 * time.Second, time.Minute, "request-stale"},
		{-61 * time.Second, time.Minute, "request-stale"},
		{11 * time.Second, 10 * time.Second, "request-stale"},
		{-11 * time.Second, 10 * time.Second, "request-stale"}, // Redis is gone
	} {
		k := newDesk(t)
		r := k.signed(t, "gate-1", k.gate, nil)
		k.now, k.window = k.now.Add(c.age), c.window
		k.expect(t, c.want, r)
	}
	held := k.signed(t, "gate-1", k.gate, nil)
	k.now = k.now.Add(slack + time.Second)
	k.expect(t, "", k.signed(t, "gate-1", k.gate, nil))
	k.expect(t, "request-out-of-order", held) // held back, and let go after a later one
	r := k.signed(t, "counter-1", k.counter, nil)
	r.Needs = Enroll
	k.now = k.now.Add(-slack) // another device's order is its own
	k.expect(t, "", r)
}

// A refused signature must not use up the nonce of the device that made it.
func TestOutsidersUseUpNothing(t *testing.T) {
	k := newDesk(t)
	r := k.signed(t, "gate-1", k.gate, nil)
	bad := r
	bad.Path = "/v1/identifications"
	k.expect(t, "credential-refused", bad)
	k.expect(t, "", r)
}

func TestNoCredential(t *testing.T) {
	k := newDesk(t)
	r := Request{Message: httpsig.Message{Method: "GET", Header: func(string) []string { return nil }}, Needs: Verify}
	k.expect(t, "credential-required", r)
	k.o.Required = false
	if id := k.expect(t, "", r); id.Caller.Device != "" {
		t.Error(id)
	}
	r.Header = func(name string) []string { // a half credential is none
		if name == "signature" {
			return []string{"sig1=:AA==:"}
		}
		return nil
	}
	k.expect(t, "signature-invalid", r)
}

func TestClientCertificate(t *testing.T) {
	k := newDesk(t)
	peer := &x509.Certificate{Raw: []byte("a certificate"), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour)}
	d := k.devices["gate-1"]
	d.Certificate = sha256.Sum256(peer.Raw)
	k.devices["gate-1"] = d
	plain := Request{Message: httpsig.Message{Method: "POST", Path: "/", Header: func(string) []string { return nil }}, Needs: Verify, Peer: peer}
	if id := k.expect(t, "", plain); id.Caller.Device != "gate-1" || len(id.Caller.Proven.Certificate) != 43 || id.CheckBody(t.Context(), []byte("x")) != nil {
		t.Errorf("%+v", id)
	}
	foreign := plain
	foreign.Peer = &x509.Certificate{Raw: []byte("another"), NotBefore: peer.NotBefore, NotAfter: peer.NotAfter}
	k.expect(t, "credential-refused", foreign)
	k.o.Required = false
	k.expect(t, "credential-refused", foreign) // in development mode too
	old := *peer
	old.NotAfter = now.Add(-time.Second)
	expired := plain
	expired.Peer = &old
	k.expect(t, "device-expired", expired)
	// With a signature too, both name one device.
	both := k.signed(t, "gate-1", k.gate, nil)
	both.Peer = peer
	if id := k.expect(t, "", both); id.Caller.Proven.Certificate == "" {
		t.Error("the certificate is not proven")
	}
	mixed := k.signed(t, "counter-1", k.counter, nil)
	mixed.Peer, mixed.Needs = peer, Enroll
	k.expect(t, "credential-refused", mixed)
}

// order stays as small as what it can still refuse.
func TestOrderForgets(t *testing.T) {
	o := order{newest: map[string]time.Time{}}
	for i := range 10 * forgetAt {
		at := now.Add(time.Duration(i) * time.Second)
		if !o.take(fmt.Sprint(i), at, at.Add(-time.Minute)) {
			t.Fatal(i)
		}
	}
	if len(o.newest) > 2*forgetAt {
		t.Errorf("%d devices are remembered", len(o.newest))
	}
}
