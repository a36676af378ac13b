package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"biogate/gateway"
	"biogate/gateway/challenge"
	"biogate/gateway/decision"
	"biogate/matcher"
)

// judgingEngine reads samples "who#how": how is none (no detection), weak (too weak to decide on), weakly-suspect, attack, or
// what makes the capture unreliable. It judges sequences as its judge says.
type judgingEngine struct {
	toyEngine
	judge   func(frames []matcher.Frame, c *matcher.Challenge) matcher.PAD
	skipped *[]bool
}

func (e judgingEngine) Extract(ctx context.Context, s matcher.Sample, tr matcher.Trace) (matcher.Extraction, error) {
	*e.skipped = append(*e.skipped, s.SkipPAD)
	who, how, _ := strings.Cut(string(s.Data), "#")
	s.Data = []byte(who)
	x, err := e.toyEngine.Extract(ctx, s, tr)
	if err != nil {
		return x, err
	}
	x.Seen = how
	switch how {
	case "":
	case "none":
		x.PAD = nil
	case "weak":
		x.PAD = &matcher.PAD{Score: 0.9, Advisory: true}
	case "weakly-suspect":
		x.PAD = &matcher.PAD{Score: 0.1, Suspect: true, Advisory: true}
	case "attack":
		x.PAD = &matcher.PAD{Score: 0.4, Advisory: true, Evidence: []matcher.PADEvidence{{Name: "spectrum", Suspect: true, Reason: "halftone"}}}
	default:
		x.Quality = matcher.Quality{Score: 20, Reasons: []string{how}, Unreliable: true, Hint: "Please try again."}
	}
	return x, nil
}

func (e judgingEngine) JudgeSequence(_ context.Context, frames []matcher.Frame, c *matcher.Challenge) (matcher.PAD, error) {
	return e.judge(frames, c), nil
}

// newJudgingHouse has alice and bob enrolled, in the gallery g too.
func newJudgingHouse(t *testing.T, policy decision.Policy, judge func([]matcher.Frame, *matcher.Challenge) matcher.PAD) (*house, *[]bool) {
	t.Helper()
	skipped := &[]bool{}
	h := newHouse(t, func(d *gateway.Deps) {
		d.Engines[0] = judgingEngine{d.Engines[0].(toyEngine), judge, skipped}
		policy.MaxFMR, policy.IdentifyFPIR, policy.MaxCandidates = d.Policy.MaxFMR, d.Policy.IdentifyFPIR, d.Policy.MaxCandidates
		d.Parties = map[string]gateway.Party{"https://rp.example": {Audience: "https://rp.example", Policy: policy}}
	})
	if _, _, err := h.PutGallery(context.Background(), gateway.Gallery{Name: "g"}); err != nil {
		t.Fatal(err)
	}
	for _, who := range []string{"alice", "bob"} {
		h.enroll(t, who, face(who), finger(who, "right-thumb"))
		if _, err := h.AddMembers(context.Background(), "g", []gateway.Membership{{Subject: who}}); err != nil {
			t.Fatal(err)
		}
	}
	*skipped = nil
	return h, skipped
}

// both asks for alice by verification and by identification, which must come to the same.
func (h *house) both(t *testing.T, nonce func() string, captures ...matcher.Sample) gateway.Outcome {
	t.Helper()
	h.issuer.facts = nil
	one, err := h.Verify(context.Background(), gateway.VerifyRequest{Subject: "alice", Audience: "https://rp.example", Nonce: nonce(), Captures: captures})
	if err != nil {
		t.Fatal(err)
	}
	many := h.identify(t, gateway.IdentifyRequest{Nonce: nonce(), Captures: captures})
	slices.Sort(one.Reasons)
	slices.Sort(many.Reasons)
	if many.Decision != one.Decision || !slices.Equal(many.Reasons, one.Reasons) || (many.Decision == decision.Match) != (len(many.Candidates) == 1) {
		t.Errorf("verified %s %v, identified %s %v with %d candidates", one.Decision, one.Reasons, many.Decision, many.Reasons, len(many.Candidates))
	}
	if (one.Decision == decision.Match) != (len(h.issuer.facts) == 2) {
		t.Errorf("%s, and %d assertions", one.Decision, len(h.issuer.facts))
	}
	return one
}

