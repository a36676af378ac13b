package config

import (
	"errors"
	"net"
	"net/url"
)

// checkProduction names everything that production mode needs and these settings lack. What files and keys must be like is
// checked when the gateway is built.
func (c Config) checkProduction() []error {
	if c.Mode != Production {
		return nil
	}
	const mode = `mode is "production", and `
	return []error{
		need(c.TLS.Certificate != "" || c.TLS.Terminated, mode+"tls.certificate is empty: set tls.certificate and tls.key, or tls.terminated when a proxy on this machine ends TLS"),
		// Requests that a proxy passes on are signed, but the captures in them can be read: they cross no network in the clear. A
		// proxy on another machine speaks TLS to this one.
		need(c.TLS.Certificate != "" || !c.TLS.Terminated || loopback(c.Listen), mode+"tls.terminated leaves captures in the clear from the proxy to listen, which is %q: listen on 127.0.0.1, or set tls.certificate too", c.Listen),
		need(secureURL(c.Issuer), mode+"issuer is %q: set it to the public https:// URL of this gateway, for which devices sign their requests", c.Issuer),
		need(len(c.Audiences) > 0, mode+"audiences is empty: register the relying parties, no other is served"),
		need(c.Audit.Enabled, mode+"audit.enabled is false: set it to true"),
		need(c.Redis == "" || !crossesNetwork(c.Redis), mode+"redis is a redis:// URL of another machine: whoever is between could make nonces unused and let attempts begin anew; use rediss://, with redis_ca for an authority of your own"),
		need(c.Attempts.Failures > 0, mode+"attempts.failures is 0: set how many verifications of a subject may fail in a row"),
	}
}

// check: both files or none.
func (t TLS) check() []error {
	if (t.Certificate == "") == (t.Key == "") {
		return nil
	}
	return []error{errors.New("tls.certificate and tls.key go together: one of them is empty")}
}

// CredentialRequired says whether every request must prove which registered device it comes from.
func (c Config) CredentialRequired() bool { return c.Mode == Production || c.Kiosks.Required }

// Authority is host[:port] for which devices sign their requests; empty: what each says, because no issuer is set.
func (c Config) Authority() string {
	u, err := url.Parse(c.Issuer)
	if err != nil {
		return ""
	}
	return u.Host
}

// scheme of URLs of this gateway as its clients know them.
func (c Config) scheme() string {
	if c.TLS.Certificate != "" || c.TLS.Terminated {
		return "https"
	}
	return "http"
}

func secureURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Scheme == "https" && u.Host != ""
}

// crossesNetwork says whether what is said to a server can be read and changed on its way. Of what is no URL, checkRedis speaks.
func crossesNetwork(redis string) bool {
	u, err := url.Parse(redis)
	return err == nil && u.Scheme == "redis" && !thisMachine(u.Hostname())
}

func loopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	return err == nil && thisMachine(host)
}

func thisMachine(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
