package face

import (
	"cmp"
	"context"
	"math"
	"slices"

	"biogate/matcher"
	"biogate/models"
)

// measures is what quality is judged by.
type measures struct {
	clarity      float64 // length of the embedding
	eyes         float64 // distance between the eyes' centres, pixels of the picture
	sharpness    float64 // deviation of the Laplacian over that of the brightness, aligned face
	mean         float64 // brightness of the aligned face, 0 to 255
	contrast     float64 // its standard deviation
	shade        float64 // deviation of the brightness from part to part of the face, over its mean
	yaw          float64 // degrees, to either side
	pitch        float64 // degrees, up or down
	roll         float64 // degrees, in the picture's plane
	open         float64 // 0 to 1: an eye is open
	eyesCovered  float64 // above 0: dark glasses hide the eyes; see cover
	mouthCovered float64 // above 0: something hides mouth and nose
	inside       float64 // share of the landmarks that lie in the picture
	other        float64 // height of the tallest other face over that of this one
}

// judge says how well a face will serve recognition, given the length of its embedding.
func (e *Engine) judge(ctx context.Context, src *scene, f alignedFace, clarity float64, tr matcher.Trace) (matcher.Quality, error) {
	m := measure(src.extent, f)
	m.clarity = clarity
	m.other = otherFace(src.faces, f.marks[noseTip])
	open, err := e.eyesOpen(ctx, src, f.marks)
	if err != nil {
		return matcher.Quality{}, err
	}
	m.open = open
	showQuality(tr, m)
	return m.quality(e.contract.Clarity), nil
}

func measure(src extent, f alignedFace) (m measures) {
	five := f.marks.five()
	m.eyes = distance(five[0], five[1])
	m.roll = degrees(math.Atan2(five[1].y-five[0].y, five[1].x-five[0].x))
	m.inside = f.marks.inside(src)
	if m.yaw, m.pitch = headPose(five, f.toTemplate); math.IsNaN(m.yaw) {
		m.yaw, m.pitch = 90, 90
	}
	m.mean, m.contrast, m.sharpness = tones(f.pixels)
	t := mosaicOf(f.pixels)
	m.shade = t.shade()
	m.eyesCovered, m.mouthCovered = darkGlasses().margin(t, m.contrast), faceMask().margin(t, m.contrast)
	return m
}

// finding is a measure's worth for recognition.
type finding struct {
	reason string
	worth  float64 // 0 to 1
	power  float64 // of the worth in the score's product; 0: the worth is only the most that the score can be
	hides  bool    // what it names hides a part of the face
}

// findings are the worth of each measure. Without anchors for it the clarity says nothing. Covered eyes are not closed
// ones, and what covers mouth and nose throws no shadow.
func (m measures) findings(clarity *models.Anchors) []finding {
	clear, open, even := 1.0, 1.0, 1.0
	if clarity != nil {
		clear = ramp(m.clarity, clarity.Bad, clarity.Good)
	}
	if m.eyesCovered < 0 {
		open = ramp(m.open, openBad, openGood)
	}
	if m.mouthCovered < 0 {
		even = ramp(m.shade, shadeBad, shadeGood)
	}
	return []finding{
		{"mouth-covered", ramp(m.mouthCovered, coverBad, coverGood), coverPower, true},
		{"sunglasses", ramp(m.eyesCovered, coverBad, coverGood), coverPower, true},
		{"eyes-closed", open, openPower, true},
		{"face-cut-off", ramp(m.inside, insideBad, insideGood), 0, true},
		{"small-face", ramp(m.eyes, eyesBad, eyesGood), 0, false},
		{"blurred", ramp(m.sharpness, sharpnessBad, sharpnessGood), sharpnessPower, false},
		{"underexposed", ramp(m.mean, darkBad, darkGood), 0, false},
		{"overexposed", ramp(m.mean, brightBad, brightGood), 0, false},
		{"uneven-light", even, 0, false},
		{"low-contrast", ramp(m.contrast, contrastBad, contrastGood), 0, false},
		{"head-turned", ramp(max(math.Abs(m.yaw), math.Abs(m.pitch)), turnBad, turnGood), 0, false},
		{"head-tilted", ramp(math.Abs(m.roll), tiltBad, tiltGood), 0, false},
		{indistinct, clear, clarityPower, false},
	}
}

// quality turns measures into a score and the reasons that lower it, worst first. The score is the product of the measures
// that were found to predict errors, each to its power, and no more than the worst of the others. Faces of others are named
// after all else: they do not spoil this one.
func (m measures) quality(clarity *models.Anchors) (q matcher.Quality) {
	all := m.findings(clarity)
	product, most := 1.0, 1.0
	for _, f := range all {
		if f.power == 0 {
			most = min(most, f.worth)
		} else {
			product *= math.Pow(f.worth, f.power)
		}
		q.Unreliable = q.Unreliable || f.worth < doubtBelow || f.hides && f.worth < reasonBelow
	}
	q.Score = int(math.Round(100 * min(product, most)))
	slices.SortStableFunc(all, func(a, b finding) int { return cmp.Compare(a.worth, b.worth) })
	for _, f := range all {
		if f.worth < reasonBelow {
			q.Reasons = append(q.Reasons, f.reason)
		}
	}
	if m.other > otherAbove {
		q.Reasons = append(q.Reasons, "other-faces")
	}
	q.Hint = hintOf(q.Reasons)
	return q
}

// indistinct is what all else may lead to: a short embedding.
const indistinct = "indistinct"

// hintOf is what to do about the worst of some reasons, a known cause before its effect; empty for none.
func hintOf(reasons []string) string {
	for _, r := range reasons {
		if r != indistinct {
			return hint(r)
		}
	}
	if len(reasons) > 0 {
		return hint(indistinct)
	}
	return ""
}

