package main

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"biogate/bench/synth"
	"biogate/gateway/config"
	"biogate/gateway/httpsig"
	"biogate/matcher"
)

// nodesOf are two gateways of one deployment: a Redis, a keyring and a registry of devices for both, a record each.
func nodesOf(t *testing.T, redis *redisServer, devices string) [2]*house {
	t.Helper()
	change := func(c *config.Config) {
		c.Redis, c.Kiosks.Devices, c.Attempts.Failures = redis.url(), devices, 0
		c.Kiosks.Required = devices != ""
	}
	first := newHouse(t, change)
	return [2]*house{first, newHouse(t, change, func(c *config.Config) { copyKeys(t, keyDir(first.config.Data), keyDir(c.Data)) })}
}

// signedBytes is a signed request as a listener on the wire would have it.
func signedBytes(t *testing.T, method, path, id string, key crypto.Signer, body []byte) func(base string) (int, string) {
	t.Helper()
	made, err := http.NewRequest(method, "http://localhost"+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	made.Header.Set("Content-Type", "application/json")
	if err := httpsig.Sign(made, body, httpsig.SignOptions{KeyID: id, Key: key, Now: time.Now().Add(2 * time.Second), Nonce: rand.Text()}); err != nil {
		t.Fatal(err)
	}
	return func(base string) (int, string) {
		sent, err := http.NewRequest(method, base+path, bytes.NewReader(body))
		if err != nil {
			return 0, err.Error()
		}
		sent.Host, sent.Header = "localhost", made.Header.Clone()
		res, err := http.DefaultClient.Do(sent)
		if err != nil {
			return 0, err.Error()
		}
		defer res.Body.Close()
		var p struct{ Code string }
		text, _ := io.ReadAll(res.Body)
		_ = json.Unmarshal(text, &p)
		return res.StatusCode, p.Code
	}
}

// TestNodesShareWhatWasUsed: two real gateways on one Redis. What one took the other refuses, whoever is first, also of many at once.
func TestNodesShareWhatWasUsed(t *testing.T) {
	registry := t.TempDir()
	key, _ := register(t, registry, "gate-1", "--can", "verify,enroll")
	nodes := nodesOf(t, newRedis(t), filepath.Join(registry, "devices.json"))
	for i := range nodes {
		take := signedBytes(t, "POST", "/v1/challenges", "gate-1", key, nil)
		if status, code := take(nodes[i].url); status != 201 {
			t.Fatalf("node %d: %d %s", i, status, code)
		}
		for k, again := range []*house{nodes[1-i], nodes[i]} {
			if status, code := take(again.url); status != 401 || code != "request-replayed" {
				t.Errorf("taken at node %d, and again (%d): %d %s", i, k, status, code)
			}
		}
	}
	for range 5 {
		take := signedBytes(t, "POST", "/v1/challenges", "gate-1", key, nil)
		var all sync.WaitGroup
		var taken atomic.Int32
		for i := range 16 {
			all.Go(func() {
				if status, _ := take(nodes[i%2].url); status == 201 {
					taken.Add(1)
				}
			})
		}
		all.Wait()
		if taken.Load() != 1 {
			t.Errorf("of 16 at once two nodes took %d", taken.Load())
		}
	}
}

// TestNodesShareChallenges: a challenge of one node serves at the other, and once at both together; the same answer at both is one assertion.
func TestNodesShareChallenges(t *testing.T) {
	nodes := nodesOf(t, newRedis(t), "")
	for _, h := range nodes {
		h.want(t, 201, "POST", "/v1/subjects/p0/templates", captures(fingerCapture(impression(t, 0, 0))))
	}
	for round := range 4 {
		nonce := nodes[round%2].want(t, 201, "POST", "/v1/challenges", nil).Nonce
		ask := verification("p0", fingerCapture(impression(t, 0, 1)))
		ask["challenge"] = nonce
		var all sync.WaitGroup
		var matched atomic.Int32
		for i := range 8 {
			all.Go(func() {
				if a, err := nodes[i%2].call("POST", "/v1/verifications", ask); err == nil && a.Assertion != "" {
					matched.Add(1)
				}
			})
		}
		all.Wait()
		if matched.Load() != 1 {
			t.Errorf("round %d: of 8 at once two nodes took %d", round, matched.Load())
		}
		for i, h := range nodes {
			if a := h.want(t, 409, "POST", "/v1/verifications", ask); a.Code != "nonce-spent" {
				t.Errorf("node %d, afterwards: %s", i, a.body)
			}
		}
	}
}

// TestCapturesCannotBeReordered: what is signed is the order of the captures too; nor can one be exchanged, dropped or added on the way.
func TestCapturesCannotBeReordered(t *testing.T) {
	registry := t.TempDir()
	key, _ := register(t, registry, "gate-1", "--can", "verify")
	h := newHouse(t, func(c *config.Config) {
		c.Kiosks.Devices, c.Kiosks.Required = filepath.Join(registry, "devices.json"), true
	})
	list := []map[string]any{fingerCapture(impression(t, 0, 0)), fingerCapture(impression(t, 0, 1)), fingerCapture(impression(t, 1, 0))}
	text := func(order ...int) []byte {
		var chosen []map[string]any
		for _, i := range order {
			chosen = append(chosen, list[i])
		}
		body, err := json.Marshal(verification("p0", chosen...))
		if err != nil {
			t.Fatal(err)
		}
		return body
	}
	signed := text(0, 1)
	for name, c := range map[string]struct {
		body   []byte
		status int
		code   string
	}{
		"as it was signed": {signed, 404, "subject-unknown"},
		"another order":    {text(1, 0), 401, "digest-mismatch"},
		"one exchanged":    {text(0, 2), 401, "digest-mismatch"},
		"one dropped":      {text(0), 401, "digest-mismatch"},
		"one added":        {text(0, 1, 2), 401, "digest-mismatch"},
		"one twice":        {text(0, 0), 401, "digest-mismatch"},
	} {
		req, err := http.NewRequest("POST", h.url+"/v1/verifications", bytes.NewReader(signed))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		if err := httpsig.Sign(req, signed, httpsig.SignOptions{KeyID: "gate-1", Key: key, Now: time.Now().Add(2 * time.Second), Nonce: rand.Text()}); err != nil {
			t.Fatal(err)
		}
		req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(c.body)), int64(len(c.body))
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		var p struct{ Code string }
		err = json.NewDecoder(res.Body).Decode(&p)
		res.Body.Close()
		if err != nil || res.StatusCode != c.status || p.Code != c.code {
			t.Errorf("%s: %d %s (%v)", name, res.StatusCode, p.Code, err)
		}
	}
}

