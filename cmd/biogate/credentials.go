package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"biogate/gateway/httpsig"
)

// credentialFlags say who asks a running gateway, and how the gateway is known again. BIOGATE_TLS_KEY is the gateway's own key,
// hence the other names in the environment.
type credentialFlags struct {
	Device    string `help:"With --url: id of this device; requests are signed with --device-key." placeholder:"ID" env:"BIOGATE_DEVICE"`
	DeviceKey string `help:"The device's private key: PKCS #8 in PEM, Ed25519 or P-256, readable by its owner alone." placeholder:"FILE" type:"path" env:"BIOGATE_DEVICE_KEY"`
	TLSCert   string `help:"With --url: client certificate of this device, PEM." placeholder:"FILE" type:"path" env:"BIOGATE_CLIENT_CERT"`
	TLSKey    string `help:"Key of --tls-cert, PEM, readable by its owner alone." placeholder:"FILE" type:"path" env:"BIOGATE_CLIENT_KEY"`
	CA        string `help:"With --url: certificates that the gateway's is issued by, PEM, instead of the system's." placeholder:"FILE" type:"path" env:"BIOGATE_CA"`
}

// maxCredentialFile bounds what is read of a key or a chain of certificates.
const maxCredentialFile = 256 << 10

// transport is how the gateway is reached.
func (f credentialFlags) transport() (*http.Transport, error) {
	if (f.TLSCert == "") != (f.TLSKey == "") {
		return nil, misuse("--tls-cert and --tls-key go together")
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if f.CA != "" {
		pool, err := readPool(f.CA)
		if err != nil {
			return nil, err
		}
		c.RootCAs = pool
	}
	if f.TLSCert != "" {
		pair, err := readPair(f.TLSCert, f.TLSKey)
		if err != nil {
			return nil, err
		}
		c.Certificates = []tls.Certificate{pair}
	}
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = c
	return t, nil
}

func readPool(name string) (*x509.CertPool, error) {
	text, err := readCredential(name, false)
	if err != nil {
		return nil, fmt.Errorf("--ca: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, misuse("--ca: %s has no certificate in PEM", name)
	}
	return pool, nil
}

func readPair(cert, key string) (tls.Certificate, error) {
	chain, err := readCredential(cert, false)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("--tls-cert: %w", err)
	}
	private, err := readCredential(key, true)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("--tls-key: %w", err)
	}
	defer clear(private)
	pair, err := tls.X509KeyPair(chain, private)
	if err != nil {
		return tls.Certificate{}, misuse("--tls-cert, --tls-key: no certificate and its key in PEM: %w", err)
	}
	return pair, nil
}

// signer signs requests; the zero signer leaves them as they are.
type signer struct {
	device string
	key    crypto.Signer
	now    func() time.Time
}

func (f credentialFlags) signer() (signer, error) {
	if (f.Device == "") != (f.DeviceKey == "") {
		return signer{}, misuse("--device and --device-key go together")
	}
	if f.Device == "" {
		return signer{}, nil
	}
	text, err := readCredential(f.DeviceKey, true)
	if err != nil {
		return signer{}, fmt.Errorf("--device-key: %w", err)
	}
	defer clear(text)
	key, err := parseDeviceKey(text)
	if err != nil {
		return signer{}, misuse("--device-key: %s %w", f.DeviceKey, err)
	}
	return signer{f.Device, key, time.Now}, nil
}

// parseDeviceKey reads the one key of a PEM file. Errors go on from a file's name.
func parseDeviceKey(text []byte) (crypto.Signer, error) {
	block, rest := pem.Decode(text)
	if block == nil || block.Type != "PRIVATE KEY" || strings.TrimSpace(string(rest)) != "" {
		return nil, fmt.Errorf("is not one PRIVATE KEY in PEM; openssl genpkey -algorithm ed25519 makes one")
	}
	defer clear(block.Bytes)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("is not PKCS #8: %w", err)
	}
	switch k := key.(type) {
	case ed25519.PrivateKey:
		return k, nil
	case *ecdsa.PrivateKey:
		if k.Curve == elliptic.P256() {
			return k, nil
		}
	}
	return nil, fmt.Errorf("is neither an Ed25519 nor a P-256 key")
}

func (s signer) sign(req *http.Request, body []byte) error {
	if s.key == nil {
		return nil
	}
	err := httpsig.Sign(req, body, httpsig.SignOptions{KeyID: s.device, Key: s.key, Now: s.now(), Nonce: rand.Text()})
	if err != nil {
		return fmt.Errorf("the request cannot be signed as --device %q: %w", s.device, err)
	}
	return nil
}

// readCredential reads a small file; a secret one must be closed to group and others.
func readCredential(name string, secret bool) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, misuseError{err}
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, misuse("%s is no regular file", name)
	case secret && info.Mode().Perm()&0o077 != 0:
		return nil, misuse("%s can be read by others (mode %04o): chmod 600 %s", name, info.Mode().Perm(), name)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxCredentialFile+1))
	if err == nil && len(text) > maxCredentialFile {
		return nil, misuse("%s has more than %d bytes", name, maxCredentialFile)
	}
	return text, err
}
