package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"biogate/gateway"
	"biogate/gateway/decision"
	"biogate/gateway/porttest"
	"biogate/matcher"
)

// house is a service over toys.
type house struct {
	*gateway.Service
	registry  *toyRegistry
	galleries *toyGalleries
	issuer    *toyIssuer
	deps      gateway.Deps
	now       atomic.Int64
}

func newHouse(t *testing.T, change ...func(*gateway.Deps)) *house {
	t.Helper()
	h := &house{registry: newToyRegistry(), galleries: newToyGalleries(), issuer: &toyIssuer{}}
	h.now.Store(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).UnixNano())
	h.deps = gateway.Deps{
		Engines:      []matcher.Engine{toyEngine{matcher.Face, "toy-face-1"}, toyEngine{matcher.Finger, "toy-finger-1"}},
		Calibrations: map[string]gateway.Calibration{"toy-face-1": toyCalibration{}, "toy-finger-1": toyCalibration{}},
		Registry:     h.registry, Lister: h.registry, Galleries: h.galleries, Issuer: h.issuer, Observer: nobody{},
		Now:     func() time.Time { return time.Unix(0, h.now.Load()) },
		Policy:  decision.Policy{MaxFMR: 1e-4, IdentifyFPIR: 1e-3, MaxCandidates: 5},
		Workers: 4,
	}
	for _, f := range change {
		f(&h.deps)
	}
	h.restart(t)
	return h
}

func (h *house) restart(t *testing.T) {
	t.Helper()
	s, err := gateway.New(context.Background(), h.deps)
	if err != nil {
		t.Fatal(err)
	}
	h.Service = s
}

func face(who string) matcher.Sample {
	return matcher.Sample{Modality: matcher.Face, Data: []byte(who)}
}

func finger(who string, p matcher.Position) matcher.Sample {
	return matcher.Sample{Modality: matcher.Finger, Position: p, Data: []byte(who)}
}

func (h *house) enroll(t *testing.T, subject string, captures ...matcher.Sample) {
	t.Helper()
	if _, err := h.Enroll(context.Background(), gateway.EnrollRequest{Subject: subject, Captures: captures}); err != nil {
		t.Fatalf("enrol %s: %v", subject, err)
	}
}

func (h *house) verify(t *testing.T, subject string, captures ...matcher.Sample) gateway.Outcome {
	t.Helper()
	out, err := h.Verify(context.Background(), gateway.VerifyRequest{Subject: subject, Audience: "https://rp.example", Captures: captures})
	if err != nil {
		t.Fatalf("verify %s: %v", subject, err)
	}
	if (out.Decision == decision.Match) != (out.Assertion != "") {
		t.Fatalf("decision %s with assertion %q", out.Decision, out.Assertion)
	}
	return out
}

func wantCode(t *testing.T, err error, code string, kind gateway.Kind) {
	t.Helper()
	e := gateway.AsError(err)
	if err == nil || e.Code != code || e.Kind != kind {
		t.Fatalf("got %v (kind %d), want %s (kind %d)", err, e.Kind, code, kind)
	}
}

func TestVerify(t *testing.T) {
	h := newHouse(t)
	h.enroll(t, "a", face("alice"), finger("alice", "right-index"))
	h.enroll(t, "b", face("bob"))
	for _, c := range []struct {
		name     string
		subject  string
		captures []matcher.Sample
		want     decision.Verdict
		reason   string
	}{
		{"the enrolled person", "a", []matcher.Sample{face("alice")}, decision.Match, ""},
		{"both modalities", "a", []matcher.Sample{face("alice"), finger("alice", "right-index")}, decision.Match, ""},
		{"finger of unstated position", "a", []matcher.Sample{finger("alice", "")}, decision.Match, ""},
		{"a stranger", "a", []matcher.Sample{face("mallory")}, decision.NoMatch, ""},
		{"another enrolled person", "a", []matcher.Sample{face("bob")}, decision.NoMatch, ""},
		{"own face, a stranger's finger", "a", []matcher.Sample{face("alice"), finger("mallory", "right-index")}, decision.Match, ""},
		{"a modality that is not enrolled", "b", []matcher.Sample{finger("bob", "")}, decision.Inconclusive, "no-reference:finger"},
		{"a position that is not enrolled", "a", []matcher.Sample{finger("alice", "left-thumb")}, decision.Inconclusive, "no-reference:finger"},
		{"too poor a capture", "a", []matcher.Sample{face("!blurred")}, decision.Inconclusive, "blurred:face"},
		{"one poor capture beside a good one", "a", []matcher.Sample{face("!blurred"), finger("alice", "right-index")}, decision.Match, "blurred:face"},
		{"a mask", "a", []matcher.Sample{face("mask of alice")}, decision.Inconclusive, "presentation-attack-suspected"},
	} {
		out := h.verify(t, c.subject, c.captures...)
		if c.name == "own face, a stranger's finger" {
			// Independent evidence: a finger that speaks against weighs as much as its likelihood ratio says.
			if single := h.verify(t, "a", face("alice")); out.FMR <= single.FMR {
				t.Errorf("%s: rate %v, without the finger %v", c.name, out.FMR, single.FMR)
			}
			continue
		}
		if out.Decision != c.want || (c.reason != "" && !slices.Contains(out.Reasons, c.reason)) {
			t.Errorf("%s: %s %v, want %s %s", c.name, out.Decision, out.Reasons, c.want, c.reason)
		}
	}
}

