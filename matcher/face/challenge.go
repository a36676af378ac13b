package face

import (
	"math"

	"biogate/matcher"
)

// challenged says whether the frames follow an instruction. Where they do not allow a judgement, because a step has no frame,
// there is no evidence. real: a solid was seen to move.
func challenged(shots []shot, c matcher.Challenge, real bool) ([]matcher.PADEvidence, error) {
	steps, complete := framesOf(shots, c)
	switch c.Kind {
	case matcher.ChallengeHeadTurn:
		if !complete {
			return nil, nil
		}
		return []matcher.PADEvidence{headTurn(c, steps, real)}, nil
	case matcher.ChallengeColour:
		if !complete {
			return nil, nil
		}
		return colourAnswer(c, steps), nil
	}
	return nil, errChallenge
}

// framesOf are the shots taken during each step; complete: every step has one.
func framesOf(shots []shot, c matcher.Challenge) (steps [][]shot, complete bool) {
	steps, complete = make([][]shot, len(c.Steps)), len(c.Steps) > 0
	for i, step := range c.Steps {
		for _, s := range shots {
			if s.frame.Taken >= step.From && s.frame.Taken < step.To {
				steps[i] = append(steps[i], s)
			}
		}
		complete = complete && len(steps[i]) > 0
	}
	return steps, complete
}

// headTurn judges each step by its last frame, when the turn must have been made: a head that shakes all the time passes
// none but by chance. Turns count from the frames that look ahead, or from the middle of all.
func headTurn(c matcher.Challenge, steps [][]shot, real bool) matcher.PADEvidence {
	yaw, pitch := straight(c, steps)
	worst := math.Inf(1)
	for i, step := range c.Steps {
		last := steps[i][len(steps[i])-1]
		worst = min(worst, turnMargin(step.Value, last.yaw-yaw, last.pitch-pitch))
	}
	ev := matcher.PADEvidence{Name: c.EvidenceName(), Score: sure(worst, 0, turnWidth), Advisory: !real}
	if !(worst >= 0) {
		ev.Suspect, ev.Advisory, ev.Reason = true, false, "challenge-not-followed"
	}
	return ev
}

// straight is where the head looks when it looks ahead, in degrees.
func straight(c matcher.Challenge, steps [][]shot) (yaw, pitch float64) {
	var ahead, all []shot
	for i, step := range c.Steps {
		all = append(all, steps[i]...)
		if step.Value == "ahead" {
			ahead = append(ahead, steps[i][len(steps[i])-1])
		}
	}
	if len(ahead) == 0 {
		ahead = all
	}
	return median(ahead, func(s shot) float64 { return s.yaw }), median(ahead, func(s shot) float64 { return s.pitch })
}

// turnMargin is by how many degrees a turn exceeds what a step asks for, as the person sees it: left is the picture's right.
// Below 0 it was not followed.
func turnMargin(value string, yaw, pitch float64) float64 {
	switch value {
	case "left":
		return yaw - turnYaw
	case "right":
		return -yaw - turnYaw
	case "up":
		return -pitch - turnPitch
	case "down":
		return pitch - turnPitch
	case "ahead":
		return min(turnYaw-math.Abs(yaw), turnPitch-math.Abs(pitch))
	}
	return math.Inf(-1) // an instruction that nobody can follow
}

// screenColours are what the kiosk's display shows in a step.
var screenColours = map[string][3]float64{"red": {1, 0, 0}, "green": {0, 1, 0}, "blue": {0, 0, 1}, "white": {1, 1, 1}}

// colourAnswer judges how the light of the display comes back: from the face it must follow the colours, from what is behind
// hardly. That it follows is advice, because paper follows as well.
func colourAnswer(c matcher.Challenge, steps [][]shot) []matcher.PADEvidence {
	face, ok := response(c, steps, areaFace)
	if !ok {
		return nil
	}
	follows := min(face.correlation-colourCorrelation, (face.gain-colourGain)*colourGainWorth)
	ev := matcher.PADEvidence{Name: c.EvidenceName(), Score: sure(follows, 0, colourSure), Advisory: true}
	if follows < 0 {
		ev.Suspect, ev.Advisory, ev.Reason = true, false, "challenge-not-followed"
		return []matcher.PADEvidence{ev}
	}
	behind, ok := response(c, steps, areaBehind)
	if !ok { // the face fills the picture
		return []matcher.PADEvidence{ev}
	}
	deep := colourBehind - behind.gain/face.gain
	depth := matcher.PADEvidence{Name: "colour-depth", Score: sure(deep, 0, colourBehindWidth), Advisory: true}
	if deep < 0 {
		depth.Suspect, depth.Reason = true, "lit-like-a-plane"
	}
	return []matcher.PADEvidence{ev, depth}
}

// answer is how one area follows the colours.
type answer struct {
	correlation float64 // of its colour with the display's, -1 to 1
	gain        float64 // logarithm of light for full light of the display
}

// response compares an area's colour over the steps with what was shown: chromaticity only, since cameras change exposure.
func response(c matcher.Challenge, steps [][]shot, area int) (a answer, ok bool) {
	var shown, seen [][3]float64
	for i, step := range c.Steps {
		for _, s := range steps[i] {
			shown, seen = append(shown, screenColours[step.Value]), append(seen, logs(s.light[area]))
		}
	}
	centre(shown)
	centre(seen)
	var xy, xx, yy float64
	for i := range shown {
		for ch := range 3 {
			xy += shown[i][ch] * seen[i][ch]
			xx += shown[i][ch] * shown[i][ch]
			yy += seen[i][ch] * seen[i][ch]
		}
	}
	if !(xx > 1e-9) || !(yy > 1e-12) { // also when something is not a number
		return answer{}, xx > 1e-9 && yy >= 0
	}
	return answer{xy / math.Sqrt(xx*yy), xy / xx}, true
}

func logs(light [3]float64) [3]float64 {
	for c := range light {
		light[c] = math.Log(light[c])
	}
	return light
}

// centre takes the mean over channels from every row, and the mean over rows from every channel.
func centre(rows [][3]float64) {
	var means [3]float64
	for i := range rows {
		grey := (rows[i][0] + rows[i][1] + rows[i][2]) / 3
		for c := range means {
			rows[i][c] -= grey
			means[c] += rows[i][c] / float64(len(rows))
		}
	}
	for i := range rows {
		for c := range means {
			rows[i][c] -= means[c]
		}
	}
}
