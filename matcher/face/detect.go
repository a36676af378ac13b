package face

import (
	"cmp"
	"context"
	"math"
	"slices"

	"biogate/matcher"
	"biogate/models"
)

// box is a detected face, in pixels of the picture.
type box struct {
	x0, y0, x1, y1 float64
	confidence     float64 // 0 to 1
}

func (b box) width() float64  { return b.x1 - b.x0 }
func (b box) height() float64 { return b.y1 - b.y0 }
func (b box) area() float64   { return b.width() * b.height() }
func (b box) centre() point   { return point{(b.x0 + b.x1) / 2, (b.y0 + b.y1) / 2} }

func (b box) contains(p matcher.Point) bool {
	return b.x0 <= p.X && p.X <= b.x1 && b.y0 <= p.Y && p.Y <= b.y1
}

// find returns the one face that a template is to be made of.
func (e *Engine) find(ctx context.Context, src *scene, at *matcher.Point, tr matcher.Trace) (box, error) {
	boxes, err := e.detectAll(ctx, src)
	if err != nil {
		return box{}, err
	}
	src.faces = boxes
	showBoxes(tr, boxes)
	return choose(boxes, at)
}

// detectAll finds the faces of a picture, the most confident first. The detector sees few pixels, so a first look at the
// whole picture is followed by one from further away when it shows nothing (a face that fills the picture), and by nearer
// ones at its parts when a large picture shows nothing or only tiny faces.
func (e *Engine) detectAll(ctx context.Context, src *scene) ([]box, error) {
	see, room := frameOf(e.detect.Input), e.contract.Detect.Room
	first := see.whole(src.extent, room[0])
	found, err := e.look(ctx, src, first)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		if found, err = e.look(ctx, src, see.whole(src.extent, room[1])); err != nil {
			return nil, err
		}
	}
	if largest(found).height() < tinyFace*first.scale() && first.scale() > closeUpAbove {
		s := first.scale() / closeUpZoom
		if _, err := src.view(src.all(), s*detectAveraged); err != nil { // once for all of them
			return nil, err
		}
		for _, part := range see.closeUps(src.extent, s) {
			more, err := e.look(ctx, src, part)
			if err != nil {
				return nil, err
			}
			found = append(found, more...)
		}
	}
	return suppress(found), nil
}

// frame is the size of the detector's input in pixels.
type frame struct{ w, h float64 }

func frameOf(in models.Input) frame { return frame{float64(in.Width()), float64(in.Height())} }

// whole maps the detector's input to a picture that it shows whole, in the middle, with room around it: 1 leaves none on
// the tighter axis.
func (f frame) whole(src extent, room float64) similarity {
	s := room * max(float64(src.Width)/f.w, float64(src.Height)/f.h)
	return f.view(point{float64(src.Width-1) / 2, float64(src.Height-1) / 2}, s)
}

// view maps the detector's input to the part of a picture around a centre, at s pixels of the picture a pixel.
func (f frame) view(centre point, s float64) similarity {
	return similarity{s, 0, centre.x - s*(f.w-1)/2, centre.y - s*(f.h-1)/2}
}

// closeUps are views that cover a picture at s pixels a pixel, each sharing at least closeUpShare pixels with the next, so
// that a face of up to that size is whole in one of them.
func (f frame) closeUps(src extent, s float64) []similarity {
	var views []similarity
	for _, y := range centres(src.Height, s*f.h, s*min(closeUpShare, f.h/2)) {
		for _, x := range centres(src.Width, s*f.w, s*min(closeUpShare, f.w/2)) {
			views = append(views, f.view(point{x, y}, s))
		}
	}
	return views
}

// centres places windows of one length evenly over [0, size), so that neighbours share some of it.
func centres(size int, window, share float64) []float64 {
	span := float64(size) - window
	if span <= 0 {
		return []float64{float64(size-1) / 2}
	}
	steps := int(math.Ceil(span / (window - share)))
	places := make([]float64, steps+1)
	for i := range places {
		places[i] = window/2 + span*float64(i)/float64(steps) - 0.5
	}
	return places
}

