package pad

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/png"
	"slices"
	"testing"
	"time"

	"biogate/bench/synth"
	"biogate/matcher"
)

// toy finds its face where it always is, suspects every second picture, and every sequence that was challenged.
type toy struct {
	matcher.Engine
	pictures *int
	blind    bool
}

func (toy) Model() string { return "toy-1" }

func (e toy) Extract(_ context.Context, _ matcher.Sample, tr matcher.Trace) (matcher.Extraction, error) {
	if e.blind {
		return matcher.Extraction{}, &matcher.Error{Code: matcher.CodeUnusable, Reasons: []string{"no-face"}}
	}
	if tr != nil {
		tr(traceBoxes, [][5]float64{{10, 10, 30, 40, 0.9}})
	}
	*e.pictures++
	suspect := *e.pictures%2 == 0
	ev := matcher.PADEvidence{Name: "toy", Score: 0.5, Suspect: suspect, Advisory: true}
	return matcher.Extraction{Seen: true, PAD: &matcher.PAD{Score: 0.5, Suspect: suspect, Advisory: true, Evidence: []matcher.PADEvidence{ev}}}, nil
}

func (toy) JudgeSequence(_ context.Context, frames []matcher.Frame, c *matcher.Challenge) (matcher.PAD, error) {
	if !slices.IsSortedFunc(frames, func(a, b matcher.Frame) int { return int(a.Taken - b.Taken) }) {
		return matcher.PAD{}, errors.New("frames out of order")
	}
	return matcher.PAD{Score: 0.1, Suspect: c != nil}, nil
}

func photo(t *testing.T) Photo {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 40, 50))); err != nil {
		t.Fatal(err)
	}
	return Photo{Name: "p", Data: b.Bytes(), Others: [][]byte{b.Bytes()}}
}

func TestEveryPresentationIsCountedOnce(t *testing.T) {
	pictures := 0
	r, err := Run(context.Background(), toy{pictures: &pictures}, Options{Photos: []Photo{photo(t), photo(t)}, Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	of := func(p Protocol, s synth.Species, evidence string) Outcome {
		for _, o := range r.Outcomes {
			if o.Protocol == p && o.Species == s && o.Evidence == evidence {
				return o
			}
		}
		return Outcome{}
	}
	for _, s := range append([]synth.Species{synth.BonaFide}, synth.Attacks...) {
		still := of(Still, s, "toy")
		if still.N != 2 || still.DecidedAttack != 0 || still.DecidedGenuine != 0 {
			t.Errorf("%s: still %+v", s, still)
		}
		calm, challenged := of(Natural, s, Summary), of(Colour, s, Summary)
		if calm.N != 2 || calm.DecidedGenuine != 2 || challenged.DecidedAttack != 2 {
			t.Errorf("%s: natural %+v, colour %+v", s, calm, challenged)
		}
		// The same verdicts are right for an attack and wrong for a person.
		if want := map[bool]float64{true: 1, false: 0}[s == synth.BonaFide]; challenged.Error != want || calm.Error != 1-want {
			t.Errorf("%s: errors %v and %v", s, calm.Error, challenged.Error)
		}
	}
	if o := of(Original, synth.BonaFide, "toy"); o.N != 2 || len(r.Outcomes) == 0 || r.Photos != 2 || r.Unusable != 0 {
		t.Errorf("originals %+v of %+v", o, r.Photos)
	}
	r, err = Run(context.Background(), toy{pictures: &pictures, blind: true}, Options{Photos: []Photo{photo(t)}})
	if err != nil || r.Unusable != 1 || len(r.Outcomes) != 0 {
		t.Errorf("a photograph without a face: %+v, error %v", r, err)
	}
}

// What is played keeps to the instruction: each step has a frame, in order, and frames are in time.
func TestScriptsFollowTheirChallenges(t *testing.T) {
	for seed := range uint64(50) {
		for _, protocol := range Protocols[1:] {
			p := script(protocol, synth.Screen, seed)
			last := time.Duration(-1)
			for _, s := range p.shots {
				if s.at <= last || s.pose.Scale < 0.8 || s.pose.Scale > 1.2 {
					t.Fatalf("%s: frame %+v after %v", protocol, s, last)
				}
				last = s.at
			}
			if (p.challenge != nil) != (protocol == HeadTurn || protocol == Colour) {
				t.Fatalf("%s: challenge %+v", protocol, p.challenge)
			}
			if p.challenge == nil {
				continue
			}
			for _, step := range p.challenge.Steps {
				if !slices.ContainsFunc(p.shots, func(s shot) bool { return s.at >= step.From && s.at < step.To }) {
					t.Fatalf("%s: no frame in %+v", protocol, step)
				}
			}
		}
	}
}