func noNonce() string { return "" }

func TestPADPolicies(t *testing.T) {
	const notExcluded, suspected = "presentation-attack-not-excluded:face", "presentation-attack-suspected"
	thumb := finger("alice#", "right-thumb")
	thumb.Data = []byte("alice")
	for _, c := range []struct {
		policy   decision.PAD
		captures []matcher.Sample
		want     decision.Verdict
		reasons  []string
		reported bool
	}{
		{"", []matcher.Sample{face("alice#weak")}, decision.Match, nil, true},
		{decision.PADAdvise, []matcher.Sample{face("alice")}, decision.Match, nil, true},
		{decision.PADAdvise, []matcher.Sample{face("alice#none")}, decision.Match, nil, false},
		{decision.PADAdvise, []matcher.Sample{face("alice#weakly-suspect")}, decision.Match, nil, true},
		{decision.PADAdvise, []matcher.Sample{face("mask of alice")}, decision.Inconclusive, []string{suspected}, true},
		{decision.PADAdvise, []matcher.Sample{face("alice#attack")}, decision.Inconclusive, []string{suspected}, true},
		{decision.PADOff, []matcher.Sample{face("mask of alice")}, decision.Match, nil, false},
		{decision.PADOff, []matcher.Sample{face("eve")}, decision.NoMatch, nil, false},
		{decision.PADRequire, []matcher.Sample{face("alice")}, decision.Match, nil, true},
		{decision.PADRequire, []matcher.Sample{face("eve")}, decision.NoMatch, nil, true},
		{decision.PADRequire, []matcher.Sample{face("alice#weak")}, decision.Inconclusive, []string{notExcluded}, true},
		{decision.PADRequire, []matcher.Sample{face("eve#weak")}, decision.Inconclusive, []string{notExcluded}, true},
		{decision.PADRequire, []matcher.Sample{face("alice#none")}, decision.Inconclusive, []string{notExcluded}, false},
		{decision.PADRequire, []matcher.Sample{face("alice#weakly-suspect")}, decision.Inconclusive, []string{notExcluded}, true},
		{decision.PADRequire, []matcher.Sample{face("alice#attack")}, decision.Inconclusive, []string{notExcluded, suspected}, true},
		{decision.PADRequire, []matcher.Sample{face("eve"), face("alice#weak")}, decision.NoMatch, []string{notExcluded}, true},
		{decision.PADRequire, []matcher.Sample{face("alice#weak"), thumb}, decision.Match, []string{notExcluded}, true}, // the toy judges fingers
	} {
		t.Run(fmt.Sprintf("%s %s", c.policy, c.captures[0].Data), func(t *testing.T) {
			h, skipped := newJudgingHouse(t, decision.Policy{PAD: c.policy}, nil)
			out := h.both(t, noNonce, c.captures...)
			if out.Decision != c.want || !slices.Equal(out.Reasons, c.reasons) {
				t.Errorf("%s %v", out.Decision, out.Reasons)
			}
			if (out.Captures[0].PAD != nil) != c.reported {
				t.Errorf("reported %+v", out.Captures[0].PAD)
			}
			if slices.Contains(*skipped, c.policy != decision.PADOff) {
				t.Errorf("skipped %v", *skipped)
			}
			for _, f := range h.issuer.facts {
				if c.policy == decision.PADRequire && slices.ContainsFunc(f.Modalities, func(m gateway.ModalityFacts) bool { return m.PAD == nil || m.PAD.Advisory }) {
					t.Errorf("asserted %+v", f.Modalities)
				}
			}
		})
	}
}

// video makes faces 100 ms apart.
func video(texts ...string) (out []matcher.Sample) {
	for i, text := range texts {
		s := face(text)
		s.Taken = time.Duration(i) * 100 * time.Millisecond
		out = append(out, s)
	}
	return out
}