// hint is what a person before a camera can do about a reason.
func hint(reason string) string {
	switch reason {
	case "no-face":
		return "Stand before the camera and look at it."
	case "several-faces", "other-faces":
		return "One person at a time before the camera."
	case "mouth-covered":
		return "Uncover your mouth and nose."
	case "sunglasses":
		return "Take off your sunglasses."
	case "eyes-closed":
		return "Open your eyes."
	case "face-cut-off":
		return "Move until your whole face is in the picture."
	case "small-face":
		return "Come closer."
	case "blurred":
		return "Hold still."
	case "underexposed":
		return "Let more light fall on your face."
	case "overexposed":
		return "Step out of the bright light."
	case "uneven-light":
		return "Turn until light falls evenly on your face."
	case "low-contrast":
		return "Turn away from the light behind you."
	case "head-turned":
		return "Look straight at the camera."
	case "head-tilted":
		return "Hold your head upright."
	case indistinct:
		return "Face the camera in good light and hold still."
	}
	return ""
}

// noseTip is the landmark in the middle of the face.
const noseTip = 30

// otherFace is the height of the tallest face without a point, over that of the tallest with it; 0 without either.
func otherFace(faces []box, at point) float64 {
	var own, other float64
	for _, b := range faces {
		if b.contains(matcher.Point{X: at.x, Y: at.y}) {
			own = max(own, b.height())
		} else {
			other = max(other, b.height())
		}
	}
	if own == 0 {
		return 0
	}
	return other / own
}

// ramp goes from 0 at bad to 1 at good, whichever is larger.
func ramp(x, bad, good float64) float64 { return min(max((x-bad)/(good-bad), 0), 1) }

// headPose reads yaw and pitch off the nose's place between eyes and mouth in the aligned face; not numbers where these are in
// one place.
func headPose(five [5]point, toTemplate similarity) (yaw, pitch float64) {
	for i, p := range five {
		five[i] = toTemplate.apply(p)
	}
	left, right := mean(five[0], five[3]), mean(five[1], five[4])
	eyes, mouth := (five[0].y+five[1].y)/2, (five[3].y+five[4].y)/2
	if right.x-left.x < 1 || mouth-eyes < 1 {
		return math.NaN(), math.NaN()
	}
	aside := (five[2].x - (left.x+right.x)/2) / (right.x - left.x)
	down := (five[2].y - eyes) / (mouth - eyes)
	return yawPerShift * aside, pitchPerShift * (down - frontalNose)
}

// tones measures brightness and sharpness over the middle of the aligned face, without hair and background.
func tones(face planes) (mean, deviation, sharpness float64) {
	y, w := face.luma(), face.w
	top, low, left, right := innerFace().of(face)
	var light, edge moments
	for r := top; r < low; r++ {
		for c := left; c < right; c++ {
			i := r*w + c
			light.add(float64(y[i]))
			edge.add(float64(4*y[i] - y[i-1] - y[i+1] - y[i-w] - y[i+w]))
		}
	}
	if light.deviation() < 1e-3 {
		return light.mean(), 0, 0
	}
	return light.mean(), light.deviation(), edge.deviation() / light.deviation()
}

// part is a rectangle in shares of a picture's sides.
type part struct{ top, low, left, right float64 }

// of is the part in whole pixels of p.
func (s part) of(p planes) (top, low, left, right int) {
	at := func(share float64, n int) int { return int(math.Round(share * float64(n))) }
	return at(s.top, p.h), at(s.low, p.h), at(s.left, p.w), at(s.right, p.w)
}

// moments sums up values for their mean and standard deviation.
type moments struct{ n, sum, squares float64 }

func (m *moments) add(x float64) { m.n, m.sum, m.squares = m.n+1, m.sum+x, m.squares+x*x }

func (m *moments) mean() float64 { return m.sum / m.n }

func (m *moments) deviation() float64 { return math.Sqrt(max(m.squares/m.n-m.mean()*m.mean(), 0)) }

// eyesOpen is how sure the network is that the more open eye is open, 0 to 1; 1 without a network.
func (e *Engine) eyesOpen(ctx context.Context, src *scene, l landmarks) (float64, error) {
	if e.eye.Network == nil {
		return 1, nil
	}
	left, err := e.eyeOpen(ctx, src, l, 36)
	if err != nil {
		return 0, err
	}
	right, err := e.eyeOpen(ctx, src, l, 42)
	return max(left, right), err
}

// eyeOpen is how sure the network is that the eye with its outer or inner corner at landmark i is open, 0 to 1.
func (e *Engine) eyeOpen(ctx context.Context, src *scene, l landmarks, i int) (float64, error) {
	centre := mean(l[i+1], l[i+2], l[i+4], l[i+5])
	want, n := e.contract.Eye, e.eye.Input.Width()
	side := max(want.Zoom*distance(l[i], l[i+3]), 1)
	p, err := src.sample(square(centre, side, n), n, n, repeatEdge)
	if err != nil {
		return 0, err
	}
	out, err := e.eye.see(ctx, p)
	p.release()
	if err != nil {
		return 0, err
	}
	return softmax(out[0])[want.Open], nil
}

func (l landmarks) inside(src extent) float64 {
	n := 0
	for _, p := range l {
		if p.x >= -0.5 && p.y >= -0.5 && p.x <= float64(src.Width)-0.5 && p.y <= float64(src.Height)-0.5 {
			n++
		}
	}
	return float64(n) / float64(len(l))
}

func distance(a, b point) float64 { return math.Hypot(a.x-b.x, a.y-b.y) }

func degrees(radians float64) float64 { return radians * 180 / math.Pi }
