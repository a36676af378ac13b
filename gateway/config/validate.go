package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// Validate names every setting that cannot work, with its value. Passwords in URLs are not shown.
func (c Config) Validate() error {
	return errors.Join(slices.Concat(
		c.checkPlace(),
		c.checkProduction(),
		c.TLS.check(),
		c.checkPolicy(),
		c.Assertion.check(),
		c.Limits.check(),
		c.Cache.check(),
		c.Breakers.Cache.check("breakers.cache"),
		c.Breakers.Record.check("breakers.record"),
		c.Breakers.Signer.check("breakers.signer"),
		c.Breakers.Memory.check("breakers.memory"),
		c.Breakers.Audit.check("breakers.audit"),
		c.Kiosks.check(),
		c.Rates.Device.check("rates.device"),
		c.Rates.Global.check("rates.global"),
		c.Rates.Refused.check("rates.refused"),
		c.Attempts.check(),
		c.Keys.check(),
		c.Audit.check(),
		c.Retention.check(),
	)...)
}

func (c Config) checkPlace() []error {
	return []error{
		checkMode(c.Mode),
		checkListen(c.Listen),
		need(c.Data != "", "data is empty, it must name a folder"),
		need(c.Models != "", "models is empty, it must name a folder"),
		need(slices.Contains([]string{"auto", "ort", "opencv"}, c.Networks), "networks is %q, it must be auto, ort or opencv", c.Networks),
		checkRedis(c.Redis),
		need(c.RedisCA == "" || scheme(c.Redis) == "rediss", "redis_ca is %q, and redis is no rediss:// URL: without TLS there is no certificate", c.RedisCA),
		checkIssuer(c.Issuer),
		need(slices.Contains([]string{"debug", "info", "warn", "error"}, c.LogLevel), "log_level is %q, it must be debug, info, warn or error", c.LogLevel),
		within("workers", c.Workers, 0, 1024),
	}
}

func checkMode(mode string) error {
	return need(mode == Development || mode == Production, "mode is %q, it must be %s or %s", mode, Development, Production)
}

func checkListen(listen string) error {
	_, port, err := net.SplitHostPort(listen)
	n, atoi := strconv.Atoi(port)
	return need(err == nil && atoi == nil && n >= 0 && n <= 65535, "listen is %q, it must be host:port", listen)
}

// hidePassword is a URL whose password cannot be read.
func hidePassword(address string) string {
	if u, err := url.Parse(address); err == nil {
		return u.Redacted()
	}
	return "(not a URL)"
}

// checkRedis shows nothing of the URL but its scheme: a mistyped one can have its password anywhere.
func checkRedis(redis string) error {
	if redis == "" {
		return nil
	}
	u, err := url.Parse(redis)
	if err != nil {
		return errors.New("redis is not a URL, it must be redis://[user:password@]host:port/db (its value is not shown: it may hold a password)")
	}
	return need((u.Scheme == "redis" || u.Scheme == "rediss") && u.Hostname() != "",
		"redis has the scheme %q, it must be redis://[user:password@]host:port/db or rediss://...", u.Scheme)
}

func scheme(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Scheme
}

func checkIssuer(issuer string) error {
	if issuer == "" {
		return nil
	}
	u, err := url.Parse(issuer)
	if err != nil || u.User != nil || u.Opaque != "" { // wherever a password can be, the value is not shown
		return errors.New("issuer is not a URL of the form https://host[/path]")
	}
	return need((u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.RawQuery == "" && u.Fragment == "",
		"issuer is %q, it must be https://host[/path] without query and fragment", issuer)
}

func (c Config) checkPolicy() []error {
	return slices.Concat(c.checkAudiences(), prefixed("policy.", c.DecisionPolicy().Check()),
		[]error{within("policy.conceal_quantum", c.Policy.ConcealQuantum, time.Millisecond, time.Second)})
}

func (a Assertion) check() []error {
	return []error{
		need(slices.Contains([]string{"", "EdDSA", "ES256"}, a.Algorithm), "assertion.algorithm is %q, it must be EdDSA or ES256", a.Algorithm),
		need(a.Lifetime%time.Second == 0, "assertion.lifetime is %s, it must be whole seconds", a.Lifetime),
		within("assertion.lifetime", a.Lifetime, time.Second, time.Hour),
		need(a.KeyOverlap >= a.Lifetime+10*time.Minute, "assertion.key_overlap is %s, it must be at least 10m0s more than assertion.lifetime (%s)", a.KeyOverlap, a.Lifetime),
	}
}

func (l Limits) check() []error {
	return []error{
		within("limits.body_bytes", l.BodyBytes, 1<<10, 1<<30),
		within("limits.body_budget_bytes", l.BodyBudgetBytes, l.BodyBytes, 1<<40),
		within("limits.connections", l.Connections, 1, 1<<20),
		within("limits.slots", l.Slots, 0, 1<<16),
		within("limits.queue", l.Queue, 0, 1<<20),
		within("limits.queue_wait", l.QueueWait, time.Millisecond, time.Minute),
		within("limits.request_timeout", l.RequestTimeout, 10*time.Millisecond, 10*time.Minute),
		within("limits.drain_grace", l.DrainGrace, 0, l.DrainTimeout/2),
		within("limits.drain_timeout", l.DrainTimeout, time.Millisecond, 10*time.Minute),
	}
}

var deployment = regexp.MustCompile(`^[a-z0-9-]{1,64}$`)

func (c Cache) check() []error {
	return []error{
		need(deployment.MatchString(c.Deployment), "cache.deployment is %q, it must be 1 to 64 of a-z, 0-9 and -", c.Deployment),
		within("cache.ttl", c.TTL, time.Second, 365*24*time.Hour),
		within("cache.deletion_ttl", c.DeletionTTL, time.Minute, 24*time.Hour),
	}
}

func (b Breaker) check(setting string) []error {
	return []error{
		within(setting+".timeout", b.Timeout, time.Millisecond, time.Minute),
		within(setting+".concurrent", b.Concurrent, 1, 1<<16),
		within(setting+".failures", b.Failures, 1, 1000),
		within(setting+".open_for", b.OpenFor, 10*time.Millisecond, 10*time.Minute),
	}
}

func need(ok bool, format string, args ...any) error {
	if ok {
		return nil
	}
	return fmt.Errorf(format, args...)
}

func within[T int | time.Duration](setting string, value, lowest, highest T) error {
	return need(value >= lowest && value <= highest, "%s is %v, it must be %v to %v", setting, value, lowest, highest)
}

// prefixed are the errors that were joined in err, each with the setting that they lie under.
func prefixed(prefix string, err error) (errs []error) {
	if err == nil {
		return nil
	}
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range several.Unwrap() {
			errs = append(errs, prefixed(prefix, one)...)
		}
		return errs
	}
	return []error{fmt.Errorf("%s%w", prefix, err)}
}
