package synth

import (
	"bytes"
	"math"
	"testing"

	"pgregory.net/rapid"

	"biogate/matcher/imaging"
)

// scenery is a smooth picture in colour.
func scenery(w, h int) imaging.RGB {
	p := imaging.RGB{Width: w, Height: h, Pix: make([]byte, 0, 3*w*h)}
	for y := range h {
		for x := range w {
			p.Pix = append(p.Pix, byte(100+60*math.Sin(float64(x)/15)), byte(110+60*math.Cos(float64(y)/19)), byte(120+40*math.Sin(float64(x+y)/23)))
		}
	}
	return p
}

var sceneryFace = FaceBox{X: 60, Y: 70, HalfWidth: 35}

func TestFramesAreReproducible(t *testing.T) {
	for _, species := range append([]Species{BonaFide}, Attacks...) {
		frame := func(seed uint64, number int) imaging.RGB {
			return NewScene(scenery(120, 140), sceneryFace, species, seed).Frame(Pose{Scale: 1, Yaw: 0.1}, Light{}, number)
		}
		a := frame(1, 0)
		if a.Width != 120 || a.Height != 140 || !bytes.Equal(a.Pix, frame(1, 0).Pix) {
			t.Errorf("%s: %dx%d, or another picture from the same seed", species, a.Width, a.Height)
		}
		if bytes.Equal(a.Pix, frame(2, 0).Pix) || bytes.Equal(a.Pix, frame(1, 1).Pix) {
			t.Errorf("%s: the same picture from another seed or frame", species)
		}
		data := NewScene(scenery(120, 140), sceneryFace, species, 1).JPEG(a)
		if back, err := imaging.DecodeRGB(data, "image/jpeg"); err != nil || back.Width != 120 {
			t.Errorf("%s: the JPEG is not read: %v", species, err)
		}
	}
}

// Looking straight ahead, the person is the photograph.
func TestBonaFideFrameIsThePhotograph(t *testing.T) {
	p := scenery(120, 140)
	frame := NewScene(p, sceneryFace, BonaFide, 3).Frame(Pose{Scale: 1}, Light{}, 0)
	var sum float64
	for i, v := range frame.Pix {
		sum += math.Abs(float64(v) - float64(p.Pix[i]))
	}
	if mean := sum / float64(len(p.Pix)); mean > 14 { // light, noise and balance of the camera
		t.Errorf("%.1f levels between the photograph and what the camera sees", mean)
	}
}

// What is seen at a place of a turned plane lies there.
func TestPlaneIsFollowedBackFromThePicture(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		number := func(name string, most float64) float64 { return rapid.Float64Range(-most, most).Draw(t, name) }
		v := viewOf(Pose{Yaw: number("yaw", 0.6), Pitch: number("pitch", 0.6), Scale: 1})
		const distance = 7.0
		x, y := number("x", 1.5), number("y", 1.5)
		px, py, pz := v.cosYaw*x+v.sinYaw*v.sinPitch*y, v.cosPit*y, -v.sinYaw*x+v.cosYaw*v.sinPitch*y
		gotX, gotY := v.onPlane(px*distance/(distance-pz), py*distance/(distance-pz), distance)
		if math.Abs(gotX-x) > 1e-9 || math.Abs(gotY-y) > 1e-9 {
			t.Fatalf("(%v, %v) came back as (%v, %v)", x, y, gotX, gotY)
		}
	})
}

// A nose that is turned to the right is seen to the right.
func TestHeadTurnsTheNose(t *testing.T) {
	v := viewOf(Pose{Yaw: 0.3, Scale: 1})
	x, _ := v.onHead(0, noseY)
	if !(x < -0.2) {
		t.Errorf("in the middle of a head that is turned to the right is what was at %.2f", x)
	}
	if x, y := viewOf(Pose{Scale: 1}).onHead(0.4, 0.3); x != 0.4 || y != 0.3 {
		t.Errorf("looking ahead, (0.4, 0.3) shows (%v, %v)", x, y)
	}
}

// Coloured light comes back from paper and skin, hardly from a display.
func TestLightComesBack(t *testing.T) {
	red := func(species Species, light Light) float64 {
		frame := NewScene(scenery(120, 140), sceneryFace, species, 5).Frame(Pose{Scale: 1}, light, 0)
		var r, g float64 // of the cheeks
		for y := 65; y < 85; y++ {
			for x := 50; x < 70; x++ {
				r, g = r+float64(frame.Pix[3*(y*120+x)]), g+float64(frame.Pix[3*(y*120+x)+1])
			}
		}
		return r / g
	}
	for species, most := range map[Species]float64{BonaFide: 2, PrintFine: 2, Screen: 1.08} {
		gain := red(species, Light{1, 0, 0}) / red(species, Light{})
		if gain > most || species != Screen && gain < 1.08 {
			t.Errorf("%s: red light changes red over green by %.2f", species, gain)
		}
	}
}
