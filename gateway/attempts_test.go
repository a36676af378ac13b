package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"biogate/gateway"
	"biogate/gateway/decision"
	"biogate/gateway/limits"
	"biogate/matcher"
)

var nist = limits.Rule{Failures: 5, Delay: 30 * time.Second, Longest: time.Hour}

// newCountingHouse counts attempts, and has alice and bob.
func newCountingHouse(t *testing.T, change ...func(*gateway.Deps)) *house {
	t.Helper()
	h := newHouse(t, append([]func(*gateway.Deps){func(d *gateway.Deps) {
		d.Attempts = limits.NewLocal(nist, 1000, d.Now)
	}}, change...)...)
	h.enroll(t, "alice", face("alice"))
	h.enroll(t, "bob", face("bob"))
	return h
}

func (h *house) ask(subject, shows string) (gateway.Outcome, error) {
	return h.Verify(context.Background(), gateway.VerifyRequest{Subject: subject, Audience: "https://rp.example", Captures: []matcher.Sample{face(shows)}})
}

func codeOf(err error) string {
	if err == nil {
		return ""
	}
	return gateway.AsError(err).Code
}

// left is how many attempts at a subject are let through before one has to wait.
func (h *house) left(t *testing.T, subject string) int {
	t.Helper()
	for n := range 20 {
		if _, err := h.ask(subject, "somebody else"); codeOf(err) == "attempts-exceeded" {
			return n
		}
	}
	return 20
}

// TestFiveFailuresThenWait: NIST SP 800-63B, 5.2.3. Who has to wait is not compared, whoever they are.
func TestFiveFailuresThenWait(t *testing.T) {
	h := newCountingHouse(t)
	for i := range 5 {
		if out, err := h.ask("alice", "mallory"); err != nil || out.Decision != decision.NoMatch {
			t.Fatalf("attempt %d: %s, %v", i, out.Decision, err)
		}
	}
	for _, want := range []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute} {
		_, err := h.ask("alice", "alice")
		if e := gateway.AsError(err); e.Code != "attempts-exceeded" || e.Kind != gateway.Limited || e.RetryAfter != want {
			t.Fatalf("refused with %v, retry after %s, want %s", err, e.RetryAfter, want)
		}
		h.now.Add(int64(want) - 1)
		if _, err := h.ask("alice", "alice"); codeOf(err) != "attempts-exceeded" {
			t.Fatalf("a moment too early: %v", err)
		}
		h.now.Add(1)
		if _, err := h.ask("alice", "mallory"); err != nil {
			t.Fatalf("after %s: %v", want, err)
		}
	}
	if out := h.verify(t, "bob", face("bob")); out.Decision != decision.Match {
		t.Errorf("another subject: %s", out.Decision)
	}
	h.now.Add(int64(time.Hour))
	if out := h.verify(t, "alice", face("alice")); out.Decision != decision.Match {
		t.Fatalf("after the wait: %s", out.Decision)
	}
	if n := h.left(t, "alice"); n != 5 {
		t.Errorf("after a match %d attempts are left", n)
	}
}

// TestGuessesAtOnce: of a hundred guesses at once five are compared.
func TestGuessesAtOnce(t *testing.T) {
	h := newCountingHouse(t)
	var mu sync.Mutex
	var all sync.WaitGroup
	told := map[string]int{}
	for i := range 100 {
		all.Go(func() {
			out, err := h.ask("alice", fmt.Sprint("guess ", i))
			mu.Lock()
			defer mu.Unlock()
			told[codeOf(err)+string(out.Decision)]++
		})
	}
	if all.Wait(); told["no-match"] != 5 || told["attempts-exceeded"] != 95 {
		t.Errorf("%v", told)
	}
}

// failingAudit keeps nothing.
type failingAudit struct{}

func (failingAudit) Append(context.Context, gateway.AuditEvent) error {
	return errors.New("the disk is full")
}

// TestWhatCounts: an attempt counts unless it is certain that nothing was compared and nothing was learnt.
func TestWhatCounts(t *testing.T) {
	down := errors.New("no record")
	for name, c := range map[string]struct {
		subject, shows string
		prepare        func(*house)
		repair         func(*house)
		counts         bool
	}{
		"no match":                  {subject: "alice", shows: "mallory", counts: true},
		"attack suspected":          {subject: "alice", shows: "mask of alice", counts: true},
		"unknown subject":           {subject: "nobody", shows: "mallory", counts: true},
		"poor capture":              {subject: "alice", shows: "!blank"},
		"no capture":                {subject: "alice", shows: ""},
		"no reference of this kind": {subject: "fingers", shows: "mallory"},
		"record away": {
			subject: "alice", shows: "mallory",
			prepare: func(h *house) { h.registry.fail = down }, repair: func(h *house) { h.registry.fail = nil },
		},
		"signer away": {
			subject: "alice", shows: "alice",
			prepare: func(h *house) { h.issuer.fail = true }, repair: func(h *house) { h.issuer.fail = false },
		},
		"damaged reference": {subject: "damaged", shows: "mallory", counts: true},
		"error after the comparison": {
			subject: "alice", shows: "mallory", counts: true,
			prepare: func(h *house) { h.deps.Audit = failingAudit{}; h.mustRestart() },
			repair:  func(h *house) { h.deps.Audit = nil; h.mustRestart() },
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newCountingHouse(t)
			h.enroll(t, "fingers", finger("fingers", "right-index"))
			h.enroll(t, "damaged", face("damaged"))
			h.registry.held["damaged"].Templates[0].Data[0] ^= 1
			if c.prepare != nil {
				c.prepare(h)
			}
			for range map[bool]int{true: 4, false: 10}[c.counts] {
				_, _ = h.ask(c.subject, c.shows)
			}
			if c.repair != nil {
				c.repair(h)
			}
			subject := c.subject
			if subject == "fingers" { // of which only fingers are ever compared
				if out := h.verify(t, "fingers", finger("fingers", "right-index")); out.Decision != decision.Match {
					t.Errorf("afterwards: %s", out.Decision)
				}
				return
			}
			want := map[bool]int{true: 1, false: 5}[c.counts]
			if n := h.left(t, subject); n != want {
				t.Errorf("after them %d attempts are left, want %d", n, want)
			}
		})
	}
}

