// Package networktest is the suite that every adapter of face.Network runs.
package networktest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"biogate/matcher/face"
	"biogate/models"
)

// Suite names what to test. The prepared networks must be there, or the tests skip.
type Suite struct {
	// Load is the adapter's.
	Load func(m models.Manifest, dir string, sessions int) (face.Networks, func(), error)
	// Hold takes the only session of a network, as a caller does who has not come back; release gives it back.
	Hold func(n face.Network) (release func())
}

// Run runs every test of the suite.
func (s Suite) Run(t *testing.T) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, Suite)
	}{
		{"OutputsHaveTheirSizes", outputsHaveTheirSizes},
		{"WrongShapesAreRefused", wrongShapesAreRefused},
		{"TensorsStayTheCallers", tensorsStayTheCallers},
		{"WaitingEndsWithTheContext", waitingEndsWithTheContext},
		{"CancelledContextRunsNothing", cancelledContextRunsNothing},
		{"CallersDoNotDisturbEachOther", callersDoNotDisturbEachOther},
		{"CloseWaitsForCallers", closeWaitsForCallers},
		{"MissingWeightsAreRefused", missingWeightsAreRefused},
		{"DamagedWeightsAreRefused", damagedWeightsAreRefused},
		{"NoSessionsAreRefused", noSessionsAreRefused},
		{"ClosingLeavesNoMemory", closingLeavesNoMemory},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, s) })
	}
}

// Root is the project's folder.
func Root(t testing.TB) string {
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

// Prepared is the usual model of faces and the folder with its prepared networks; without them the test skips.
func Prepared(t testing.TB) (m models.Manifest, dir string) {
	t.Helper()
	m, err := models.Active(models.DefaultFace)
	if err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(Root(t), models.DefaultDir)
	if err := m.Verify(dir); err != nil {
		Lacking(t, err)
	}
	return m, dir
}

// Lacking skips a test that needs what `make models` fetches, or fails it where everything must be there.
func Lacking(t testing.TB, what error) {
	t.Helper()
	if os.Getenv("BIOGATE_REQUIRE_ALL") != "" {
		t.Fatalf("%v, and BIOGATE_REQUIRE_ALL is set", what)
	}
	t.Skip(what)
}

// EveryModel calls test for each model of faces that engines run and whose networks are prepared.
func EveryModel(t *testing.T, test func(t *testing.T, m models.Manifest, dir string)) {
	_, dir := Prepared(t)
	all, err := models.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		if m.Face == nil || m.Superseded != "" {
			continue
		}
		t.Run(m.ID, func(t *testing.T) {
			if err := m.Verify(dir); err != nil {
				Lacking(t, err)
			}
			test(t, m, dir)
		})
	}
}

// Named are the networks of a set by their names in the manifest.
func Named(n face.Networks) map[string]face.Network {
	return map[string]face.Network{
		"detect": n.Detect, "landmark": n.Landmark, "feature": n.Feature, "liveness": n.Liveness, "eye": n.Eye,
	}
}

// Noise is a seeded input of values from -1 to 1.
func Noise(seed uint64, shape []int) face.Tensor {
	in := face.Tensor{Shape: slices.Clone(shape)}
	in.Data = make([]float32, in.Len())
	rng := rand.New(rand.NewPCG(seed, 1))
	for i := range in.Data {
		in.Data[i] = rng.Float32()*2 - 1
	}
	return in
}

// loaded is the networks and the shapes of their inputs.
func (s Suite) loaded(t *testing.T, sessions int) (nets map[string]face.Network, shapes map[string][]int) {
	t.Helper()
	m, dir := Prepared(t)
	set, closeAll, err := s.Load(m, dir, sessions)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(closeAll)
	shapes = map[string][]int{}
	for _, f := range m.Files {
		shapes[f.Name] = f.Input.Shape
	}
	return Named(set), shapes
}

