package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"biogate/gateway/assertion"
	"biogate/gateway/config"
)

// TestSearchesOfAPartOfAGallery goes over HTTP and a restart, with real engines and the store.
func TestSearchesOfAPartOfAGallery(t *testing.T) {
	dir := t.TempDir()
	here := func(c *config.Config) { c.Data = dir }
	h := newHouse(t, here)
	for i := range 3 {
		h.want(t, 201, "POST", fmt.Sprintf("/v1/subjects/p%d/templates", i), captures(fingerCapture(impression(t, i, 0))))
	}
	h.want(t, 201, "PUT", "/v1/galleries/staff", map[string]any{})
	list := strings.NewReplacer("'", `"`).Replace("{'subject':'p0','group':'day'}\n{'subject':'p1','group':'night'}\n{'subject':'p2'}\n")
	h.want(t, 200, "POST", "/v1/galleries/staff/members", []byte(list), "Content-Type", "application/x-ndjson")
	for _, restarted := range []bool{false, true} {
		if restarted {
			h.stop()
			h = newHouse(t, here)
		}
		for _, c := range []struct {
			among map[string]any
			found bool
			group string
			of    int
		}{
			{nil, true, "", 3},
			{map[string]any{"group": "night"}, true, "night", 1},
			{map[string]any{"group": "day"}, false, "", 1},
			{map[string]any{"group": "nobody"}, false, "", 0},
			{map[string]any{"subjects": []string{"p1", "p2", "someone"}}, true, "", 2},
			{map[string]any{"subjects": []string{"p0"}}, false, "", 1},
			{map[string]any{"subjects": []string{"p0", "p1"}, "group": "night"}, true, "night", 1},
		} {
			ask := map[string]any{"gallery": "staff", "audience": "https://rp.example", "captures": []any{fingerCapture(impression(t, 1, 2))}}
			for k, v := range c.among {
				ask[k] = v
			}
			got := h.want(t, 200, "POST", "/v1/identifications", ask)
			if (got.Decision == "match") != c.found || got.Searched != c.of {
				t.Errorf("%v: %s", c.among, got.body)
				continue
			}
			if !c.found {
				continue
			}
			claims, err := assertion.Verify(got.Assertion, h.want(t, 200, "GET", "/.well-known/jwks.json", nil).body, assertion.Expect{Audience: "https://rp.example", Issuer: h.url})
			if err != nil || claims.Biogate.Group != c.group || claims.Biogate.Searched != c.of {
				t.Errorf("%v: %+v %v", c.among, claims.Biogate, err)
			}
		}
	}
	h.want(t, 200, "PUT", "/v1/galleries/staff/members/p1", map[string]any{"group": "day"})
	ask := map[string]any{"gallery": "staff", "group": "night", "audience": "a", "captures": []any{fingerCapture(impression(t, 1, 2))}}
	if got := h.want(t, 200, "POST", "/v1/identifications", ask); got.Decision == "match" || got.Searched != 0 {
		t.Errorf("after a change of the group: %s", got.body)
	}
}

func TestANonceServesOnce(t *testing.T) {
	h := newHouse(t)
	h.want(t, 201, "POST", "/v1/subjects/p0/templates", captures(fingerCapture(impression(t, 0, 0))))
	ask := verification("p0", fingerCapture(impression(t, 0, 1)))
	ask["nonce"] = h.want(t, 201, "POST", "/v1/challenges", nil).Nonce
	if got := h.want(t, 200, "POST", "/v1/verifications", ask); got.Decision != "match" {
		t.Errorf("%s", got.body)
	}
	if got := h.want(t, 409, "POST", "/v1/verifications", ask); got.Code != "nonce-spent" {
		t.Errorf("%s", got.body)
	}
}

// TestAPolicyCanRequirePAD: for fingers there is no detection, so that where it is required a finger alone decides nothing.
func TestAPolicyCanRequirePAD(t *testing.T) {
	require := "require"
	h := newHouse(t, func(c *config.Config) {
		c.Audiences = []config.Audience{{Name: "https://rp.example", PAD: &require}}
	})
	h.want(t, 201, "POST", "/v1/subjects/p0/templates", captures(fingerCapture(impression(t, 0, 0))))
	got := h.want(t, 200, "POST", "/v1/verifications", verification("p0", fingerCapture(impression(t, 0, 1))))
	if got.Decision != "inconclusive" || !slices.Equal(got.Reasons, []string{"presentation-attack-not-excluded:finger"}) || got.Assertion != "" {
		t.Errorf("%s", got.body)
	}
}
