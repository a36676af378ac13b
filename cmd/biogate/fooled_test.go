package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"biogate/gateway/config"
	"biogate/matcher"
)

// constantTemplates are templates of the engines in force whose payloads hold nothing: no bytes, zeros, one byte repeated, of any length that
// could be right.
func constantTemplates(t *testing.T, h *house) map[string]map[string]any {
	t.Helper()
	out := map[string]map[string]any{}
	for _, e := range h.engines.list {
		for _, value := range []byte{0, 1, 0x7f, 0x80, 0xff} {
			for _, n := range []int{0, 1, 4, 16, 64, 128, 160, 512, 513, 514, 516, 520, 528, 1024, 2048} {
				data, err := matcher.Template{Modality: e.Modality(), Model: e.Model(), Payload: bytes.Repeat([]byte{value}, n)}.AppendBinary(nil)
				if err != nil {
					t.Fatal(err)
				}
				out[fmt.Sprintf("%s: %d of %#x", e.Modality(), n, value)] = map[string]any{"modality": e.Modality(), "data": data}
			}
		}
	}
	return out
}

// TestNothingIsNobody: what identity providers took for a biometric, and is none, never leads to an assertion: an empty one, arbitrary bytes, a
// picture of nothing, a template of nothing; not even against itself.
func TestNothingIsNobody(t *testing.T) {
	h := newHouse(t, func(c *config.Config) { c.Attempts.Failures = 0 }) // every one gets its turn
	h.want(t, 201, "POST", "/v1/subjects/p0/templates", captures(fingerCapture(impression(t, 0, 0))))
	verify := func(name, subject string, body any) {
		t.Helper()
		a, err := h.call("POST", "/v1/verifications", body)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if a.Assertion != "" || a.Decision == "match" || a.status == 200 && a.Decision != "inconclusive" && a.Decision != "no-match" || strings.Contains(string(a.body), "eyJ") {
			t.Errorf("%s as %s: %s", name, subject, a.body)
		}
	}
	const rest = `"subject":"p0","audience":"https://rp.example"`
	for _, list := range []string{
		``, `,"captures":null`, `,"captures":[]`, `,"captures":[null]`, `,"captures":[{}]`, `,"captures":{}`, `,"captures":""`, `,"captures":"biometric"`, `,"captures":true`,
		`,"captures":[{"modality":"finger"}]`, `,"captures":[{"modality":"finger","data":null}]`, `,"captures":[{"modality":"finger","data":""}]`,
		`,"captures":[{"modality":"face","data":""}]`, `,"captures":[{"modality":"","data":"AA=="}]`, `,"captures":[{"modality":"finger","data":"AA=="}]`,
		`,"captures":[{"modality":"finger","data":"null"}]`, `,"captures":[{"modality":"finger","data":"` + base64.StdEncoding.EncodeToString([]byte("p0")) + `"}]`,
	} {
		verify(list, "p0", "{"+rest+list+"}")
	}
	verify("nothing", "p0", "")
	verify("null", "p0", "null")
	for name, data := range map[string][]byte{"1x1": blank(t, 1, 1), "blank": blank(t, 300, 400), "zeros": make([]byte, 512), "text": []byte("I am p0")} {
		verify(name, "p0", verification("p0", fingerCapture(data)))
		verify(name+" as a face", "p0", verification("p0", faceCapture(data)))
	}
	n := 0
	for name, c := range constantTemplates(t, h) {
		verify(name, "p0", verification("p0", c))
		subject := fmt.Sprintf("nobody-%d", n)
		n++
		a, err := h.call("POST", "/v1/subjects/"+subject+"/templates", captures(c))
		if err != nil {
			t.Fatal(err)
		}
		if a.status == 201 {
			t.Errorf("%s was enrolled", name)
			verify(name, subject, verification(subject, c))
		}
	}
}

