package face

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"biogate/matcher"
	"biogate/models"
)

// head are 68 points of a face and how far they stand out, in pixels: what is needed of it is that it is no plane.
func head() (flat landmarks, depth [models.FaceLandmarks]float64) {
	for i, s := range fakeMarks() {
		flat[i] = point{200 * s.x, 200 * s.y}
		x, y := (s.x-0.5)/0.5, (s.y-0.55)/0.6
		depth[i] = 90 * (1 - x*x - y*y)
	}
	for i := 27; i <= 35; i++ { // the nose
		flat[i].y, depth[i] = 100+float64(i-27)*5, depth[i]+8*float64(min(i-26, 4))
	}
	for i, x := range map[int]float64{21: 85, 22: 115, 31: 90, 35: 110} {
		flat[i].x = x
	}
	return flat, depth
}

// headTurned is a view of the head after a turn; flat: of a picture of it.
func headTurned(yaw, pitch float64, isFlat bool) (l landmarks) {
	l, depth := head()
	sinYaw, cosYaw := math.Sincos(yaw * math.Pi / 180)
	sinPitch, cosPitch := math.Sincos(pitch * math.Pi / 180)
	for i, p := range l {
		z := depth[i]
		if isFlat {
			z = 0
		}
		l[i] = point{100 + (p.x-100)*cosYaw + z*sinYaw, 100 + (p.y-100)*cosPitch + z*sinPitch}
	}
	return l
}

func shotOf(l landmarks, taken time.Duration) shot {
	return shot{&sighting{marks: l, peak: math.NaN(), bonaFide: math.NaN()}, matcher.Frame{Taken: taken}}
}

func TestParallaxTellsAHeadFromAPictureOfIt(t *testing.T) {
	for _, c := range []struct {
		name           string
		yaw            float64
		flat           bool
		suspect, solid bool
	}{
		{"a head that turns", 22, false, false, true},
		{"a picture that is turned", 35, true, true, false},
		{"a head that stays", 0, false, false, false},
		{"a picture that stays", 0, true, false, false},
	} {
		ev := parallax([]shot{shotOf(headTurned(-c.yaw, 0, c.flat), 0), shotOf(headTurned(0, 2, c.flat), 1), shotOf(headTurned(c.yaw, 0, c.flat), 2)})
		if ev.Suspect != c.suspect || !ev.Advisory || (ev.Score > 0.5) != c.solid {
			t.Errorf("%s: %+v", c.name, ev)
		}
	}
}

// Whatever is done to a flat picture, seen from however near, no relief shows.
func TestViewsOfAPlaneShowNoRelief(t *testing.T) {
	from, _ := head()
	rapid.Check(t, func(t *rapid.T) {
		number := func(name string) float64 { return rapid.Float64Range(-2, 2).Draw(t, name) }
		a, b, c, d := 1+number("a")/4, number("b")/4, number("c")/4, 1+number("d")/4
		x, y, u, v := 10*number("x"), 10*number("y"), number("u")/1500, number("v")/1500
		var to landmarks
		for i, p := range from {
			w := 1 + u*p.x + v*p.y
			to[i] = point{(a*p.x + b*p.y + x) / w, (c*p.x + d*p.y + y) / w}
		}
		if math.Abs(a*d-b*c) < 0.1 {
			t.Skip("nearly singular")
		}
		if off, ok := offPlane(from, to); !ok || off > 1e-5 {
			t.Fatalf("relief %v, %v", off, ok)
		}
	})
	var line landmarks
	for i := range line {
		line[i] = point{float64(i), 2 * float64(i)}
	}
	for _, l := range []landmarks{line, {}} {
		if _, ok := offPlane(l, from); ok {
			t.Error("points on a line are a view")
		}
		if _, ok := stretch(l, from); ok {
			t.Error("points on a line were stretched")
		}
		if off, ok := offPlane(from, l); ok {
			t.Errorf("relief %v of a line", off)
		}
	}
}

