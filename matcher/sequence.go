package matcher

import (
	"context"
	"time"
)

// Sequencer is what an Engine is besides when it can judge several samples of one moment together.
type Sequencer interface {
	// JudgeSequence is presentation attack detection over at least two frames of one presentation, ascending by Taken, that
	// this engine extracted. c is the instruction that the person was to follow while they were taken, nil when there was
	// none. Evidence that names the challenge is among the outcome's if and only if c is not nil and the frames allow a
	// judgement of it. The outcome stands in place of those of the single frames: what they showed is part of it.
	JudgeSequence(ctx context.Context, frames []Frame, c *Challenge) (PAD, error)
}

// Frame is one sample of a sequence, as an engine extracted it.
type Frame struct {
	Taken    time.Duration // since the first frame
	Seen     any           // Extraction.Seen
	Template Template
}

// Kinds of challenges.
const (
	ChallengeColour   = "colour"    // the screen lights the face in the colours of the steps
	ChallengeHeadTurn = "head-turn" // the person turns the head as the steps say
)

// Challenge is a random instruction that a sequence has to follow.
type Challenge struct {
	Kind  string
	Steps []ChallengeStep // ascending in time, without overlap
}

// ChallengeStep is one part of an instruction.
type ChallengeStep struct {
	Value    string        // red, green, blue, white; left, right, up, down, ahead, as the person sees it
	From, To time.Duration // since the first frame of the sequence
}

// EvidenceName is the Name of the evidence that says whether a challenge was followed.
func (c Challenge) EvidenceName() string { return "challenge-" + c.Kind }
