package synth

import (
	"bytes"
	"image"
	"image/jpeg"
	"math"
	"math/rand/v2"

	"biogate/matcher/imaging"
)

// Species is what is presented to the camera: the person, or a kind of presentation attack instrument in the sense of ISO/IEC
// 30107-3.
type Species string

// The species that can be drawn.
const (
	BonaFide  Species = "bona-fide"
	PrintDots Species = "print-dots" // on paper, in halftone screens as presses and laser printers use
	PrintFine Species = "print-fine" // on paper, in scattered dots too fine for the camera, as ink-jet printers use
	Screen    Species = "screen"     // on a display of red, green and blue stripes
	CutOut    Species = "cut-out"    // PrintFine cut out around the face, bent, before a real background
)

// Attacks are all species but the bona fide one.
var Attacks = []Species{PrintDots, PrintFine, Screen, CutOut}

// FaceBox is where the face is in a photograph: its middle and half of its width, in pixels.
type FaceBox struct{ X, Y, HalfWidth float64 }

// Pose is how the head, or the instrument that shows it, stands before the camera. Turns are in radians, yaw to the picture's
// right and pitch downwards positive; shifts in half face widths; Scale 1 is the photograph's.
type Pose struct {
	Yaw, Pitch, Roll float64
	ShiftX, ShiftY   float64
	Scale            float64
}

// Light is what the kiosk's display adds to the room's light: red, green and blue, 0 to 1.
type Light [3]float64

// Scene is a photograph of a person that a camera sees as Species. It is made of one photograph: a bona fide one is bent over
// a model of a head, the same for everybody, and an attack lies on a plane. What a detector makes of it says how it
// works, not how it will do against real instruments.
type Scene struct {
	photo   imaging.RGB
	face    FaceBox
	species Species
	linear  []float32 // of photo: linear light, 0 to 1
	surface surface
	camera  camera
	seed    uint64
}

// camera is what stays the same over the frames of a scene.
type camera struct {
	blur     float64    // standard deviation in pixels
	noise    float64    // standard deviation in levels of 255
	balance  [3]float64 // gain of each channel
	slopeX   float64    // of the room's light
	slopeY   float64
	quality  int     // of the JPEG
	distance float64 // of the camera in half face widths
}

// NewScene prepares a photograph. Equal arguments give equal scenes.
func NewScene(photo imaging.RGB, face FaceBox, species Species, seed uint64) *Scene {
	s := &Scene{photo: photo, face: face, species: species, linear: make([]float32, len(photo.Pix)), seed: seed}
	for i, v := range photo.Pix {
		s.linear[i] = toLinear[v]
	}
	rng := source(seed, streamPresentation, 0)
	s.camera = camera{
		blur: 0.35 + 0.35*rng.Float64(), noise: 1 + 2*rng.Float64(), slopeX: 0.3 * (rng.Float64() - 0.5), slopeY: 0.2 * (rng.Float64() - 0.5),
		quality: 80 + rng.IntN(16), distance: 6 + 4*rng.Float64(),
	}
	for c := range s.camera.balance {
		s.camera.balance[c] = 1 + 0.06*(rng.Float64()-0.5)
	}
	s.surface = newSurface(species, source(seed, streamPresentation, 1))
	return s
}

// toLinear undoes the gamma of a picture, 2.2 for simplicity.
var toLinear = func() (t [256]float32) {
	for v := range t {
		t[v] = float32(math.Pow(float64(v)/255, 2.2))
	}
	return t
}()

// samplesAcross: a pixel is the mean of so many by so many points of its square of light; more where there is a fine pattern.
func (s *Scene) samplesAcross() int {
	if s.species == PrintDots || s.species == Screen {
		return 3
	}
	return 1
}

// Frame draws what the camera sees, as large as the photograph. Frames of one number and pose are equal.
func (s *Scene) Frame(pose Pose, light Light, number int) imaging.RGB {
	w, h := s.photo.Width, s.photo.Height
	seen := make([]float32, 3*w*h)
	rng := source(s.seed, streamPresentation, 2+uint64(number))
	offX, offY := rng.Float64()-0.5, rng.Float64()-0.5 // the pixels of no two frames see the same part of a surface
	corners := s.corners(pose, offX, offY)
	for y := range h {
		for x := range w {
			colour := s.square(corners[y*(w+1)+x:], corners[(y+1)*(w+1)+x:], light)
			room := 1 + s.camera.slopeX*(float64(x)/float64(w)-0.5) + s.camera.slopeY*(float64(y)/float64(h)-0.5)
			for c := range colour {
				seen[3*(y*w+x)+c] = float32(colour[c] * room * s.camera.balance[c])
			}
		}
	}
	return s.develop(seen, rng)
}

