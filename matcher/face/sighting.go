package face

import "math"

// sighting is what one picture showed of a face, for judging it together with others (matcher.Extraction.Seen).
type sighting struct {
	marks      landmarks
	yaw, pitch float64 // degrees; the nose to the picture's right, and down
	peak       float64 // spectralPeak; not a number where there is none
	bonaFide   float64 // what the liveness network said, 0 to 1; not a number without one
	light      [areas][3]float64
}

// Areas of which the colour is kept: mean linear light of red, green and blue, up to 1; not a number outside the picture.
const (
	areaFace   = iota // the cheeks between eyes and mouth
	areaBehind        // on either side of the head
	areas
)

// patch is a rectangle beside the middle of the eyes, in distances between them; its mirror image belongs to it.
type patch struct{ x0, x1, y0, y1 float64 }

var patches = [areas]patch{
	areaFace:   {0.2, 0.5, 0.3, 0.75},
	areaBehind: {1.6, 2.1, -0.6, 0.5},
}

// A small picture of the surroundings of the eyes shows all patches: colourStep distances between the eyes a pixel, the middle
// of the eyes at (colourMiddle, colourTop).
const (
	colourStep   = 0.05
	colourWidth  = 89
	colourHeight = 29
	colourMiddle = 44
	colourTop    = 13
)

// colours measures the light of all areas around two eyes.
func (s *scene) colours(left, right point) (light [areas][3]float64, err error) {
	middle := mean(left, right)
	a, b := colourStep*(right.x-left.x), colourStep*(right.y-left.y)
	from := similarity{a, b, middle.x - a*colourMiddle + b*colourTop, middle.y - b*colourMiddle - a*colourTop}
	if !(from.scale() > 0) {
		return light, unusable("no-face", "the eyes are in one place")
	}
	p, err := s.sample(from, colourWidth, colourHeight, repeatEdge)
	if err != nil {
		return light, err
	}
	for i, part := range patches {
		light[i] = part.light(p, func(x, y int) bool { return s.has(from.apply(point{float64(x), float64(y)})) })
	}
	return light, nil
}

// has says whether a point lies in the photo.
func (s *scene) has(p point) bool {
	return p.x >= -0.5 && p.y >= -0.5 && p.x <= float64(s.Width)-0.5 && p.y <= float64(s.Height)-0.5
}

// light is the mean over a patch and its mirror image, as far as they lie in the photo.
func (p patch) light(from planes, within func(x, y int) bool) (sum [3]float64) {
	n := 0.0
	for y := range colourHeight {
		for x := range colourWidth {
			across, down := math.Abs(float64(x-colourMiddle))*colourStep, float64(y-colourTop)*colourStep
			if across < p.x0 || across > p.x1 || down < p.y0 || down > p.y1 || !within(x, y) {
				continue
			}
			for c, plane := range [3][]float32{from.r, from.g, from.b} {
				sum[c] += linearLight[uint8(plane[y*colourWidth+x]+0.5)]
			}
			n++
		}
	}
	for c := range sum {
		sum[c] /= n // not a number where nothing was seen
	}
	return sum
}

// linearLight undoes the gamma of sRGB (IEC 61966-2-1). A level of 0 counts as half of one: ratios are taken.
var linearLight = func() (t [256]float64) {
	for v := range t {
		s := math.Max(float64(v), 0.5) / 255
		if s <= 0.04045 {
			t[v] = s / 12.92
		} else {
			t[v] = math.Pow((s+0.055)/1.055, 2.4)
		}
	}
	return t
}()