func outputsHaveTheirSizes(t *testing.T, s Suite) {
	EveryModel(t, func(t *testing.T, m models.Manifest, dir string) {
		nets, closeAll, err := s.Load(m, dir, 1)
		if err != nil {
			t.Fatal(err)
		}
		defer closeAll()
		for _, f := range m.Files {
			var sizes []int
			for _, o := range mustRun(t, Named(nets)[f.Name], Noise(1, f.Input.Shape)) {
				sizes = append(sizes, len(o.Data))
				if o.Len() != len(o.Data) {
					t.Errorf("%s: shape %v with %d values", f.Name, o.Shape, len(o.Data))
				}
			}
			if !slices.Equal(sizes, f.Values) {
				t.Errorf("%s: outputs of %v values, want %v", f.Name, sizes, f.Values)
			}
		}
	})
}

func wrongShapesAreRefused(t *testing.T, s Suite) {
	nets, shapes := s.loaded(t, 1)
	for name, net := range nets {
		good := shapes[name]
		short := Noise(1, good)
		short.Data = short.Data[1:]
		long := Noise(1, good)
		long.Data = append(long.Data, 0)
		other := slices.Clone(good)
		other[2], other[3] = 1, good[2]*good[3]
		batch := slices.Clone(good)
		batch[0] = 2
		for _, in := range []face.Tensor{{}, short, long, Noise(1, other), Noise(1, batch), Noise(1, good[1:]), {Shape: []int{-1, -3}}, {Shape: good}} {
			if out, err := net.Run(context.Background(), in); err == nil || out != nil {
				t.Errorf("%s: shape %v with %d values was taken", name, in.Shape, len(in.Data))
			}
		}
		if _, err := net.Run(context.Background(), Noise(1, good)); err != nil {
			t.Errorf("%s: afterwards: %v", name, err)
		}
	}
}

// An input is left as it is, and outputs are neither shared nor written again.
func tensorsStayTheCallers(t *testing.T, s Suite) {
	nets, shapes := s.loaded(t, 1)
	for name, net := range nets {
		in := Noise(1, shapes[name])
		first := mustRun(t, net, in)
		if !slices.Equal(in.Data, Noise(1, shapes[name]).Data) {
			t.Errorf("%s: the input was written", name)
		}
		kept := slices.Clone(first[0].Data)
		mustRun(t, net, Noise(2, shapes[name]))
		if !slices.Equal(first[0].Data, kept) {
			t.Errorf("%s: an output changed after it was returned", name)
		}
		clear(first[0].Data)
		if again := mustRun(t, net, in); !slices.Equal(again[0].Data, kept) {
			t.Errorf("%s: the same input gives another output", name)
		}
	}
}

func waitingEndsWithTheContext(t *testing.T, s Suite) {
	nets, shapes := s.loaded(t, 1)
	release := s.Hold(nets["landmark"])
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := nets["landmark"].Run(ctx, Noise(1, shapes["landmark"])); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	release()
	mustRun(t, nets["landmark"], Noise(1, shapes["landmark"]))
}

func cancelledContextRunsNothing(t *testing.T, s Suite) {
	nets, shapes := s.loaded(t, 1)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for name, net := range nets {
		for range 10 { // never by luck
			if _, err := net.Run(ctx, Noise(1, shapes[name])); !errors.Is(err, context.Canceled) {
				t.Errorf("%s: error %v", name, err)
			}
		}
	}
}

func callersDoNotDisturbEachOther(t *testing.T, s Suite) {
	nets, shapes := s.loaded(t, 2)
	const inputs, callers = 3, 4
	type question struct {
		name string
		seed uint64
	}
	want := map[question][]float32{}
	for name, net := range nets {
		for seed := range uint64(inputs) {
			want[question{name, seed}] = mustRun(t, net, Noise(seed, shapes[name]))[0].Data
		}
	}
	var group sync.WaitGroup
	for range callers {
		group.Go(func() {
			for q, values := range want {
				out, err := nets[q.name].Run(context.Background(), Noise(q.seed, shapes[q.name]))
				if err != nil || !slices.Equal(out[0].Data, values) {
					t.Errorf("%s: another answer than alone, error %v", q.name, err)
				}
			}
		})
	}
	group.Wait()
}