// TestACapturedAnswerIsWorthNothing: the same request again, two at once, to another audience, for another subject, with another nonce.
func TestACapturedAnswerIsWorthNothing(t *testing.T) {
	h := newHouse(t)
	for i, subject := range []string{"p0", "p1"} {
		h.want(t, 201, "POST", "/v1/subjects/"+subject+"/templates", captures(fingerCapture(impression(t, i, 0))))
	}
	const rp = "https://rp.example"
	issue := func() string {
		return h.want(t, 201, "POST", "/v1/challenges", map[string]any{"audience": rp, "subject": "p0"}).Nonce
	}
	ask := func(nonce string, change map[string]any) map[string]any {
		m := verification("p0", fingerCapture(impression(t, 0, 1)))
		m["challenge"], m["nonce"] = nonce, "of-the-relying-party"
		for k, v := range change {
			m[k] = v
		}
		return m
	}
	nonce := issue()
	for _, change := range []map[string]any{
		{"audience": "https://other.example"},
		{"subject": "p1", "captures": []any{fingerCapture(impression(t, 1, 1))}},
	} {
		if a := h.want(t, 409, "POST", "/v1/verifications", ask(nonce, change)); a.Code != "nonce-spent" {
			t.Errorf("%v: %s", change, a.body)
		}
	}
	a := h.want(t, 200, "POST", "/v1/verifications", ask(nonce, nil))
	if a.Decision != "match" {
		t.Fatalf("%s", a.body)
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(a.Assertion, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims struct {
		Nonce   string
		Biogate struct{ Challenge string }
	}
	if err := json.Unmarshal(payload, &claims); err != nil || claims.Nonce != "of-the-relying-party" || claims.Biogate.Challenge != "" { // ours leaves where the policy says so
		t.Errorf("%s (%v)", payload, err)
	}
	if a := h.want(t, 409, "POST", "/v1/verifications", ask(nonce, nil)); a.Code != "nonce-spent" {
		t.Errorf("again: %s", a.body)
	}
	if a := h.want(t, 409, "POST", "/v1/verifications", ask(nonce, map[string]any{"nonce": "another"})); a.Code != "nonce-spent" {
		t.Errorf("again, with another nonce of the relying party: %s", a.body)
	}
	nonce = issue()
	var all sync.WaitGroup
	var matched atomic.Int32
	for range 8 {
		all.Go(func() {
			if a, err := h.call("POST", "/v1/verifications", ask(nonce, nil)); err == nil && a.Assertion != "" {
				matched.Add(1)
			}
		})
	}
	all.Wait()
	if matched.Load() != 1 {
		t.Errorf("of 8 at once %d got an assertion", matched.Load())
	}
	for _, placeholder := range []string{"", "null", "undefined", "string", "{{nonce}}", "00000000-0000-0000-0000-000000000000"} {
		if a := h.want(t, 400, "POST", "/v1/verifications", ask(issue(), map[string]any{"nonce": placeholder})); a.Code != "nonce-invalid" {
			t.Errorf("nonce %q: %s", placeholder, a.body)
		}
	}
}

// TestRedisGoesWhileReplaysCome: of each challenge one request is taken, whenever the server dies and comes back.
func TestRedisGoesWhileReplaysCome(t *testing.T) {
	redis := newRedis(t)
	h := newHouse(t, func(c *config.Config) {
		c.Redis, c.Attempts.Failures = redis.url(), 0
		c.Breakers.Memory.OpenFor = 100 * time.Millisecond
	})
	h.want(t, 201, "POST", "/v1/subjects/p0/templates", captures(fingerCapture(impression(t, 0, 0))))
	data, total, calm := fingerCapture(impression(t, 0, 1)), 0, 0
	for round := range 24 {
		switch round {
		case 6, 18:
			redis.kill()
		case 12:
			redis.start()
		}
		issued, err := h.call("POST", "/v1/challenges", nil)
		if err != nil || issued.status != 201 {
			t.Fatalf("%v %s", err, issued.body)
		}
		ask := verification("p0", data)
		ask["challenge"] = issued.Nonce
		var all sync.WaitGroup
		var matched atomic.Int32
		for range 4 {
			all.Go(func() {
				if a, err := h.call("POST", "/v1/verifications", ask); err == nil && a.Assertion != "" {
					matched.Add(1)
				}
			})
		}
		all.Wait()
		if matched.Load() > 1 {
			t.Errorf("round %d: a challenge was taken %d times", round, matched.Load())
		}
		total += int(matched.Load())
		if round < 6 {
			calm += int(matched.Load())
		}
	}
	if calm != 6 || total < 10 {
		t.Errorf("%d of 6 were taken before the outage, %d of 24 in all", calm, total)
	}
	eventually(t, "the outage is stated", func() bool { return strings.Contains(strings.Join(h.service.Degraded(), " "), "replay-memory") })
	redis.start()
	eventually(t, "it ends", func() bool { return !strings.Contains(strings.Join(h.service.Degraded(), " "), "replay-memory") })
}
