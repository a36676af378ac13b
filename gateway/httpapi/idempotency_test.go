package httpapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"mime/multipart"
	"strings"
	"sync/atomic"
	"testing"

	"biogate/gateway"
)

// counting is an API that counts enrolments and numbers their templates.
func counting(fail func(n int64) error) (*fakeAPI, *atomic.Int64) {
	n := &atomic.Int64{}
	api := &fakeAPI{}
	api.enroll = func(_ context.Context, r gateway.EnrollRequest) (gateway.EnrollResult, error) {
		k := n.Add(1)
		if fail != nil {
			if err := fail(k); err != nil {
				return gateway.EnrollResult{}, err
			}
		}
		held := heldTemplate
		held.ID = fmt.Sprintf("t%d", k)
		return gateway.EnrollResult{Subject: r.Subject, Templates: []gateway.TemplateInfo{held}}, nil
	}
	return api, n
}

func TestIdempotencyKey(t *testing.T) {
	api, n := counting(nil)
	r := start(t, api, nil)
	const path = "/v1/subjects/a/templates"
	first := r.postJSON(t, path, oneFinger, "Idempotency-Key", "k1")
	again := r.postJSON(t, path, oneFinger, "Idempotency-Key", "k1")
	if first.status != 201 || again.status != 201 || !bytes.Equal(first.body, again.body) || n.Load() != 1 {
		t.Errorf("%d runs\n%s\n%s", n.Load(), first.body, again.body)
	}
	if first.header.Get("Idempotent-Replayed") != "" || again.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("%v\n%v", first.header, again.header)
	}
	other := strings.Replace(oneFinger, "aGVsbG8=", "aGVsbG9v", 1)
	for name, got := range map[string]reply{
		"another body":    r.postJSON(t, path, other, "Idempotency-Key", "k1"),
		"another subject": r.postJSON(t, "/v1/subjects/b/templates", oneFinger, "Idempotency-Key", "k1"),
		"another method":  r.call(t, "DELETE", "/v1/subjects/a", nil, "Idempotency-Key", "k1"),
	} {
		if got.status != 409 || got.code() != codeIdempotencyReused {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	for i, c := range []struct{ path, body, changed string }{
		{"/v1/galleries/g/members/a", `{"group":"day"}`, `{"group":"night"}`},
		{"/v1/galleries/g/members/b", `{"group":"day"}`, ``},
	} {
		key := fmt.Sprint("group", i)
		if got := r.call(t, "PUT", c.path, strings.NewReader(c.body), "Content-Type", "application/json", "Idempotency-Key", key); got.status != 200 {
			t.Errorf("%s: %d %s", c.body, got.status, got.body)
		}
		if got := r.call(t, "PUT", c.path, strings.NewReader(c.changed), "Content-Type", "application/json", "Idempotency-Key", key); got.status != 409 {
			t.Errorf("%s in place of %s: %d %s", c.changed, c.body, got.status, got.body)
		}
	}
	if got := r.postJSON(t, path, oneFinger, "Idempotency-Key", "k2"); got.status != 201 || n.Load() != 2 {
		t.Errorf("another key is another write: %d, %d runs", got.status, n.Load())
	}
	if got := r.postJSON(t, "/v1/verifications", verifyFinger, "Idempotency-Key", "k1"); got.status != 200 {
		t.Errorf("a verification is no write: %d", got.status)
	}
}

// TestIdempotencyKeyKnowsTheSameRequestInAnotherForm: a client that builds its form anew has a new boundary.
func TestIdempotencyKeyKnowsTheSameRequestInAnotherForm(t *testing.T) {
	api, n := counting(nil)
	r := start(t, api, nil)
	for range 2 {
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		p, _ := w.CreateFormFile("finger:right-index", "x")
		_, _ = p.Write([]byte("hello"))
		_ = w.Close()
		if got := r.call(t, "POST", "/v1/subjects/a/templates", &b, "Content-Type", w.FormDataContentType(), "Idempotency-Key", "k"); got.status != 201 {
			t.Errorf("%d %s", got.status, got.body)
		}
	}
	if n.Load() != 1 {
		t.Errorf("%d runs", n.Load())
	}
}

func TestIdempotencyKeepsLastingRefusalsAlone(t *testing.T) {
	refusal := error(&gateway.Error{Kind: gateway.Unusable, Code: "capture-unusable", Detail: "blank", Reasons: []string{"blank"}})
	api, n := counting(func(int64) error { return refusal })
	r := start(t, api, nil)
	const path = "/v1/subjects/a/templates"
	first := r.postJSON(t, path, oneFinger, "Idempotency-Key", "k1")
	again := r.postJSON(t, path, oneFinger, "Idempotency-Key", "k1")
	if first.status != 422 || !bytes.Equal(first.body, again.body) || n.Load() != 1 || again.header.Get("Content-Type") != typeProblem {
		t.Errorf("%d runs\n%s\n%s", n.Load(), first.body, again.body)
	}
	for _, passing := range []gateway.Kind{gateway.Unavailable, gateway.Internal, gateway.Conflict, gateway.NotFound, gateway.NotBuilt} {
		refusal = &gateway.Error{Kind: passing, Code: "x", Detail: "y"}
		before := n.Load()
		key := fmt.Sprint("kind", passing)
		r.postJSON(t, path, oneFinger, "Idempotency-Key", key)
		r.postJSON(t, path, oneFinger, "Idempotency-Key", key)
		if n.Load() != before+2 {
			t.Errorf("kind %d was kept", passing)
		}
	}
}

func TestIdempotencyKeyInProgress(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	api := &fakeAPI{}
	api.enroll = func(_ context.Context, r gateway.EnrollRequest) (gateway.EnrollResult, error) {
		close(entered)
		<-release
		return gateway.EnrollResult{Subject: r.Subject}, nil
	}
	r := start(t, api, nil)
	first := make(chan reply, 1)
	go func() {
		first <- r.postJSON(t, "/v1/subjects/a/templates", oneFinger, "Idempotency-Key", "k")
	}()
	<-entered
	got := r.postJSON(t, "/v1/subjects/a/templates", oneFinger, "Idempotency-Key", "k")
	if got.status != 409 || got.code() != codeIdempotencyBusy || got.header.Get("Retry-After") == "" {
		t.Errorf("%d %s", got.status, got.body)
	}
	close(release)
	if got := <-first; got.status != 201 {
		t.Errorf("%d", got.status)
	}
}

func TestIdempotencyKeySyntaxAndStore(t *testing.T) {
	api, n := counting(nil)
	store := &receipts{}
	r := start(t, api, func(d *Deps) { d.Receipts = store })
	const path = "/v1/subjects/secret-subject/templates"
	for _, key := range []string{"", strings.Repeat("x", 129), "schlüssel"} {
		if got := r.postJSON(t, path, oneFinger, "Idempotency-Key", key); got.status != 400 || got.code() != codeIdempotencyKey {
			t.Errorf("%.10q: %d %s", key, got.status, got.body)
		}
	}
	r.postJSON(t, path, oneFinger, "Idempotency-Key", "secret-key")
	for key, kept := range store.held {
		if strings.Contains(key, "secret-key") || bytes.Contains(kept.Body, []byte("secret-subject")) || kept.At.IsZero() {
			t.Errorf("the store can read %q: %q", key, kept.Body)
		}
	}
	store.fail = errors.New("disk full")
	before := n.Load()
	if got := r.postJSON(t, path, oneFinger, "Idempotency-Key", "new"); got.status != 503 || got.code() != codeReceipts || n.Load() != before {
		t.Errorf("%d %s", got.status, got.body)
	}
}
