package gateway_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"biogate/gateway"
	"biogate/gateway/challenge"
	"biogate/gateway/decision"
	"biogate/gateway/guard"
	"biogate/gateway/replay"
	"biogate/matcher"
)

// as is a request of a device.
func as(device string) context.Context {
	return gateway.WithCaller(context.Background(), gateway.Caller{Device: device})
}

// TestAChallengeServesWhomItWasIssuedToForWhatItWasIssued: by another device, or for another audience, subject or gallery, it is spent; and
// such an attempt does not use it up.
func TestAChallengeServesWhomItWasIssuedToForWhatItWasIssued(t *testing.T) {
	h := newHouse(t)
	h.enroll(t, "alice", face("alice"))
	h.enroll(t, "bob", face("bob"))
	verify := func(device, nonce, audience, subject string) error {
		_, err := h.Verify(as(device), gateway.VerifyRequest{Subject: subject, Audience: audience, Nonce: "rp", Challenge: nonce, Captures: []matcher.Sample{face(subject)}})
		return err
	}
	for _, c := range []struct {
		name                      string
		to                        gateway.ChallengeRequest
		device, audience, subject string
	}{
		{"another device", gateway.ChallengeRequest{}, "gate", "rp", "alice"},
		{"no device", gateway.ChallengeRequest{}, "", "rp", "alice"},
		{"another audience", gateway.ChallengeRequest{Audience: "rp"}, "kiosk", "rp2", "alice"},
		{"another subject", gateway.ChallengeRequest{Subject: "alice"}, "kiosk", "rp", "bob"},
		{"a verification in place of a search", gateway.ChallengeRequest{Gallery: "alice"}, "kiosk", "rp", "alice"},
	} {
		c.to.Kind = challenge.KindNonce
		issued, err := h.Challenge(as("kiosk"), c.to)
		if err != nil {
			t.Fatal(err)
		}
		wantCode(t, verify(c.device, issued.Nonce, c.audience, c.subject), "nonce-spent", gateway.Conflict)
		if c.to.Gallery != "" {
			continue
		}
		if err := verify("kiosk", issued.Nonce, "rp", "alice"); err != nil {
			t.Errorf("%s used it up: %v", c.name, err)
		}
		if facts := h.issuer.facts[len(h.issuer.facts)-1]; facts.Nonce != "rp" || facts.Challenge != issued.Nonce {
			t.Errorf("asserted nonce %q, challenge %q", facts.Nonce, facts.Challenge)
		}
		wantCode(t, verify("kiosk", issued.Nonce, "rp", "alice"), "nonce-spent", gateway.Conflict)
	}
	one, _ := h.Challenge(as("kiosk"), gateway.ChallengeRequest{Kind: challenge.KindNonce})
	two, _ := h.Challenge(as("kiosk"), gateway.ChallengeRequest{Kind: challenge.KindNonce})
	_, err := h.Verify(as("kiosk"), gateway.VerifyRequest{Subject: "alice", Audience: "rp", Nonce: two.Nonce, Challenge: one.Nonce, Captures: []matcher.Sample{face("alice")}})
	wantCode(t, err, "nonce-invalid", gateway.Malformed)
	wantCode(t, verify("kiosk", "a nonce of the relying party", "rp", "alice"), "nonce-spent", gateway.Conflict)
	_, err = h.Challenge(as("kiosk"), gateway.ChallengeRequest{Kind: challenge.KindNonce, Subject: "a", Gallery: "b"})
	wantCode(t, err, "parameter-invalid", gateway.Malformed)
}

// TestAFreshAudienceIsToldNothingWithoutAChallenge.
func TestAFreshAudienceIsToldNothingWithoutAChallenge(t *testing.T) {
	h := newHouse(t, func(d *gateway.Deps) {
		p := d.Policy
		p.Fresh = true
		d.Parties = map[string]gateway.Party{"fresh": {Audience: "fresh", Policy: p}}
	})
	h.enroll(t, "alice", face("alice"))
	ask := func(audience, nonce, challenge string) error {
		_, err := h.Verify(as("kiosk"), gateway.VerifyRequest{Subject: "alice", Audience: audience, Nonce: nonce, Challenge: challenge, Captures: []matcher.Sample{face("alice")}})
		return err
	}
	wantCode(t, ask("fresh", "", ""), "challenge-required", gateway.Malformed)
	wantCode(t, ask("fresh", "made up", ""), "challenge-required", gateway.Malformed)
	for _, in := range []string{"nonce", "challenge"} {
		issued, err := h.Challenge(as("kiosk"), gateway.ChallengeRequest{Kind: challenge.KindNonce})
		if err != nil {
			t.Fatal(err)
		}
		if in == "nonce" {
			err = ask("fresh", issued.Nonce, "")
		} else {
			err = ask("fresh", "made up", issued.Nonce)
		}
		if err != nil {
			t.Errorf("answered in %s: %v", in, err)
		}
	}
	if err := ask("another", "", ""); err != nil {
		t.Error(err)
	}
}

