package main

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestDevicesThatCannotBeReadAreSeen by whoever watches the gateway and by relying parties, and it ends by itself: until then a
// revocation does not arrive.
func TestDevicesThatCannotBeReadAreSeen(t *testing.T) {
	h := newHouse(t)
	registry := filepath.Join(h.config.Data, "devices.json")
	register(t, h.config.Data, "gate-1", "--can", "verify")
	h.want(t, 201, "POST", "/v1/subjects/an/templates", captures(fingerCapture(impression(t, 1, 0))))
	good, err := os.ReadFile(registry)
	if err != nil {
		t.Fatal(err)
	}
	states := func(readable bool) func() bool {
		metric := map[bool]string{true: "biogate_devices_readable 1", false: "biogate_devices_readable 0"}[readable]
		return func() bool {
			ready, metrics := h.want(t, 200, "GET", "/readyz", nil), h.want(t, 200, "GET", "/metrics", nil)
			verified := h.want(t, 200, "POST", "/v1/verifications", verification("an", fingerCapture(impression(t, 1, 1))))
			claims, err := base64.RawURLEncoding.DecodeString(strings.Split(verified.Assertion, ".")[1])
			if err != nil {
				t.Fatal(err)
			}
			asserted := strings.Contains(string(claims), `"degraded":["devices"]`)
			return slices.Contains(ready.Degraded, "devices") != readable && slices.Contains(verified.Degraded, "devices") != readable &&
				asserted != readable && strings.Contains(string(metrics.body), metric)
		}
	}
	eventually(t, "it can be read", states(true))
	if err := os.WriteFile(registry, append(good, "}"...), 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is broken, and that is said", states(false))
	if err := os.WriteFile(registry, good, 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is mended", states(true))
}
