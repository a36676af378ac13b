package assertion_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"biogate/adapters/filesigner"
	"biogate/gateway"
	"biogate/gateway/assertion"
)

// rpCase is one token for the relying party in testdata/relyingparty/verify.mjs.
type rpCase struct {
	Name     string `json:"name"`
	Token    string `json:"token,omitempty"`
	TokenURL string `json:"tokenURL,omitempty"`
	Audience string `json:"audience,omitempty"`
	Typ      string `json:"typ,omitempty"`
	Keys     string `json:"keys"`
	code     string // npm jose's reason for a refusal; empty: accepted
}

type rpResult struct {
	Name   string
	OK     bool
	Code   string
	Claims assertion.Claims
}

// An independent JOSE library, over HTTP and knowing only the issuer, accepts what the gateway signs and nothing else.
func TestRelyingParty(t *testing.T) {
	modules := nodeModules(t)
	for _, alg := range []string{filesigner.EdDSA, filesigner.ES256} {
		t.Run(alg, func(t *testing.T) { checkRelyingParty(t, modules, alg) })
	}
}

func checkRelyingParty(t *testing.T, modules, alg string) {
	signer := newSigner(t, alg)
	server := httptest.NewUnstartedServer(nil)
	url := "http://" + server.Listener.Addr().String()
	issuer := newIssuer(t, assertion.Options{Signer: signer, Issuer: mustURL(url)})
	server.Config.Handler = wellKnown(t, issuer, signer)
	server.Start()
	defer server.Close()

	token := issue(t, issuer, facts())
	cases := []rpCase{
		{Name: "good", Token: token, Audience: audience},
		{Name: "good, key set at hand", Token: token, Audience: audience, Keys: "local"},
		{Name: "wrong audience", Token: token, Audience: "https://shop.example", code: "ERR_JWT_CLAIM_VALIDATION_FAILED"},
		{Name: "expired", Token: issue(t, late(t, signer, url), facts()), Audience: audience, code: "ERR_JWT_EXPIRED"},
		{Name: "other issuer", Token: issue(t, newIssuer(t, assertion.Options{Signer: signer}), facts()), Audience: audience, code: "ERR_JWT_CLAIM_VALIDATION_FAILED"},
		{Name: "other type", Token: token, Audience: audience, Typ: "JWT", code: "ERR_JWT_CLAIM_VALIDATION_FAILED"},
		{Name: "receipt as assertion", Token: receipt(t, issuer), Audience: audience, code: "ERR_JWT_CLAIM_VALIDATION_FAILED"},
		{Name: "receipt", Token: receipt(t, issuer), Typ: assertion.DeletionType},
	}
	for _, f := range forgeries(t, token, issuer.JWKS(), newSigner(t, alg)) {
		cases = append(cases, rpCase{Name: f.name, Token: f.token, Audience: audience, code: f.jose})
	}
	cases = append(cases,
		rpCase{Name: "after a rotation", TokenURL: url + "/rotate", Audience: audience},
		rpCase{Name: "from before the rotation", Token: token, Audience: audience},
		rpCase{Name: "after a rotation, old copy of the key set", TokenURL: url + "/token", Audience: audience, Keys: "local", code: "ERR_JWKS_NO_MATCHING_KEY"},
	)
	results := askRelyingParty(t, modules, url, cases)
	for n, c := range cases {
		if r := results[n]; r.OK != (c.code == "") || r.Code != c.code {
			t.Errorf("%s: ok %v, %s; expected %q", c.Name, r.OK, r.Code, c.code)
		}
	}
	own, err := assertion.Verify(token, issuer.JWKS(), assertion.Expect{Audience: audience})
	if seen := results[0].Claims; err != nil || fmt.Sprintf("%+v", seen.Biogate.Degraded) != "[]" || seen.Subject != own.Subject || seen.ID != own.ID || seen.Biogate.FMR != own.Biogate.FMR {
		t.Errorf("the relying party read %+v, we %+v, %v", seen, own, err)
	}
}