func TestBothModalitiesAreStrongerThanOne(t *testing.T) {
	h := newHouse(t)
	h.enroll(t, "a", face("alice"), finger("alice", "right-index"))
	one, both := h.verify(t, "a", face("alice")), h.verify(t, "a", face("alice"), finger("alice", "right-index"))
	if both.FMR > one.FMR {
		t.Errorf("face alone %v, face and finger %v", one.FMR, both.FMR)
	}
	facts := h.issuer.facts[len(h.issuer.facts)-1]
	if len(facts.Modalities) != 2 || facts.Mode != "verify" || facts.Subject != "a" || facts.FMR != both.FMR {
		t.Errorf("facts %+v", facts)
	}
}

func TestErrors(t *testing.T) {
	h := newHouse(t)
	h.enroll(t, "a", face("alice"))
	ctx := context.Background()
	verify := func(subject, audience string, captures ...matcher.Sample) error {
		_, err := h.Verify(ctx, gateway.VerifyRequest{Subject: subject, Audience: audience, Captures: captures})
		return err
	}
	wantCode(t, verify("nobody", "rp", face("alice")), "subject-unknown", gateway.NotFound)
	wantCode(t, verify("a b", "rp", face("alice")), "subject-invalid", gateway.Malformed)
	wantCode(t, verify("*", "rp", face("alice")), "subject-invalid", gateway.Malformed)
	wantCode(t, verify("a", "", face("alice")), "audience-invalid", gateway.Malformed)
	wantCode(t, verify("a", "rp"), "captures-missing", gateway.Malformed)
	wantCode(t, verify("a", "rp", face("")), "capture-undecodable", gateway.Malformed)
	wantCode(t, verify("a", "rp", slices.Repeat([]matcher.Sample{face("alice")}, 17)...), "captures-too-many", gateway.Malformed)
	wantCode(t, verify("a", "rp", matcher.Sample{Modality: "iris", Data: []byte("x")}), "engine-unavailable", gateway.NotBuilt)
	if err := verify("a", "rp", face("alice"), face("")); !strings.Contains(err.Error(), "capture 2 of 2") {
		t.Errorf("the error does not say which capture: %v", err)
	}
	h.registry.fail = errors.New("disk on fire")
	wantCode(t, verify("a", "rp", face("alice")), "record-unavailable", gateway.Unavailable)
	h.registry.fail = nil
	h.issuer.fail = true
	wantCode(t, verify("a", "rp", face("alice")), "signer-unavailable", gateway.Unavailable)
}

func TestEnrolmentIsAllOrNothing(t *testing.T) {
	h := newHouse(t)
	_, err := h.Enroll(context.Background(), gateway.EnrollRequest{Subject: "a", Captures: []matcher.Sample{face("alice"), face("!blank")}})
	wantCode(t, err, "capture-unusable", gateway.Unusable)
	_, err = h.Enroll(context.Background(), gateway.EnrollRequest{Subject: "a", Captures: []matcher.Sample{face("mask of alice")}})
	wantCode(t, err, "presentation-attack-suspected", gateway.Unusable)
	if len(h.registry.held) != 0 {
		t.Error("a refused enrolment left something behind")
	}
	h.enroll(t, "a", slices.Repeat([]matcher.Sample{face("alice")}, 16)...)
	h.enroll(t, "a", slices.Repeat([]matcher.Sample{face("alice")}, 16)...)
	h.enroll(t, "a", slices.Repeat([]matcher.Sample{face("alice")}, 16)...)
	h.enroll(t, "a", slices.Repeat([]matcher.Sample{face("alice")}, 15)...)
	_, err = h.Enroll(context.Background(), gateway.EnrollRequest{Subject: "a", Captures: []matcher.Sample{face("alice"), face("alice")}})
	wantCode(t, err, "templates-too-many", gateway.Conflict)
	if n := len(h.registry.held["a"].Templates); n != 63 {
		t.Errorf("%d templates", n)
	}
}

