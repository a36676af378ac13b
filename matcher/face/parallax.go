package face

import (
	"math"

	"biogate/matcher"
)

// solid are the landmarks that do not move against each other by talking or blinking: brows' inner ends, nose, corners of eyes
// and mouth.
var solid = [...]int{21, 22, 27, 28, 29, 30, 31, 33, 35, 36, 39, 42, 45, 48, 54}

// parallax tells a solid face from a flat picture of one by its motion. Turned pictures stay affine images of each other (as
// seen from some face widths away); of a head, the nose moves against eyes and mouth. It is advice: a
// recording of a head that moves passes.
func parallax(shots []shot) matcher.PADEvidence {
	moved := reliefShown(shots)
	ev := matcher.PADEvidence{Name: "parallax", Score: sure(moved, reliefLeast, reliefWidth), Advisory: true}
	switch turned := turnShown(shots); {
	case moved >= reliefLeast:
	case turned >= turnLeast:
		ev.Suspect, ev.Reason = true, "flat"
	default:
		ev.Score, ev.Reason = 0.5, "no-motion"
	}
	return ev
}

// reliefShown is how far solid points are from where an affine map of another frame puts them, the most over all pairs of
// frames: root of the mean square, in distances between the eyes.
func reliefShown(shots []shot) (most float64) {
	for i := range shots {
		for j := range i {
			if m, ok := affineFit(shots[j].marks, shots[i].marks); ok {
				most = max(most, m.residual)
			}
		}
	}
	return most
}

// turnShown is how much a flat thing would have to be turned to explain the frames: the most that an affine map between two of
// them stretches one direction against the other, less 1.
func turnShown(shots []shot) (most float64) {
	for i := range shots {
		for j := range i {
			if m, ok := affineFit(shots[j].marks, shots[i].marks); ok {
				most = max(most, m.stretch-1)
			}
		}
	}
	return most
}

// affine is what the best affine map between the solid points of two frames is like.
type affine struct {
	stretch  float64 // larger over smaller scale, at least 1
	residual float64 // see reliefShown
}

// affineFit is the least squares fit; ok is false when the points lie on a line.
func affineFit(from, to landmarks) (m affine, ok bool) {
	var p, q [len(solid)]point
	for i, n := range solid {
		p[i], q[i] = from[n], to[n]
	}
	pm, qm := mean(p[:]...), mean(q[:]...)
	var xx, xy, yy, ux, uy, vx, vy float64
	for i := range p {
		x, y, u, v := p[i].x-pm.x, p[i].y-pm.y, q[i].x-qm.x, q[i].y-qm.y
		xx, xy, yy = xx+x*x, xy+x*y, yy+y*y
		ux, uy, vx, vy = ux+u*x, uy+u*y, vx+v*x, vy+v*y
	}
	det := xx*yy - xy*xy
	if !(det > 1e-9*(xx+yy)*(xx+yy)) {
		return m, false
	}
	a, b := (ux*yy-uy*xy)/det, (uy*xx-ux*xy)/det
	c, d := (vx*yy-vy*xy)/det, (vy*xx-vx*xy)/det
	var squares float64
	for i := range p {
		x, y, u, v := p[i].x-pm.x, p[i].y-pm.y, q[i].x-qm.x, q[i].y-qm.y
		squares += (u-a*x-b*y)*(u-a*x-b*y) + (v-c*x-d*y)*(v-c*x-d*y)
	}
	five := to.five()
	eyes := distance(five[0], five[1])
	// Singular values of ((a b)(c d)).
	sum, difference := math.Hypot(a+d, c-b), math.Hypot(a-d, c+b)
	small := math.Abs(sum-difference) / 2
	if !(eyes > 1e-9) || !(small > 1e-9) {
		return m, false
	}
	return affine{stretch: (sum + difference) / 2 / small, residual: math.Sqrt(squares/float64(len(p))) / eyes}, true
}
