package gateway_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"biogate/gateway"
	"biogate/gateway/decision"
	"biogate/matcher"
)

// failingFrom fails from its nth append on, 0 being the first.
type failingFrom struct {
	recorded
	from int
}

type recorded struct{ list []gateway.AuditEvent }

func (r *recorded) Append(_ context.Context, e gateway.AuditEvent) error {
	r.list = append(r.list, e)
	return nil
}

func (f *failingFrom) Append(ctx context.Context, e gateway.AuditEvent) error {
	if len(f.list) >= f.from {
		return context.DeadlineExceeded
	}
	return f.recorded.Append(ctx, e)
}

func withAudit(a gateway.Audit) func(*gateway.Deps) {
	return func(d *gateway.Deps) { d.Audit = a }
}

// Without a record nothing leaves, and nothing that is held changes.
func TestNothingLeavesWithoutARecord(t *testing.T) {
	ctx := context.Background()
	h := newHouse(t)
	h.enroll(t, "a", face("alice"))
	if _, _, err := h.PutGallery(ctx, gateway.Gallery{Name: "g"}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.AddMembers(ctx, "g", []gateway.Membership{{Subject: "a"}}); err != nil {
		t.Fatal(err)
	}
	h.deps.Audit = &failingFrom{}
	h.restart(t)
	for name, ask := range map[string]func() (any, error){
		"verify": func() (any, error) {
			return h.Verify(ctx, gateway.VerifyRequest{Subject: "a", Audience: "https://rp.example", Captures: []matcher.Sample{face("alice")}})
		},
		"no match": func() (any, error) {
			return h.Verify(ctx, gateway.VerifyRequest{Subject: "a", Audience: "https://rp.example", Captures: []matcher.Sample{face("mallory")}})
		},
		"identify": func() (any, error) {
			return h.Identify(ctx, gateway.IdentifyRequest{Gallery: "g", Audience: "https://rp.example", Captures: []matcher.Sample{face("alice")}})
		},
		"enroll": func() (any, error) {
			return h.Enroll(ctx, gateway.EnrollRequest{Subject: "b", Captures: []matcher.Sample{face("bob")}})
		},
		"forget":         func() (any, error) { return h.Forget(ctx, "a") },
		"put gallery":    func() (any, error) { _, _, err := h.PutGallery(ctx, gateway.Gallery{Name: "h"}); return nil, err },
		"delete gallery": func() (any, error) { return h.DeleteGallery(ctx, "g") },
		"add member":     func() (any, error) { return h.AddMembers(ctx, "g", []gateway.Membership{{Subject: "a", Group: "x"}}) },
		"remove member":  func() (any, error) { return nil, h.RemoveMember(ctx, "g", "a") },
		"refusal": func() (any, error) {
			return h.Verify(ctx, gateway.VerifyRequest{Subject: "unknown", Audience: "https://rp.example", Captures: []matcher.Sample{face("alice")}})
		},
	} {
		out, err := ask()
		if e := gateway.AsError(err); err == nil || e.Code != "audit-unavailable" || e.Kind != gateway.Unavailable {
			t.Errorf("%s: %v", name, err)
		}
		switch out := out.(type) {
		case gateway.Outcome:
			if out.Assertion != "" || out.Decision != "" {
				t.Errorf("%s: %+v leaves", name, out)
			}
		case gateway.IdentifyOutcome:
			if out.Assertion != "" || len(out.Candidates) > 0 {
				t.Errorf("%s: %+v leaves", name, out)
			}
		}
	}
	h.deps.Audit = nil
	h.restart(t)
	if info, err := h.Subject(ctx, "a"); err != nil || !slices.Equal(info.Galleries, []string{"g"}) {
		t.Errorf("%+v, %v", info, err)
	}
	if _, err := h.Subject(ctx, "b"); err == nil {
		t.Error("b is held")
	}
	if _, err := h.Gallery(ctx, "h"); err == nil {
		t.Error("gallery h is there")
	}
}

// What was done and cannot be put on record any more is not denied, and what it answers beyond that does not leave.
func TestRecordLostInTheMiddleOfAChange(t *testing.T) {
	ctx := context.Background()
	audit := &failingFrom{from: 1}
	h := newHouse(t, withAudit(audit))
	out, err := h.Enroll(ctx, gateway.EnrollRequest{Subject: "a", Captures: []matcher.Sample{face("alice")}})
	if err != nil || !slices.Contains(out.Degraded, "audit") || audit.list[0].Outcome != "begun" {
		t.Fatalf("%+v, %v, %+v", out, err, audit.list)
	}
	audit.from++
	gone, err := h.Forget(ctx, "a")
	if err != nil || gone.Receipt != "" || !slices.Contains(gone.Degraded, "audit") || audit.list[1].Action != "forget" {
		t.Fatalf("%+v, %v, %+v", gone, err, audit.list)
	}
}

func TestWhatIsOnRecord(t *testing.T) {
	audit := &recorded{}
	h := newHouse(t, withAudit(audit))
	ctx := gateway.WithCaller(gateway.WithTrace(context.Background(), "trace-1"), gateway.Caller{Device: "kiosk-1"})
	_, _ = h.Enroll(ctx, gateway.EnrollRequest{Subject: "a", Captures: []matcher.Sample{face("alice")}})
	_, _ = h.Verify(ctx, gateway.VerifyRequest{Subject: "a", Audience: "https://rp.example", Captures: []matcher.Sample{face("alice")}})
	_, _ = h.Verify(ctx, gateway.VerifyRequest{Subject: "unknown", Audience: "https://rp.example", Captures: []matcher.Sample{face("alice")}})
	_, _, _ = h.PutGallery(ctx, gateway.Gallery{Name: "g"})
	_, _ = h.AddMembers(ctx, "g", []gateway.Membership{{Subject: "a"}})
	_, _ = h.Identify(ctx, gateway.IdentifyRequest{Gallery: "g", Audience: "https://rp.example", Captures: []matcher.Sample{face("alice")}})
	_ = h.RemoveMember(ctx, "g", "a")
	_, _ = h.DeleteGallery(ctx, "g")
	_, _ = h.Forget(ctx, "a")
	var got []string
	for _, e := range audit.list {
		got = append(got, e.Action+":"+e.Outcome)
		if e.Trace != "trace-1" || e.Device != "kiosk-1" || e.At.IsZero() || e.At.Location() != time.UTC {
			t.Errorf("%+v", e)
		}
		if e.Outcome == string(decision.Match) && (e.Assertion == "" || e.Subject != "a" || e.Audience == "") {
			t.Errorf("%+v", e)
		}
	}
	want := "enroll:begun enroll:done verify:match verify:subject-unknown put-gallery:begun put-gallery:done add-members:begun add-members:done " +
		"identify:match remove-member:begun remove-member:done end-gallery:begun end-gallery:done forget:begun forget:done"
	if strings.Join(got, " ") != want {
		t.Errorf("on record\n%s\nwant\n%s", strings.Join(got, " "), want)
	}
}

// A gateway that can put nothing on record answers nothing: it says that it is not ready, so that others are asked.
func TestReadyOnlyWhileItCanBePutOnRecord(t *testing.T) {
	h := newHouse(t)
	can := false
	h.deps.Recordable = func() bool { return can }
	h.restart(t)
	wantCode(t, h.Ready(t.Context()), "audit-unavailable", gateway.Unavailable)
	can = true
	if err := h.Ready(t.Context()); err != nil {
		t.Error(err)
	}
}
