package gateway

import (
	"context"
	"fmt"
	"slices"
	"time"

	"biogate/gateway/decision"
	"biogate/matcher"
)

// MaxSequence is the longest time from the first capture of a sequence to the last.
const MaxSequence = 10 * time.Second

// checkSequence refuses times that make no sequence. Faces are one when any of them has a time above 0; that of the
// first is 0, for the steps of a challenge count from it.
func checkSequence(samples []matcher.Sample) error {
	last, timed := time.Duration(-1), isSequence(samples)
	for _, s := range samples {
		late := last < 0 && s.Taken != 0
		switch {
		case s.Modality != matcher.Face && s.Taken != 0, s.Taken < 0, s.Taken > MaxSequence, s.Modality == matcher.Face && timed && (late || s.Taken <= last):
			return &Error{Kind: Malformed, Code: "sequence-invalid", Detail: fmt.Sprintf("the times of captures are those of faces, are 0 at the first and ascend to %s at most", MaxSequence)}
		case s.Modality == matcher.Face:
			last = s.Taken
		}
	}
	return nil
}

func isSequence(samples []matcher.Sample) bool {
	return slices.ContainsFunc(samples, func(s matcher.Sample) bool { return s.Modality == matcher.Face && s.Taken != 0 })
}

// judgeSequence has the usable faces of a sequence, two at least, judged together in place of each by itself.
func (s *Service) judgeSequence(ctx context.Context, samples []matcher.Sample, captures []captured, c *matcher.Challenge) error {
	if !isSequence(samples) {
		return nil
	}
	var q []captured
	var frames []matcher.Frame
	for i, one := range captures {
		if one.info.Usable && samples[i].Modality == matcher.Face {
			q = append(q, one)
			frames = append(frames, matcher.Frame{Taken: samples[i].Taken, Seen: one.Seen, Template: one.Template})
		}
	}
	if len(q) < 2 {
		return nil
	}
	free, err := s.core(ctx)
	if err != nil {
		return err
	}
	defer free()
	return s.staged("sequence", func() error {
		pad, err := judgeFrames(ctx, s.engines[matcher.Face], q, frames, c)
		for i := range captures {
			if captures[i].info.Usable && samples[i].Modality == matcher.Face {
				captures[i].PAD, captures[i].info.PAD = pad, pad
			}
		}
		return err
	})
}

// judgeFrames asks the engine, where it can judge a sequence, and makes sure that it is of one person.
func judgeFrames(ctx context.Context, m model, captures []captured, frames []matcher.Frame, c *matcher.Challenge) (pad *matcher.PAD, err error) {
	if judge, can := m.Engine.(matcher.Sequencer); can {
		judged, err := judge.JudgeSequence(ctx, frames, c)
		if err != nil {
			return nil, err
		}
		pad = &judged
	} else {
		for _, one := range captures {
			pad = worse(pad, one.PAD)
		}
	}
	same, err := onePerson(m, frames)
	if err == nil && !same {
		pad = twoPeople(pad)
	}
	return pad, err
}

// onePerson says whether all frames show the same person: from each a chain of frames leads to the first, of which neighbours
// are taken for one person at sameFMR over all pairs. Otherwise the liveness of one could be lent to the picture of another.
func onePerson(m model, frames []matcher.Frame) (bool, error) {
	refs := make([]matcher.Reference, len(frames))
	for k, f := range frames {
		var err error
		if refs[k], err = m.Reference(f.Template); err != nil {
			return false, err
		}
	}
	pairs, linked := len(frames)*(len(frames)-1)/2, make([]bool, len(frames))
	linked[0] = true
	for chain := []int{0}; len(chain) > 0; chain = chain[1:] {
		probe, err := m.Probe(frames[chain[0]].Template)
		if err != nil {
			return false, err
		}
		for k := range frames {
			if linked[k] {
				continue
			}
			score, err := probe.Compare(refs[k])
			if err != nil {
				return false, err
			}
			if fmr, _ := (decision.Evidence{Impostors: m.impostors, Score: score, Comparisons: pairs}).FMR(); fmr <= sameFMR {
				linked[k], chain = true, append(chain, k)
			}
		}
	}
	return !slices.Contains(linked, false), nil
}

// twoPeople adds to what is known of a sequence that its captures do not show one person.
func twoPeople(pad *matcher.PAD) *matcher.PAD {
	var out matcher.PAD
	if pad != nil {
		out = *pad
	}
	out.Score, out.Suspect, out.Advisory = 0, true, false
	out.Evidence = append(out.Evidence[:len(out.Evidence):len(out.Evidence)], matcher.PADEvidence{Name: "one-person", Suspect: true, Reason: "captures-differ"})
	return &out
}