func TestSequencesAreJudgedAsAWhole(t *testing.T) {
	var judged [][]matcher.Frame
	verdict := matcher.PAD{Score: 0.8, Evidence: []matcher.PADEvidence{{Name: "parallax", Score: 0.8}}}
	h, _ := newJudgingHouse(t, decision.Policy{PAD: decision.PADRequire}, func(frames []matcher.Frame, c *matcher.Challenge) matcher.PAD {
		if c != nil {
			t.Error("a challenge that nobody issued")
		}
		judged = append(judged, frames)
		return verdict
	})
	out := h.both(t, noNonce, append(video("alice#weak", "!blank", "alice#none", "alice"), finger("alice", "right-thumb"))...)
	if out.Decision != decision.Match || len(judged) != 2 || !reflect.DeepEqual(judged[0], judged[1]) {
		t.Fatalf("%+v, judged %v", out, judged)
	}
	var seen []string
	for _, f := range judged[0] {
		seen = append(seen, fmt.Sprintf("%s at %s: %s", f.Template.Payload, f.Taken, f.Seen))
	}
	if want := []string{"alice at 0s: weak", "alice at 200ms: none", "alice at 300ms: "}; !slices.Equal(seen, want) {
		t.Errorf("judged %q, want %q", seen, want)
	}
	if p := out.Captures[0].PAD; p == nil || p != out.Captures[2].PAD || p != out.Captures[3].PAD || out.Captures[1].PAD != nil || p.Evidence[0].Name != "parallax" {
		t.Errorf("captures %+v", out.Captures)
	}
	if pad := h.issuer.facts[0].Modalities[0].PAD; pad == nil || len(pad.Evidence) != 1 {
		t.Errorf("asserted %+v", pad)
	}

	verdict.Suspect = true
	if out := h.both(t, noNonce, video("alice", "alice")...); out.Decision != decision.Inconclusive || !slices.Contains(out.Reasons, "presentation-attack-suspected") {
		t.Errorf("%+v", out)
	}
	h.deps.Policy.PAD = decision.PADAdvise
	_, err := h.Enroll(context.Background(), gateway.EnrollRequest{Subject: "eve", Captures: video("eve", "eve")})
	wantCode(t, err, "presentation-attack-suspected", gateway.Unusable)
}

// TestLivenessCannotBeLent: a sequence of a living person with a picture of another in it is suspicious, whatever the engine says.
func TestLivenessCannotBeLent(t *testing.T) {
	h, _ := newJudgingHouse(t, decision.Policy{PAD: decision.PADRequire}, func([]matcher.Frame, *matcher.Challenge) matcher.PAD {
		return matcher.PAD{Score: 1}
	})
	for _, frames := range [][]string{
		{"eve", "eve", "alice"}, {"alice", "eve"}, {"alice", "alice", "eve", "eve", "alice"}, {"eve", "eve", "eve", "eve", "eve", "eve", "alice", "alice", "alice", "alice"},
	} {
		out := h.both(t, noNonce, video(frames...)...)
		if out.Decision != decision.Inconclusive || !slices.Contains(out.Reasons, "presentation-attack-suspected") {
			t.Errorf("%v: %s %v", frames, out.Decision, out.Reasons)
		}
		if e := out.Captures[0].PAD.Evidence; len(e) != 1 || e[0].Name != "one-person" || !e[0].Suspect || e[0].Advisory {
			t.Errorf("%v: %+v", frames, e)
		}
	}
	if out := h.both(t, noNonce, video("alice", "alice", "alice")...); out.Decision != decision.Match {
		t.Errorf("%+v", out)
	}
}

func TestTimesThatAreNoSequence(t *testing.T) {
	h, _ := newJudgingHouse(t, decision.Policy{}, nil)
	late, early, timed := face("alice"), face("alice"), finger("alice", "right-thumb")
	late.Taken, early.Taken, timed.Taken = gateway.MaxSequence+1, -1, 1
	second := video("alice", "alice")[1]
	for _, captures := range [][]matcher.Sample{
		{face("alice"), late},
		{early},
		{timed},
		{second, second},
		{second, face("alice")},
		append(video("alice", "alice"), face("alice")),
		{second},
		video("alice", "alice", "alice")[1:], append([]matcher.Sample{finger("alice", "right-thumb")}, video("alice", "alice", "alice")[1:]...),
	} {
		_, err := h.Verify(context.Background(), gateway.VerifyRequest{Subject: "alice", Audience: "a", Captures: captures})
		wantCode(t, err, "sequence-invalid", gateway.Malformed)
	}
}

