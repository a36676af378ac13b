package synth

import "math"

// The head that a bona fide scene is bent over, in half face widths with the origin in the middle of the face's box: an
// rounded surface and a nose. Measures of adults' heads, rounded: a face is nearly one and a half times as high as it is wide, the
// nose's tip stands out by a third of half its width and lies a little below the middle.
const (
	headAspect   = 1.45 // half height
	headDepth    = 0.95
	noseHeight   = 0.32
	noseAcross   = 0.16
	noseAlong    = 0.26
	noseY        = 0.12
	neckAndHair  = 1.6  // beyond this radius nothing moves with the head
	lightOnSkin  = 0.35 // of full light of a display half a metre away, beside the room's light
	lightBehind  = 0.05 // the same on what is a metre behind
	lightOnGlass = 0.004
	lightOnPaper = 0.35
)

// relief is how far the surface stands towards the camera at a place of the frontal view.
func relief(x, y float64) float64 {
	z := headDepth * math.Exp(-0.8*(x*x+y*y/(headAspect*headAspect)))
	return z + noseHeight*math.Exp(-x*x/(2*noseAcross*noseAcross)-(y-noseY)*(y-noseY)/(2*noseAlong*noseAlong))
}

// follows is how much a place moves with the head: 1 on the face, 0 behind it.
func follows(x, y float64) float64 {
	r := math.Sqrt(x*x + y*y/(headAspect*headAspect))
	return 1 - ease(clamp((r-1)/(neckAndHair-1), 0, 1))
}

// facing is the cosine between the surface's normal and the direction to the camera.
func facing(x, y float64) float64 {
	const step = 0.02
	dx := (relief(x+step, y) - relief(x-step, y)) / (2 * step)
	dy := (relief(x, y+step) - relief(x, y-step)) / (2 * step)
	return 1 / math.Sqrt(1+dx*dx+dy*dy)
}

// view is the camera's picture of a pose, ready to be followed back from pixels to the photograph.
type view struct {
	pose                             Pose
	sinYaw, cosYaw, sinPitch, cosPit float64
	sinRoll, cosRoll                 float64
}

func viewOf(pose Pose) view {
	v := view{pose: pose}
	v.sinYaw, v.cosYaw = math.Sincos(pose.Yaw)
	v.sinPitch, v.cosPit = math.Sincos(pose.Pitch)
	v.sinRoll, v.cosRoll = math.Sincos(pose.Roll)
	return v
}

// upright takes a pixel to half face widths around the face, without shift, scale and roll.
func (s *Scene) upright(v view, px, py float64) (u, w float64) {
	x := ((px-s.face.X)/s.face.HalfWidth - v.pose.ShiftX) / v.pose.Scale
	y := ((py-s.face.Y)/s.face.HalfWidth - v.pose.ShiftY) / v.pose.Scale
	return x*v.cosRoll + y*v.sinRoll, y*v.cosRoll - x*v.sinRoll
}

// onHead finds the place of the frontal view that is seen at (u, w): a fixed point of the projection.
func (v view) onHead(u, w float64) (x, y float64) {
	x, y = u, w
	for range 5 {
		z, f := relief(x, y), follows(x, y)
		x = u + f*(u/v.cosYaw-u-z*v.sinYaw)
		y = w + f*(w/v.cosPit-w-z*v.sinPitch)
	}
	return x, y
}

// onPlane finds the place of a plane that is seen at (u, w), in perspective from a distance.
func (v view) onPlane(u, w, distance float64) (x, y float64) {
	// The plane's axes after pitch, then yaw; the picture is X*d/(d-Z), Y*d/(d-Z).
	ax, ay, az := v.cosYaw, 0.0, -v.sinYaw
	bx, by, bz := v.sinYaw*v.sinPitch, v.cosPit, v.cosYaw*v.sinPitch
	m00, m01, m10, m11 := distance*ax+u*az, distance*bx+u*bz, distance*ay+w*az, distance*by+w*bz
	det := m00*m11 - m01*m10
	return (u*distance*m11 - w*distance*m01) / det, (m00*w*distance - m10*u*distance) / det
}

// place is what the camera sees at a pixel: a place of the frontal view, or of the instrument.
func (s *Scene) place(v view, px, py float64) [2]float64 {
	u, w := s.upright(v, px, py)
	if s.species == BonaFide {
		u, w = v.onHead(u, w)
	} else {
		u, w = v.onPlane(u, w, s.camera.distance)
	}
	return [2]float64{u, w}
}

// lightFrom is what a place sends by the room's light, or by itself.
func (s *Scene) lightFrom(x, y float64) [3]float64 {
	if s.species == CutOut && s.outside(x, y) {
		return s.surface.room(x, y)
	}
	px, py := s.face.X+x*s.face.HalfWidth, s.face.Y+y*s.face.HalfWidth
	if s.species == BonaFide {
		return s.photoAt(px, py)
	}
	return s.surface.show(s, px, py)
}

// reflects is how much of the kiosk's light a place adds.
func (s *Scene) reflects(x, y float64) float64 {
	switch {
	case s.species == BonaFide:
		return lightBehind + follows(x, y)*(lightOnSkin*facing(x, y)-lightBehind)
	case s.species == Screen:
		return lightOnGlass
	case s.species == CutOut && s.outside(x, y):
		return lightBehind
	}
	return lightOnPaper
}

// outside of a cut-out.
func (s *Scene) outside(x, y float64) bool {
	y /= s.surface.bend(x)
	return x*x+y*y/(headAspect*headAspect) > s.surface.cut*s.surface.cut
}
