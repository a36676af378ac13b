// Package pad measures presentation attack detection on simulated presentations, in the terms of ISO/IEC 30107-3: for each
// species of instrument the share of attacks that are taken for bona fide (APCER), and the share of bona fide presentations
// that are taken for attacks (BPCER).
//
// The presentations are drawn by bench/synth from photographs. They show whether a method works as it is meant to; error rates of
// a deployment need real instruments before its own cameras.
package pad

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"biogate/bench/accuracy"
	"biogate/bench/parallel"
	"biogate/bench/synth"
	"biogate/matcher"
	"biogate/matcher/imaging"
)

// Protocol is how a presentation is made.
type Protocol string

// The protocols.
const (
	Original Protocol = "original"  // the photograph itself, once: bona fide alone
	Still    Protocol = "still"     // one frame
	Natural  Protocol = "natural"   // six frames in a second and a half; the head moves a little, an instrument is waved about
	HeadTurn Protocol = "head-turn" // a random instruction; an instrument is turned as a head would be
	Colour   Protocol = "colour"    // a random sequence of colours
)

// Protocols are all of them.
var Protocols = []Protocol{Original, Still, Natural, HeadTurn, Colour}

// Options say what to measure.
type Options struct {
	Photos    []Photo
	Protocols []Protocol // nil: all
	Seed      uint64
	Workers   int
	Progress  func(stage string, done, of int)
}

// Photo is a photograph of one person.
type Photo struct {
	Name   string // for errors
	Data   []byte
	Others [][]byte // further photographs of that person, for Swapped
}

// Outcome counts what one method, or the summary of all, said of the presentations of one species under one protocol.
type Outcome struct {
	Protocol Protocol      `json:"protocol"`
	Species  synth.Species `json:"species"`
	Evidence string        `json:"evidence"` // "summary": what would be decided on
	// Of presentations: with this evidence; called an attack; called an attack or bona fide by evidence that may decide.
	N              int `json:"n"`
	Suspect        int `json:"suspect"`
	DecidedAttack  int `json:"decided_attack"`
	DecidedGenuine int `json:"decided_bona_fide"`
	NoResponse     int `json:"no_response"` // presentations with a frame in which no face was found: not among N
	// Error is APCER (attacks not called so) or BPCER (bona fide ones called attacks), by every evidence, advisory or not.
	Error    float64           `json:"error"`
	Interval accuracy.Interval `json:"interval"`
	scores   []float64
}

// Result is what Run measured.
type Result struct {
	Model    string    `json:"model"`
	Photos   int       `json:"photos"`
	Unusable int       `json:"unusable"` // photographs without one face
	Outcomes []Outcome `json:"outcomes"`
}

// Engine is what is measured.
type Engine interface {
	matcher.Engine
	matcher.Sequencer
}

// Run draws every protocol and species of each photograph and counts what the engine says.
func Run(ctx context.Context, e Engine, o Options) (Result, error) {
	if o.Protocols == nil {
		o.Protocols = Protocols
	}
	found := make([]verdicts, len(o.Photos))
	done := make(chan struct{}, len(o.Photos))
	err := parallel.Each(ctx, len(o.Photos), o.Workers, func(i int) error {
		v, err := present(ctx, e, o.Photos[i], o.Protocols, o.Seed+uint64(i))
		if err != nil {
			return fmt.Errorf("%s: %w", o.Photos[i].Name, err)
		}
		found[i] = v
		done <- struct{}{}
		if o.Progress != nil {
			o.Progress("presentations", len(done), len(o.Photos))
		}
		return nil
	})
	if err != nil {
		return Result{}, err
	}
	return count(e.Model(), found), nil
}

// verdicts are the judgements of all presentations of one photograph.
type verdicts struct {
	unusable bool
	list     []verdict
}

type verdict struct {
	protocol Protocol
	species  synth.Species
	pad      *matcher.PAD // nil: no response
}

// present makes all presentations of one photograph.
func present(ctx context.Context, e Engine, p Photo, protocols []Protocol, seed uint64) (v verdicts, err error) {
	face, x, err := FaceIn(ctx, e, p.Data)
	if isUnusable(err) {
		return verdicts{unusable: true}, nil
	}
	if err != nil {
		return v, err
	}
	if x.PAD != nil && slices.Contains(protocols, Original) {
		v.list = append(v.list, verdict{Original, synth.BonaFide, x.PAD})
	}
	photo, err := imaging.DecodeRGB(p.Data, "")
	if err != nil {
		return v, err
	}
	for _, species := range append([]synth.Species{synth.BonaFide}, synth.Attacks...) {
		for _, protocol := range protocols {
			if protocol == Original {
				continue
			}
			scene := synth.NewScene(photo, face, species, seed)
			pad, err := judge(ctx, e, scene, script(protocol, species, seed))
			if err != nil && !isUnusable(err) {
				return v, err
			}
			v.list = append(v.list, verdict{protocol, species, pad})
		}
	}
	if slices.Contains(protocols, HeadTurn) {
		pad, err := swap(ctx, e, p, seed)
		if err != nil {
			return v, err
		}
		if pad != nil {
			v.list = append(v.list, verdict{HeadTurn, Swapped, pad})
		}
	}
	return v, nil
}

func isUnusable(err error) bool {
	return errors.Is(err, &matcher.Error{Code: matcher.CodeUnusable})
}

// traceBoxes is what the face engine shows its detections under, the most confident first.
const traceBoxes = "face/boxes"

