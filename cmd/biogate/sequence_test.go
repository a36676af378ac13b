package main

import (
	"encoding/json"
	"slices"
	"testing"
)

// sequence describes faces with times in milliseconds.
func sequence(faces [][]byte, times ...int) (out []map[string]any) {
	for i, data := range faces {
		c := faceCapture(data)
		c["time_ms"] = times[i]
		out = append(out, c)
	}
	return out
}

// TestFacesAsASequence goes over HTTP with the real engine. The frames are still pictures, as an attacker would show: what
// the engine says of them is for its own tests.
func TestFacesAsASequence(t *testing.T) {
	h := newHouse(t)
	h.needFaces(t)
	h.want(t, 201, "POST", "/v1/subjects/p0/templates", captures(faceCapture(person(t, 0, 1))))
	still := [][]byte{person(t, 0, 2), person(t, 0, 3), person(t, 0, 4)}
	var judged struct {
		PAD []struct {
			Captures []int
			Evidence []struct{ Name string }
		}
	}
	got := h.want(t, 200, "POST", "/v1/verifications", verification("p0", sequence(still, 0, 300, 600)...))
	if err := json.Unmarshal(got.body, &judged); err != nil || len(judged.PAD) != 1 || !slices.Equal(judged.PAD[0].Captures, []int{0, 1, 2}) || len(judged.PAD[0].Evidence) == 0 {
		t.Fatalf("%s", got.body)
	}
	lent := [][]byte{person(t, 1, 2), person(t, 0, 2), person(t, 1, 3)}
	if got := h.want(t, 200, "POST", "/v1/verifications", verification("p0", sequence(lent, 0, 300, 600)...)); got.Decision != "inconclusive" || !slices.Contains(got.Reasons, "presentation-attack-suspected") {
		t.Errorf("a picture between frames of another person: %s", got.body)
	}
	for _, c := range []struct {
		kind   string
		times  []int
		reason string
	}{
		{"head-turn", []int{0, 300, 600}, "challenge-not-judged:face"}, // most steps have no frame
		{"colour", []int{0, 300, 600}, "challenge-not-judged:face"},
	} {
		issued := h.want(t, 201, "POST", "/v1/challenges", map[string]any{"kind": c.kind})
		var instruction struct {
			Challenge struct {
				Kind  string
				Steps []struct {
					Value string
					From  int `json:"from_ms"`
					To    int `json:"to_ms"`
				}
			}
		}
		if err := json.Unmarshal(issued.body, &instruction); err != nil || instruction.Challenge.Kind != c.kind || len(instruction.Challenge.Steps) < 4 {
			t.Errorf("%s", issued.body)
		}
		ask := verification("p0", sequence(still, c.times...)...)
		ask["nonce"] = issued.Nonce
		if got := h.want(t, 200, "POST", "/v1/verifications", ask); got.Decision != "inconclusive" || !slices.Contains(got.Reasons, c.reason) {
			t.Errorf("%s: %s", c.kind, got.body)
		}
		// A picture held up through every step cannot follow, and came sooner than the steps take.
		ask["nonce"] = h.want(t, 201, "POST", "/v1/challenges", map[string]any{"kind": c.kind}).Nonce
		var faces [][]byte
		var times []int
		for i, step := range instruction.Challenge.Steps {
			faces, times = append(faces, still[i%len(still)]), append(times, (step.From+step.To)/2)
		}
		times[0] = 0 // from where the others count
		ask["captures"] = sequence(faces, times...)
		if got := h.want(t, 200, "POST", "/v1/verifications", ask); got.Decision != "inconclusive" || !slices.Contains(got.Reasons, "challenge-not-followed:face") {
			t.Errorf("%s held up: %s", c.kind, got.body)
		}
	}
}