func (h *house) mustRestart() {
	s, err := gateway.New(context.Background(), h.deps)
	if err != nil {
		panic(err)
	}
	h.Service = s
}

// TestPoorCapturesReserveNothing: requests that cannot be compared do not keep a subject's own ones waiting while they are
// worked on.
func TestPoorCapturesReserveNothing(t *testing.T) {
	h := newCountingHouse(t)
	begun := &begunAttempts{Attempts: h.deps.Attempts}
	h.deps.Attempts = begun
	h.restart(t)
	if _, err := h.ask("alice", "!blank"); err != nil || begun.n != 0 {
		t.Errorf("%d attempts were begun, error %v", begun.n, err)
	}
	if h.verify(t, "alice", face("alice")); begun.n != 1 {
		t.Errorf("%d attempts were begun by a capture that can be compared", begun.n)
	}
}

// begunAttempts counts what was begun.
type begunAttempts struct {
	gateway.Attempts
	n int
}

func (a *begunAttempts) Begin(ctx context.Context, subject string) (time.Duration, error) {
	a.n++
	return a.Attempts.Begin(ctx, subject)
}

// brokenAttempts cannot say anything.
type brokenAttempts struct{ gateway.Attempts }

func (brokenAttempts) Begin(context.Context, string) (time.Duration, error) {
	return 0, errors.New("away")
}

// TestNoCountNoComparison: when nobody can say how many attempts failed, nothing is compared.
func TestNoCountNoComparison(t *testing.T) {
	h := newCountingHouse(t)
	h.deps.Attempts = brokenAttempts{}
	h.restart(t)
	if out, err := h.ask("alice", "alice"); codeOf(err) != "attempts-unavailable" || out.Assertion != "" {
		t.Errorf("%+v, %v", out, err)
	}
}

// TestSearchesAmongAFewAreAttempts: a search that can find a few subjects alone is a verification of each, and no way round the limit.
func TestSearchesAmongAFewAreAttempts(t *testing.T) {
	h := newCountingHouse(t)
	ctx := context.Background()
	if _, _, err := h.PutGallery(ctx, gateway.Gallery{Name: "g"}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.AddMembers(ctx, "g", []gateway.Membership{{Subject: "alice"}, {Subject: "bob"}}); err != nil {
		t.Fatal(err)
	}
	ask := func(who string, among ...string) (gateway.IdentifyOutcome, error) {
		return h.Identify(ctx, gateway.IdentifyRequest{Gallery: "g", Audience: "a", Captures: []matcher.Sample{face(who)}, Among: matcher.Filter{Subjects: among}})
	}
	for range 8 { // who is found has not failed, and whoever else was named was not meant
		if out, err := ask("bob", "alice", "bob"); err != nil || out.Decision != decision.Match {
			t.Fatalf("%s, %v", out.Decision, err)
		}
	}
	for i := range 5 {
		if out, err := ask("mallory", "alice"); err != nil || out.Decision != decision.NoMatch {
			t.Fatalf("search %d: %s, %v", i, out.Decision, err)
		}
	}
	if _, err := ask("mallory", "alice", "alice"); codeOf(err) != "attempts-exceeded" {
		t.Errorf("a sixth search among her alone: %v", err)
	}
	if _, err := h.ask("alice", "alice"); codeOf(err) != "attempts-exceeded" {
		t.Errorf("a verification after five searches: %v", err)
	}
	if out, err := ask("mallory"); err != nil || out.Decision != decision.NoMatch {
		t.Errorf("a search of the whole gallery: %s, %v", out.Decision, err)
	}
	if err := h.RemoveMember(ctx, "g", "bob"); err != nil {
		t.Fatal(err)
	}
	if _, err := ask("mallory"); codeOf(err) != "attempts-exceeded" {
		t.Errorf("a search of a gallery of her alone: %v", err)
	}
	if _, err := h.AddMembers(ctx, "g", []gateway.Membership{{Subject: "bob"}}); err != nil {
		t.Fatal(err)
	}
	if out, err := ask("bob", "bob"); err != nil || out.Decision != decision.Match {
		t.Errorf("the other one: %s, %v", out.Decision, err)
	}
	if n := h.left(t, "bob"); n != 5 {
		t.Errorf("the other one has %d attempts left", n)
	}
}
