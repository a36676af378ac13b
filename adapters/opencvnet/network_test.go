//go:build cgo

package opencvnet

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"biogate/matcher/face"
	"biogate/models"
)

// root is the project's folder.
func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above this package")
		}
		dir = filepath.Dir(dir)
	}
}

func loaded(t testing.TB, sessions int) *Networks {
	t.Helper()
	m, err := models.Active(models.DefaultFace)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(root(t), models.DefaultDir)
	if err := m.Verify(dir); err != nil {
		t.Skipf("needs the networks: %v", err)
	}
	nets, err := Load(m, dir, sessions)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nets.Close)
	return nets
}

func input(seed uint64, shape ...int) face.Tensor {
	in := face.Tensor{Shape: shape}
	in.Data = make([]float32, in.Len())
	rng := rand.New(rand.NewPCG(seed, 1))
	for i := range in.Data {
		in.Data[i] = rng.Float32()*2 - 1
	}
	return in
}

func TestShapesOfEveryNetwork(t *testing.T) {
	nets := loaded(t, 1)
	for name, c := range map[string]struct {
		net   face.Network
		in    face.Tensor
		sizes []int
	}{
		"detect":   {nets.Detect, input(1, 1, 3, 240, 320), []int{2 * 4420, 4 * 4420}},
		"landmark": {nets.Landmark, input(1, 1, 1, 64, 64), []int{136}},
		"feature":  {nets.Feature, input(1, 1, 3, 112, 112), []int{512}},
		"liveness": {nets.Liveness, input(1, 1, 3, 128, 128), []int{3}},
		"eye":      {nets.Eye, input(1, 1, 1, 24, 24), []int{2}},
	} {
		out, err := c.net.Run(context.Background(), c.in)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var sizes []int
		for _, o := range out {
			sizes = append(sizes, len(o.Data))
			if o.Len() != len(o.Data) {
				t.Errorf("%s: shape %v with %d values", name, o.Shape, len(o.Data))
			}
		}
		if !slices.Equal(sizes, c.sizes) {
			t.Errorf("%s: outputs of %v values, want %v", name, sizes, c.sizes)
		}
	}
}

func TestWrongInputIsAnError(t *testing.T) {
	nets := loaded(t, 1)
	short := input(1, 1, 3, 112, 112)
	short.Data = short.Data[1:]
	for _, in := range []face.Tensor{{}, input(1, 1, 3, 111, 112), short} {
		if _, err := nets.Feature.Run(context.Background(), in); err == nil {
			t.Errorf("shape %v with %d values was taken", in.Shape, len(in.Data))
		}
	}
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	nets := loaded(t, 1)
	n := nets.all[0]
	s := <-n.free // somebody else has the only session
	defer func() { n.free <- s }()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := n.Run(ctx, input(1, 1, 3, 240, 320)); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestSessionsAgree(t *testing.T) {
	nets := loaded(t, 2)
	const inputs = 4
	var want [inputs][]float32
	for i := range want {
		out, err := nets.Landmark.Run(context.Background(), input(uint64(i), 1, 1, 64, 64))
		if err != nil {
			t.Fatal(err)
		}
		want[i] = out[0].Data
	}
	var group sync.WaitGroup
	for range 4 {
		for i := range want {
			group.Add(1)
			go func() {
				defer group.Done()
				out, err := nets.Landmark.Run(context.Background(), input(uint64(i), 1, 1, 64, 64))
				if err != nil || !slices.Equal(out[0].Data, want[i]) {
					t.Errorf("input %d: another answer, error %v", i, err)
				}
			}()
		}
	}
	group.Wait()
}

func TestLoadRefuses(t *testing.T) {
	m, err := models.Active(models.DefaultFace)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Load(m, t.TempDir(), 1); err == nil || !strings.Contains(err.Error(), "make models") {
		t.Errorf("no weights: error %v, want the remedy in it", err)
	}
	if _, err := Load(m, t.TempDir(), 0); err == nil {
		t.Error("no sessions were made")
	}
}

func BenchmarkNetworks(b *testing.B) {
	runtime.LockOSThread()
	nets := loaded(b, 1)
	for _, c := range []struct {
		name string
		net  face.Network
		in   face.Tensor
	}{
		{"detect", nets.Detect, input(1, 1, 3, 240, 320)},
		{"landmark", nets.Landmark, input(1, 1, 1, 64, 64)},
		{"feature", nets.Feature, input(1, 1, 3, 112, 112)},
		{"liveness", nets.Liveness, input(1, 1, 3, 128, 128)},
		{"eye", nets.Eye, input(1, 1, 1, 24, 24)},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				if _, err := c.net.Run(context.Background(), c.in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