func closeWaitsForCallers(t *testing.T, s Suite) {
	m, dir := Prepared(t)
	nets, closeAll, err := s.Load(m, dir, 1)
	if err != nil {
		t.Fatal(err)
	}
	release := s.Hold(nets.Feature)
	closed := make(chan struct{})
	go func() {
		closeAll()
		close(closed)
	}()
	select {
	case <-closed:
		t.Error("the network was freed under a caller")
	default:
	}
	release()
	<-closed
}

func missingWeightsAreRefused(t *testing.T, s Suite) {
	m, dir := Prepared(t)
	empty := t.TempDir()
	s.mustNotLoad(t, m, empty, 1, "make models")
	lacking := copyOf(t, m, dir)
	if err := os.Remove(weights(t, m, lacking, m.Files[len(m.Files)-1])); err != nil {
		t.Fatal(err)
	}
	s.mustNotLoad(t, m, lacking, 1, "make models")
}

func damagedWeightsAreRefused(t *testing.T, s Suite) {
	m, dir := Prepared(t)
	for _, f := range m.Files {
		damaged := copyOf(t, m, dir)
		where := weights(t, m, damaged, f)
		data, err := os.ReadFile(where)
		if err != nil {
			t.Fatal(err)
		}
		flipped := bytes.Clone(data)
		flipped[len(data)/2] ^= 1
		for _, bad := range [][]byte{flipped, data[:len(data)/2], {}} {
			if err := os.WriteFile(where, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			s.mustNotLoad(t, m, damaged, 1, f.Name)
		}
	}
}

func noSessionsAreRefused(t *testing.T, s Suite) {
	m, dir := Prepared(t)
	for _, sessions := range []int{0, -1} {
		s.mustNotLoad(t, m, dir, sessions, strconv.Itoa(sessions))
	}
}

// A set of networks holds some 40 MB: one that stayed in each round would be seen far above the allowance. All of it
// happens in one thread, because malloc keeps what was freed for the thread that freed it.
func closingLeavesNoMemory(t *testing.T, s Suite) {
	const warmUp, rounds, allowance = 6, 12, 64 << 20
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	m, dir := Prepared(t)
	if resident(t) == 0 {
		t.Skip("needs /proc/self/statm")
	}
	round := func() {
		nets, closeAll, err := s.Load(m, dir, 1)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range m.Files {
			mustRun(t, Named(nets)[f.Name], Noise(1, f.Input.Shape))
		}
		closeAll()
	}
	for range warmUp {
		round()
	}
	before := resident(t)
	for range rounds {
		round()
	}
	if grown := resident(t) - before; grown > allowance {
		t.Errorf("%d MB more after %d rounds of loading and closing", grown>>20, rounds)
	}
}

// resident is the memory that this process holds, in bytes; 0 where the system does not tell.
func resident(t *testing.T) int {
	t.Helper()
	debug.FreeOSMemory()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var total, pages int
	if _, err := fmt.Sscan(string(text), &total, &pages); err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

func (s Suite) mustNotLoad(t *testing.T, m models.Manifest, dir string, sessions int, want string) {
	t.Helper()
	_, closeAll, err := s.Load(m, dir, sessions)
	if err == nil {
		closeAll()
	}
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %q in it", err, want)
	}
}

// copyOf is a folder with what another one holds, the model's own files to be changed, the rest by link.
func copyOf(t *testing.T, m models.Manifest, dir string) string {
	t.Helper()
	to := t.TempDir()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		from, err := filepath.Abs(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if e.Name() == m.ID {
			err = os.CopyFS(filepath.Join(to, m.ID), os.DirFS(from))
		} else {
			err = os.Symlink(from, filepath.Join(to, e.Name()))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// weights is where a prepared file of a model lies.
func weights(t *testing.T, m models.Manifest, dir string, f models.File) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, m.ID, f.Name+".*"))
	if err != nil || len(found) != 1 {
		t.Fatalf("%s: %q, error %v", f.Name, found, err)
	}
	return found[0]
}

func mustRun(t *testing.T, net face.Network, in face.Tensor) []face.Tensor {
	t.Helper()
	out, err := net.Run(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