func TestChallenges(t *testing.T) {
	follows := true
	named := "challenge-colour"
	h, _ := newJudgingHouse(t, decision.Policy{PAD: decision.PADOff}, func(frames []matcher.Frame, c *matcher.Challenge) matcher.PAD {
		out := matcher.PAD{Score: 1}
		if c != nil {
			out.Evidence = []matcher.PADEvidence{{Name: named, Suspect: !follows, Advisory: true}}
		}
		return out
	})
	issue := func(kind string) challenge.Issued {
		t.Helper()
		issued, err := h.Challenge(context.Background(), gateway.ChallengeRequest{Kind: kind})
		if err != nil {
			t.Fatal(err)
		}
		return issued
	}
	// colour issues a challenge and lets the time pass that following it takes.
	colour := func() string {
		nonce := issue("colour").Nonce
		h.now.Add(int64(5 * time.Second))
		return nonce
	}
	if out := h.both(t, colour, video("alice", "alice")...); out.Decision != decision.Match || h.issuer.facts[0].Nonce == "" {
		t.Errorf("followed: %+v", out)
	}
	for name, captures := range map[string][]matcher.Sample{
		"one picture": {face("alice")}, "untimed": {face("alice"), face("alice")}, "one that is usable": video("alice", "!blank"), "a finger": {finger("alice", "right-thumb")},
	} {
		out := h.both(t, colour, captures...)
		if out.Decision != decision.Inconclusive || !slices.Contains(out.Reasons, "challenge-not-judged:face") {
			t.Errorf("%s: %+v", name, out)
		}
	}
	inconclusive := func(reason string, nonce func() string) {
		t.Helper()
		if out := h.both(t, nonce, video("alice", "alice")...); out.Decision != decision.Inconclusive || !slices.Contains(out.Reasons, reason) {
			t.Errorf("%+v, want %s", out, reason)
		}
	}
	inconclusive("challenge-not-followed:face", func() string { return issue("colour").Nonce }) // it cannot have been taken since
	follows = false
	inconclusive("challenge-not-followed:face", colour)
	follows, named = true, "challenge-head-turn"
	inconclusive("challenge-not-judged:face", colour)
	named = "challenge-colour"

	ask := func(nonce, subject string) error {
		_, err := h.Verify(context.Background(), gateway.VerifyRequest{Subject: subject, Audience: "https://rp.example", Nonce: nonce, Captures: video("alice", "alice")})
		return err
	}
	for _, kind := range []string{"nonce", "colour"} {
		used, late, failed := issue(kind).Nonce, issue(kind).Nonce, issue(kind).Nonce
		if err := ask(used, "alice"); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		wantCode(t, ask(used, "alice"), "nonce-spent", gateway.Conflict)
		wantCode(t, ask(failed, "nobody"), "subject-unknown", gateway.NotFound)
		wantCode(t, ask(failed, "alice"), "nonce-spent", gateway.Conflict)
		h.now.Add(int64(challenge.Lifetime))
		wantCode(t, ask(late, "alice"), "nonce-spent", gateway.Conflict)
	}
	fresh := issue("nonce").Nonce
	wantCode(t, ask(fresh[:len(fresh)-1]+"-", "alice"), "nonce-spent", gateway.Conflict)
	if err := ask("a nonce of the relying party", "alice"); err != nil {
		t.Error(err)
	}
	old := issue("nonce").Nonce
	h.restart(t)
	wantCode(t, ask(old, "alice"), "nonce-spent", gateway.Conflict)
	_, err := h.Challenge(context.Background(), gateway.ChallengeRequest{Kind: "dance"})
	wantCode(t, err, "challenge-unknown", gateway.Malformed)
}

