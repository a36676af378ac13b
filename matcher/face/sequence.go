package face

import (
	"context"
	"errors"
	"math"
	"slices"

	"biogate/matcher"
)

var _ matcher.Sequencer = (*Engine)(nil)

// shot is one frame of a sequence with what this engine saw in it.
type shot struct {
	*sighting
	frame matcher.Frame
}

// JudgeSequence is presentation attack detection over the frames of one presentation; see matcher.Sequencer. Each method is a
// piece of evidence of its own: identity (all frames show one person), network and spectrum (the single frames', taken
// together), parallax (the face moves as a solid and not as a flat thing), continuity (the frames can be of one movement), and,
// when there was a challenge, whether it was followed and whether its light falls on the face more than on what is behind. Only
// a head that turned as it was told, in one movement, seen to be solid and with a spectrum that was looked at, is taken for
// bona fide: pictures have no relief, photographs that are swapped do not move, a recording knows no instruction. Whoever makes
// up the frames themselves can make up such a movement as well: the camera has to be trusted.
func (e *Engine) JudgeSequence(ctx context.Context, frames []matcher.Frame, c *matcher.Challenge) (matcher.PAD, error) {
	if len(frames) < 2 {
		return matcher.PAD{}, parameter("a sequence has two frames or more, this one has %d", len(frames))
	}
	shots := make([]shot, len(frames))
	for i, f := range frames {
		seen, ok := f.Seen.(*sighting)
		if !ok {
			return matcher.PAD{}, parameter("a frame of the sequence is no picture: nothing was seen in it")
		}
		if i > 0 && f.Taken <= frames[i-1].Taken {
			return matcher.PAD{}, parameter("the frames of a sequence must ascend in time")
		}
		shots[i] = shot{seen, f}
	}
	if err := ctx.Err(); err != nil {
		return matcher.PAD{}, err
	}
	same, err := e.identity(frames)
	if err != nil {
		return matcher.PAD{}, err
	}
	evidence := append([]matcher.PADEvidence{same}, stillEvidence(shots, e.contract.Liveness.Least)...)
	solid := parallax(shots)
	moved, err := e.continuity(shots)
	if err != nil {
		return matcher.PAD{}, err
	}
	evidence = append(evidence, solid, moved)
	if c != nil {
		peak := median(shots, func(s shot) float64 { return s.peak })
		answered, err := challenged(shots, *c, solid.Score > 0.5 && moved.Score > 0.5 && !math.IsNaN(peak))
		if err != nil {
			return matcher.PAD{}, err
		}
		evidence = append(evidence, answered...)
	}
	return summary(evidence), nil
}

// summary makes one judgement of all evidence. An attack that one method is sure of is one; without a method that may
// decide, what the others say is advice.
func summary(evidence []matcher.PADEvidence) matcher.PAD {
	pad := matcher.PAD{Score: 1, Advisory: true, Evidence: evidence}
	for _, decisive := range []bool{true, false} {
		for _, e := range evidence {
			if e.Advisory == decisive {
				continue
			}
			pad.Score, pad.Suspect, pad.Advisory = min(pad.Score, e.Score), pad.Suspect || e.Suspect, e.Advisory
		}
		if !pad.Advisory {
			break
		}
	}
	return pad
}

// identity says whether all frames show the person of the first: the least comparison score with it.
func (e *Engine) identity(frames []matcher.Frame) (matcher.PADEvidence, error) {
	least := 1.0
	for _, f := range frames[1:] {
		score, err := e.likeness(frames[0].Template, f.Template)
		if err != nil {
			return matcher.PADEvidence{}, err
		}
		least = min(least, score)
	}
	ev := matcher.PADEvidence{Name: "identity", Score: sure(least, e.contract.SamePerson, samePersonWidth), Advisory: true}
	if least < e.contract.SamePerson {
		ev.Suspect, ev.Advisory, ev.Reason = true, false, "several-people"
	}
	return ev, nil
}

// likeness is the comparison score of two templates of this model.
func (e *Engine) likeness(a, b matcher.Template) (float64, error) {
	p, err := e.Probe(a)
	if err != nil {
		return 0, err
	}
	r, err := e.Reference(b)
	if err != nil {
		return 0, err
	}
	return p.Compare(r)
}

// sure is 0.5 at a threshold and rises with x: 0.88 and 0.98 one and two widths above it.
func sure(x, threshold, width float64) float64 { return 1 / (1 + math.Exp(-2*(x-threshold)/width)) }

// stillEvidence is what the frames show one by one: the medians.
func stillEvidence(shots []shot, least float64) (evidence []matcher.PADEvidence) {
	if bonaFide := median(shots, func(s shot) float64 { return s.bonaFide }); !math.IsNaN(bonaFide) {
		evidence = append(evidence, networkEvidence(bonaFide, least))
	}
	if peak := median(shots, func(s shot) float64 { return s.peak }); !math.IsNaN(peak) {
		evidence = append(evidence, spectrumEvidence(peak))
	}
	return evidence
}

// median over the shots that have a value, the lower one of two; not a number when none has.
func median(shots []shot, value func(shot) float64) float64 {
	var list []float64
	for _, s := range shots {
		if v := value(s); !math.IsNaN(v) {
			list = append(list, v)
		}
	}
	if len(list) == 0 {
		return math.NaN()
	}
	slices.Sort(list)
	return list[(len(list)-1)/2]
}

var errChallenge = errors.New("face: a challenge of a kind that this engine does not know")
