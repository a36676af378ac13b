package main

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"biogate/gateway/httpsig"
)

// writePEM writes a file as openssl would, and returns its name.
func writePEM(t *testing.T, name, kind string, der []byte, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func writeKey(t *testing.T, key any, mode os.FileMode) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return writePEM(t, "device.key.pem", "PRIVATE KEY", der, mode)
}

func newKeys(t *testing.T) (ed25519.PrivateKey, *ecdsa.PrivateKey) {
	t.Helper()
	_, ed, errEd := ed25519.GenerateKey(rand.Reader)
	ec, errEc := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err := errors.Join(errEd, errEc); err != nil {
		t.Fatal(err)
	}
	return ed, ec
}

// seen is a request as a gateway sees it.
func seen(r *http.Request) httpsig.Message {
	path, query, _ := strings.Cut(r.RequestURI, "?")
	return httpsig.Message{Method: r.Method, Authority: r.Host, Path: path, Query: query, Header: func(name string) []string {
		return r.Header.Values(name)
	}}
}

func TestClientSignsAsItsDevice(t *testing.T) {
	ed, ec := newKeys(t)
	for _, key := range []crypto.Signer{ed, ec} {
		nonces := map[string]bool{}
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			s, err := httpsig.Parse(seen(r))
			if err := errors.Join(err, s.Verify(key.Public()), s.Digest.Check(body)); err != nil || s.KeyID != "kiosk-17" || nonces[s.Nonce] {
				t.Errorf("signed by %q: %v, its nonce seen before: %v", s.KeyID, err, nonces[s.Nonce])
			}
			if time.Since(s.Created).Abs() > time.Minute {
				t.Errorf("signed at %v", s.Created)
			}
			nonces[s.Nonce] = true
			_, _ = w.Write([]byte("{}"))
		}))
		c, err := newClient(srv.URL, credentialFlags{Device: "kiosk-17", DeviceKey: writeKey(t, key, 0o600)})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := c.post(t.Context(), "/v1/subjects/a%2Fb/templates", map[string]any{"captures": nil}); err != nil {
				t.Error(err)
			}
		}
		srv.Close()
		if len(nonces) != 2 {
			t.Errorf("%d requests came", len(nonces))
		}
	}
}

func TestClientShowsItsCertificateAndKnowsTheGateway(t *testing.T) {
	_, key := newKeys(t)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "kiosk"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	var shown [][32]byte
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shown = append(shown, sha256.Sum256(r.TLS.PeerCertificates[0].Raw))
		_, _ = w.Write([]byte("{}"))
	}))
	srv.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert, MinVersion: tls.VersionTLS12}
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	defer srv.Close()
	f := credentialFlags{
		TLSCert: writePEM(t, "cert.pem", "CERTIFICATE", der, 0o644), TLSKey: writeKey(t, key, 0o600),
		CA: writePEM(t, "ca.pem", "CERTIFICATE", srv.Certificate().Raw, 0o644),
	}
	ask := func(f credentialFlags) error {
		c, err := newClient(srv.URL, f)
		if err != nil {
			return err
		}
		_, err = c.post(t.Context(), "/v1/challenges", nil)
		return err
	}
	if err := ask(f); err != nil || len(shown) != 1 || shown[0] != sha256.Sum256(der) {
		t.Errorf("%v, shown: %d certificates", err, len(shown))
	}
	unknown := f
	unknown.CA = f.TLSCert // another's
	if err := ask(unknown); err == nil {
		t.Error("a gateway with a certificate of another issuer is asked")
	}
	unknown.CA = ""
	if err := ask(unknown); err == nil {
		t.Error("a gateway with a certificate that the system does not know is asked")
	}
}

// A redirect could send captures to anybody.
func TestClientFollowsNoRedirect(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the capture went elsewhere") }))
	defer elsewhere.Close()
	for _, status := range []int{http.StatusMovedPermanently, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		srv := httptest.NewServer(http.RedirectHandler(elsewhere.URL, status))
		c, err := newClient(srv.URL, credentialFlags{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.post(t.Context(), "/v1/verifications", map[string]any{"captures": "a face"}); err == nil {
			t.Errorf("%d is taken for an answer", status)
		}
		srv.Close()
	}
}

func TestCredentialsThatAreRefused(t *testing.T) {
	ed, ec := newKeys(t)
	der, err := x509.MarshalPKCS8PrivateKey(ed)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	file := func(text []byte) string {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	device := func(key string) credentialFlags { return credentialFlags{Device: "kiosk-17", DeviceKey: key} }
	for name, c := range map[string]struct {
		f    credentialFlags
		says string
	}{
		"a device without a key":        {credentialFlags{Device: "kiosk-17"}, "--device and --device-key"},
		"a key without a device":        {credentialFlags{DeviceKey: writeKey(t, ed, 0o600)}, "--device and --device-key"},
		"a key that the group can read": {device(writeKey(t, ed, 0o640)), "chmod 600"},
		"a key that all can read":       {device(writeKey(t, ec, 0o604)), "chmod 600"},
		"no such key":                   {device("/nowhere"), "no such file"},
		"a folder":                      {device(t.TempDir()), "no regular file"},
		"P-384":                         {device(writeKey(t, p384, 0o600)), "neither"},
		"no PEM":                        {device(file(der)), "PRIVATE KEY"},
		"two keys":                      {device(file(append(block, block...))), "not one PRIVATE KEY"},
		"no PKCS #8":                    {device(writePEM(t, "k", "PRIVATE KEY", []byte("x"), 0o600)), "PKCS #8"},
		"too much":                      {device(file(bytes.Repeat(block, 1+maxCredentialFile/len(block)))), "more than"},
		"a certificate without its key": {credentialFlags{TLSCert: file(block)}, "--tls-cert and --tls-key"},
		"no certificate":                {credentialFlags{TLSCert: file(block), TLSKey: file(block)}, "--tls-cert, --tls-key"},
		"an open key of a certificate":  {credentialFlags{TLSCert: file(block), TLSKey: writeKey(t, ed, 0o644)}, "chmod 600"},
		"no certificate of an issuer":   {credentialFlags{CA: file(block)}, "--ca"},
	} {
		_, err := newClient("https://gate.example", c.f)
		var m misuseError
		if err == nil || !strings.Contains(err.Error(), c.says) || !errors.As(err, &m) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := newClient("http://gate.example", credentialFlags{CA: file(block)}); err == nil {
		t.Error("--ca with http is taken")
	}
}

// FuzzDeviceKey: whatever a file of a device's key holds, it is a key that signs, or an error that quotes nothing of it.
func FuzzDeviceKey(f *testing.F) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	f.Add(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der[:20]}))
	f.Add([]byte("-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		key, err := parseDeviceKey(bytes.Clone(text))
		if err != nil {
			if key != nil || len(err.Error()) > 300 {
				t.Fatalf("%T, %v", key, err)
			}
			return
		}
		req, err := http.NewRequest("GET", "http://localhost/", nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := httpsig.Sign(req, nil, httpsig.SignOptions{KeyID: "gate-1", Key: key, Now: time.Now(), Nonce: rand.Text()}); err != nil {
			t.Fatalf("a key that was taken does not sign: %v", err)
		}
	})
}
