package networktest_test

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"biogate/adapters/ortnet"
	"biogate/matcher"
	"biogate/matcher/face"
	"biogate/matcher/face/networktest"
)

// TestCoveredFaces draws masks and dark glasses on pictures of real people: they must be named, with a doubt about what a
// failed comparison says, and hardly any face that is as it was.
func TestCoveredFaces(t *testing.T) {
	m, dir := networktest.Prepared(t)
	nets, err := ortnet.Load(m, dir, 1)
	if err != nil {
		t.Skipf("needs ONNX Runtime: %v", err)
	}
	t.Cleanup(nets.Close)
	e, err := face.New(m, nets.Networks)
	if err != nil {
		t.Fatal(err)
	}
	people, _ := filepath.Glob(filepath.Join(networktest.Root(t), "../shared/data/face/lfw_tuning/*"))
	if len(people) == 0 {
		t.Skip("needs the face pictures in ../shared/data/face/lfw_tuning")
	}
	covers := []struct {
		reason string
		draw   func(*image.Gray, pose, *rand.Rand)
	}{{"mouth-covered", drawMask}, {"sunglasses", drawGlasses}}
	seen, falsely := 0, 0
	covered, named := make([]int, len(covers)), make([]int, len(covers))
	for i := 9; i < len(people); i += 27 {
		plain, marks := grey(t, people[i]), [][2]float64(nil)
		x, err := e.Extract(t.Context(), sampleOf(t, plain), func(name string, value any) {
			if name == "face/landmarks" {
				marks = value.([][2]float64)
			}
		})
		if err != nil {
			continue
		}
		seen++
		for k, c := range covers {
			if slices.Contains(x.Quality.Reasons, c.reason) {
				falsely++
			}
			img := image.NewGray(plain.Bounds())
			draw.Draw(img, img.Bounds(), plain, image.Point{}, draw.Src)
			c.draw(img, poseOf(marks), rand.New(rand.NewPCG(uint64(i), 1)))
			with, err := e.Extract(t.Context(), sampleOf(t, img), nil)
			if errors.Is(err, &matcher.Error{Code: matcher.CodeUnusable}) {
				continue // not seen for a face: no wrong answer either
			}
			if err != nil {
				t.Fatal(err)
			}
			covered[k]++
			if slices.Contains(with.Quality.Reasons, c.reason) && with.Quality.Unreliable && with.Quality.Score < 85 {
				named[k]++
			}
		}
	}
	for k, c := range covers {
		t.Logf("%s: named on %d of %d", c.reason, named[k], covered[k])
		if covered[k] < seen/3 || 10*named[k] < 9*covered[k] {
			t.Errorf("%s: named on %d of %d, of %d people", c.reason, named[k], covered[k], seen)
		}
	}
	if t.Logf("falsely: %d of %d", falsely, seen); falsely*20 > seen {
		t.Errorf("%d of %d faces as they were are said to be covered", falsely, seen)
	}
}

// grey is the first picture of a person.
func grey(t *testing.T, person string) *image.Gray {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(person, "*.jpg"))
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	img, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	g := image.NewGray(img.Bounds())
	draw.Draw(g, g.Bounds(), img, image.Point{}, draw.Src)
	return g
}

func sampleOf(t *testing.T, img image.Image) matcher.Sample {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 92}); err != nil {
		t.Fatal(err)
	}
	return matcher.Sample{Modality: matcher.Face, Data: b.Bytes(), SkipPAD: true}
}

// pose is where a face is: places are in distances of the eyes to the right and down from between the eyes.
type pose struct{ x, y, right, down float64 }

func poseOf(marks [][2]float64) pose {
	eye := func(from int) (x, y float64) {
		for _, p := range marks[from : from+6] {
			x, y = x+p[0]/6, y+p[1]/6
		}
		return x, y
	}
	x0, y0 := eye(36)
	x1, y1 := eye(42)
	return pose{(x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0}
}

// at is the place of a pixel.
func (p pose) at(x, y int) (u, v float64) {
	dx, dy, square := float64(x)-p.x, float64(y)-p.y, p.right*p.right+p.down*p.down
	return (dx*p.right + dy*p.down) / square, (dy*p.right - dx*p.down) / square
}

// paint sets the pixels for which shade wants it.
func (p pose) paint(img *image.Gray, shade func(u, v, was float64) (float64, bool)) {
	for y := range img.Rect.Dy() {
		for x := range img.Rect.Dx() {
			u, v := p.at(x, y)
			if s, ok := shade(u, v, float64(img.GrayAt(x, y).Y)); ok {
				img.SetGray(x, y, color.Gray{Y: uint8(min(max(s, 0), 255))})
			}
		}
	}
}

// drawMask covers nose, mouth and chin with folded cloth, of any brightness.
func drawMask(img *image.Gray, p pose, rng *rand.Rand) {
	level, fold := 30+200*rng.Float64(), 6+8*rng.Float64()
	p.paint(img, func(u, v, _ float64) (float64, bool) {
		width, top := 1.05-0.35*max(v-0.6, 0), 0.42+0.35*u*u
		if v < top || v > 2.1 || math.Abs(u) > width {
			return 0, false
		}
		s := level - 40*u*u + 3*rng.NormFloat64()
		if math.Mod(v*fold, 1) < 0.15 {
			s -= 12
		}
		return s, true
	})
}

// drawGlasses puts two dark lenses and a bridge on, which let up to a quarter of the light through.
func drawGlasses(img *image.Gray, p pose, rng *rand.Rand) {
	level, clear := 8+50*rng.Float64(), 0.25*rng.Float64()
	width, height, square := 0.36+0.08*rng.Float64(), 0.24+0.1*rng.Float64(), 2+3*rng.Float64()
	p.paint(img, func(u, v, was float64) (float64, bool) {
		if math.Abs(u) < 0.5-width && math.Abs(v+0.03) < 0.03 {
			return level / 2, true
		}
		a, b := (math.Abs(u)-0.5)/width, (v-0.05)/height
		far := math.Pow(math.Abs(a), square) + math.Pow(math.Abs(b), square)
		if far > 0.85 && far < 1 {
			return (level + clear*was) / 2, true
		}
		return level + clear*was, far < 1
	})
}