// TestNodesShareChallenges: one takes what the other issued, once; while the memory that they share is gone each takes its own alone and says
// so, and what the deployment's key signed before is not taken by anybody.
func TestNodesShareChallenges(t *testing.T) {
	key := make([]byte, 32)
	shared := &goingNonces{Spent: challenge.NewSpent(1000, time.Now)}
	node := func() (*house, *replay.Memory) {
		var m *replay.Memory
		h := newHouse(t, func(d *gateway.Deps) {
			m = replay.New(replay.Options{Remembered: 1000, Window: time.Minute, Narrow: time.Second, Now: d.Now, Shared: shared, Began: func() time.Time { return shared.began }})
			m.Probe(t.Context())
			shared.Spent = challenge.NewSpent(1000, d.Now)
			d.Nonces, d.ChallengeKey = m, key
		})
		h.enroll(t, "alice", face("alice"))
		return h, m
	}
	a, _ := node()
	b, memory := node()
	issue := func(h *house) string {
		issued, err := h.Challenge(as("kiosk"), gateway.ChallengeRequest{Kind: challenge.KindNonce})
		if err != nil {
			t.Fatal(err)
		}
		return issued.Nonce
	}
	ask := func(h *house, nonce string) (gateway.Outcome, error) {
		return h.Verify(as("kiosk"), gateway.VerifyRequest{Subject: "alice", Audience: "rp", Challenge: nonce, Captures: []matcher.Sample{face("alice")}})
	}
	nonce, before := issue(a), issue(a)
	if out, err := ask(b, nonce); err != nil || out.Decision != decision.Match || len(out.Degraded) > 0 {
		t.Fatalf("at the other node: %+v %v", out, err)
	}
	_, err := ask(a, nonce)
	wantCode(t, err, "nonce-spent", gateway.Conflict)
	shared.gone.Store(true)
	a.now.Add(int64(time.Second))
	b.now.Add(int64(time.Second))
	memory.Probe(t.Context())
	_, err = ask(b, before)
	wantCode(t, err, "nonces-unavailable", gateway.Unavailable)
	own := issue(b)
	_, err = ask(a, own)
	wantCode(t, err, "nonce-spent", gateway.Conflict)
	out, err := ask(b, own)
	if err != nil || out.Decision != decision.Match || !slices.Contains(out.Degraded, "replay-memory") || !slices.Contains(b.issuer.facts[len(b.issuer.facts)-1].Degraded, "replay-memory") {
		t.Errorf("at its own node: %+v %v", out, err)
	}
	_, err = ask(b, own)
	wantCode(t, err, "nonce-spent", gateway.Conflict)
	if !slices.Contains(b.Degraded(), "replay-memory") {
		t.Errorf("degraded: %v", b.Degraded())
	}
	shared.gone.Store(false) // it was started again, and has forgotten what was used; a has not noticed that it was away
	now := func() time.Time { return time.Unix(0, a.now.Load()) }
	shared.Spent, shared.began = challenge.NewSpent(1000, now), now()
	_, err = ask(a, before)
	wantCode(t, err, "nonce-spent", gateway.Conflict)
}

// goingNonces is a memory that several nodes share, until it is gone.
type goingNonces struct {
	*challenge.Spent
	gone  atomic.Bool
	began time.Time
}

var errGone = &guard.Refused{System: "memory", Reason: guard.Open}

func (n *goingNonces) Spend(ctx context.Context, nonce string, until time.Time) (bool, error) {
	if n.gone.Load() {
		return false, errGone
	}
	return n.Spent.Spend(ctx, nonce, until)
}

func (n *goingNonces) Used(ctx context.Context, nonce string) (bool, error) {
	if n.gone.Load() {
		return false, errGone
	}
	return n.Spent.Used(ctx, nonce)
}
