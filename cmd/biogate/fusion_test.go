package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"biogate/gateway"
	"biogate/gateway/config"
)

// scored is what these tests read of an outcome.
type scored struct {
	Score       float64 `json:"score"`
	Comparisons int     `json:"comparisons"`
}

// ask verifies an impression of a finger that was enrolled, and returns its score.
func (h *house) ask(t *testing.T, subject string, i, k int) scored {
	t.Helper()
	a := h.want(t, 200, "POST", "/v1/verifications", verification(subject, fingerCapture(impression(t, i, k))))
	var out struct{ Scores []scored }
	if err := json.Unmarshal(a.body, &out); err != nil || len(out.Scores) != 1 || a.Decision != "match" {
		t.Fatalf("finger %d: %s", i, a.body)
	}
	return out.Scores[0]
}

// enroll sends impressions of finger i and returns what is listed about the subject.
func (h *house) enroll(t *testing.T, subject string, i int, impressions ...int) (templates int) {
	t.Helper()
	var list []map[string]any
	for _, k := range impressions {
		list = append(list, fingerCapture(impression(t, i, k)))
	}
	h.want(t, 201, "POST", "/v1/subjects/"+subject+"/templates", captures(list...))
	a := h.want(t, 200, "GET", "/v1/subjects/"+subject, nil)
	var out struct{ Templates []json.RawMessage }
	if err := json.Unmarshal(a.body, &out); err != nil {
		t.Fatal(err)
	}
	return len(out.Templates)
}

func TestImpressionsOfOneFingerBecomeOneReference(t *testing.T) {
	h := newHouse(t)
	if n := h.enroll(t, "single", 0, 0); n != 1 {
		t.Errorf("%d templates of one capture", n)
	}
	if n := h.enroll(t, "fused", 0, 0, 1, 2); n != 3 {
		t.Errorf("%d templates of three captures", n)
	}
	single, fused := h.ask(t, "single", 0, 5), h.ask(t, "fused", 0, 5)
	if fused.Comparisons != 1 || fused.Score <= single.Score {
		t.Errorf("score %v of one capture, %+v of three", single.Score, fused)
	}
	if n := h.enroll(t, "fused", 0, 3); n != 4 {
		t.Errorf("%d templates of four captures", n)
	}
	if again := h.ask(t, "fused", 0, 5); again.Comparisons != 1 || again.Score == fused.Score {
		t.Errorf("after another capture %+v, before it %+v", again, fused)
	}
	if refs := held(t, h.app, "fused"); len(refs.Derived) != 1 || len(refs.Derived[0].Of) != 4 {
		t.Errorf("%d derived references", len(refs.Derived))
	}
	text := string(h.want(t, 200, "GET", "/metrics", nil).body)
	if !strings.Contains(text, `biogate_stage_seconds_count{stage="fuse"} 2`) || strings.Contains(text, "fuse-failed") {
		t.Error("the metrics do not tell of two fusions")
	}
	h.want(t, 200, "DELETE", "/v1/subjects/fused", nil)
	h.want(t, 404, "POST", "/v1/verifications", verification("fused", fingerCapture(impression(t, 0, 5))))
}

func held(t *testing.T, a *app, subject string) gateway.References {
	t.Helper()
	refs, _, err := a.references.Get(t.Context(), subject)
	if err != nil {
		t.Fatal(err)
	}
	return refs
}

// Two fingers that came under one label, by mistake or on purpose, are two references.
func TestMixedUpFingersAreNotFused(t *testing.T) {
	h := newHouse(t)
	h.enroll(t, "mixed", 0, 0, 1)
	h.enroll(t, "mixed", 1, 0, 1)
	refs := held(t, h.app, "mixed")
	for _, d := range refs.Derived {
		first := slices.IndexFunc(refs.Templates, func(s gateway.StoredTemplate) bool { return s.ID == d.Of[0] })
		for _, id := range d.Of {
			if k := slices.IndexFunc(refs.Templates, func(s gateway.StoredTemplate) bool { return s.ID == id }); k/2 != first/2 {
				t.Errorf("captures %d and %d became one reference", first, k)
			}
		}
	}
	for finger := range 2 {
		if s := h.ask(t, "mixed", finger, 5); s.Comparisons != 2 {
			t.Errorf("finger %d: %d comparisons with two references", finger, s.Comparisons)
		}
	}
}

func TestFusedReferencesSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	here := func(c *config.Config) { c.Data = dir }
	h := newHouse(t, here)
	h.want(t, 201, "PUT", "/v1/galleries/g", map[string]any{})
	for i := range 2 {
		subject := fmt.Sprintf("p%d", i)
		h.enroll(t, subject, i, 0, 1, 2)
		h.want(t, 200, "PUT", "/v1/galleries/g/members/"+subject, nil)
	}
	before := h.ask(t, "p0", 0, 5)
	h.stop()
	h = newHouse(t, here)
	if after := h.ask(t, "p0", 0, 5); after != before || after.Comparisons != 1 {
		t.Errorf("before %+v, after %+v", before, after)
	}
	found := h.want(t, 200, "POST", "/v1/identifications", map[string]any{"gallery": "g", "audience": "a", "captures": []any{fingerCapture(impression(t, 0, 5))}})
	var out struct{ Scores []scored }
	if err := json.Unmarshal(found.body, &out); err != nil || found.Decision != "match" || len(out.Scores) != 1 || out.Scores[0] != before {
		t.Errorf("identified %s, verified with %+v", found.body, before)
	}
	for name, want := range map[string]int{"p0": 3, "p1": 3} {
		if refs := held(t, h.app, name); len(refs.Templates) != want || len(refs.Derived) != 1 {
			t.Errorf("%s: %d captures, %d derived references", name, len(refs.Templates), len(refs.Derived))
		}
	}
}

// A derived reference whose captures are not all there is passed over, and the captures decide.
func TestCapturesDecideWhereASourceIsMissing(t *testing.T) {
	h := newHouse(t)
	h.enroll(t, "p0", 0, 0, 1, 2)
	_, _, err := h.references.Update(t.Context(), "p0", func(refs gateway.References) (gateway.References, error) {
		refs.Templates = refs.Templates[1:]
		return refs, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if s := h.ask(t, "p0", 0, 5); s.Comparisons != 2 {
		t.Errorf("%d comparisons with two captures", s.Comparisons)
	}
}
