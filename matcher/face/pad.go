package face

import (
	"context"
	"image"
	"math"

	"biogate/matcher"
	"biogate/matcher/imaging"
)

// Presentation attack detection. What the numbers are worth is in docs/face.md; each was chosen on simulated recaptures of one
// half of the tuning people (bench/synth), and none of them says anything about instruments that nobody simulated.
const (
	// peakMost and peakWidth: spectralPeak from which a face is taken for a print or a display.
	peakMost, peakWidth = 4.0, 0.4
	// samePersonWidth: see sure.
	samePersonWidth = 0.1
	// reliefLeast is the reliefShown from which a face is solid, turnLeast the turnShown from which a flat thing must have been
	// turned so far that a solid one would have shown it, and turnMost that from which landmarks are too uncertain to tell.
	reliefLeast, reliefWidth = 0.06, 0.02
	turnLeast, turnMost      = 0.12, 0.4
	// turnYaw and turnPitch are the degrees that count as a turn.
	turnYaw, turnPitch, turnWidth = 9, 4, 4
	// A face follows colours with this correlation and gain at least; what is behind with this share of the face's gain at most.
	colourCorrelation, colourSure   = 0.75, 0.1
	colourGain, colourGainWorth     = 0.1, 5
	colourBehind, colourBehindWidth = 0.6, 0.15
)

// attack looks for signs of a presentation attack in one picture.
func (e *Engine) attack(ctx context.Context, src *scene, b box, f alignedFace) (*sighting, error) {
	five := f.marks.five()
	seen := &sighting{marks: f.marks}
	seen.yaw, seen.pitch = headPose(five, f.toTemplate)
	var err error
	if seen.light, err = src.colours(five[0], five[1]); err != nil {
		return nil, err
	}
	if seen.peak, err = src.spectralPeak(b); err != nil {
		return nil, err
	}
	if seen.bonaFide, err = e.live(ctx, src, b); err != nil {
		return nil, err
	}
	return seen, nil
}

// judgeStill is what one picture says by itself; nil when nothing could be judged.
func (e *Engine) judgeStill(seen *sighting) *matcher.PAD {
	evidence := stillEvidence([]shot{{sighting: seen}}, e.contract.Liveness.Least)
	if len(evidence) == 0 {
		return nil
	}
	pad := summary(evidence)
	return &pad
}

// networkEvidence is advisory whatever it says: the network lets through half of simulated screens and three quarters of prints.
func networkEvidence(bonaFide, least float64) matcher.PADEvidence {
	ev := matcher.PADEvidence{Name: "network", Score: bonaFide, Suspect: bonaFide < least, Advisory: true}
	if ev.Suspect {
		ev.Reason = "looks-like-a-recapture"
	}
	return ev
}

// spectrumEvidence may decide that there is an attack; that there are no peaks says little.
func spectrumEvidence(peak float64) matcher.PADEvidence {
	ev := matcher.PADEvidence{Name: "spectrum", Score: sure(peakMost, peak, peakWidth), Advisory: true}
	if peak >= peakMost {
		ev.Suspect, ev.Advisory, ev.Reason = true, false, "regular-pattern"
	}
	return ev
}

// live is how sure the liveness network is of a bona fide presentation, 0 to 1; not a number without one.
func (e *Engine) live(ctx context.Context, src *scene, b box) (float64, error) {
	if e.liveness.Network == nil {
		return math.NaN(), nil
	}
	want := e.contract.Liveness
	w, h := e.liveness.Input.Width(), e.liveness.Input.Height()
	part, err := src.cut(surroundings(src.extent, b, want.Zoom), w, h)
	if err != nil {
		return 0, err
	}
	p := split(imaging.ResizeRGB(part, w, h))
	out, err := e.liveness.see(ctx, p)
	p.release()
	if err != nil {
		return 0, err
	}
	return softmax(out[0])[want.BonaFide], nil
}

// surroundings is the box enlarged zoom times, or as much as the picture allows, moved to lie inside it.
func surroundings(src extent, b box, zoom float64) image.Rectangle {
	zoom = min(zoom, float64(src.Width)/b.width(), float64(src.Height)/b.height())
	c := b.centre()
	x0, w := inside(c.x, zoom*b.width(), src.Width)
	y0, h := inside(c.y, zoom*b.height(), src.Height)
	return image.Rect(x0, y0, x0+w, y0+h)
}

// inside places a stretch of a length around a centre into [0, size), in whole pixels.
func inside(centre, length float64, size int) (from, n int) {
	n = min(max(int(length), 1), size)
	from = int(min(max(centre-length/2, 0), float64(size-n)))
	return from, n
}