// FaceIn finds the one face of a photograph, for drawing scenes of it, and what the engine makes of the photograph.
func FaceIn(ctx context.Context, e matcher.Engine, data []byte) (face synth.FaceBox, x matcher.Extraction, err error) {
	x, err = e.Extract(ctx, matcher.Sample{Modality: matcher.Face, Data: data}, func(name string, value any) {
		if boxes, ok := value.([][5]float64); ok && name == traceBoxes && len(boxes) > 0 {
			b := boxes[0]
			face = synth.FaceBox{X: (b[0] + b[2]) / 2, Y: (b[1] + b[3]) / 2, HalfWidth: (b[2] - b[0]) / 2}
		}
	})
	if err == nil && face.HalfWidth == 0 {
		err = errors.New("pad: the engine does not say where the face is")
	}
	return face, x, err
}

// shot is one frame to be taken.
type shot struct {
	at    time.Duration
	pose  synth.Pose
	light synth.Light
}

// play is a presentation as it is to be made.
type play struct {
	shots     []shot
	challenge *matcher.Challenge
}

// judge takes the frames of a play and asks the engine.
func judge(ctx context.Context, e Engine, scene *synth.Scene, p play) (*matcher.PAD, error) {
	frames := make([]matcher.Frame, len(p.shots))
	for i, s := range p.shots {
		x, err := e.Extract(ctx, matcher.Sample{Modality: matcher.Face, Data: scene.JPEG(scene.Frame(s.pose, s.light, i))}, nil)
		if err != nil {
			return nil, err
		}
		if len(p.shots) == 1 {
			return x.PAD, nil
		}
		frames[i] = matcher.Frame{Taken: s.at, Seen: x.Seen, Template: x.Template}
	}
	pad, err := e.JudgeSequence(ctx, frames, p.challenge)
	return &pad, err
}

// script writes a play: what a person does, or who holds an instrument, knowing the instruction.
func script(protocol Protocol, species synth.Species, seed uint64) play {
	rng := rand.New(rand.NewPCG(seed, uint64(len(protocol))))
	tremble := func() synth.Pose {
		return synth.Pose{
			Yaw: radians(2 * rng.NormFloat64()), Pitch: radians(1.5 * rng.NormFloat64()), Roll: radians(1.5 * rng.NormFloat64()),
			ShiftX: 0.05 * rng.NormFloat64(), ShiftY: 0.05 * rng.NormFloat64(), Scale: 1 + 0.02*rng.NormFloat64(),
		}
	}
	switch protocol {
	case Natural:
		return natural(rng, species, tremble)
	case HeadTurn:
		return headTurn(rng, tremble)
	case Colour:
		return colour(rng, tremble)
	}
	return play{shots: []shot{{pose: tremble()}}}
}

func radians(degrees float64) float64 { return degrees * math.Pi / 180 }

// natural: a person looks at the display and shifts a little; an instrument is waved to pretend that it lives.
func natural(rng *rand.Rand, species synth.Species, tremble func() synth.Pose) (p play) {
	swing := 5.0
	if species != synth.BonaFide {
		swing = 20
	}
	phase := rng.Float64()
	for i := range 6 {
		pose := tremble()
		pose.Yaw += radians(swing * math.Sin(2*math.Pi*(phase+float64(i)/6)))
		p.shots = append(p.shots, shot{at: time.Duration(i) * 300 * time.Millisecond, pose: pose})
	}
	return p
}

// headTurn: four steps of 1.2 s with four frames each; the head reaches what is asked for in half of a step.
func headTurn(rng *rand.Rand, tremble func() synth.Pose) (p play) {
	const step, frames = 1200 * time.Millisecond, 4
	p.challenge = &matcher.Challenge{Kind: matcher.ChallengeHeadTurn}
	turns := map[string][2]float64{"left": {1, 0}, "right": {-1, 0}, "up": {0, -0.8}, "down": {0, 0.8}, "ahead": {0, 0}}
	values := []string{"left", "right", "up", "down"}
	var was [2]float64
	for i := range 4 {
		value := "ahead"
		if i > 0 {
			value = values[rng.IntN(len(values))]
		}
		from := time.Duration(i) * step
		p.challenge.Steps = append(p.challenge.Steps, matcher.ChallengeStep{Value: value, From: from, To: from + step})
		reach := 18 + 8*rng.Float64()
		is := [2]float64{reach * turns[value][0], reach * turns[value][1]}
		for k := range frames {
			done := math.Min(float64(k+1)/3, 1)
			pose := tremble()
			pose.Yaw += radians(was[0] + done*(is[0]-was[0]))
			pose.Pitch += radians(was[1] + done*(is[1]-was[1]))
			p.shots = append(p.shots, shot{at: from + time.Duration(k)*step/frames, pose: pose})
		}
		was = is
	}
	return p
}

// colour: six steps of half a second, each with one frame.
func colour(rng *rand.Rand, tremble func() synth.Pose) (p play) {
	p.challenge = &matcher.Challenge{Kind: matcher.ChallengeColour}
	values := []string{"red", "green", "blue", "white"}
	lights := map[string]synth.Light{"red": {1, 0, 0}, "green": {0, 1, 0}, "blue": {0, 0, 1}, "white": {1, 1, 1}}
	last := -1
	for i := range 6 {
		n := rng.IntN(len(values))
		if n == last {
			n = (n + 1) % len(values)
		}
		last = n
		from := time.Duration(i) * 500 * time.Millisecond
		p.challenge.Steps = append(p.challenge.Steps, matcher.ChallengeStep{Value: values[n], From: from, To: from + 500*time.Millisecond})
		p.shots = append(p.shots, shot{at: from + 350*time.Millisecond, pose: tremble(), light: lights[values[n]]})
	}
	return p
}
