package face

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/png"
	"math"
	"math/rand/v2"
	"sync"
	"testing"

	"biogate/matcher"
	"biogate/models"
)

// The fakes see faces as red frames around a grey pattern on a dark ground: the detector finds red regions, the
// landmarks lie where they always lie in a box, and the features are a fixed projection of the aligned pixels.

type fake func(in Tensor) ([]Tensor, error)

func (f fake) Run(ctx context.Context, in Tensor) ([]Tensor, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return f(in)
}

func fakeNets() Networks {
	return Networks{
		Detect: fake(fakeDetect(8, 1)), Landmark: fake(fakeLandmark), Feature: fake(fakeFeature),
		Liveness: fake(constant(2, 0, 0)), Eye: fake(constant(-3, 3)),
	}
}

// The fakes keep the contract of the model that is run by default, which a test holds against its manifest.
const (
	detectW, detectH = 320, 240
	detectAnchors    = 4420
	featureSide      = 112
	dimensions       = 512
)

func manifest(t testing.TB) models.Manifest {
	t.Helper()
	m, err := models.Load(models.DefaultFace)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// usual is the place of eyes, nose and mouth corners in a 112x112 face, in pixels.
var usual = [5]point{{38.2946, 51.6963}, {73.5318, 51.5014}, {56.0252, 71.7366}, {41.5493, 92.3655}, {70.7299, 92.2041}}

// newFake is an engine whose templates and scores say plainly what the fakes saw: of one look, in one box, and cosines.
func newFake(t testing.TB, nets Networks) *Engine {
	t.Helper()
	m := manifest(t)
	contract := *m.Face
	contract.Weight, contract.Align.Looks, contract.Landmark.Zooms = nil, contract.Align.Looks[:1], []float64{1}
	m.Face = &contract
	e, err := New(m, nets)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func constant(values ...float32) fake {
	return func(Tensor) ([]Tensor, error) { return []Tensor{{Shape: []int{1, len(values)}, Data: values}}, nil }
}

// fakeDetect finds red regions whose height in the input is from least pixels to a share of its height.
func fakeDetect(least int, share float64) fake {
	return func(in Tensor) ([]Tensor, error) {
		const n = detectW * detectH
		red, green := in.Data[:n], in.Data[n:2*n]
		seen := make([]bool, n)
		scores, boxes := make([]float32, 2*detectAnchors), make([]float32, 4*detectAnchors)
		found := 0
		for i := range n {
			if seen[i] || red[i]-green[i] < 0.4 {
				continue
			}
			x0, y0, x1, y1 := flood(i, seen, func(k int) bool { return red[k]-green[k] >= 0.4 })
			if h := y1 - y0 + 1; h < least || float64(h) > share*detectH {
				continue
			}
			scores[2*found+1] = 0.9
			copy(boxes[4*found:], []float32{float32(x0) / detectW, float32(y0) / detectH, float32(x1+1) / detectW, float32(y1+1) / detectH})
			found++
		}
		return []Tensor{{Data: scores}, {Data: boxes}}, nil
	}
}

// flood marks the region of pixel i and returns its bounds.
func flood(i int, seen []bool, in func(int) bool) (x0, y0, x1, y1 int) {
	x0, y0 = detectW, detectH
	seen[i] = true
	for todo := []int{i}; len(todo) > 0; {
		k := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		x, y := k%detectW, k/detectW
		x0, y0, x1, y1 = min(x0, x), min(y0, y), max(x1, x), max(y1, y)
		for _, d := range [][2]int{{-1, 0}, {1, 0}, {0, -1}, {0, 1}} {
			u, v := x+d[0], y+d[1]
			if u >= 0 && v >= 0 && u < detectW && v < detectH && !seen[v*detectW+u] && in(v*detectW+u) {
				seen[v*detectW+u] = true
				todo = append(todo, v*detectW+u)
			}
		}
	}
	return x0, y0, x1, y1
}

// fakeMarks are landmarks in shares of the box: those of the alignment in their usual places, eye corners beside the
// eyes, all others in the middle.
func fakeMarks() (shares [models.FaceLandmarks]point) {
	at := func(p point, indices ...int) {
		for _, i := range indices {
			shares[i] = point{p.x / featureSide, p.y / featureSide}
		}
	}
	for i := range shares {
		at(point{56, 60}, i)
	}
	at(usual[0], 37, 38, 40, 41)
	at(usual[1], 43, 44, 46, 47)
	at(usual[2], 30)
	at(usual[3], 48, 60)
	at(usual[4], 54, 64)
	at(point{30, 52}, 36)
	at(point{46, 52}, 39)
	at(point{65, 52}, 42)
	at(point{81, 52}, 45)
	return shares
}

func fakeLandmark(Tensor) ([]Tensor, error) {
	data := make([]float32, 0, 2*models.FaceLandmarks)
	for _, p := range fakeMarks() {
		data = append(data, float32(p.x), float32(p.y))
	}
	return []Tensor{{Shape: []int{1, 2 * models.FaceLandmarks}, Data: data}}, nil
}

var fakeSigns = sync.OnceValue(func() (signs [dimensions][196]float32) {
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range signs {
		for k := range signs[i] {
			signs[i][k] = float32(rng.IntN(2)*2 - 1)
		}
	}
	return signs
})

// fakeFeature projects the green plane, averaged over 8x8 pixels, by fixed random signs.
func fakeFeature(in Tensor) ([]Tensor, error) {
	const cells = featureSide / 8
	green := in.Data[featureSide*featureSide : 2*featureSide*featureSide]
	var grid [cells * cells]float32
	total := float32(0)
	for i, v := range green {
		grid[i/featureSide/8*cells+i%featureSide/8] += v
		total += v
	}
	out := make([]float32, dimensions)
	for i, signs := range fakeSigns() {
		for k, v := range grid {
			out[i] += signs[k] * (v - total/float32(len(grid)))
		}
	}
	return []Tensor{{Shape: []int{1, dimensions}, Data: out}}, nil
}

// portrait is a face to draw: its pattern, upper left corner and side.
type portrait struct {
	seed       uint64
	x, y, side int
}

func drawn(w, h int, faces ...portrait) image.Image {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for i := range img.Pix {
		img.Pix[i] = 40
	}
	for _, f := range faces {
		rng := rand.New(rand.NewPCG(f.seed, 7))
		var cells [64]uint8
		for i := range cells {
			cells[i] = uint8(60 + rng.IntN(140))
		}
		edge := max(f.side/8, 2)
		for y := range f.side {
			for x := range f.side {
				c := color.RGBA{230, 20, 20, 255}
				if x >= edge && y >= edge && x < f.side-edge && y < f.side-edge {
					v := cells[y*8/f.side*8+x*8/f.side]
					c = color.RGBA{v, v, v, 255}
				}
				img.Set(f.x+x, f.y+y, c)
			}
		}
	}
	return img
}

func encoded(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func picture(t testing.TB, w, h int, faces ...portrait) matcher.Sample {
	t.Helper()
	return matcher.Sample{Modality: matcher.Face, Data: encoded(t, drawn(w, h, faces...))}
}

func near(a, b, within float64) bool { return math.Abs(a-b) <= within }
