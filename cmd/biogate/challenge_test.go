package main

import (
	"testing"
	"time"

	"biogate/bench/pad"
	"biogate/bench/synth"
	"biogate/gateway/config"
	"biogate/matcher"
	"biogate/matcher/imaging"
)

// follow plays a head-turn challenge before a camera: sixteen frames, evenly over its time. The head turns in the first half
// of each step.
func follow(t *testing.T, h *house, data []byte, species synth.Species, steps []challengeStep) (list []map[string]any) {
	t.Helper()
	engine, err := h.engines.of(matcher.Face)
	if err != nil {
		t.Fatal(err)
	}
	face, _, err := pad.FaceIn(t.Context(), engine, data)
	if err != nil {
		t.Fatal(err)
	}
	photo, err := imaging.DecodeRGB(data, "")
	if err != nil {
		t.Fatal(err)
	}
	scene := synth.NewScene(photo, face, species, 3)
	take := func(at int, pose synth.Pose) {
		capture := faceCapture(scene.JPEG(scene.Frame(pose, synth.Light{}, len(list))))
		capture["time_ms"] = at
		list = append(list, capture)
	}
	turns := map[string]synth.Pose{"left": {Yaw: 0.4}, "right": {Yaw: -0.4}, "up": {Pitch: -0.35}, "down": {Pitch: 0.35}}
	const frames = 16
	for i := range frames {
		at := i * (steps[len(steps)-1].To - 20) / (frames - 1)
		var was, is synth.Pose
		done := 1.0
		for k, step := range steps {
			if at >= step.From {
				is, done = turns[step.Value], min(float64(at-step.From)/float64(step.To-step.From)/0.6, 1)
				if k > 0 {
					was = turns[steps[k-1].Value]
				}
			}
		}
		take(at, synth.Pose{Scale: 1, Yaw: was.Yaw + done*(is.Yaw-was.Yaw), Pitch: was.Pitch + done*(is.Pitch-was.Pitch)})
	}
	return list
}

type challengeStep struct {
	Value string
	From  int `json:"from_ms"`
	To    int `json:"to_ms"`
}

// A person who turns the head as told is matched; a print that is turned in the same way is not, nor is anybody by a challenge
// that was answered before.
func TestHeadTurnChallengeOverHTTP(t *testing.T) {
	h := newHouse(t, func(c *config.Config) { c.Policy.PAD, c.Policy.Challenge = "require", matcher.ChallengeHeadTurn })
	h.needFaces(t)
	alone := person(t, 0, 2)
	h.want(t, 201, "POST", "/v1/subjects/p0/templates", captures(faceCapture(person(t, 0, 1))))
	answer := func(species synth.Species) answer {
		issued := h.want(t, 201, "POST", "/v1/challenges", map[string]any{"kind": matcher.ChallengeHeadTurn})
		if issued.Challenge == nil || len(issued.Challenge.Steps) < 2 || issued.Nonce == "" {
			t.Fatalf("challenge %s", issued.body)
		}
		begun := time.Now()
		steps := issued.Challenge.Steps
		request := verification("p0", follow(t, h, alone, species, steps)...)
		time.Sleep(time.Until(begun.Add(time.Duration(steps[len(steps)-1].To) * time.Millisecond))) // pictures cannot be older than the challenge
		request["nonce"] = issued.Nonce
		first := h.want(t, 200, "POST", "/v1/verifications", request)
		if again := h.want(t, 409, "POST", "/v1/verifications", request); again.Code != "nonce-spent" {
			t.Errorf("the same challenge again: %s", again.body)
		}
		return first
	}
	// The simulated head shows too little relief in a few instructions; whoever fails tries again.
	person := answer(synth.BonaFide)
	for try := 0; person.Decision == "inconclusive" && try < 4; try++ {
		person = answer(synth.BonaFide)
	}
	if person.Decision != "match" || person.Assertion == "" {
		t.Errorf("a person: %s", person.body)
	}
	if a := answer(synth.PrintFine); a.Decision != "inconclusive" || a.Assertion != "" {
		t.Errorf("a print: %s", a.body)
	}
	if a := h.want(t, 400, "POST", "/v1/verifications", verification("p0", faceCapture(alone))); a.Code != "challenge-required" {
		t.Errorf("without a challenge: %s", a.body)
	}
}
