package redismemory

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"biogate/gateway"
	"biogate/gateway/porttest"
)

var testKey = bytes.Repeat([]byte{7}, 32)

func open(t testing.TB, url, deployment string) *Memory {
	t.Helper()
	m, err := New(Options{URL: url, Deployment: deployment, Key: testKey, Rule: porttest.AttemptsRule, Now: time.Now, IOTimeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

// suite gives every test a deployment of its own on one server.
func suite[T any](t *testing.T, run func(t *testing.T, open func(t testing.TB) T), as func(*Memory) T) {
	server, n := porttest.StartRedis(t), 0
	run(t, func(t testing.TB) T {
		n++
		return as(open(t, server.URL(), fmt.Sprintf("test-%d", n)))
	})
}

func TestNonces(t *testing.T) {
	suite(t, porttest.Nonces, func(m *Memory) gateway.Nonces { return m })
}

func TestAttempts(t *testing.T) {
	suite(t, porttest.Attempts, func(m *Memory) gateway.Attempts { return m })
}

// TestRedisLearnsNothing: no key and no value holds what was asked about, and everything expires.
func TestRedisLearnsNothing(t *testing.T) {
	server := porttest.StartRedis(t)
	m := open(t, server.URL(), "test")
	if _, err := m.Spend(t.Context(), "challenge:secret-nonce", time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Begin(t.Context(), "alice@example"); err != nil {
		t.Fatal(err)
	}
	keys, err := m.client.Keys(t.Context(), "*").Result()
	if err != nil || len(keys) != 2 {
		t.Fatalf("%v %v", keys, err)
	}
	for _, key := range keys {
		left, err := m.client.PTTL(t.Context(), key).Result()
		if err != nil || left <= 0 || left > m.o.Rule.Kept() {
			t.Errorf("%s expires in %s (%v)", key, left, err)
		}
		dump, err := m.client.Dump(t.Context(), key).Result()
		if err != nil || len(dump) > 100 {
			t.Errorf("%d bytes, %v", len(dump), err)
		}
		for _, secret := range []string{"secret", "nonce-", "alice"} {
			if strings.Contains(key+dump, secret) {
				t.Errorf("%q is in Redis", secret)
			}
		}
	}
	if other := open(t, server.URL(), "test"); other.key("nonce", "a") == other.key("attempts", "a") || !strings.HasPrefix(other.key("nonce", "a"), "test:") {
		t.Error("keys of nonces and attempts mix")
	}
}

// TestBeganSaysWhatAServerMayHaveForgotten: a server that was started again, with a snapshot or without, remembers nothing reliably from before.
func TestBeganSaysWhatAServerMayHaveForgotten(t *testing.T) {
	server := porttest.StartRedis(t)
	m := open(t, server.URL(), "test")
	if !m.Began().IsZero() {
		t.Errorf("began %s before the first connection", m.Began())
	}
	use := func() {
		t.Helper()
		if _, err := m.Used(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
	}
	use()
	first := m.Began()
	if age := time.Since(first); age < 0 || age > time.Minute {
		t.Errorf("began %s ago", age)
	}
	server.Kill(t)
	for m.Ping(context.Background()) == nil {
	}
	before := time.Now()
	server.Start(t)
	use()
	if again := m.Began(); again.Before(before) || again.After(time.Now()) {
		t.Errorf("after a restart at %s: began %s", before, again)
	}
}

func TestInfo(t *testing.T) {
	for text, want := range map[string]string{
		"# Server\r\nrun_id:abc\r\nuptime_in_seconds:12\r\n": "abc 12s",
		"run_id:abc\n":                        "",
		"uptime_in_seconds:12\n":              "",
		"run_id:abc\nuptime_in_seconds:-1\n":  "",
		"run_id:abc\nuptime_in_seconds:x\n":   "abc 0s", // just begun is the careful reading
		"run_id:abc\nuptime_in_seconds:\nx:y": "abc 0s",
		"":                                    "",
	} {
		run, up, err := parseInfo(text)
		if got := fmt.Sprint(run, " ", up); err == nil && got != want || (err != nil) != (want == "") {
			t.Errorf("%q: %s, %v", text, got, err)
		}
	}
}

// FuzzInfo: whatever a server says of itself, it is a run with a time that is not negative, or an error.
func FuzzInfo(f *testing.F) {
	f.Add("# Server\r\nrun_id:abc\r\nuptime_in_seconds:12\r\n")
	f.Add("run_id:\nuptime_in_seconds:99999999999999999999\nrun_id:b\n")
	f.Fuzz(func(t *testing.T, text string) {
		if run, up, err := parseInfo(text); err == nil && (run == "" || up < 0) || err != nil && run != "" {
			t.Fatalf("%q, %s, %v", run, up, err)
		}
	})
}

func TestOptions(t *testing.T) {
	const secret = "hunter2"
	for _, url := range []string{"http://u:hunter2@h", "redis://u:hunter2@", "redis://u:hunter2@h/x", "redis://u:hunter2@h?x=y", "://hunter2"} {
		_, err := New(Options{URL: url, Deployment: "test", Key: testKey, Now: time.Now})
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", url, err)
		}
	}
	if _, err := New(Options{URL: "redis://h", Deployment: "a:b", Key: testKey}); err == nil {
		t.Error("a deployment with a colon")
	}
	if _, err := New(Options{URL: "redis://h", Deployment: "test", Key: testKey[1:]}); err == nil {
		t.Error("a short key")
	}
}

// TestNothingIsSentTwice: a command that was sent and got no answer is never repeated by the client; its second run would find the nonce used.
func TestNothingIsSentTwice(t *testing.T) {
	m := open(t, "redis://127.0.0.1:1", "test")
	if o := m.client.Options(); o.MaxRetries != 0 || !o.ContextTimeoutEnabled {
		t.Errorf("%d retries", o.MaxRetries)
	}
}
