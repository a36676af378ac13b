//go:build cgo

package ortnet

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"biogate/matcher/face"
	"biogate/matcher/face/networktest"
	"biogate/models"
)

// prepared is the model and the folder with its networks and the library; without them the test skips.
func prepared(t testing.TB) (models.Manifest, string) {
	t.Helper()
	m, dir := networktest.Prepared(t)
	if _, known := models.RuntimeHere(); !known {
		t.Skip("no library is known for this machine")
	}
	if err := open(dir); err != nil {
		networktest.Lacking(t, err)
	}
	return m, dir
}

func loaded(t testing.TB, sessions int) *Networks {
	t.Helper()
	m, dir := prepared(t)
	nets, err := Load(m, dir, sessions)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nets.Close)
	return nets
}

func TestSuite(t *testing.T) {
	prepared(t)
	networktest.Suite{
		Load: func(m models.Manifest, dir string, sessions int) (face.Networks, func(), error) {
			nets, err := Load(m, dir, sessions)
			if err != nil {
				return face.Networks{}, nil, err
			}
			return nets.Networks, nets.Close, nil
		},
		Hold: func(n face.Network) (release func()) {
			free := n.(*network).free
			p := <-free
			return func() { free <- p }
		},
	}.Run(t)
}

// What the manifest says of a network and what the network is may differ: that is found when it is loaded.
func TestManifestThatDoesNotFitIsRefused(t *testing.T) {
	m, dir := prepared(t)
	for what, change := range map[string]func(*models.File){
		"another size":      func(f *models.File) { f.Input.Shape = []int{1, 3, 100, 320} },
		"another rank":      func(f *models.File) { f.Input.Shape = []int{1, 3} },
		"an empty shape":    func(f *models.File) { f.Input.Shape = nil },
		"a negative shape":  func(f *models.File) { f.Input.Shape = []int{1, 3, -240, -320} },
		"an unknown output": func(f *models.File) { f.Outputs = []string{"scores", "elsewhere"} },
		"no output":         func(f *models.File) { f.Outputs = nil },
	} {
		changed := m
		changed.Files = append([]models.File{}, m.Files...)
		change(&changed.Files[0])
		if nets, err := Load(changed, dir, 1); err == nil {
			nets.Close()
			t.Errorf("%s was taken", what)
		} else if !strings.Contains(err.Error(), m.Files[0].Name) {
			t.Errorf("%s: error %v, want the network's name in it", what, err)
		}
	}
}

// Bytes that are no network end in an error, not in the library.
func TestSessionsOfNonsenseAreRefused(t *testing.T) {
	m, dir := prepared(t)
	good, err := m.Weights(dir, "eye")
	if err != nil {
		t.Fatal(err)
	}
	swapped := append([]byte{}, good...)
	copy(swapped[len(good)/2:], "nonsense amid the weights and whatever stands around them")
	for _, bad := range [][]byte{nil, []byte("no model"), good[:len(good)/2], good[:100]} {
		if s, err := newSession(bad, []string{"output"}); err == nil {
			_ = s.Destroy()
			t.Errorf("%d bytes were taken", len(bad))
		}
	}
	if s, err := newSession(swapped, []string{"output"}); err == nil { // weights may be anything
		_ = s.Destroy()
	}
}

// The networks as they are run say what the networks as they come say.
func TestRewritingChangesNothing(t *testing.T) {
	m, dir := prepared(t)
	for _, f := range m.Files {
		original, err := m.Weights(dir, f.Name)
		if err != nil {
			t.Fatal(err)
		}
		asRun, err := forBlocks(original)
		if err != nil {
			t.Fatal(err)
		}
		plain, rewritten := outputs(t, original, f), outputs(t, asRun, f)
		for i := range plain {
			if d := math.Abs(float64(plain[i] - rewritten[i])); !(d < 1e-5) {
				t.Errorf("%s: value %d differs by %g", f.Name, i, d)
				break
			}
		}
	}
}

// outputs runs weights as they are, on one input.
func outputs(t *testing.T, weights []byte, f models.File) (values []float32) {
	t.Helper()
	n := &network{name: f.Name, shape: f.Input.Shape, free: make(chan *place, 1)}
	if err := n.fill(weights, f.Outputs, 1); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = n.close() }()
	out, err := n.Run(context.Background(), networktest.Noise(7, f.Input.Shape))
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range out {
		values = append(values, o.Data...)
	}
	return values
}

func TestNoLibraryIsAnErrorWithARemedy(t *testing.T) {
	library, known := models.RuntimeHere()
	if !known {
		t.Skip("no library is known for this machine")
	}
	m, err := models.Active(models.DefaultFace)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	refused := func(want string) {
		t.Helper()
		if _, err := Load(m, dir, 1); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "make models") {
			t.Errorf("error %v, want %q and the remedy in it", err, want)
		}
	}
	refused("missing")
	where := filepath.Join(dir, "onnxruntime-"+library.Source.Version, filepath.Base(library.File.Path))
	if err := os.MkdirAll(filepath.Dir(where), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(where, []byte("no library"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused("not the library")
}

func BenchmarkNetworks(b *testing.B) {
	m, _ := prepared(b)
	networktest.Benchmark(b, m, loaded(b, 1).Networks)
}
