package httpsig

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// nodeModules is where npm http-message-signatures was installed: BIOGATE_NODE_MODULES, or .cache/relyingparty/node_modules.
func nodeModules(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("BIOGATE_NODE_MODULES")
	if dir == "" {
		dir = filepath.Join("..", "..", ".cache", "relyingparty", "node_modules")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "http-message-signatures")); err != nil {
		t.Skip("npm http-message-signatures is not installed")
	}
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("no node")
	}
	return dir
}

// An implementation that is not ours takes what we sign, and signs what we take.
func TestAnotherImplementationAgrees(t *testing.T) {
	modules := nodeModules(t)
	body := []byte(`{"subject":"s"}`)
	const url = "https://gate.example/v1/verifications?a=1&b=%20"
	sum := sha256.Sum256(body)
	digest := "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
	for alg, key := range map[string]crypto.Signer{Ed25519: edKey(t), ECDSAP256: ecKey(t)} {
		req, _ := signed(t, key, http.MethodPost, url, body)
		headers := map[string]string{}
		for name := range req.Header {
			headers[strings.ToLower(name)] = req.Header.Get(name)
		}
		private, errPrivate := x509.MarshalPKCS8PrivateKey(key)
		public, errPublic := x509.MarshalPKIXPublicKey(key.Public())
		task, errTask := json.Marshal(map[string]any{
			"modules": modules, "alg": alg, "created": testNow.Unix(),
			"privateKey": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})),
			"publicKey":  string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})),
			"signed":     map[string]any{"method": "POST", "url": url, "headers": headers},
			"toSign":     map[string]any{"method": "POST", "url": url, "headers": map[string]string{"content-type": "application/json", "content-digest": digest}},
		})
		if err := errors.Join(errPrivate, errPublic, errTask); err != nil {
			t.Fatal(err)
		}
		node := exec.CommandContext(t.Context(), "node", "testdata/peer.mjs")
		node.Stdin, node.Stderr = bytes.NewReader(task), os.Stderr
		text, err := node.Output()
		var answer struct {
			Verified bool
			Headers  map[string]string
		}
		if err := errors.Join(err, json.Unmarshal(text, &answer)); err != nil {
			t.Fatal(err)
		}
		if !answer.Verified {
			t.Errorf("%s: what we sign is refused", alg)
		}
		w := wire{"POST", "gate.example", "/v1/verifications", "a=1&b=%20", map[string][]string{"content-length": {"15"}}}
		for name, value := range answer.Headers {
			w.header[strings.ToLower(name)] = []string{value}
		}
		if err := taken(w, body, key.Public()); err != nil {
			t.Errorf("%s: what it signs: %v\n%v", alg, err, answer.Headers)
		}
	}
}