// look runs the detector once on the part of the picture that from shows. Faces cut by an edge of the view that is not
// one of the picture are left to another look.
func (e *Engine) look(ctx context.Context, src *scene, from similarity) ([]box, error) {
	in := e.detect.Input
	p, err := src.sampleAveraged(from, in.Width(), in.Height(), margin(in.Mean), detectAveraged)
	if err != nil {
		return nil, err
	}
	out, err := e.detect.see(ctx, p)
	p.release()
	if err != nil {
		return nil, err
	}
	see := frameOf(in)
	found := see.boxes(out[0], out[1], from, e.contract.Detect.MinConfidence)
	return slices.DeleteFunc(found, func(b box) bool { return see.cuts(b, from, src.extent) }), nil
}

// cuts says whether an edge of the view that is not one of the picture runs along a box.
func (f frame) cuts(b box, from similarity, src extent) bool {
	corner, far := from.apply(point{0, 0}), from.apply(point{f.w - 1, f.h - 1})
	near := 2 * from.scale()
	return corner.x > near && b.x0 < corner.x+near || corner.y > near && b.y0 < corner.y+near ||
		far.x < float64(src.Width)-near && b.x1 > far.x-near || far.y < float64(src.Height)-near && b.y1 > far.y-near
}

// boxes reads the detector's outputs: for each anchor the scores of background and face, and a box in shares of the
// input's width and height.
func (f frame) boxes(scores, boxes []float32, from similarity, minConfidence float64) []box {
	var found []box
	for i := range len(scores) / 2 {
		confidence := float64(scores[2*i+1])
		if confidence < minConfidence {
			continue
		}
		a := from.apply(point{float64(boxes[4*i])*f.w - 0.5, float64(boxes[4*i+1])*f.h - 0.5})
		b := from.apply(point{float64(boxes[4*i+2])*f.w - 0.5, float64(boxes[4*i+3])*f.h - 0.5})
		if b.x-a.x >= 1 && b.y-a.y >= 1 {
			found = append(found, box{a.x, a.y, b.x, b.y, min(confidence, 1)})
		}
	}
	return found
}

// suppress keeps the most confident of boxes that show one face (non-maximum suppression), best first.
func suppress(found []box) []box {
	slices.SortStableFunc(found, func(a, b box) int { return cmp.Compare(b.confidence, a.confidence) })
	var kept []box
	for _, b := range found {
		if !slices.ContainsFunc(kept, func(k box) bool { return sameFace(k, b) }) {
			kept = append(kept, b)
		}
	}
	return kept
}

// sameFace: two boxes that overlap much, or one that lies mostly inside the other, as no second face can.
func sameFace(a, b box) bool {
	shared := intersection(a, b)
	return shared > maxOverlap*(a.area()+b.area()-shared) || shared > maxInside*min(a.area(), b.area())
}

func intersection(a, b box) float64 {
	w := min(a.x1, b.x1) - max(a.x0, b.x0)
	h := min(a.y1, b.y1) - max(a.y0, b.y0)
	return max(w, 0) * max(h, 0)
}

// largest is the tallest box; of none, the empty one.
func largest(boxes []box) (top box) {
	for _, b := range boxes {
		if b.height() > top.height() {
			top = b
		}
	}
	return top
}

// choose picks the one face that a template is made of: the one at a point, or the only one.
//
// A face counts as another one from backgroundFace of the largest's height on: three people before the camera are
// refused, because nobody said who asks, while passers-by far behind do not stop a gate. The largest is then so much
// nearer that there is no doubt whom the capture is of.
func choose(boxes []box, at *matcher.Point) (box, error) {
	if at != nil {
		return chooseAt(boxes, *at)
	}
	if len(boxes) == 0 {
		return box{}, unusable("no-face", "no face was found in the picture")
	}
	top, count := largest(boxes), 0
	for _, b := range boxes {
		if b.height() >= backgroundFace*top.height() {
			count++
		}
	}
	if count > 1 {
		return box{}, unusable("several-faces", "%d faces were found in the picture: show one, or say which by a point in it", count)
	}
	return top, nil
}

// chooseAt picks the face whose box has the point in it, the one with the nearest centre if several have.
func chooseAt(boxes []box, at matcher.Point) (box, error) {
	i, nearest := -1, 0.0
	for k, b := range boxes {
		c := b.centre()
		d := (c.x-at.X)*(c.x-at.X) + (c.y-at.Y)*(c.y-at.Y)
		if b.contains(at) && (i < 0 || d < nearest) {
			i, nearest = k, d
		}
	}
	if i < 0 {
		return box{}, unusable("no-face", "no face was found at the given point; %d elsewhere in the picture", len(boxes))
	}
	return boxes[i], nil
}