func TestAnAudienceCanDemandAChallenge(t *testing.T) {
	h, _ := newJudgingHouse(t, decision.Policy{PAD: decision.PADRequire, Challenge: "colour"}, func(_ []matcher.Frame, c *matcher.Challenge) matcher.PAD {
		return matcher.PAD{Score: 1, Evidence: []matcher.PADEvidence{{Name: c.EvidenceName(), Score: 1}}}
	})
	issue := func(kind string) string {
		issued, err := h.Challenge(context.Background(), gateway.ChallengeRequest{Kind: kind})
		if err != nil {
			t.Fatal(err)
		}
		h.now.Add(int64(10 * time.Second))
		return issued.Nonce
	}
	for _, nonce := range []string{"", "of the relying party", issue("nonce"), issue("head-turn")} {
		_, err := h.Verify(context.Background(), gateway.VerifyRequest{Subject: "alice", Audience: "https://rp.example", Nonce: nonce, Captures: video("alice", "alice")})
		wantCode(t, err, "challenge-required", gateway.Malformed)
	}
	if out := h.both(t, func() string { return issue("colour") }, video("alice", "alice")...); out.Decision != decision.Match {
		t.Errorf("%+v", out)
	}
	if _, err := h.Verify(context.Background(), gateway.VerifyRequest{Subject: "alice", Audience: "https://other.example", Captures: video("alice")}); err != nil {
		t.Errorf("an audience that demands none: %v", err)
	}
}

// TestTimeInQueuesIsNoTimeOfCapture: captures were taken before they arrived.
func TestTimeInQueuesIsNoTimeOfCapture(t *testing.T) {
	var h *house
	h, _ = newJudgingHouse(t, decision.Policy{}, func(_ []matcher.Frame, c *matcher.Challenge) matcher.PAD {
		h.now.Add(int64(5 * time.Second)) // the judge is slow
		return matcher.PAD{Score: 1, Evidence: []matcher.PADEvidence{{Name: c.EvidenceName(), Score: 1}}}
	})
	ctx := context.Background()
	for _, c := range []struct {
		arrived, called time.Duration // after the nonce was issued; arrived 0: when called
		want            decision.Verdict
	}{
		{0, 99 * time.Millisecond, decision.Inconclusive},
		{0, 100 * time.Millisecond, decision.Match},
		{99 * time.Millisecond, 3 * time.Second, decision.Inconclusive},
		{100 * time.Millisecond, 3 * time.Second, decision.Match},
	} {
		ask := func() (nonce string, arrived time.Time) {
			issued, err := h.Challenge(ctx, gateway.ChallengeRequest{Kind: "colour"})
			if err != nil {
				t.Fatal(err)
			}
			if c.arrived > 0 {
				arrived = h.deps.Now().Add(c.arrived)
			}
			h.now.Add(int64(c.called))
			return issued.Nonce, arrived
		}
		v := gateway.VerifyRequest{Subject: "alice", Audience: "https://rp.example", Captures: video("alice", "alice")}
		v.Nonce, v.Arrived = ask()
		if out, err := h.Verify(ctx, v); err != nil || out.Decision != c.want {
			t.Errorf("%+v: verified %s %v %v", c, out.Decision, out.Reasons, err)
		}
		i := gateway.IdentifyRequest{Gallery: "g", Audience: "https://rp.example", Captures: video("alice", "alice")}
		i.Nonce, i.Arrived = ask()
		if out, err := h.Identify(ctx, i); err != nil || out.Decision != c.want {
			t.Errorf("%+v: identified %s %v %v", c, out.Decision, out.Reasons, err)
		}
	}
}

