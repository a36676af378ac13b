package face

import (
	"bytes"
	"math"
	"time"

	"biogate/matcher"
	"biogate/matcher/kernel"
)

// Frames of one movement differ little from one to the next. Photographs that are swapped, or a recording in which somebody
// jumps to the right place, do not: a step between neighbours is judged by its time, by how far the head has turned in it,
// by the light on the face, and by how like the neighbours are, which two photographs of one person seldom are.
const (
	gapMost   = 700 * time.Millisecond
	leapYaw   = 25.0 // degrees
	leapPitch = 20.0
	leapLight = 0.35 // natural logarithm of the light on the face
	// sameMoment is the least cosine of two frames of one movement, whatever the network: two photographs of one person have 0.6
	// in the middle.
	sameMoment = 0.7
	leapWidth  = 0.3 // of sure, in shares of what is allowed
)

// continuity says whether the frames can be of one movement. It is advice by itself, and what a challenge needs to decide.
func (e *Engine) continuity(shots []shot) (matcher.PADEvidence, error) {
	ev := matcher.PADEvidence{Name: "continuity", Advisory: true}
	room := 1.0 // the least that is left of what is allowed, in shares of it
	for i := 1; i < len(shots); i++ {
		a, b := shots[i-1], shots[i]
		cosine, err := e.cosine(a.frame.Template, b.frame.Template)
		if err != nil {
			return ev, err
		}
		room = min(room,
			1-math.Abs(b.yaw-a.yaw)/leapYaw, 1-math.Abs(b.pitch-a.pitch)/leapPitch,
			1-change(a, b)/leapLight, (cosine-sameMoment)/(1-sameMoment))
		if bytes.Equal(a.frame.Template.Payload, b.frame.Template.Payload) {
			room = min(room, -1) // no camera sees the same twice
		}
		if b.frame.Taken-a.frame.Taken > gapMost {
			ev.Reason = "frames-too-far-apart"
		}
	}
	ev.Score = sure(room, 0, leapWidth)
	switch {
	case !(room >= 0):
		ev.Score, ev.Suspect, ev.Reason = min(ev.Score, 0.5), true, "frames-jump"
	case ev.Reason != "":
		ev.Score = 0.5
	}
	if math.IsNaN(ev.Score) {
		ev.Score = 0
	}
	return ev, nil
}

// cosine is that of two templates' embeddings, whatever their clarity.
func (e *Engine) cosine(a, b matcher.Template) (float64, error) {
	x, err := e.form.read(a)
	if err != nil {
		return 0, err
	}
	y, err := e.form.read(b)
	if err != nil {
		return 0, err
	}
	dot := func(v, w []int8) float64 { return float64(kernel.Dot8(v, w)) }
	return dot(x.vector, y.vector) / math.Sqrt(dot(x.vector, x.vector)*dot(y.vector, y.vector)), nil
}

// change is by how much the light on the face differs, as a natural logarithm.
func change(a, b shot) float64 {
	return math.Abs(math.Log(grey(b.light[areaFace]) / grey(a.light[areaFace])))
}

// grey is the mean of red, green and blue.
func grey(light [3]float64) float64 { return (light[0] + light[1] + light[2]) / 3 }
