package main

import (
	"fmt"
	"net"
	"slices"
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
		if _, err := redisHealth(t.Context(), set); (err != nil) != degraded {
			t.Errorf("%q: doctor finds %v", authority, err)
		}
		h.stop()
	}
}