// wellKnown serves what a gateway serves for relying parties, and makes tokens on demand.
func wellKnown(t *testing.T, issuer *assertion.Issuer, signer *filesigner.Signer) http.Handler {
	mux := http.NewServeMux()
	reply := func(w http.ResponseWriter, body []byte, err error) {
		if err != nil {
			t.Error(err)
			w.WriteHeader(http.StatusInternalServerError)
		}
		_, _ = w.Write(body)
	}
	token := func(w http.ResponseWriter, r *http.Request) {
		token, err := issuer.Assertion(r.Context(), facts())
		reply(w, []byte(token), err)
	}
	mux.HandleFunc("GET "+assertion.JWKSPath, func(w http.ResponseWriter, _ *http.Request) { reply(w, issuer.JWKS(), nil) })
	mux.HandleFunc("GET "+assertion.DiscoveryPath, func(w http.ResponseWriter, _ *http.Request) {
		body, err := issuer.OpenIDConfiguration()
		reply(w, body, err)
	})
	mux.HandleFunc("GET /token", token)
	mux.HandleFunc("GET /rotate", func(w http.ResponseWriter, r *http.Request) {
		if _, err := signer.Rotate(0); err != nil {
			t.Error(err)
		}
		token(w, r)
	})
	return mux
}

// late is an issuer whose assertions have expired when they are read.
func late(t *testing.T, signer *filesigner.Signer, url string) *assertion.Issuer {
	return newIssuer(t, assertion.Options{
		Signer: signer, Issuer: mustURL(url), Now: func() time.Time { return time.Now().Add(-10 * time.Minute) },
	})
}

func receipt(t *testing.T, i *assertion.Issuer) string {
	t.Helper()
	token, err := i.DeletionReceipt(context.Background(), gateway.DeletionFacts{Subject: "alice", Templates: 2, DeletedAt: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// askRelyingParty runs verify.mjs beside a link to the installed modules.
func askRelyingParty(t *testing.T, modules, issuer string, cases []rpCase) []rpResult {
	t.Helper()
	for i := range cases {
		if cases[i].Keys == "" {
			cases[i].Keys = "remote"
		}
	}
	input, err := json.Marshal(map[string]any{"issuer": issuer, "cases": cases})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute) // only so that a hang ends
	defer cancel()
	node := exec.CommandContext(ctx, "node", relyingParty(t, modules))
	var stdout, stderr bytes.Buffer
	node.Stdin, node.Stdout, node.Stderr = bytes.NewReader(input), &stdout, &stderr
	if err := node.Run(); err != nil {
		t.Fatalf("node: %v\n%s", err, stderr.String())
	}
	var results []rpResult
	if err := json.Unmarshal(stdout.Bytes(), &results); err != nil || len(results) != len(cases) {
		t.Fatalf("%d results for %d cases, %v\n%s", len(results), len(cases), err, stdout.String())
	}
	return results
}

func relyingParty(t *testing.T, modules string) string {
	t.Helper()
	dir := t.TempDir()
	modules, err := filepath.Abs(modules)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	program, err := os.Open("testdata/relyingparty/verify.mjs")
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	copied, err := os.Create(filepath.Join(dir, "verify.mjs"))
	if err != nil {
		t.Fatal(err)
	}
	defer copied.Close()
	if _, err := io.Copy(copied, program); err != nil {
		t.Fatal(err)
	}
	return copied.Name()
}

// nodeModules is where npm jose was installed: BIOGATE_NODE_MODULES, or .cache/relyingparty/node_modules in the root.
func nodeModules(t *testing.T) string {
	t.Helper()
	modules := os.Getenv("BIOGATE_NODE_MODULES")
	if modules == "" {
		modules = filepath.Join(root(t), ".cache", "relyingparty", "node_modules")
	}
	_, err := os.Stat(filepath.Join(modules, "jose", "package.json"))
	if err == nil {
		_, err = exec.LookPath("node")
	}
	if err == nil {
		return modules
	}
	if os.Getenv("CI") == "true" || os.Getenv("BIOGATE_REQUIRE_ALL") == "1" {
		t.Fatalf("the relying party cannot run: %v; run .ci/relyingparty-setup", err)
	}
	t.Skipf("the relying party cannot run: %v; run .ci/relyingparty-setup", err)
	return ""
}

// root is the folder of go.mod.
func root(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for dir != filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		dir = filepath.Dir(dir)
	}
	t.Fatal("no go.mod above the test")
	return ""
}