// corners are the places that the corners of all pixels see, row by row, in half face widths.
func (s *Scene) corners(pose Pose, offX, offY float64) [][2]float64 {
	w, h := s.photo.Width, s.photo.Height
	v := viewOf(pose)
	places := make([][2]float64, 0, (w+1)*(h+1))
	for y := range h + 1 {
		for x := range w + 1 {
			places = append(places, s.place(v, float64(x)+offX-0.5, float64(y)+offY-0.5))
		}
	}
	return places
}

// square is the mean light of a pixel between its corners.
func (s *Scene) square(top, low [][2]float64, light Light) (sum [3]float64) {
	across := s.samplesAcross()
	for k := range across * across {
		fx, fy := (float64(k%across)+0.5)/float64(across), (float64(k/across)+0.5)/float64(across)
		var at [2]float64
		for i := range at {
			at[i] = (top[0][i]*(1-fx)+top[1][i]*fx)*(1-fy) + (low[0][i]*(1-fx)+low[1][i]*fx)*fy
		}
		for c, v := range s.lightFrom(at[0], at[1]) {
			sum[c] += v
		}
	}
	share := s.reflects(top[0][0], top[0][1])
	for c := range sum {
		sum[c] /= float64(across * across)
		if s.species == Screen { // shines by itself, and its glass adds a little
			sum[c] += share * light[c]
		} else {
			sum[c] *= 1 + share*light[c]
		}
	}
	return sum
}

// develop turns linear light into a picture: blur, exposure, gamma, noise.
func (s *Scene) develop(seen []float32, rng *rand.Rand) imaging.RGB {
	w, h := s.photo.Width, s.photo.Height
	seen = blurRGB(seen, w, h, s.camera.blur)
	gain := 1 + 0.01*rng.NormFloat64()
	out := imaging.RGB{Width: w, Height: h, Pix: make([]byte, len(seen))}
	for i, v := range seen {
		level := 255*math.Pow(math.Max(float64(v)*gain, 0), 1/2.2) + s.camera.noise*rng.NormFloat64()
		out.Pix[i] = uint8(clamp(level+0.5, 0, 255))
	}
	return out
}

// blurRGB convolves with a Gaussian of standard deviation sigma, below a pixel or so.
func blurRGB(src []float32, w, h int, sigma float64) []float32 {
	var taps [5]float32
	sum := float32(0)
	for i := range taps {
		taps[i] = float32(math.Exp(-float64((i-2)*(i-2)) / (2 * sigma * sigma)))
		sum += taps[i]
	}
	across, out := make([]float32, len(src)), make([]float32, len(src))
	for y := range h {
		for x := range w {
			for c := range 3 {
				var v float32
				for i, t := range taps {
					v += t * src[3*(y*w+clamp(x+i-2, 0, w-1))+c]
				}
				across[3*(y*w+x)+c] = v / sum
			}
		}
	}
	for y := range h {
		for x := range w {
			for c := range 3 {
				var v float32
				for i, t := range taps {
					v += t * across[3*(clamp(y+i-2, 0, h-1)*w+x)+c]
				}
				out[3*(y*w+x)+c] = v / sum
			}
		}
	}
	return out
}

// JPEG encodes a frame as the scene's camera does.
func (s *Scene) JPEG(frame imaging.RGB) []byte { return EncodeJPEG(frame, s.camera.quality) }

// EncodeJPEG is a picture as JPEG of a quality, 1 to 100.
func EncodeJPEG(p imaging.RGB, quality int) []byte {
	img := image.NewRGBA(image.Rect(0, 0, p.Width, p.Height))
	for i := range p.Width * p.Height {
		copy(img.Pix[4*i:], p.Pix[3*i:3*i+3])
		img.Pix[4*i+3] = 255
	}
	return encodeJPEG(img, quality)
}

func encodeJPEG(img *image.RGBA, quality int) []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: quality}); err != nil {
		return nil // only a side beyond 65,535, which imaging does not decode
	}
	return b.Bytes()
}

// photoAt is the linear colour of the photograph at a place, its edges repeated.
func (s *Scene) photoAt(x, y float64) (colour [3]float64) {
	x, y = clamp(x, 0, float64(s.photo.Width-1)), clamp(y, 0, float64(s.photo.Height-1))
	x0, y0 := int(x), int(y)
	x1, y1 := min(x0+1, s.photo.Width-1), min(y0+1, s.photo.Height-1)
	fx, fy := float32(x-float64(x0)), float32(y-float64(y0))
	nw, ne := s.linear[3*(y0*s.photo.Width+x0):][:3], s.linear[3*(y0*s.photo.Width+x1):][:3]
	sw, se := s.linear[3*(y1*s.photo.Width+x0):][:3], s.linear[3*(y1*s.photo.Width+x1):][:3]
	for c := range colour {
		top, low := nw[c]+(ne[c]-nw[c])*fx, sw[c]+(se[c]-sw[c])*fx
		colour[c] = float64(top + (low-top)*fy)
	}
	return colour
}