// TestFramesShownInAnotherOrder: the frames of somebody who turned the head as told, with the times that were asked for, follow nothing when
// they are shown in another order.
func TestFramesShownInAnotherOrder(t *testing.T) {
	h := newHouse(t, func(c *config.Config) {
		c.Policy.PAD, c.Policy.Challenge, c.Attempts.Failures = "require", matcher.ChallengeHeadTurn, 0
	})
	h.needFaces(t)
	alone := person(t, 0, 2)
	h.want(t, 201, "POST", "/v1/subjects/p0/templates", captures(faceCapture(person(t, 0, 1))))
	show := func(order func(i, n int) int) answer {
		issued := h.want(t, 201, "POST", "/v1/challenges", map[string]any{"kind": matcher.ChallengeHeadTurn})
		begun, steps := time.Now(), issued.Challenge.Steps
		frames := follow(t, h, alone, synth.BonaFide, steps)
		shown := make([]map[string]any, len(frames))
		for i := range frames {
			shown[i] = faceCapture(frames[order(i, len(frames))]["data"].([]byte))
			shown[i]["time_ms"] = frames[i]["time_ms"]
		}
		request := verification("p0", shown...)
		request["nonce"] = issued.Nonce
		time.Sleep(time.Until(begun.Add(time.Duration(steps[len(steps)-1].To) * time.Millisecond))) // pictures cannot be older than the challenge
		return h.want(t, 200, "POST", "/v1/verifications", request)
	}
	inOrder := func(i, _ int) int { return i }
	control := show(inOrder)
	for try := 0; control.Decision == "inconclusive" && try < 4; try++ { // the simulated head shows too little relief in a few instructions
		control = show(inOrder)
	}
	if control.Decision != "match" {
		t.Fatalf("in order: %s", control.body)
	}
	for name, order := range map[string]func(i, n int) int{
		"backwards":      func(i, n int) int { return n - 1 - i },
		"halves swapped": func(i, n int) int { return (i + n/2) % n },
	} {
		if a := show(order); a.Decision == "match" || a.Assertion != "" {
			t.Errorf("%s: %s", name, a.body)
		}
	}
}

// TestFramesCannotBeReordered: times that do not ascend are no sequence, whatever the pictures show; without signatures too.
func TestFramesCannotBeReordered(t *testing.T) {
	h := newHouse(t)
	frame := func(at int) string { return fmt.Sprintf(`{"modality":"face","time_ms":%d,"data":"ZnJhbWU="}`, at) }
	for _, times := range [][]int{{0, 600, 300}, {300, 0, 600}, {600, 300, 0}, {0, 300, 300}, {300, 600, 900}, {0, 0, 300}} {
		var list []string
		for _, at := range times {
			list = append(list, frame(at))
		}
		body := `{"subject":"p0","audience":"https://rp.example","captures":[` + strings.Join(list, ",") + `]}`
		if a := h.want(t, 400, "POST", "/v1/verifications", body); a.Code != "sequence-invalid" {
			t.Errorf("%v: %s", times, a.body)
		}
	}
}
