package gateway_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"biogate/gateway"
	"biogate/gateway/decision"
	"biogate/matcher"
)

// recorder is an audit that keeps what it is told.
type recorder struct {
	mu     sync.Mutex
	events []gateway.AuditEvent
	fail   error
}

func (r *recorder) Append(_ context.Context, e gateway.AuditEvent) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail != nil {
		return r.fail
	}
	if e.Outcome != "begun" { // every change is announced as well
		r.events = append(r.events, e)
	}
	return nil
}

// actions are "action subject" of every event since the last call.
func (r *recorder) actions() (out []string) {
	for _, e := range r.events {
		out = append(out, strings.TrimSpace(e.Action+" "+e.Subject+e.Gallery))
	}
	r.events = nil
	return out
}

// run has the service look for what has expired once.
func (h *house) runOnce(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { h.Run(ctx); close(ended) }()
	deadline := time.Now().Add(20 * time.Second)
	for h.due() && time.Now().Before(deadline) {
		time.Sleep(5 * time.Millisecond)
	}
	cancel()
	<-ended
}

// due says whether something is held that has expired.
func (h *house) due() bool {
	due := false
	now := h.deps.Now()
	h.registry.mu.Lock()
	for _, refs := range h.registry.held {
		due = due || slices.ContainsFunc(refs.Templates, func(t gateway.StoredTemplate) bool { return !t.ExpiresAt.IsZero() && !now.Before(t.ExpiresAt) })
	}
	h.registry.mu.Unlock()
	h.galleries.mu.Lock()
	defer h.galleries.mu.Unlock()
	for _, g := range h.galleries.byName {
		due = due || !g.ExpiresAt.IsZero() && !now.Before(g.ExpiresAt)
	}
	return due
}

func (h *house) later(d time.Duration) { h.now.Add(int64(d)) }

func (h *house) verifyAs(t *testing.T, subject string, captures ...matcher.Sample) (gateway.Outcome, error) {
	t.Helper()
	return h.Verify(context.Background(), gateway.VerifyRequest{Subject: subject, Audience: "a", Captures: captures})
}