// labels are all positions that a sender can claim.
func labels(who string) (out []matcher.Sample) {
	for code := byte(1); code <= 10; code++ {
		p, _ := matcher.PositionOf(code)
		out = append(out, finger(who, p))
	}
	return out
}

func TestOneFingerUnderManyLabelsIsOnePieceOfEvidence(t *testing.T) {
	for name, references := range map[string][]matcher.Sample{
		"reference of unknown position": {finger("alice", "")},
		"reference under every label":   labels("alice"),
	} {
		h := newHouse(t)
		h.enroll(t, "a", references...)
		for i := range 200 {
			stranger := fmt.Sprint("stranger ", i)
			out := h.verify(t, "a", labels(stranger)...)
			single := h.verify(t, "a", finger(stranger, ""))
			if len(out.Scores) != 1 || out.FMR < 0.9*single.FMR {
				t.Fatalf("%s, %s: rate %v under one label, %v under ten, %d scores", name, stranger, single.FMR, out.FMR, len(out.Scores))
			}
		}
	}
}

func TestDifferentFingersAgainstAReferenceOfUnknownPosition(t *testing.T) {
	h := newHouse(t)
	h.enroll(t, "a", finger("alice", ""))
	var strangers []matcher.Sample
	for i, s := range labels("") {
		s.Data = fmt.Append(nil, "stranger ", i)
		strangers = append(strangers, s)
	}
	out := h.verify(t, "a", strangers...)
	if len(out.Scores) != 1 || out.Scores[0].Comparisons != 10 {
		t.Errorf("ten strangers' fingers count as %d pieces of evidence: %+v", len(out.Scores), out.Scores)
	}
}

func TestNoOrderOfCapturesMakesTwoOfOneFinger(t *testing.T) {
	h := newHouse(t)
	h.enroll(t, "a", finger("alice", "left-index"), finger("alice", "right-index"))
	list := []matcher.Sample{finger("junk", "right-index"), finger("alice", "left-index"), finger("alice", "")}
	for _, order := range [][3]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		out := h.verify(t, "a", list[order[0]], list[order[1]], list[order[2]])
		if len(out.Scores) != 1 {
			t.Errorf("order %v: %d pieces of evidence", order, len(out.Scores))
		}
	}
}

func TestDifferentFingersAreIndependentEvidence(t *testing.T) {
	h := newHouse(t)
	h.enroll(t, "a", finger("alice's index", "right-index"), finger("alice's thumb", "right-thumb"))
	out := h.verify(t, "a", finger("alice's index", "right-index"), finger("alice's thumb", "right-thumb"))
	if len(out.Scores) != 2 || out.Decision != decision.Match {
		t.Errorf("%+v", out)
	}
}

func TestAFactorThatWasOnlyShownIsNotAsserted(t *testing.T) {
	h := newHouse(t)
	h.enroll(t, "a", face("alice"), finger("alice", "right-index"))
	for i := range 20 {
		out := h.verify(t, "a", face("alice"), finger(fmt.Sprint("stranger ", i), "right-index"))
		if out.Decision != decision.Match || out.Scores[1].FMR <= decision.SupportFMR {
			continue
		}
		facts := h.issuer.facts[len(h.issuer.facts)-1]
		if len(facts.Modalities) != 1 || facts.Modalities[0].Modality != matcher.Face || !slices.Contains(out.Reasons, "not-supported:finger") {
			t.Fatalf("asserted %+v, reasons %v", facts.Modalities, out.Reasons)
		}
		return
	}
	t.Fatal("no such case came")
}

func TestManyReferencesAreChargedFor(t *testing.T) {
	h := newHouse(t)
	h.enroll(t, "a", face("x"), face("y"), face("z"))
	out := h.verify(t, "a", face("stranger"))
	if out.Scores[0].Comparisons != 3 {
		t.Fatalf("%+v", out.Scores[0])
	}
	single, _ := toyCalibration{}.FMR(out.Scores[0].Score)
	if out.FMR < 2.5*single && out.FMR < 0.9 {
		t.Errorf("best of three at rate %v, one comparison %v", out.FMR, single)
	}
}

