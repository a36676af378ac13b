package face

import (
	"math"

	"biogate/matcher"
)

// solid are the landmarks that do not move against each other by talking or blinking: brows' inner ends, nose, corners of eyes
// and mouth.
var solid = [...]int{21, 22, 27, 28, 29, 30, 31, 33, 35, 36, 39, 42, 45, 48, 54}

// parallax tells a solid face from a flat picture of one by its motion. Views of a flat thing are projective images of each
// other, from however near; of a head, the nose moves against eyes and mouth. It is advice: a recording of a head that moves
// passes.
func parallax(shots []shot) matcher.PADEvidence {
	moved, turned := reliefShown(shots), turnShown(shots)
	ev := matcher.PADEvidence{Name: "parallax", Score: sure(moved, reliefLeast, reliefWidth), Advisory: true}
	switch {
	case moved >= reliefLeast && turned < turnMost:
	case moved >= reliefLeast: // so steep that landmarks are a guess
		ev.Score, ev.Reason = 0.5, "turned-too-far"
	case turned >= turnLeast:
		ev.Suspect, ev.Reason = true, "flat"
	default:
		ev.Score, ev.Reason = 0.5, "no-motion"
	}
	return ev
}

// reliefShown is how far solid points are from where a flat thing would have them, the most over all pairs of frames; see
// offPlane.
func reliefShown(shots []shot) (most float64) {
	for i := range shots {
		for j := range i {
			if off, ok := offPlane(shots[j].marks, shots[i].marks); ok {
				most = max(most, off)
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
			if s, ok := stretch(shots[j].marks, shots[i].marks); ok {
				most = max(most, s-1)
			}
		}
	}
	return most
}

// leastDepth is how near a point of a flat thing may come, of its middle's distance.
const leastDepth = 0.3

// solidPoints are those of a face, around their middle and in units of their mean distance from it, and that unit. ok is false
// when they lie on a line.
func solidPoints(l landmarks) (p [len(solid)]point, unit float64, ok bool) {
	for i, n := range solid {
		p[i] = l[n]
	}
	middle := mean(p[:]...)
	for _, q := range p {
		unit += distance(q, middle) / float64(len(p))
	}
	var xx, xy, yy float64
	for i, q := range p {
		x, y := (q.x-middle.x)/unit, (q.y-middle.y)/unit
		p[i] = point{x, y}
		xx, xy, yy = xx+x*x, xy+x*y, yy+y*y
	}
	return p, unit, xx*yy-xy*xy > 1e-9*(xx+yy)*(xx+yy)
}

// stretch is the larger over the smaller scale of the affine map between the solid points of two frames, by least squares:
// at least 1. ok is false when there is none.
func stretch(from, to landmarks) (s float64, ok bool) {
	p, _, ok := solidPoints(from)
	q, _, toOK := solidPoints(to)
	if !ok || !toOK {
		return 0, false
	}
	var xx, xy, yy, ux, uy, vx, vy float64
	for i := range p {
		x, y, u, v := p[i].x, p[i].y, q[i].x, q[i].y
		xx, xy, yy = xx+x*x, xy+x*y, yy+y*y
		ux, uy, vx, vy = ux+u*x, uy+u*y, vx+v*x, vy+v*y
	}
	det := xx*yy - xy*xy
	a, b := (ux*yy-uy*xy)/det, (uy*xx-ux*xy)/det
	c, d := (vx*yy-vy*xy)/det, (vy*xx-vx*xy)/det
	// Singular values of ((a b)(c d)).
	sum, difference := math.Hypot(a+d, c-b), math.Hypot(a-d, c+b)
	small := math.Abs(sum - difference)
	if !(small > 1e-9) {
		return 0, false
	}
	return (sum + difference) / small, true
}

// offPlane is how far the solid points of a frame are from where a projective map of another puts them: root of the mean
// square, in distances between the eyes. The map is the direct linear transformation (Hartley and Zisserman 2004, 4.1). ok is
// false when there is none that keeps all points before the camera.
func offPlane(from, to landmarks) (off float64, ok bool) {
	p, _, ok := solidPoints(from)
	q, unit, toOK := solidPoints(to)
	if !ok || !toOK {
		return 0, false
	}
	var m [8][9]float64
	for i := range p {
		x, y, u, v := p[i].x, p[i].y, q[i].x, q[i].y
		for _, row := range [2][9]float64{{x, y, 1, 0, 0, 0, -u * x, -u * y, u}, {0, 0, 0, x, y, 1, -v * x, -v * y, v}} {
			for r := range m {
				for c := range row {
					m[r][c] += row[r] * row[c]
				}
			}
		}
	}
	five := to.five()
	eyes := distance(five[0], five[1])
	if !solve(&m) || !(eyes > 1e-9) {
		return 0, false
	}
	squares := 0.0
	for i := range p {
		x, y := p[i].x, p[i].y
		w := m[6][8]*x + m[7][8]*y + 1
		if !(w > leastDepth) {
			return 0, false
		}
		u, v := (m[0][8]*x+m[1][8]*y+m[2][8])/w-q[i].x, (m[3][8]*x+m[4][8]*y+m[5][8])/w-q[i].y
		squares += u*u + v*v
	}
	return math.Sqrt(squares/float64(len(p))) * unit / eyes, true
}

// solve brings eight linear equations to the form x = last column (Gauss and Jordan); false when they are singular.
func solve(m *[8][9]float64) bool {
	for i := range m {
		top := i
		for r := i + 1; r < len(m); r++ {
			if math.Abs(m[r][i]) > math.Abs(m[top][i]) {
				top = r
			}
		}
		m[i], m[top] = m[top], m[i]
		if !(math.Abs(m[i][i]) > 1e-9) {
			return false
		}
		for c := len(m); c >= i; c-- {
			m[i][c] /= m[i][i]
		}
		for r := range m {
			if r == i {
				continue
			}
			for c := len(m); c >= i; c-- {
				m[r][c] -= m[r][i] * m[i][c]
			}
		}
	}
	return true
}
