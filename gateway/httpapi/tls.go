package httpapi

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// certificateRecheck is how long certificate files are taken for unchanged.
const certificateRecheck = time.Second

// Certificate is a server certificate in two PEM files, which are read again when one of them changes. Two files that do not
// belong together, as between the replacement of one and of the other, change nothing.
type Certificate struct {
	certificate, key string
	log              *slog.Logger
	now              func() time.Time

	mu     sync.Mutex
	tried  [2]fs.FileInfo // as they were when they were last read, for good or bad
	failed bool
	held   atomic.Pointer[tls.Certificate]
	next   atomic.Int64 // Unix nanoseconds of the next look
}

// LoadCertificate reads a chain, leaf first, and its key, both PEM. A key that others than its owner can read is refused.
func LoadCertificate(certificate, key string, log *slog.Logger, now func() time.Time) (*Certificate, error) {
	c := &Certificate{certificate: certificate, key: key, log: log, now: now}
	stamps, err := c.stamps()
	if err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	if err := c.load(stamps); err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	c.next.Store(now().Add(certificateRecheck).UnixNano())
	return c, nil
}

func (c *Certificate) stamps() (out [2]fs.FileInfo, err error) {
	for i, path := range []string{c.certificate, c.key} {
		if out[i], err = os.Stat(path); err != nil {
			return out, err
		}
	}
	if perm := out[1].Mode().Perm(); perm&0o077 != 0 {
		return out, fmt.Errorf("%s has mode %04o: others than its owner can read the key; run: chmod 600 %s", c.key, perm, c.key)
	}
	return out, nil
}

func (c *Certificate) load(stamps [2]fs.FileInfo) error {
	c.tried = stamps
	pair, err := tls.LoadX509KeyPair(c.certificate, c.key) // and checks that they belong together
	if err != nil {
		return err
	}
	if c.now().After(pair.Leaf.NotAfter) {
		return fmt.Errorf("%s has expired", c.certificate)
	}
	c.held.Store(&pair)
	return nil
}

// current is the certificate for a new connection.
func (c *Certificate) current() *tls.Certificate {
	if now := c.now(); now.UnixNano() >= c.next.Load() && c.mu.TryLock() {
		c.refresh()
		c.next.Store(now.Add(certificateRecheck).UnixNano())
		c.mu.Unlock()
	}
	return c.held.Load()
}

func (c *Certificate) refresh() {
	stamps, err := c.stamps()
	if err == nil {
		if unchanged(stamps[0], c.tried[0]) && unchanged(stamps[1], c.tried[1]) {
			return
		}
		err = c.load(stamps)
	}
	switch {
	case err != nil && !c.failed:
		c.log.Error("the TLS certificate cannot be read again: the one before is still served", "cause", err.Error())
	case err == nil:
		c.log.Info("the TLS certificate was read again")
	}
	c.failed = err != nil
}

func unchanged(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size() && a.Mode() == b.Mode()
}

// ServerTLS is how connections are protected: TLS 1.2 with forward secrecy and authenticated encryption, or 1.3. Clients are
// asked for a certificate, of which TLS proves that they hold its key; whose it is says the registry of devices, for every
// request, so that it may be signed by anybody or by itself.
func ServerTLS(c *Certificate) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		CipherSuites: []uint16{ // of TLS 1.2; those of 1.3 are all sound
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		},
		NextProtos:     []string{"http/1.1"},
		ClientAuth:     tls.RequestClientCert,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current(), nil },
	}
}

// secureConn is a conn over TLS. fasthttp shakes hands where it serves the connection, within the time for a header, so that a
// slow client holds up nobody else.
type secureConn struct {
	conn
	tls *tls.Conn
}

func newSecureConn(c net.Conn, config *tls.Config, done func()) *secureConn {
	secure := tls.Server(c, config)
	return &secureConn{conn: conn{Conn: secure, done: done}, tls: secure}
}

// Handshake answers a client that speaks plain HTTP in its own words.
func (c *secureConn) Handshake() error {
	err := c.tls.Handshake()
	var plain tls.RecordHeaderError
	if errors.As(err, &plain) && plain.Conn != nil && speaksHTTP(plain.RecordHeader) {
		_, _ = io.WriteString(plain.Conn, refusedPlain)
	}
	return err
}

// ConnectionState is asked for by fasthttp.
func (c *secureConn) ConnectionState() tls.ConnectionState { return c.tls.ConnectionState() }

// peer is the certificate that the client holds the key of; nil when it showed none.
func (c *secureConn) peer() *x509.Certificate {
	state := c.tls.ConnectionState()
	if !state.HandshakeComplete || len(state.PeerCertificates) == 0 {
		return nil
	}
	return state.PeerCertificates[0]
}

// speaksHTTP goes by the first five bytes: a record of TLS begins with none of them.
func speaksHTTP(header [5]byte) bool {
	for _, begin := range []string{"GET /", "HEAD ", "POST ", "PUT /", "DELET", "OPTIO", "PATCH"} {
		if string(header[:]) == begin {
			return true
		}
	}
	return false
}
