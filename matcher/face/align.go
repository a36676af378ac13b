package face

import (
	"context"

	"biogate/matcher"
	"biogate/models"
)

// landmarks are the 68 points of the usual annotation scheme (iBUG 300-W), in pixels of the picture.
type landmarks [models.FaceLandmarks]point

// five are the points that the alignment goes by: eyes, nose tip, mouth corners, left ones first as seen.
func (l landmarks) five() [5]point {
	return [5]point{
		mean(l[37], l[38], l[40], l[41]), mean(l[43], l[44], l[46], l[47]), l[30], mean(l[48], l[60]), mean(l[54], l[64]),
	}
}

func mean(points ...point) (m point) {
	for _, p := range points {
		m.x += p.x
		m.y += p.y
	}
	return point{m.x / float64(len(points)), m.y / float64(len(points))}
}

// alignedFace is a face brought to the place where the embedding wants it.
type alignedFace struct {
	marks      landmarks
	toTemplate similarity // from the picture to the aligned face
	pixels     planes     // as large as the embedding's input
	others     []planes   // further looks for the embedding
}

// align finds the landmarks of the face in a box and draws it with eyes, nose and mouth in their usual places.
func (e *Engine) align(ctx context.Context, src *scene, b box, tr matcher.Trace) (alignedFace, error) {
	marks, err := e.findLandmarks(ctx, src, b)
	if err != nil {
		return alignedFace{}, err
	}
	f := alignedFace{marks: marks}
	for i, l := range e.looks {
		toTemplate, ok := fit(marks.five(), l.targets)
		if !ok {
			return alignedFace{}, unusable("no-face", "the landmarks do not form a face")
		}
		pixels, err := e.aligned(src, toTemplate)
		if err != nil {
			return alignedFace{}, err
		}
		if l.mirrored {
			pixels.mirror()
		}
		if i == 0 {
			f.toTemplate, f.pixels = toTemplate, pixels
		} else {
			f.others = append(f.others, pixels)
		}
	}
	showFace(tr, f)
	return f, nil
}

// look is one drawing of a face for the embedding.
type look struct {
	targets  [5]point // places of the five points
	mirrored bool     // afterwards
}

// looks are those that a manifest asks for.
func looks(a models.FaceAlign) []look {
	all := make([]look, len(a.Looks))
	x, y := a.Middle[0], a.Middle[1]
	for i, l := range a.Looks {
		all[i].mirrored = l.Mirrored
		for k, p := range a.Points {
			all[i].targets[k] = point{x + l.Closer*(p[0]-x), y + l.Closer*(p[1]-y)}
		}
	}
	return all
}

// aligned draws the part of a picture that a map takes to the embedding's input.
func (e *Engine) aligned(src *scene, toTemplate similarity) (planes, error) {
	return src.sample(toTemplate.inverse(), e.feature.Input.Width(), e.feature.Input.Height(), repeatEdge)
}

// findLandmarks reads the 68 points in squares around the box's centre, and takes their means.
func (e *Engine) findLandmarks(ctx context.Context, src *scene, b box) (l landmarks, err error) {
	zooms := e.contract.Landmark.Zooms
	for _, zoom := range zooms {
		found, err := e.landmarksIn(ctx, src, square(b.centre(), zoom*b.height(), e.landmark.Input.Width()))
		if err != nil {
			return l, err
		}
		for i, p := range found {
			l[i].x += p.x / float64(len(zooms))
			l[i].y += p.y / float64(len(zooms))
		}
	}
	return l, nil
}

// landmarksIn reads the 68 points in one square.
func (e *Engine) landmarksIn(ctx context.Context, src *scene, from similarity) (l landmarks, err error) {
	n, shift := e.landmark.Input.Width(), e.contract.Landmark.Shift
	p, err := src.sample(from, n, n, repeatEdge)
	if err != nil {
		return l, err
	}
	out, err := e.landmark.see(ctx, p)
	p.release()
	if err != nil {
		return l, err
	}
	for i := range l {
		x, y := float64(out[0][2*i]), float64(out[0][2*i+1]) // shares of the square
		l[i] = from.apply(point{x*float64(n) - shift, y*float64(n) - shift})
	}
	return l, nil
}

// square maps a sample of n x n pixels to the upright square of a picture with a centre and side.
func square(centre point, side float64, n int) similarity {
	s := side / float64(n)
	half := s * float64(n-1) / 2
	return similarity{s, 0, centre.x - half, centre.y - half}
}

// fit is the similarity that takes the points of src to those of dst with the least sum of squared distances
// (Umeyama 1991, in the plane and without reflection, where it has this closed form). ok is false when the points of
// src are one point.
func fit(src, dst [5]point) (s similarity, ok bool) {
	p, q := mean(src[:]...), mean(dst[:]...)
	var dot, cross, spread float64
	for i := range src {
		x, y := src[i].x-p.x, src[i].y-p.y
		u, v := dst[i].x-q.x, dst[i].y-q.y
		dot += x*u + y*v
		cross += x*v - y*u
		spread += x*x + y*y
	}
	if !(spread > 1e-9) || !(dot*dot+cross*cross > 1e-18) {
		return similarity{}, false
	}
	s.a, s.b = dot/spread, cross/spread
	s.tx, s.ty = q.x-s.a*p.x+s.b*p.y, q.y-s.b*p.x-s.a*p.y
	return s, true
}
