package accuracy

import (
	"bufio"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// sharedData is a file or folder of the captures kept beside the repository.
func sharedData(t testing.TB, name string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
	}
	path := filepath.Join(dir, "..", "shared", "data", filepath.FromSlash(name))
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no data at ../shared/data/%s beside the repository", name)
	}
	return path
}

// readScores reads `reference probe score` of fingers named <finger>_<impression>.
func readScores(t *testing.T, file string) *Scores {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	captures, subjects := map[string]int32{}, map[string]int32{}
	var subject []int32
	capture := func(name string) int32 {
		i, known := captures[name]
		if !known {
			i = int32(len(captures))
			captures[name] = i
			finger, _, _ := strings.Cut(name, "_")
			if _, known := subjects[finger]; !known {
				subjects[finger] = int32(len(subjects))
			}
			subject = append(subject, subjects[finger])
		}
		return i
	}
	var genuine, impostor []Comparison
	in := bufio.NewScanner(f)
	for in.Scan() {
		fields := strings.Fields(in.Text())
		if len(fields) != 3 || fields[0] == "reference" {
			continue
		}
		score, err := strconv.ParseFloat(fields[2], 64)
		if err != nil {
			t.Fatal(err)
		}
		c := Comparison{score, capture(fields[0]), capture(fields[1])}
		if subject[c.Reference] == subject[c.Probe] {
			genuine = append(genuine, c)
		} else {
			impostor = append(impostor, c)
		}
	}
	return NewScores(genuine, impostor, subject)
}

// Others computed these EER from the same scores.
func TestPublishedRatesOfRivals(t *testing.T) {
	dir := sharedData(t, "finger/peer_scores")
	for name, percent := range map[string]float64{
		"sourceafis_fvc2002_db1_b": 3.03, "sourceafis_fvc2002_db3_b": 11.43, "sourceafis_fvc2004_db1_b": 8.93, "sourceafis_fvc2004_db3_b": 5.35,
		"nbis_fvc2002_db1_b": 4.17, "nbis_fvc2002_db3_b": 7.87, "nbis_fvc2004_db1_b": 10.59, "nbis_fvc2004_db3_b": 4.44,
	} {
		s := readScores(t, filepath.Join(dir, name+".tsv"))
		if len(s.Genuine) != 280 || len(s.Impostor) != 2880 {
			t.Errorf("%s: %d genuine, %d impostor", name, len(s.Genuine), len(s.Impostor))
		}
		if got := 100 * s.Rates().EER; math.Abs(got-percent) > 0.1 {
			t.Errorf("%s: EER %.2f %%, published %.2f %%", name, got, percent)
		}
	}
}
