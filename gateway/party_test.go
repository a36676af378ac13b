package gateway_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"biogate/gateway"
	"biogate/gateway/challenge"
	"biogate/gateway/decision"
	"biogate/matcher"
)

const bank = "https://bank.example"

// registering adds a relying party to a house; its policy is the house's but for what change does.
func registering(change func(*gateway.Party)) func(*gateway.Deps) {
	return func(d *gateway.Deps) {
		p := gateway.Party{Audience: bank, Policy: d.Policy}
		if change(&p); d.Parties == nil {
			d.Parties = map[string]gateway.Party{}
		}
		d.Parties[p.Audience] = p
	}
}

// asked is what becomes of a verification for the bank.
func (h *house) asked(ctx context.Context, nonce string, captures ...matcher.Sample) (gateway.Outcome, error) {
	return h.Verify(ctx, gateway.VerifyRequest{Subject: "a", Audience: bank, Nonce: nonce, Captures: captures})
}

func TestUnregisteredAudiencesAreRefusedInProduction(t *testing.T) {
	h := newHouse(t, registering(func(*gateway.Party) {}), func(d *gateway.Deps) { d.OnlyParties = true })
	h.enroll(t, "a", face("alice"))
	if out, err := h.asked(t.Context(), "", face("alice")); err != nil || out.Decision != decision.Match {
		t.Fatalf("%+v %v", out, err)
	}
	for _, audience := range []string{"https://rp.example", bank + "/", "HTTPS://bank.example", "https://bank.example "} {
		_, err := h.Verify(t.Context(), gateway.VerifyRequest{Subject: "a", Audience: audience, Captures: []matcher.Sample{face("alice")}})
		wantCode(t, err, "audience-unknown", gateway.Forbidden)
		_, err = h.Identify(t.Context(), gateway.IdentifyRequest{Gallery: "g", Audience: audience, Captures: []matcher.Sample{face("alice")}})
		wantCode(t, err, "audience-unknown", gateway.Forbidden)
	}
}

// An audience that nobody registered cannot take the name of a sector, and with it the subjects of those who are in it.
func TestSectorsAreNoAudiences(t *testing.T) {
	h := newHouse(t, registering(func(p *gateway.Party) { p.Sector = "bank-group" }))
	h.enroll(t, "a", face("alice"))
	_, err := h.Verify(t.Context(), gateway.VerifyRequest{Subject: "a", Audience: "bank-group", Captures: []matcher.Sample{face("alice")}})
	wantCode(t, err, "audience-unknown", gateway.Forbidden)
}

func TestDevicesAskForTheirAudiencesAlone(t *testing.T) {
	h := newHouse(t)
	h.enroll(t, "a", face("alice"))
	ctx := gateway.WithCaller(t.Context(), gateway.Caller{Device: "gate-1", Audiences: []string{"https://airline.example"}})
	_, err := h.asked(ctx, "", face("alice"))
	wantCode(t, err, "audience-forbidden", gateway.Forbidden)
}

func TestCapturesOfOtherModalitiesDoNotCount(t *testing.T) {
	h := newHouse(t, registering(func(p *gateway.Party) { p.Policy.Modalities = []matcher.Modality{matcher.Face} }))
	h.enroll(t, "a", face("alice"), finger("alice", "right-index"))
	h.enroll(t, "b", face("bob"))
	out, err := h.asked(t.Context(), "", finger("alice", "right-index"))
	if err != nil || out.Decision != decision.Inconclusive || !slices.Contains(out.Reasons, "modality-not-accepted:finger") || out.Assertion != "" {
		t.Errorf("a finger where faces are accepted: %+v %v", out, err)
	}
	if out, err = h.asked(t.Context(), "", face("mallory"), finger("alice", "right-index")); err != nil || out.Decision == decision.Match {
		t.Errorf("a stranger's face with the right finger: %+v %v", out, err)
	}
	if out, err = h.asked(t.Context(), "", face("alice"), finger("alice", "right-index")); err != nil || out.Decision != decision.Match || len(out.Scores) != 1 {
		t.Errorf("the right face: %+v %v", out, err)
	}
	newGallery(t, h, "g", "a", "b")
	found, err := h.Identify(t.Context(), gateway.IdentifyRequest{Gallery: "g", Audience: bank, Captures: []matcher.Sample{finger("alice", "right-index")}})
	if err != nil || found.Decision != decision.Inconclusive || len(found.Candidates) != 0 || !slices.Contains(found.Reasons, "modality-not-accepted:finger") {
		t.Errorf("a search with a finger: %+v %v", found, err)
	}
}

func newGallery(t *testing.T, h *house, name string, members ...string) {
	t.Helper()
	if _, _, err := h.PutGallery(t.Context(), gateway.Gallery{Name: name}); err != nil {
		t.Fatal(err)
	}
	var list []gateway.Membership
	for _, m := range members {
		list = append(list, gateway.Membership{Subject: m})
	}
	if _, err := h.AddMembers(t.Context(), name, list); err != nil {
		t.Fatal(err)
	}
}

// secondLevel is a party that takes nothing but the second level: a face that was judged, with a nonce of ours.
func secondLevel(p *gateway.Party) {
	p.Policy.RequireLevel = 2
	p.Policy.Level2 = &decision.Level{MaxFMR: 1e-6, Modalities: 1, Cleared: true, Fresh: true}
}

