package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"biogate/gateway/config"
	"biogate/gateway/porttest"
)

// TestRedisUnderAnAuthorityOfOnesOwn: a Redis whose certificate the named authority vouches for is used, by all that use Redis;
// one that it does not vouch for is not spoken to, whoever else may.
func TestRedisUnderAnAuthorityOfOnesOwn(t *testing.T) {
	s := newSite(t, time.Hour)
	address, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(address)
	porttest.StartRedis(t, "--tls-port", port, "--tls-cert-file", s.file("server.crt"), "--tls-key-file", s.file("server.key"), "--tls-ca-cert-file", s.file("server.crt"), "--tls-auth-clients", "no")
	other := newSite(t, time.Hour)
	for authority, degraded := range map[string]bool{s.file("server.crt"): false, other.file("server.crt"): true, "": true} {
		var set config.Config
		h := newHouse(t, func(c *config.Config) {
			c.Redis, c.RedisCA = fmt.Sprintf("rediss://localhost:%s/0", port), authority
			set = *c
		})
		a := h.want(t, 200, "GET", "/readyz", nil)
		for _, mode := range []string{"cache", "replay-memory"} {
			if slices.Contains(a.Degraded, mode) != degraded {
				t.Errorf("%q: %s is not said rightly: %s", authority, mode, a.body)
			}
		}
		eventually(t, fmt.Sprintf("%q: doctor finds the same", authority), func() bool { // it waits for a second at most
			_, err := redisHealth(t.Context(), set)
			return (err != nil) == degraded
		})
		h.stop()
	}
}

// TestFilesOfSettingsAreLookedAt by whoever asks whether the settings are sound, in the same words.
func TestFilesOfSettingsAreLookedAt(t *testing.T) {
	s := newSite(t, time.Hour)
	s.diagnosed("at first", map[string]string{"files": fine})
	f, err := os.OpenFile(s.config, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = fmt.Fprintf(f, "redis: rediss://localhost:1/0\nredis_ca: %s\n", s.file("server.key"))
	if err := errors.Join(err, f.Close(), os.Chmod(s.file("server.key"), 0o640)); err != nil {
		t.Fatal(err)
	}
	s.diagnosed("two files that cannot be used", map[string]string{"files": failure})
	_, checked, _ := s.do("config", "check", "--config", s.config)
	_, examined, _ := s.do("doctor", "--config", s.config)
	for _, what := range []string{"redis_ca is", "holds no certificate in PEM", "tls.key is", "which others can read"} {
		if !strings.Contains(checked, what) || !strings.Contains(examined, what) {
			t.Errorf("%q is not said by both:\n%s\n%s", what, checked, examined)
		}
	}
}
