package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"biogate/bench/synth"
	"biogate/gateway/assertion"
	"biogate/gateway/config"
	"biogate/matcher/imaging"
)

func TestMainJobWithFingers(t *testing.T) {
	h := newHouse(t)
	for i := range 3 {
		h.want(t, 201, "POST", fmt.Sprintf("/v1/subjects/p%d/templates", i), captures(fingerCapture(impression(t, i, 0)), fingerCapture(impression(t, i, 1))))
	}
	genuine := h.want(t, 200, "POST", "/v1/verifications", verification("p0", fingerCapture(impression(t, 0, 2))))
	if genuine.Decision != "match" || genuine.FMR > 1e-4 {
		t.Fatalf("genuine: %s", genuine.body)
	}
	claims, err := assertion.Verify(genuine.Assertion, h.want(t, 200, "GET", "/.well-known/jwks.json", nil).body, assertion.Expect{Audience: "https://rp.example", Issuer: h.url})
	if err != nil {
		t.Fatal(err)
	}
	if claims.Subject == "p0" || !slices.Equal(claims.AMR, []string{"fpt"}) || claims.Biogate.FMR < genuine.FMR || claims.Biogate.Mode != "verify" {
		t.Errorf("claims %+v", claims)
	}
	if impostor := h.want(t, 200, "POST", "/v1/verifications", verification("p0", fingerCapture(impression(t, 1, 2)))); impostor.Decision != "no-match" || impostor.Assertion != "" {
		t.Errorf("impostor: %s", impostor.body)
	}

	h.want(t, 201, "PUT", "/v1/galleries/vn1", map[string]any{"purpose": "boarding"})
	for i := range 3 {
		h.want(t, 200, "PUT", fmt.Sprintf("/v1/galleries/vn1/members/p%d", i), nil)
	}
	search := map[string]any{"gallery": "vn1", "audience": "https://rp.example", "captures": []any{fingerCapture(impression(t, 1, 2))}}
	found := h.want(t, 200, "POST", "/v1/identifications", search)
	if found.Decision != "match" || found.Candidates[0].Subject != "p1" {
		t.Fatalf("identified: %s", found.body)
	}
	gone := h.want(t, 200, "DELETE", "/v1/subjects/p1", nil)
	if _, err := assertion.VerifyDeletion(gone.Receipt, h.signer.JWKS(), h.url); err != nil {
		t.Errorf("receipt: %v", err)
	}
	if found := h.want(t, 200, "POST", "/v1/identifications", search); found.Decision == "match" || len(found.Candidates) > 0 {
		t.Errorf("found after deletion: %s", found.body)
	}
	if a := h.want(t, 404, "POST", "/v1/verifications", verification("p1", fingerCapture(impression(t, 1, 2)))); a.Code != "subject-unknown" {
		t.Errorf("after deletion: %s", a.body)
	}
}

func TestWhatWasEnrolledSurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	here := func(c *config.Config) { c.Data = dir }
	h := newHouse(t, here)
	h.want(t, 201, "POST", "/v1/subjects/p0/templates", captures(fingerCapture(impression(t, 0, 0))))
	h.want(t, 201, "PUT", "/v1/galleries/g", map[string]any{})
	h.want(t, 200, "PUT", "/v1/galleries/g/members/p0", nil)
	before := h.want(t, 200, "POST", "/v1/verifications", verification("p0", fingerCapture(impression(t, 0, 1))))
	h.stop()
	h = newHouse(t, here)
	after := h.want(t, 200, "POST", "/v1/verifications", verification("p0", fingerCapture(impression(t, 0, 1))))
	if before.Decision != "match" || after.Decision != before.Decision || after.FMR != before.FMR {
		t.Errorf("before %s, after %s", before.body, after.body)
	}
	if found := h.want(t, 200, "POST", "/v1/identifications", map[string]any{"gallery": "g", "audience": "a", "captures": []any{fingerCapture(impression(t, 0, 1))}}); found.Decision != "match" {
		t.Errorf("gallery after a restart: %s", found.body)
	}
	if _, err := assertion.Verify(before.Assertion, h.signer.JWKS(), assertion.Expect{Audience: "https://rp.example"}); err != nil {
		t.Errorf("an assertion from before the restart: %v", err)
	}
}

// person cuts the i-th person out of the demonstration's photograph of three, as another camera might have taken it.
func person(t *testing.T, i int, seed uint64) []byte {
	t.Helper()
	whole, err := imaging.DecodeRGB(photo(t, "sample3.jpg"), "")
	if err != nil {
		t.Fatal(err)
	}
	left, right := []int{500, 1050, 1420}[i], []int{930, 1400, 1800}[i]
	cut := imaging.RGB{Width: right - left, Height: 540}
	for y := 150; y < 150+cut.Height; y++ {
		cut.Pix = append(cut.Pix, whole.Pix[3*(y*whole.Width+left):3*(y*whole.Width+right)]...)
	}
	return synth.Recapture(cut, seed)
}

func TestMainJobWithFaces(t *testing.T) {
	h := newHouse(t)
	h.needFaces(t)
	h.want(t, 201, "POST", "/v1/subjects/p0/templates", captures(faceCapture(person(t, 0, 1)), fingerCapture(impression(t, 0, 0))))
	alone := h.want(t, 200, "POST", "/v1/verifications", verification("p0", faceCapture(person(t, 0, 2))))
	both := h.want(t, 200, "POST", "/v1/verifications", verification("p0", faceCapture(person(t, 0, 2)), fingerCapture(impression(t, 0, 1))))
	if alone.Decision != "match" || both.Decision != "match" || both.FMR >= alone.FMR {
		t.Errorf("face alone %s\nface and finger %s", alone.body, both.body)
	}
	claims, err := assertion.Verify(both.Assertion, h.signer.JWKS(), assertion.Expect{Audience: "https://rp.example"})
	if err != nil || !slices.Contains(claims.AMR, "face") || !slices.Contains(claims.AMR, "fpt") {
		t.Errorf("claims %+v, %v", claims, err)
	}
	if impostor := h.want(t, 200, "POST", "/v1/verifications", verification("p0", faceCapture(person(t, 1, 2)))); impostor.Decision != "no-match" {
		t.Errorf("impostor: %s", impostor.body)
	}
	which := faceCapture(photo(t, "sample3.jpg"))
	which["at"] = map[string]any{"x": 700, "y": 460}
	if chosen := h.want(t, 200, "POST", "/v1/verifications", verification("p0", which)); chosen.Decision != "match" {
		t.Errorf("the face that was pointed at: %s", chosen.body)
	}
}

func TestMetricsTellStagesAndBreakers(t *testing.T) {
	h := newHouse(t)
	h.want(t, 201, "POST", "/v1/subjects/metric-subject/templates", captures(fingerCapture(impression(t, 0, 0))))
	h.want(t, 200, "POST", "/v1/verifications", verification("metric-subject", fingerCapture(impression(t, 0, 1))))
	text := string(h.want(t, 200, "GET", "/metrics", nil).body)
	for _, stage := range []string{"decode", "quality", "extract", "lookup", "compare", "sign"} {
		if !strings.Contains(text, fmt.Sprintf(`biogate_stage_seconds_count{stage="%s"}`, stage)) {
			t.Errorf("no metric of stage %s", stage)
		}
	}
	if !strings.Contains(text, `biogate_breaker_state{system="record"} 0`) {
		t.Error("no metric of the record's breaker")
	}
	if strings.Contains(text, "metric-subject") {
		t.Error("a subject's id is in the metrics")
	}
}
