// Package redisurl reads where a Redis server is, and who vouches for its certificate.
package redisurl

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"

	"github.com/redis/go-redis/v9"
)

// maxAuthorities bounds the file of authorities, in bytes.
const maxAuthorities = 1 << 20

// Parse reads a redis:// or rediss:// URL. authorities is a PEM file of those who may vouch for the server's certificate, and nobody
// else may then; empty: the system's. Parsers quote the whole URL in their errors, password included, so none of those leaves here.
func Parse(raw, authorities string) (*redis.Options, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, errors.New("redis: the URL cannot be read; write redis://host:port/0, with %-escapes in user and password")
	case u.Scheme != "redis" && u.Scheme != "rediss":
		return nil, fmt.Errorf("redis: scheme %q, write redis://host:port/0 or rediss://host:port/0", u.Scheme)
	case u.Hostname() == "":
		return nil, errors.New("redis: the URL names no host; write redis://host:port/0")
	case u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("redis: the URL has parameters behind ? or #; there are none")
	case authorities != "" && u.Scheme != "rediss": // whoever names them wants TLS
		return nil, errors.New("redis: authorities of a certificate, and no TLS; write rediss://host:port/0")
	}
	o, err := redis.ParseURL(raw)
	if err != nil {
		return nil, fmt.Errorf("redis: path %q of the URL is no database number", u.Path)
	}
	if authorities != "" {
		o.TLSConfig.RootCAs, err = Authorities(authorities)
	}
	return o, err
}

// Authorities reads a PEM file of certificates, at most 1 MB.
func Authorities(path string) (*x509.CertPool, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxAuthorities+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxAuthorities {
		return nil, fmt.Errorf("%s has more than %d bytes", path, maxAuthorities)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no certificate in PEM", path)
	}
	return pool, nil
}