func TestStretchIsThatOfTheMap(t *testing.T) {
	from, _ := head()
	rapid.Check(t, func(t *rapid.T) {
		number := func(name string) float64 { return rapid.Float64Range(-0.5, 0.5).Draw(t, name) }
		a, b, c, d := 1+number("a"), number("b"), number("c"), 1+number("d")
		var to landmarks
		for i, p := range from {
			to[i] = point{a*p.x + b*p.y + 7, c*p.x + d*p.y}
		}
		s, ok := stretch(from, to)
		if !ok || math.Abs(a*d-b*c) < 0.1 {
			t.Skip("nearly singular")
		}
		// The stretch and its inverse add up to the trace of M'M over its determinant.
		want := (a*a + b*b + c*c + d*d) / math.Abs(a*d-b*c)
		if math.Abs(s+1/s-want) > 1e-6*want {
			t.Fatalf("stretch %v: %v, want %v", s, s+1/s, want)
		}
	})
}

// nearView turns a picture of the head before a camera that is so many of its half widths away.
func nearView(yaw, pitch, away float64) landmarks {
	l, _ := head()
	sinYaw, cosYaw := math.Sincos(yaw * math.Pi / 180)
	sinPitch, cosPitch := math.Sincos(pitch * math.Pi / 180)
	for i, p := range l {
		x, y := p.x/100-1, p.y/100-1
		w := 1 - (x*sinYaw+y*sinPitch)/away
		l[i] = point{100 + 100*x*cosYaw/w, 100 + 100*y*cosPitch/w}
	}
	return l
}

// A picture that is held close and turned far looks no more like a head than one from afar.
func TestAPictureHeldCloseIsFlat(t *testing.T) {
	for _, turn := range []float64{25, 40, 60} {
		for _, away := range []float64{8, 4, 2} {
			for _, to := range [][2]float64{{turn, 0}, {0, turn}} {
				ev := parallax([]shot{shotOf(nearView(0, 0, away), 0), shotOf(nearView(to[0], to[1], away), 1), shotOf(nearView(-to[0], -to[1], away), 2)})
				if ev.Score >= 0.5 && ev.Reason == "" {
					t.Errorf("turned by %v, from %v away: %+v", to, away, ev)
				}
			}
		}
	}
}

// turnsTo is a challenge with a second for each value, and frames that look where the degrees say at its end.
func turnsTo(values []string, yaw, pitch []float64) ([]shot, matcher.Challenge) {
	c := matcher.Challenge{Kind: matcher.ChallengeHeadTurn}
	var shots []shot
	for i, v := range values {
		from := time.Duration(i) * time.Second
		c.Steps = append(c.Steps, matcher.ChallengeStep{Value: v, From: from, To: from + time.Second})
		s := shotOf(landmarks{}, from+900*time.Millisecond)
		s.yaw, s.pitch = yaw[i], pitch[i]
		shots = append(shots, s)
	}
	return shots, c
}

func TestHeadTurnFollowsTheInstruction(t *testing.T) {
	for _, c := range []struct {
		values     []string
		yaw, pitch []float64
		follows    bool
	}{
		{[]string{"ahead", "left", "right"}, []float64{0, 20, -20}, []float64{0, 0, 0}, true},
		{[]string{"ahead", "left", "right"}, []float64{15, 35, -5}, []float64{0, 0, 0}, true}, // a camera from the side
		{[]string{"ahead", "left", "right"}, []float64{0, -20, 20}, []float64{0, 0, 0}, false},
		{[]string{"ahead", "left", "right"}, []float64{0, 20, 20}, []float64{0, 0, 0}, false},
		{[]string{"ahead", "left", "right"}, []float64{0, 2, -2}, []float64{0, 0, 0}, false},
		{[]string{"ahead", "up", "down"}, []float64{0, 0, 0}, []float64{0, -15, 15}, true},
		{[]string{"ahead", "up", "down"}, []float64{0, 0, 0}, []float64{0, 15, -15}, false},
		{[]string{"ahead", "around"}, []float64{0, 50}, []float64{0, 50}, false},
	} {
		shots, challenge := turnsTo(c.values, c.yaw, c.pitch)
		list, err := challenged(shots, challenge, true)
		if err != nil || len(list) != 1 || list[0].Name != challenge.EvidenceName() || list[0].Advisory || list[0].Suspect == c.follows {
			t.Errorf("%v by yaw %v, pitch %v: %+v, error %v", c.values, c.yaw, c.pitch, list, err)
		}
	}
}

