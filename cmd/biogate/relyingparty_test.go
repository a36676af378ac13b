package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"biogate/gateway/assertion"
	"biogate/gateway/config"
)

// npm openid-client and jose, which know nothing of the gateway but its issuer, use it as relying parties do.
func TestOpenIDClientIsARelyingParty(t *testing.T) {
	const audience, bound = "https://portal.example", "https://bank.example"
	dpop := "dpop"
	h := newHouse(t, func(c *config.Config) {
		c.Audiences = []config.Audience{{Name: audience}, {Name: bound, Binding: &dpop}}
	})
	h.want(t, 201, "POST", "/v1/subjects/p0/templates", captures(fingerCapture(impression(t, 0, 0))))
	time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second))) // proofs have whole seconds: one of the second of the start is from before it
	var seen struct {
		Endpoint                           string `json:"introspection_endpoint"`
		DPoP                               []string
		Decision                           string
		Claims                             assertion.Claims
		Elsewhere                          struct{ Refused string }
		Unknown, First, Second             map[string]any
		Unproven, OtherURL, Replayed, Tied struct{ Decision, Code, Assertion string }
		CNF, Holder, Thief, Introspected   bool
	}
	askNode(t, "client.mjs", map[string]any{"issuer": h.url, "audience": audience, "bound": bound, "subject": "p0", "capture": impression(t, 0, 1)}, &seen)

	if seen.Endpoint != h.url+"/v1/introspect" || len(seen.DPoP) == 0 || seen.Decision != "match" || seen.Claims.Audience != audience || seen.Claims.Subject == "p0" {
		t.Errorf("%+v", seen)
	}
	if seen.Elsewhere.Refused != "ERR_JWT_CLAIM_VALIDATION_FAILED" {
		t.Errorf("at another audience: %+v", seen.Elsewhere)
	}
	if seen.First["active"] != true || seen.First["sub"] != seen.Claims.Subject || seen.First["aud"] != audience {
		t.Errorf("introspected: %v", seen.First)
	}
	for name, no := range map[string]map[string]any{"again": seen.Second, "unknown": seen.Unknown} {
		if no["active"] != false || len(no) != 1 {
			t.Errorf("%s: %v", name, no)
		}
	}
	if seen.Unproven.Code != "key-binding-required" || seen.OtherURL.Code != "proof-invalid" || seen.Replayed.Assertion != "" {
		t.Errorf("without a proof %+v, with one for another URL %+v, with one that was used %+v", seen.Unproven, seen.OtherURL, seen.Replayed)
	}
	if seen.Tied.Decision != "match" || !seen.CNF || !seen.Holder || seen.Thief || !seen.Introspected {
		t.Errorf("bound: %+v, cnf %t, its holder %t, a thief %t, introspected %t", seen.Tied, seen.CNF, seen.Holder, seen.Thief, seen.Introspected)
	}
}

// askNode runs a program of gateway/assertion/testdata/relyingparty beside a link to the installed modules.
func askNode(t *testing.T, program string, input, output any) {
	t.Helper()
	modules := os.Getenv("BIOGATE_NODE_MODULES")
	if modules == "" {
		modules = filepath.Join(root(t), ".cache", "relyingparty", "node_modules")
	}
	if _, err := os.Stat(filepath.Join(modules, "openid-client", "package.json")); err != nil {
		missing(t, "npm openid-client (.ci/relyingparty-setup)")
	}
	if _, err := exec.LookPath("node"); err != nil {
		missing(t, "node")
	}
	dir := t.TempDir()
	text, err := os.ReadFile(filepath.Join(root(t), "gateway/assertion/testdata/relyingparty", program))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, program), text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	asked, err := json.Marshal(input)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute) // only so that a hang ends
	defer cancel()
	node := exec.CommandContext(ctx, "node", filepath.Join(dir, program))
	var stdout, stderr bytes.Buffer
	node.Stdin, node.Stdout, node.Stderr = bytes.NewReader(asked), &stdout, &stderr
	if err := node.Run(); err != nil {
		t.Fatalf("node: %v\n%s", err, stderr.String())
	}
	if err := json.Unmarshal(stdout.Bytes(), output); err != nil {
		t.Fatalf("%v: %s", err, stdout.String())
	}
}
