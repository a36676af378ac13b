package face

import (
	"cmp"
	"context"
	"slices"

	"biogate/matcher/imaging"
)

// box is a detected face, in pixels of the picture.
type box struct {
	x0, y0, x1, y1 float64
	confidence     float64 // 0 to 1
}

func (b box) width() float64  { return b.x1 - b.x0 }
func (b box) height() float64 { return b.y1 - b.y0 }
func (b box) centre() point   { return point{(b.x0 + b.x1) / 2, (b.y0 + b.y1) / 2} }

// wholePicture maps the detector's input to a picture that it shows whole, in the middle, with room around it.
func wholePicture(src imaging.RGB, room float64) similarity {
	s := room * max(float64(src.Width)/detectW, float64(src.Height)/detectH)
	return view(point{float64(src.Width-1) / 2, float64(src.Height-1) / 2}, s)
}

// view maps the detector's input to the part of a picture around a centre, at s pixels of the picture a pixel.
func view(centre point, s float64) similarity {
	return similarity{s, 0, centre.x - s*(detectW-1)/2, centre.y - s*(detectH-1)/2}
}

func (e *Engine) detect(ctx context.Context, src imaging.RGB) ([]box, error) {
	found, err := e.look(ctx, src, wholePicture(src, 1.25))
	if err != nil {
		return nil, err
	}
	return suppress(found), nil
}

// look runs the detector once on the part of the picture that from shows.
func (e *Engine) look(ctx context.Context, src imaging.RGB, from similarity) ([]box, error) {
	p := sample(src, from, detectW, detectH, neutral)
	in := tensor(detectW, detectH, detectMean, detectScale, p.r, p.g, p.b)
	out, err := run(ctx, "detect", e.nets.Detect, in, 2*detectAnchors, 4*detectAnchors)
	if err != nil {
		return nil, err
	}
	return decodeBoxes(out[0], out[1], from), nil
}

// decodeBoxes reads the detector's outputs: for each anchor the scores of background and face, and a box in shares of
// the input's width and height.
func decodeBoxes(scores, boxes []float32, from similarity) []box {
	var found []box
	for i := range len(scores) / 2 {
		confidence := float64(scores[2*i+1])
		if confidence < minConfidence {
			continue
		}
		corner := func(x, y float32) point {
			return from.apply(point{float64(x)*detectW - 0.5, float64(y)*detectH - 0.5})
		}
		a, b := corner(boxes[4*i], boxes[4*i+1]), corner(boxes[4*i+2], boxes[4*i+3])
		if b.x-a.x >= 1 && b.y-a.y >= 1 {
			found = append(found, box{a.x, a.y, b.x, b.y, min(confidence, 1)})
		}
	}
	return found
}

// suppress keeps the most confident of boxes that overlap (non-maximum suppression), best first.
func suppress(found []box) []box {
	slices.SortStableFunc(found, func(a, b box) int { return cmp.Compare(b.confidence, a.confidence) })
	var kept []box
	for _, b := range found {
		if !slices.ContainsFunc(kept, func(k box) bool { return overlap(k, b) > maxOverlap }) {
			kept = append(kept, b)
		}
	}
	return kept
}

// overlap is the intersection of two boxes over their union, 0 to 1.
func overlap(a, b box) float64 {
	w := min(a.x1, b.x1) - max(a.x0, b.x0)
	h := min(a.y1, b.y1) - max(a.y0, b.y0)
	if w <= 0 || h <= 0 {
		return 0
	}
	return w * h / (a.width()*a.height() + b.width()*b.height() - w*h)
}