func TestAStepWithoutAFrameAllowsNoJudgement(t *testing.T) {
	shots, c := turnsTo([]string{"ahead", "left"}, []float64{0, 20}, []float64{0, 0})
	for _, part := range [][]shot{shots[:1], shots[1:]} {
		if list, err := challenged(part, c, true); len(list) != 0 || err != nil {
			t.Errorf("%+v, error %v", list, err)
		}
	}
	if list, err := challenged(shots, matcher.Challenge{Kind: matcher.ChallengeHeadTurn}, true); len(list) != 0 || err != nil {
		t.Errorf("no steps: %+v, error %v", list, err)
	}
	if _, err := challenged(shots, matcher.Challenge{Kind: "sing", Steps: c.Steps}, true); err == nil {
		t.Error("a challenge of an unknown kind was judged")
	}
}

// A head that turns as told decides only when it was seen to be solid; one that does not, decides always.
func TestHeadTurnOfAFlatThingDecidesNothing(t *testing.T) {
	shots, c := turnsTo([]string{"ahead", "left"}, []float64{0, 20}, []float64{0, 0})
	if list, err := challenged(shots, c, false); err != nil || list[0].Suspect || !list[0].Advisory {
		t.Errorf("followed: %+v, error %v", list, err)
	}
	shots[1].yaw = -20
	if list, err := challenged(shots, c, false); err != nil || !list[0].Suspect || list[0].Advisory {
		t.Errorf("not followed: %+v, error %v", list, err)
	}
}

// lit are frames under the colours, face and background answering with their share; noise is added to each channel.
func lit(values []string, face, behind, noise float64) ([]shot, matcher.Challenge) {
	rng := rand.New(rand.NewPCG(1, 1))
	c := matcher.Challenge{Kind: matcher.ChallengeColour}
	var shots []shot
	for i, v := range values {
		from := time.Duration(i) * time.Second
		c.Steps = append(c.Steps, matcher.ChallengeStep{Value: v, From: from, To: from + time.Second})
		s := shotOf(landmarks{}, from+500*time.Millisecond)
		for area, share := range [areas]float64{areaFace: face, areaBehind: behind} {
			for ch := range 3 {
				s.light[area][ch] = 0.3 * (1 + share*screenColours[v][ch] + noise*rng.NormFloat64())
			}
		}
		shots = append(shots, s)
	}
	return shots, c
}

