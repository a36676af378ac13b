//go:build cgo && !noopencv

package networktest_test

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"biogate/adapters/opencvnet"
	"biogate/adapters/ortnet"
	"biogate/matcher"
	"biogate/matcher/face"
	"biogate/matcher/face/networktest"
	"biogate/models"
)

// allowance is how far two runtimes' values may lie apart, of a value that is 1 or of their own size if that is larger.
const allowance = 1e-4

// both loads a model's networks in either runtime; the test skips where one is missing.
func both(t *testing.T, m models.Manifest, dir string) (inOpenCV, inONNXRuntime face.Networks) {
	t.Helper()
	a, err := opencvnet.Load(m, dir, 1)
	if err != nil {
		t.Skipf("needs OpenCV: %v", err)
	}
	t.Cleanup(a.Close)
	b, err := ortnet.Load(m, dir, 1)
	if err != nil {
		t.Skipf("needs ONNX Runtime: %v", err)
	}
	t.Cleanup(b.Close)
	return a.Networks, b.Networks
}

func TestRuntimesAgreeOnNoise(t *testing.T) {
	networktest.EveryModel(t, func(t *testing.T, m models.Manifest, dir string) {
		a, b := both(t, m, dir)
		for _, f := range m.Files {
			for seed := range uint64(3) {
				in := networktest.Noise(seed, f.Input.Shape)
				for i := range in.Data { // the range of pixels
					in.Data[i] = ((in.Data[i]+1)*127.5 - f.Input.Mean) / f.Input.Scale
				}
				agree(t, f.Name, run(t, networktest.Named(a)[f.Name], in), run(t, networktest.Named(b)[f.Name], in))
			}
		}
	})
}

// What the pipeline shows the networks of real pictures is shown to both.
func TestRuntimesAgreeOnPictures(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(networktest.Root(t), "..", "shared", "data", "face", "*", "*", "*.jpg"))
	if err != nil || len(files) == 0 {
		t.Skip("needs the face pictures in ../shared/data/face")
	}
	networktest.EveryModel(t, func(t *testing.T, m models.Manifest, dir string) {
		a, b := both(t, m, dir)
		var inputs []seen
		engine, err := face.New(m, watched(a, &inputs))
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(files); i += len(files)/8 + 1 {
			extract(t, engine, files[i])
		}
		if len(inputs) < 8 {
			t.Fatalf("%d inputs were seen", len(inputs))
		}
		for _, s := range inputs {
			agree(t, s.name, s.out, run(t, networktest.Named(b)[s.name], s.in))
		}
	})
}

// seen is what one network was shown, and its answer.
type seen struct {
	name string
	in   face.Tensor
	out  []face.Tensor
}

// watched are networks whose inputs and outputs are kept.
func watched(n face.Networks, inputs *[]seen) face.Networks {
	var lock sync.Mutex
	watch := func(name string, n face.Network) face.Network {
		if n == nil {
			return nil
		}
		return watcher(func(ctx context.Context, in face.Tensor) ([]face.Tensor, error) {
			in.Data = slices.Clone(in.Data) // the caller writes it again
			out, err := n.Run(ctx, in)
			lock.Lock()
			defer lock.Unlock()
			if err == nil {
				*inputs = append(*inputs, seen{name, in, out})
			}
			return out, err
		})
	}
	return face.Networks{
		Detect: watch("detect", n.Detect), Landmark: watch("landmark", n.Landmark), Feature: watch("feature", n.Feature),
		Liveness: watch("liveness", n.Liveness), Eye: watch("eye", n.Eye),
	}
}

type watcher func(ctx context.Context, in face.Tensor) ([]face.Tensor, error)

func (w watcher) Run(ctx context.Context, in face.Tensor) ([]face.Tensor, error) { return w(ctx, in) }

// extract takes a picture that may show no face.
func extract(t *testing.T, e *face.Engine, name string) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = e.Extract(context.Background(), matcher.Sample{Modality: matcher.Face, Data: data}, nil)
}

func run(t *testing.T, n face.Network, in face.Tensor) []face.Tensor {
	t.Helper()
	out, err := n.Run(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func agree(t *testing.T, name string, a, b []face.Tensor) {
	t.Helper()
	if len(a) != len(b) {
		t.Fatalf("%s: %d and %d outputs", name, len(a), len(b))
	}
	for i := range a {
		if len(a[i].Data) != len(b[i].Data) {
			t.Fatalf("%s: %d and %d values", name, len(a[i].Data), len(b[i].Data))
		}
		for k, v := range a[i].Data {
			x, y := float64(v), float64(b[i].Data[k])
			if d := math.Abs(x-y) / max(1, math.Abs(x)); !(d <= allowance) {
				t.Errorf("%s: value %d of output %d is %g and %g", name, k, i, x, y)
				return
			}
		}
	}
}