// TestNoncesOutliveWhatIsNoCapture: else whoever sends a few bytes at a time could shut challenges off for everybody.
func TestNoncesOutliveWhatIsNoCapture(t *testing.T) {
	const room = 3
	h := newHouse(t, func(d *gateway.Deps) {
		d.Nonces = challenge.NewSpent(room, d.Now)
		strict := d.Policy
		strict.PAD, strict.Challenge = decision.PADRequire, "colour"
		d.Parties = map[string]gateway.Party{"strict": {Audience: "strict", Policy: strict}}
	})
	h.enroll(t, "alice", face("alice"))
	ctx := context.Background()
	if _, _, err := h.PutGallery(ctx, gateway.Gallery{Name: "g"}); err != nil {
		t.Fatal(err)
	}
	issue := func() string {
		issued, err := h.Challenge(ctx, gateway.ChallengeRequest{Kind: "nonce"})
		if err != nil {
			t.Fatal(err)
		}
		return issued.Nonce
	}
	ask := func(audience, nonce string, captures ...matcher.Sample) (verified, identified error) {
		_, verified = h.Verify(ctx, gateway.VerifyRequest{Subject: "alice", Audience: audience, Nonce: nonce, Captures: captures})
		_, identified = h.Identify(ctx, gateway.IdentifyRequest{Gallery: "g", Audience: audience, Nonce: nonce, Captures: captures})
		return verified, identified
	}
	for _, c := range []struct {
		audience, code string
		kind           gateway.Kind
		captures       []matcher.Sample
	}{
		{"rp", "captures-missing", gateway.Malformed, nil},
		{"rp", "capture-undecodable", gateway.Malformed, []matcher.Sample{face("")}},
		{"rp", "capture-undecodable", gateway.Malformed, []matcher.Sample{face("alice"), face("")}},
		{"rp", "sequence-invalid", gateway.Malformed, video("alice", "alice")[1:]},
		{"rp", "engine-unavailable", gateway.NotBuilt, []matcher.Sample{{Modality: "iris", Data: []byte("alice")}}},
		{"rp", "", 0, []matcher.Sample{face("!blank"), finger("!blank", "")}},
		{"strict", "challenge-required", gateway.Malformed, []matcher.Sample{face("alice")}},
	} {
		nonce := issue()
		for range 2 * room {
			one, many := ask(c.audience, nonce, c.captures...)
			if one, many := gateway.AsError(one), gateway.AsError(many); c.code != "" && (one.Code != c.code || many.Code != c.code || one.Kind != c.kind) {
				t.Fatalf("verified %v, identified %v, want %s", one, many, c.code)
			}
			if c.code == "" && (one != nil || many != nil) {
				t.Fatalf("unusable captures: %v, %v", one, many)
			}
		}
	}
	spent := issue()
	for i, nonce := range []string{spent, issue(), issue()} { // all the room
		if _, err := h.Verify(ctx, gateway.VerifyRequest{Subject: "alice", Audience: "rp", Nonce: nonce, Captures: []matcher.Sample{face("mallory")}}); err != nil {
			t.Fatalf("%d: %v", i, err)
		}
	}
	one, many := ask("rp", issue(), face("alice"))
	wantCode(t, one, "nonces-unavailable", gateway.Unavailable)
	wantCode(t, many, "nonces-unavailable", gateway.Unavailable)
	one, many = ask("rp", spent) // which is said before captures are looked at
	wantCode(t, one, "nonce-spent", gateway.Conflict)
	wantCode(t, many, "nonce-spent", gateway.Conflict)
	if _, many := ask("rp", issue()); gateway.AsError(many).Code != "captures-missing" {
		t.Errorf("no capture, when memory is full: %v", many)
	}
	h.now.Add(int64(challenge.Lifetime))
	if one, _ := ask("rp", issue(), face("alice")); one != nil {
		t.Errorf("after the lifetime of what was used: %v", one)
	}
}

// silentNonces does not answer.
type silentNonces struct{}

func (silentNonces) Spend(context.Context, string, time.Time) (bool, error) {
	return true, errors.New("no answer in time")
}

func (silentNonces) Used(context.Context, string) (bool, error) {
	return false, errors.New("no answer in time")
}