func TestColoursComeBackFromAFace(t *testing.T) {
	order := []string{"red", "green", "white", "blue", "red", "blue"}
	for _, c := range []struct {
		name                string
		face, behind, noise float64
		follows, deep       bool
	}{
		{"a head", 0.3, 0.04, 0.005, true, true},
		{"a sheet of paper", 0.3, 0.3, 0.005, true, false},
		{"a display", 0.03, 0.03, 0.005, false, false},
		{"other light", 0, 0, 0.1, false, false},
	} {
		shots, challenge := lit(order, c.face, c.behind, c.noise)
		list, err := challenged(shots, challenge, false)
		if err != nil || len(list) == 0 || list[0].Suspect == c.follows || list[0].Advisory != c.follows {
			t.Errorf("%s: %+v, error %v", c.name, list, err)
			continue
		}
		if c.follows != (len(list) == 2) || c.follows && (list[1].Suspect == c.deep || !list[1].Advisory) {
			t.Errorf("%s: %+v", c.name, list)
		}
	}
	// A face that answers to other colours than were asked for.
	shots, challenge := lit(order, 0.3, 0.04, 0.005)
	for i, v := range []string{"blue", "red", "green", "white", "green", "red"} {
		challenge.Steps[i].Value = v
	}
	if list, _ := challenged(shots, challenge, false); len(list) != 1 || !list[0].Suspect {
		t.Errorf("a recording: %+v", list)
	}
	shots, challenge = lit(order, 0.3, 0.04, 0)
	shots[2].light[areaBehind][1] = math.NaN()
	if list, err := challenged(shots, challenge, false); len(list) != 1 || err != nil {
		t.Errorf("nothing behind: %+v, error %v", list, err)
	}
	shots[3].light[areaFace][1] = math.NaN()
	if list, err := challenged(shots, challenge, false); len(list) != 0 || err != nil {
		t.Errorf("no face: %+v, error %v", list, err)
	}
}

func TestSummaryIsDecidedByDecisiveEvidence(t *testing.T) {
	advice := matcher.PADEvidence{Score: 0.1, Suspect: true, Advisory: true}
	good := matcher.PADEvidence{Score: 0.9}
	bad := matcher.PADEvidence{Score: 0.2, Suspect: true}
	for _, c := range []struct {
		list []matcher.PADEvidence
		want matcher.PAD
	}{
		{nil, matcher.PAD{Score: 1, Advisory: true}},
		{[]matcher.PADEvidence{advice}, matcher.PAD{Score: 0.1, Suspect: true, Advisory: true}},
		{[]matcher.PADEvidence{advice, good}, matcher.PAD{Score: 0.9}},
		{[]matcher.PADEvidence{good, advice, bad}, matcher.PAD{Score: 0.2, Suspect: true}},
	} {
		got := summary(c.list)
		if got.Score != c.want.Score || got.Suspect != c.want.Suspect || got.Advisory != c.want.Advisory || len(got.Evidence) != len(c.list) {
			t.Errorf("%+v: %+v, want %+v", c.list, got, c.want)
		}
	}
}

func TestJudgeSequence(t *testing.T) {
	e := newFake(t, fakeNets())
	e.contract.SamePerson = 0.99999 // the fakes are much alike
	frame := func(seed uint64, taken time.Duration) matcher.Frame {
		x := extract(t, e, picture(t, 320, 240, portrait{seed, 120, 60, 150}))
		return matcher.Frame{Taken: taken, Seen: x.Seen, Template: x.Template}
	}
	a, b, other := frame(1, 0), frame(1, time.Second), frame(2, 2*time.Second)
	judge := func(frames ...matcher.Frame) (matcher.PAD, error) {
		return e.JudgeSequence(context.Background(), frames, nil)
	}
	pad, err := judge(a, b)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"identity", "network", "spectrum", "parallax"} {
		if _, ok := evidence(&pad, name); !ok {
			t.Errorf("no evidence of %s in %+v", name, pad.Evidence)
		}
	}
	if same, _ := evidence(&pad, "identity"); same.Suspect || !same.Advisory {
		t.Errorf("two frames of one person: %+v", same)
	}
	pad, err = judge(a, b, other)
	if same, _ := evidence(&pad, "identity"); err != nil || !pad.Suspect || pad.Advisory || !same.Suspect || same.Reason != "several-people" {
		t.Errorf("two people: %+v, error %v", pad, err)
	}
	for name, frames := range map[string][]matcher.Frame{
		"one frame": {a}, "backwards": {b, a}, "at once": {a, a}, "a template": {a, {Taken: 1, Template: b.Template}},
	} {
		if _, err := judge(frames...); !errors.Is(err, &matcher.Error{Code: matcher.CodeBadParameter}) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := e.JudgeSequence(ctx, []matcher.Frame{a, b}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: error %v", err)
	}
}