func TestReferencesExpire(t *testing.T) {
	audit := &recorder{}
	h := newHouse(t, func(d *gateway.Deps) { d.Retention, d.Audit = time.Hour, audit })
	ctx := context.Background()
	if _, err := h.Enroll(ctx, gateway.EnrollRequest{Subject: "alice", Captures: []matcher.Sample{face("alice")}, ExpiresAt: h.deps.Now().Add(time.Minute)}); err != nil {
		t.Fatal(err)
	}
	h.enroll(t, "alice", finger("alice", "right-thumb"))
	_, err := h.Enroll(ctx, gateway.EnrollRequest{Subject: "bob", Captures: []matcher.Sample{face("bob")}, ExpiresAt: h.deps.Now().Add(100 * time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	info, err := h.Subject(ctx, "bob")
	if err != nil || !info.Templates[0].ExpiresAt.Equal(h.deps.Now().Add(time.Hour)) {
		t.Errorf("longer than the policy allows: %+v, %v", info, err)
	}
	if _, _, err := h.PutGallery(ctx, gateway.Gallery{Name: "g"}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.AddMembers(ctx, "g", []gateway.Membership{{Subject: "alice"}, {Subject: "bob"}}); err != nil {
		t.Fatal(err)
	}

	h.later(time.Minute) // alice's face expires, and is not yet erased
	if out, err := h.verifyAs(t, "alice", face("alice")); err != nil || out.Decision != decision.Inconclusive || out.Assertion != "" {
		t.Errorf("by an expired face: %+v, %v", out, err)
	}
	if out, err := h.Identify(ctx, gateway.IdentifyRequest{Gallery: "g", Audience: "a", Captures: []matcher.Sample{face("alice")}}); err != nil || out.Decision == decision.Match {
		t.Errorf("found by an expired face: %+v, %v", out, err)
	}
	if out, err := h.verifyAs(t, "alice", finger("alice", "right-thumb")); err != nil || out.Decision != decision.Match {
		t.Errorf("by a finger that has not expired: %+v, %v", out, err)
	}
	h.runOnce(t)
	if got := h.registry.held["alice"].Templates; len(got) != 1 || got[0].Modality != matcher.Finger {
		t.Errorf("held of alice: %+v", got)
	}

	h.later(time.Hour) // everything expires
	for _, who := range []string{"alice", "bob"} {
		if _, err := h.verifyAs(t, who, face(who)); gateway.AsError(err).Code != "subject-unknown" {
			t.Errorf("%s: %v", who, err)
		}
	}
	audit.actions()
	h.runOnce(t)
	if len(h.registry.held) != 0 {
		t.Errorf("still held: %+v", h.registry.held)
	}
	got := audit.actions()
	slices.Sort(got)
	if !slices.Equal(got, []string{"expire alice", "expire bob"}) {
		t.Errorf("on record: %v", got)
	}
	_, err = h.Enroll(ctx, gateway.EnrollRequest{Subject: "carol", Captures: []matcher.Sample{face("carol")}, ExpiresAt: h.deps.Now()})
	if gateway.AsError(err).Code != "expiry-invalid" {
		t.Errorf("an expiry now: %v", err)
	}
}

// TestEnrolmentBeatsExpiry: who is enrolled anew before what expired was erased, stays.
func TestEnrolmentBeatsExpiry(t *testing.T) {
	h := newHouse(t)
	if _, err := h.Enroll(context.Background(), gateway.EnrollRequest{Subject: "alice", Captures: []matcher.Sample{face("old")}, ExpiresAt: h.deps.Now().Add(time.Minute)}); err != nil {
		t.Fatal(err)
	}
	h.later(time.Minute)
	h.enroll(t, "alice", face("alice"))
	if n := len(h.registry.held["alice"].Templates); n != 1 {
		t.Errorf("%d templates are held: an enrolment does not keep what expired", n)
	}
	h.runOnce(t)
	if out, err := h.verifyAs(t, "alice", face("alice")); err != nil || out.Decision != decision.Match {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestGalleryEndsWithItsMembers(t *testing.T) {
	audit := &recorder{}
	h := newHouse(t, func(d *gateway.Deps) { d.Audit = audit })
	ctx := context.Background()
	flight := gateway.Gallery{Name: "vn1", ExpiresAt: h.deps.Now().Add(time.Hour), EraseMembers: true}
	for _, g := range []gateway.Gallery{flight, {Name: "crew"}} {
		if _, _, err := h.PutGallery(ctx, g); err != nil {
			t.Fatal(err)
		}
	}
	for _, who := range []string{"alice", "bob", "carol"} {
		h.enroll(t, who, face(who))
		if _, err := h.AddMembers(ctx, "vn1", []gateway.Membership{{Subject: who}}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := h.AddMembers(ctx, "crew", []gateway.Membership{{Subject: "carol"}}); err != nil {
		t.Fatal(err)
	}
	audit.actions()
	h.later(time.Hour)
	h.runOnce(t)
	if _, ok := h.registry.held["carol"]; !ok || len(h.registry.held) != 1 {
		t.Errorf("held: %v", h.registry.held)
	}
	end, err := h.Ended(ctx, "vn1")
	if err != nil || end.Reason != gateway.EndExpired || end.Members != 3 || end.Erased != 2 || end.Receipt != "receipt of vn1" {
		t.Errorf("%+v, %v", end, err)
	}
	if got := audit.actions(); !slices.Equal(got, []string{"erase alice", "erase bob", "end-gallery vn1"}) {
		t.Errorf("on record: %v", got)
	}
	if _, err := h.Ended(ctx, "crew"); gateway.AsError(err).Code != "receipt-unknown" {
		t.Errorf("the end of one that lives: %v", err)
	}
	end, err = h.DeleteGallery(ctx, "crew")
	if err != nil || end.Reason != gateway.EndDeleted || end.Members != 1 || end.Erased != 0 || end.Receipt == "" {
		t.Errorf("%+v, %v", end, err)
	}
	if _, err := h.verifyAs(t, "carol", face("carol")); err != nil {
		t.Errorf("a member of a gallery that does not erase: %v", err)
	}
}

// TestGalleryEndGoesOn: a deletion that could not erase everybody leaves no gallery that can be searched, and is brought to its
// end later, also by another process.
func TestGalleryEndGoesOn(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	if _, _, err := h.PutGallery(ctx, gateway.Gallery{Name: "vn1", EraseMembers: true}); err != nil {
		t.Fatal(err)
	}
	h.enroll(t, "alice", face("alice"))
	if _, err := h.AddMembers(ctx, "vn1", []gateway.Membership{{Subject: "alice"}}); err != nil {
		t.Fatal(err)
	}
	h.registry.failForget = errors.New("the record is gone")
	if _, err := h.DeleteGallery(ctx, "vn1"); gateway.AsError(err).Kind != gateway.Unavailable {
		t.Errorf("%v", err)
	}
	if _, err := h.Gallery(ctx, "vn1"); gateway.AsError(err).Code != "gallery-unknown" {
		t.Errorf("the gallery is still there: %v", err)
	}
	h.registry.failForget = nil
	h.restart(t)
	h.runOnce(t)
	if end, err := h.Ended(ctx, "vn1"); err != nil || end.Erased != 1 || len(h.registry.held) != 0 {
		t.Errorf("%+v, %v, held %v", end, err, h.registry.held)
	}
}

func TestGalleryEndsWithoutASigner(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	if _, _, err := h.PutGallery(ctx, gateway.Gallery{Name: "g"}); err != nil {
		t.Fatal(err)
	}
	h.issuer.fail = true
	end, err := h.DeleteGallery(ctx, "g")
	if err != nil || end.Receipt != "" || !slices.Contains(end.Degraded, "signer") {
		t.Errorf("%+v, %v", end, err)
	}
}

// What is not on record is not done: while the audit trail cannot be written, no gallery ends, not even for those who search it.
func TestNoGalleryEndsOffTheRecord(t *testing.T) {
	audit := &recorder{}
	h := newHouse(t, func(d *gateway.Deps) { d.Audit = audit })
	ctx := context.Background()
	if _, _, err := h.PutGallery(ctx, gateway.Gallery{Name: "vn1", EraseMembers: true}); err != nil {
		t.Fatal(err)
	}
	audit.fail = errors.New("disk full")
	if _, err := h.DeleteGallery(ctx, "vn1"); gateway.AsError(err).Code != "audit-unavailable" {
		t.Errorf("%v", err)
	}
	if _, err := h.Gallery(ctx, "vn1"); err != nil {
		t.Errorf("the gallery is gone, and that is nowhere on record: %v", err)
	}
}

// The receipt of an end that was interrupted counts everybody who went with the gallery, and says that somebody deleted it.
func TestReceiptOfAnInterruptedEnd(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	if _, _, err := h.PutGallery(ctx, gateway.Gallery{Name: "vn1", EraseMembers: true}); err != nil {
		t.Fatal(err)
	}
	for _, who := range []string{"alice", "bob", "carol"} {
		h.enroll(t, who, face(who))
		if _, err := h.AddMembers(ctx, "vn1", []gateway.Membership{{Subject: who}}); err != nil {
			t.Fatal(err)
		}
	}
	h.registry.failForgetOf = "bob" // alice is gone by then
	if _, err := h.DeleteGallery(ctx, "vn1"); err == nil || len(h.registry.held) != 2 {
		t.Fatalf("%v, held %d", err, len(h.registry.held))
	}
	h.registry.failForgetOf = ""
	h.runOnce(t)
	if end, err := h.Ended(ctx, "vn1"); err != nil || end.Members != 3 || end.Erased != 3 || end.Reason != gateway.EndDeleted {
		t.Errorf("%+v, %v", end, err)
	}
}

// A night's expiries do not keep galleries waiting for their end.
func TestExpiriesHoldNobodyUp(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	if _, err := h.Enroll(ctx, gateway.EnrollRequest{Subject: "alice", Captures: []matcher.Sample{face("alice")}, ExpiresAt: h.deps.Now().Add(time.Minute)}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.PutGallery(ctx, gateway.Gallery{Name: "vn1", ExpiresAt: h.deps.Now().Add(time.Minute)}); err != nil {
		t.Fatal(err)
	}
	h.later(time.Minute)
	release := h.registry.Hold("alice") // expiring her takes as long as this
	running, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() { h.Run(running); close(ended) }()
	deadline := time.Now().Add(20 * time.Second)
	for time.Now().Before(deadline) {
		if _, err := h.Ended(ctx, "vn1"); err == nil {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	if _, err := h.Ended(ctx, "vn1"); err != nil {
		t.Errorf("the gallery waits for the expiries: %v", err)
	}
	release()
	stop()
	<-ended
}

// unopened is what a record shows that no key opens.
func unopened(r gateway.References) gateway.References {
	return gateway.References{Subject: r.Subject}
}

// Whose keys are lost is forgotten when the time has come like everybody else.
func TestWhatNoKeyOpensExpires(t *testing.T) {
	h := newHouse(t, func(d *gateway.Deps) { d.Open = unopened })
	_, err := h.Enroll(context.Background(), gateway.EnrollRequest{Subject: "alice", Captures: []matcher.Sample{face("alice")}, ExpiresAt: h.deps.Now().Add(time.Minute)})
	if err != nil {
		t.Fatal(err)
	}
	h.later(time.Minute)
	h.runOnce(t)
	if len(h.registry.held) != 0 {
		t.Errorf("still held: %d", len(h.registry.held))
	}
}