func TestAMatchBelowTheRequiredLevelAsksForMore(t *testing.T) {
	h := newHouse(t, registering(secondLevel))
	h.enroll(t, "a", face("alice"), finger("alice", "right-index"))
	out, err := h.asked(t.Context(), "of the bank's own", face("alice"))
	if err != nil || out.Decision != decision.Inconclusive || out.Assertion != "" || !slices.Contains(out.Reasons, "step-up-required:fresh") {
		t.Fatalf("without a nonce of ours: %+v %v", out, err)
	}
	if len(h.issuer.facts) != 0 {
		t.Fatal("it was signed")
	}
	newGallery(t, h, "g", "a")
	found, err := h.Identify(t.Context(), gateway.IdentifyRequest{Gallery: "g", Audience: bank, Captures: []matcher.Sample{face("alice")}})
	if err != nil || found.Decision != decision.Inconclusive || found.Assertion != "" || len(found.Candidates) != 0 || !slices.Contains(found.Reasons, "step-up-required:fresh") {
		t.Fatalf("a search without a nonce: %+v %v", found, err)
	}
	if len(h.issuer.facts) != 0 {
		t.Fatal("it was signed")
	}
	out = h.answering(t, face("alice"))
	if out.Decision != decision.Match || h.issuer.facts[0].Level != 2 {
		t.Errorf("with a nonce: %+v, %+v", out, h.issuer.facts)
	}
}

// A stranger at the second level is a stranger: what is missing is not told of a no-match.
func TestStrangersAreNotAskedForMore(t *testing.T) {
	h := newHouse(t, registering(secondLevel))
	h.enroll(t, "a", face("alice"))
	out, err := h.asked(t.Context(), "", face("mallory"))
	if err != nil || out.Decision != decision.NoMatch || len(out.Reasons) != 0 {
		t.Errorf("%+v %v", out, err)
	}
}

func TestAMatchSaysItsLevel(t *testing.T) {
	h := newHouse(t, registering(func(p *gateway.Party) { secondLevel(p); p.Policy.RequireLevel = 1 }))
	h.enroll(t, "a", face("alice"))
	if out, err := h.asked(t.Context(), "", face("alice")); err != nil || out.Decision != decision.Match {
		t.Fatalf("%+v %v", out, err)
	}
	h.answering(t, face("alice"))
	if f := h.issuer.facts; len(f) != 2 || f[0].Level != 1 || f[1].Level != 2 {
		t.Errorf("%+v", f)
	}
}

// answering verifies for the bank with a fresh nonce of the gateway.
func (h *house) answering(t *testing.T, captures ...matcher.Sample) gateway.Outcome {
	t.Helper()
	issued, err := h.Challenge(t.Context(), gateway.ChallengeRequest{Kind: challenge.KindNonce})
	if err != nil {
		t.Fatal(err)
	}
	out, err := h.asked(t.Context(), issued.Nonce, captures...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A step-up that falls short is a failed attempt: whoever reaches the first level must not try for the second without end.
func TestFallingShortIsNoSuccess(t *testing.T) {
	h := newHouse(t, registering(secondLevel))
	counter := &countingAttempts{}
	h.deps.Attempts = counter
	h.restart(t)
	h.enroll(t, "a", face("alice"))
	if _, err := h.asked(t.Context(), "", face("alice")); err != nil {
		t.Fatal(err)
	}
	if counter.succeeded != 0 || counter.withdrawn != 0 {
		t.Errorf("%+v", counter)
	}
	if h.answering(t, face("alice")); counter.succeeded != 1 {
		t.Errorf("%+v", counter)
	}
}

func TestKeyBindingIsRequired(t *testing.T) {
	for binding, proven := range map[gateway.Binding]gateway.ProvenKeys{
		gateway.BindDPoP: {DPoP: "thumbprint"}, gateway.BindMTLS: {Certificate: "sum"},
	} {
		h := newHouse(t, registering(func(p *gateway.Party) { p.Binding = binding }))
		h.enroll(t, "a", face("alice"))
		for _, wrong := range []gateway.ProvenKeys{{}, {DPoP: proven.Certificate, Certificate: proven.DPoP}} {
			_, err := h.asked(gateway.WithCaller(t.Context(), gateway.Caller{Device: "k", Proven: wrong}), "", face("alice"))
			wantCode(t, err, "key-binding-required", gateway.Forbidden)
		}
		out, err := h.asked(gateway.WithCaller(t.Context(), gateway.Caller{Device: "k", Proven: proven}), "", face("alice"))
		if err != nil || out.Decision != decision.Match || h.issuer.facts[0].Caller.Proven != proven {
			t.Errorf("%s: %+v %v", binding, out, err)
		}
	}
}

// countingAttempts lets everybody try.
type countingAttempts struct{ succeeded, withdrawn int }

func (*countingAttempts) Begin(context.Context, string) (time.Duration, error) { return 0, nil }
func (c *countingAttempts) Succeed(context.Context, ...string) error           { c.succeeded++; return nil }

func (c *countingAttempts) Withdraw(context.Context, string) error { c.withdrawn++; return nil }