func TestNothingIsDecidedWhileNoncesAreUnknown(t *testing.T) {
	h := newHouse(t, func(d *gateway.Deps) { d.Nonces = silentNonces{} })
	h.enroll(t, "alice", face("alice"))
	issued, err := h.Challenge(context.Background(), gateway.ChallengeRequest{Kind: "nonce"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = h.Verify(context.Background(), gateway.VerifyRequest{Subject: "alice", Audience: "rp", Nonce: issued.Nonce, Captures: []matcher.Sample{face("alice")}})
	wantCode(t, err, "nonces-unavailable", gateway.Unavailable)
	h.verify(t, "alice", face("alice"))
}

// gatheringNonces has all callers see a nonce unused before any of them uses it.
type gatheringNonces struct {
	gateway.Nonces
	gathered sync.WaitGroup
}

func (n *gatheringNonces) Used(ctx context.Context, nonce string) (bool, error) {
	used, err := n.Nonces.Used(ctx, nonce)
	n.gathered.Done()
	n.gathered.Wait()
	return used, err
}

// TestOneOfManyRequestsUsesANonce: the others get no further than to its captures.
func TestOneOfManyRequestsUsesANonce(t *testing.T) {
	const n = 16
	nonces, registry := &gatheringNonces{}, &countingRegistry{}
	h := newHouse(t, func(d *gateway.Deps) {
		nonces.Nonces = challenge.NewSpent(n, d.Now)
		registry.toyRegistry = d.Registry.(*toyRegistry)
		d.Nonces, d.Registry, d.Workers = nonces, registry, n
	})
	h.enroll(t, "alice", face("alice"))
	issued, err := h.Challenge(context.Background(), gateway.ChallengeRequest{Kind: "nonce"})
	if err != nil {
		t.Fatal(err)
	}
	registry.reads.Store(0)
	nonces.gathered.Add(n)
	var all sync.WaitGroup
	var matched atomic.Int32
	for range n {
		all.Go(func() {
			out, err := h.Verify(context.Background(), gateway.VerifyRequest{Subject: "alice", Audience: "rp", Nonce: issued.Nonce, Captures: []matcher.Sample{face("alice")}})
			switch {
			case err == nil && out.Decision == decision.Match:
				matched.Add(1)
			case err == nil || gateway.AsError(err).Code != "nonce-spent" || len(out.Captures) > 0:
				t.Errorf("%+v %v", out, err)
			}
		})
	}
	all.Wait()
	if matched.Load() != 1 || registry.reads.Load() != 1 {
		t.Errorf("%d of %d requests matched, after %d readings of the record", matched.Load(), n, registry.reads.Load())
	}
}

// TestWithoutAJudgeThereIsNoChallenge: what nobody can judge is not issued.
func TestWithoutAJudgeThereIsNoChallenge(t *testing.T) {
	h := newHouse(t)
	for _, kind := range []string{"colour", "head-turn"} {
		_, err := h.Challenge(context.Background(), gateway.ChallengeRequest{Kind: kind})
		wantCode(t, err, "engine-unavailable", gateway.NotBuilt)
	}
	if _, err := h.Challenge(context.Background(), gateway.ChallengeRequest{Kind: "nonce"}); err != nil {
		t.Error(err)
	}
}

// TestAFailureThatSaysLittleIsInconclusive: a mask can make a person look like another one; a match stands.
func TestAFailureThatSaysLittleIsInconclusive(t *testing.T) {
	h, _ := newJudgingHouse(t, decision.Policy{}, nil)
	for _, c := range []struct {
		captures []matcher.Sample
		want     decision.Verdict
		reasons  []string
	}{
		{[]matcher.Sample{face("eve#mask")}, decision.Inconclusive, []string{"mask:face"}},
		{[]matcher.Sample{face("eve#mask"), face("eve#eyes-closed")}, decision.Inconclusive, []string{"eyes-closed:face", "mask:face"}},
		{[]matcher.Sample{face("eve#mask"), face("eve")}, decision.NoMatch, nil},
		{[]matcher.Sample{face("alice#mask")}, decision.Match, nil},
		{[]matcher.Sample{face("eve#mask"), face("!blank")}, decision.Inconclusive, []string{"blank:face", "mask:face"}},
		{[]matcher.Sample{face("eve#mask"), finger("kim", "right-thumb")}, decision.NoMatch, []string{"not-supported:finger"}},
		{[]matcher.Sample{face("eve#mask"), finger("eve", "left-thumb")}, decision.Inconclusive, []string{"mask:face", "no-reference:finger"}},
	} {
		out, err := h.Verify(context.Background(), gateway.VerifyRequest{Subject: "alice", Audience: "https://rp.example", Captures: c.captures})
		slices.Sort(out.Reasons)
		if err != nil || out.Decision != c.want || !slices.Equal(out.Reasons, c.reasons) {
			t.Errorf("%s: %s %v %v", c.captures[0].Data, out.Decision, out.Reasons, err)
		}
		if found := h.identify(t, gateway.IdentifyRequest{Captures: c.captures}); found.Decision != c.want {
			t.Errorf("%s: identified %s %v", c.captures[0].Data, found.Decision, found.Reasons)
		}
	}
	out, _ := h.Verify(context.Background(), gateway.VerifyRequest{Subject: "alice", Audience: "https://rp.example", Captures: []matcher.Sample{face("eve#mask")}})
	if q := out.Captures[0].Quality; q.Hint == "" {
		t.Errorf("no hint: %+v", q)
	}
}