func TestTemplatesOfAnotherModelAreNotComparable(t *testing.T) {
	h := newHouse(t)
	h.enroll(t, "a", face("alice"))
	h.deps.Engines[0] = toyEngine{matcher.Face, "toy-face-2"}
	h.deps.Calibrations["toy-face-2"] = toyCalibration{}
	h.restart(t)
	out := h.verify(t, "a", face("alice"))
	if out.Decision != decision.Inconclusive || !slices.Contains(out.Reasons, "model-mismatch:face") {
		t.Errorf("%s %v", out.Decision, out.Reasons)
	}
}

func TestDamagedReferenceIsNoVerdict(t *testing.T) {
	h := newHouse(t)
	h.enroll(t, "a", face("alice"))
	h.registry.held["a"].Templates[0].Data[12] ^= 1
	_, err := h.Verify(context.Background(), gateway.VerifyRequest{Subject: "a", Audience: "rp", Captures: []matcher.Sample{face("alice")}})
	wantCode(t, err, "reference-damaged", gateway.Internal)
}

func TestAnEnrolmentWithoutAnAnswerIsLookedUpAgain(t *testing.T) {
	h := newHouse(t, func(d *gateway.Deps) { d.Deduplicate = true })
	h.registry.lose = true // the change is made, and its answer lost
	_, err := h.Enroll(context.Background(), gateway.EnrollRequest{Subject: "a", Captures: []matcher.Sample{face("alice")}})
	wantCode(t, err, "record-unavailable", gateway.Unavailable)
	h.registry.lose = false
	_, err = h.Enroll(context.Background(), gateway.EnrollRequest{Subject: "b", Captures: []matcher.Sample{face("alice")}})
	wantCode(t, err, "duplicate-subject", gateway.Conflict)
}

func TestModelsNeedCalibration(t *testing.T) {
	h := newHouse(t)
	delete(h.deps.Calibrations, "toy-face-1")
	if _, err := gateway.New(context.Background(), h.deps); err == nil || !strings.Contains(err.Error(), "toy-face-1") {
		t.Errorf("started without a calibration: %v", err)
	}
}

func TestIdentify(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	subjects := []string{}
	for i := range 30 {
		subject := fmt.Sprintf("s%d", i)
		h.enroll(t, subject, face(subject))
		subjects = append(subjects, subject)
	}
	if _, created, err := h.PutGallery(ctx, gateway.Gallery{Name: "vn1", ExpiresAt: h.deps.Now().Add(time.Hour)}); err != nil || !created {
		t.Fatal(created, err)
	}
	results, err := h.AddMembers(ctx, "vn1", porttest.Members(append(subjects, "nobody")...))
	if err != nil || results[30].Err == nil || results[30].Err.Code != "subject-unknown" || results[3].Err != nil {
		t.Fatalf("%+v %v", results, err)
	}
	identify := func(who string) gateway.IdentifyOutcome {
		t.Helper()
		out, err := h.Identify(ctx, gateway.IdentifyRequest{Gallery: "vn1", Audience: "rp", Captures: []matcher.Sample{face(who)}})
		if err != nil {
			t.Fatal(err)
		}
		if (out.Decision == decision.Match) != (out.Assertion != "") || (out.Decision == decision.Match) != (len(out.Candidates) > 0) {
			t.Fatalf("%s with %d candidates and assertion %q", out.Decision, len(out.Candidates), out.Assertion)
		}
		return out
	}
	if out := identify("s7"); out.Decision != decision.Match || out.Candidates[0].Subject != "s7" {
		t.Fatalf("%+v", out)
	}
	if facts := h.issuer.facts[0]; facts.Mode != "identify" || facts.Gallery != "vn1" || facts.Subject != "s7" {
		t.Errorf("facts %+v", facts)
	}
	if out := identify("stranger"); out.Decision != decision.NoMatch {
		t.Errorf("a stranger: %s", out.Decision)
	}
	if out := identify("!no-face"); out.Decision != decision.Inconclusive || !slices.Contains(out.Reasons, "no-face:face") {
		t.Errorf("%s %v", out.Decision, out.Reasons)
	}

	h.restart(t) // galleries survive
	if out := identify("s7"); out.Decision != decision.Match {
		t.Errorf("after a restart: %s", out.Decision)
	}
	if _, err := h.Forget(ctx, "s7"); err != nil {
		t.Fatal(err)
	}
	if out := identify("s7"); out.Decision != decision.NoMatch {
		t.Errorf("forgotten, and yet %s", out.Decision)
	}
	if err := h.RemoveMember(ctx, "vn1", "s8"); err != nil {
		t.Fatal(err)
	}
	if out := identify("s8"); out.Decision != decision.NoMatch {
		t.Errorf("no member any more, and yet %s", out.Decision)
	}
	h.enroll(t, "s9", face("s9 with a beard")) // galleries follow new templates
	if out := identify("s9 with a beard"); out.Decision != decision.Match || out.Candidates[0].Subject != "s9" {
		t.Errorf("%+v", out)
	}

	h.now.Add(int64(time.Hour))
	_, err = h.Identify(ctx, gateway.IdentifyRequest{Gallery: "vn1", Audience: "rp", Captures: []matcher.Sample{face("s1")}})
	wantCode(t, err, "gallery-unknown", gateway.NotFound)
	if _, created, err := h.PutGallery(ctx, gateway.Gallery{Name: "vn1"}); err != nil || !created {
		t.Fatal(created, err)
	}
	if out := identify("s1"); out.Decision != decision.Inconclusive {
		t.Errorf("an expired gallery gave its members to its successor: %s", out.Decision)
	}
}

