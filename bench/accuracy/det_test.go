package accuracy

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestPlotDET(t *testing.T) {
	for name, s := range map[string]*Scores{"overlap.svg": gaussian(1, 20, 3, 2), "apart.png": scoresOf([]float64{5, 6}, []float64{1, 2})} {
		file := filepath.Join(t.TempDir(), name)
		if err := PlotDET(file, "toys", []Curve{s.Curve("normal")}); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		data, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(data, []byte("svg")) && !bytes.HasPrefix(data, []byte("\x89PNG")) {
			t.Errorf("%s: %d bytes, %v", name, len(data), err)
		}
	}
	if err := PlotDET(filepath.Join(t.TempDir(), "x.gif?"), "toys", nil); err == nil {
		t.Error("an unknown format was written")
	}
}

// The README shows this drawing: four sets and their pool, each named, in a file that loads at once.
func TestPlotOfSeveralSets(t *testing.T) {
	var tests []Test
	for i, name := range []string{"set-a", "set-b", "set-c", "set-d"} {
		tests = append(tests, Test{Set: Dataset{Name: name}, Scores: gaussian(uint64(i), 60, 4, 2)})
	}
	curves := Curves(tests)
	if len(curves) != 5 || !curves[4].Pooled || len(Curves(tests[:1])) != 1 {
		t.Fatalf("%d curves", len(curves))
	}
	file := filepath.Join(t.TempDir(), "det.svg")
	if err := PlotDET(file, "toys", curves); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil || len(data) > 300_000 {
		t.Errorf("%d bytes, %v", len(data), err)
	}
	for _, text := range []string{"set-a", "set-b", "set-c", "set-d", "pooled", "false match rate", "false non-match rate"} {
		if !bytes.Contains(data, []byte(">"+text+"<")) {
			t.Errorf("%q is missing", text)
		}
	}
}

func TestCurveIsThinButWhole(t *testing.T) {
	s := gaussian(1, 60, 4, 1)
	c := s.Curve("x").Points
	if len(c) > 3*curvePoints || len(c) < 50 {
		t.Errorf("%d points", len(c))
	}
	for i := 1; i < len(c); i++ {
		if c[i].FMR < c[i-1].FMR || c[i].FNMR > c[i-1].FNMR {
			t.Fatalf("point %d: %+v after %+v", i, c[i], c[i-1])
		}
	}
}