func TestOneDamagedMemberDoesNotHideTheOthers(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	h.enroll(t, "a", face("alice"), face("alice too"))
	h.enroll(t, "b", face("bob"))
	if _, _, err := h.PutGallery(ctx, gateway.Gallery{Name: "g"}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.AddMembers(ctx, "g", porttest.Members("a", "b")); err != nil {
		t.Fatal(err)
	}
	h.registry.held["a"].Templates[0].Data[12] ^= 1
	out, err := h.Identify(ctx, gateway.IdentifyRequest{Gallery: "g", Audience: "rp", Captures: []matcher.Sample{face("alice too")}})
	if err != nil || out.Decision != decision.Match || out.Candidates[0].Subject != "a" {
		t.Errorf("by the template that can be read: %+v %v", out, err)
	}
	h.registry.held["a"].Templates[1].Data[12] ^= 1
	out, err = h.Identify(ctx, gateway.IdentifyRequest{Gallery: "g", Audience: "rp", Captures: []matcher.Sample{face("bob")}})
	if err != nil || out.Decision != decision.Match || out.Candidates[0].Subject != "b" || !slices.Contains(out.Reasons, "reference-damaged") {
		t.Errorf("%+v %v", out, err)
	}
}

func TestMembershipsEndWithTheirSubject(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	h.enroll(t, "a", face("alice"))
	if _, _, err := h.PutGallery(ctx, gateway.Gallery{Name: "g"}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.AddMembers(ctx, "g", porttest.Members("a")); err != nil {
		t.Fatal(err)
	}
	h.galleries.fail = errors.New("the store is gone")
	if _, err := h.Forget(ctx, "a"); err != nil { // the references are gone, the membership stayed
		t.Fatal(err)
	}
	h.galleries.fail = nil
	h.restart(t) // finds the membership of nobody
	h.enroll(t, "a", face("another person"))
	h.restart(t)
	out, err := h.Identify(ctx, gateway.IdentifyRequest{Gallery: "g", Audience: "rp", Captures: []matcher.Sample{face("another person")}})
	if err != nil || out.Decision == decision.Match {
		t.Errorf("a new subject inherited the membership of a forgotten one: %s %v", out.Decision, err)
	}
}

func TestAddingMembersIsAllOrNothing(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	h.enroll(t, "a", face("alice"))
	h.enroll(t, "b", face("bob"))
	if _, _, err := h.PutGallery(ctx, gateway.Gallery{Name: "g"}); err != nil {
		t.Fatal(err)
	}
	h.galleries.fail = errors.New("the store is gone")
	if _, err := h.AddMembers(ctx, "g", porttest.Members("a", "b")); err == nil {
		t.Fatal("added without a store")
	}
	h.galleries.fail = nil
	info, err := h.Gallery(ctx, "g")
	if err != nil || info.Members != 0 || info.Searchable[matcher.Face] != 0 {
		t.Errorf("%+v %v", info, err)
	}
}

func TestOneDamagedMemberDoesNotKeepAGatewayFromStarting(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	h.enroll(t, "a", face("alice"))
	if _, _, err := h.PutGallery(ctx, gateway.Gallery{Name: "g"}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.AddMembers(ctx, "g", porttest.Members("a")); err != nil {
		t.Fatal(err)
	}
	h.registry.fail = &gateway.Error{Kind: gateway.Internal, Code: "references-damaged", Detail: "checksum"}
	h.restart(t)
	h.registry.fail = errors.New("the record is gone")
	if _, err := gateway.New(ctx, h.deps); err == nil {
		t.Error("started without the record, and with galleries that would find nobody")
	}
}

func TestLargerGalleriesDemandMore(t *testing.T) {
	// 4.6 is FMR 2e-6: enough among 400, not among 1,000.
	h := newHouse(t)
	p := h.deps.Policy
	if p.CandidateFMR(400) < 2e-6 || p.CandidateFMR(1000) > 2e-6 {
		t.Errorf("%v %v", p.CandidateFMR(400), p.CandidateFMR(1000))
	}
}

func TestDeduplication(t *testing.T) {
	h := newHouse(t, func(d *gateway.Deps) { d.Deduplicate = true })
	h.enroll(t, "a", face("alice"))
	h.enroll(t, "a", face("alice")) // the same subject again is no duplicate
	_, err := h.Enroll(context.Background(), gateway.EnrollRequest{Subject: "a2", Captures: []matcher.Sample{face("alice")}})
	wantCode(t, err, "duplicate-subject", gateway.Conflict)
	h.restart(t)
	_, err = h.Enroll(context.Background(), gateway.EnrollRequest{Subject: "a2", Captures: []matcher.Sample{face("alice")}})
	wantCode(t, err, "duplicate-subject", gateway.Conflict)
	h.enroll(t, "c", finger("carol", "right-index"))
	_, err = h.Enroll(context.Background(), gateway.EnrollRequest{Subject: "c2", Captures: []matcher.Sample{finger("carol", "left-thumb")}})
	wantCode(t, err, "duplicate-subject", gateway.Conflict) // a label hides nobody
	var wg sync.WaitGroup
	var enrolled atomic.Int32
	for i := range 8 {
		wg.Go(func() {
			_, err := h.Enroll(context.Background(), gateway.EnrollRequest{Subject: fmt.Sprint("b", i), Captures: []matcher.Sample{face("bob")}})
			if err == nil {
				enrolled.Add(1)
			}
		})
	}
	wg.Wait()
	if enrolled.Load() != 1 {
		t.Errorf("the same person was enrolled under %d ids at once", enrolled.Load())
	}
}

func TestForgetWaitsForDecisionsInFlight(t *testing.T) {
	h := newHouse(t)
	h.enroll(t, "a", face("alice"))
	h.issuer.pause = make(chan struct{})
	matched, forgotten := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(matched)
		_, _ = h.Verify(context.Background(), gateway.VerifyRequest{Subject: "a", Audience: "rp", Captures: []matcher.Sample{face("alice")}})
	}()
	<-h.issuer.pause // compared, about to sign
	go func() {
		defer close(forgotten)
		_, _ = h.Forget(context.Background(), "a")
	}()
	select {
	case <-forgotten:
		t.Fatal("Forget returned while a match of the subject was being signed")
	case <-time.After(50 * time.Millisecond):
	}
	h.issuer.pause <- struct{}{}
	<-matched
	<-forgotten
}

func TestNothingMatchesAfterForget(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	if _, _, err := h.PutGallery(ctx, gateway.Gallery{Name: "g"}); err != nil {
		t.Fatal(err)
	}
	for round := range 50 {
		subject := fmt.Sprint("a", round)
		h.enroll(t, subject, face("alice"))
		if _, err := h.AddMembers(ctx, "g", porttest.Members(subject)); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() { // enrolments and additions that race with the deletion
				_, _ = h.AddMembers(ctx, "g", porttest.Members(subject))
			})
		}
		if _, err := h.Forget(ctx, subject); err != nil {
			t.Fatal(err)
		}
		out, err := h.Identify(ctx, gateway.IdentifyRequest{Gallery: "g", Audience: "rp", Captures: []matcher.Sample{face("alice")}})
		if err != nil || out.Decision == decision.Match {
			t.Fatalf("round %d: %s %v", round, out.Decision, err)
		}
		wg.Wait()
		info, err := h.Gallery(ctx, "g")
		if err != nil || info.Searchable[matcher.Face] != 0 {
			t.Fatalf("round %d: %+v %v: a forgotten template stayed in memory", round, info, err)
		}
	}
}
