package finger

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"biogate/matcher"
)

// The tuning sets: 10 fingers x 8 impressions each. They are measured where they are; nothing of them is in here.
var tuningSets = []string{"fvc2002_db1_b", "fvc2002_db3_b", "fvc2004_db1_b", "fvc2004_db3_b"}

// dataDir is the folder of the tuning sets, beside the repository.
func dataDir(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err != nil {
			continue
		}
		data := filepath.Join(dir, "..", "shared", "data", "finger")
		if _, err := os.Stat(data); err == nil {
			return data
		}
		break
	}
	t.Skip("no fingerprint data at ../shared/data/finger beside the repository")
	return ""
}

// impression is one capture of a set.
type impression struct {
	finger, name string
	print        Print
	probe        *probe
	reference    *reference
}

// loadISO reads the ISO records of a set, the first n impressions of each finger.
func loadISO(t testing.TB, set string, n int) []impression {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dataDir(t), set, "*.iso"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no templates of set %s: %v", set, err)
	}
	slices.Sort(files)
	var list []impression
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".iso")
		finger, number, _ := strings.Cut(name, "_")
		if number > fmt.Sprint(n) {
			continue
		}
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		p, _, err := ReadISO19794(b)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		list = append(list, prepared(finger, name, p))
	}
	return list
}

func prepared(finger, name string, p Print) impression {
	return impression{finger, name, p, newProbe(p, matcher.Unknown), newReference(p, matcher.Unknown)}
}

// protocolFull compares every impression with the later ones of its finger and with all of later fingers.
func protocolFull(list []impression) (genuine, impostor []float64) {
	for i, a := range list {
		for _, b := range list[i+1:] {
			if s := similarity(b.probe, a.reference); a.finger == b.finger {
				genuine = append(genuine, s)
			} else {
				impostor = append(impostor, s)
			}
		}
	}
	return genuine, impostor
}

// equalErrorRate is where FMR and FNMR cross, halfway between their values at the nearest threshold.
func equalErrorRate(genuine, impostor []float64) float64 {
	best, eer := 2.0, 1.0
	for _, t := range genuine {
		fnmr, fmr := shareBelow(genuine, t), 1-shareBelow(impostor, t)
		if d := max(fnmr-fmr, fmr-fnmr); d < best {
			best, eer = d, (fnmr+fmr)/2
		}
	}
	return eer
}

// missRate is the FNMR at the lowest threshold that at most a share fmr of the impostors reaches.
func missRate(genuine, impostor []float64, fmr float64) float64 {
	sorted := slices.SortedFunc(slices.Values(impostor), func(a, b float64) int { return cmp.Compare(b, a) })
	allowed := int(fmr * float64(len(sorted)))
	threshold := sorted[allowed]
	missed := 0
	for _, g := range genuine {
		if g <= threshold {
			missed++
		}
	}
	return float64(missed) / float64(len(genuine))
}

func shareBelow(scores []float64, t float64) float64 {
	n := 0
	for _, s := range scores {
		if s < t {
			n++
		}
	}
	return float64(n) / float64(len(scores))
}

func TestAccuracyISO(t *testing.T) {
	if os.Getenv("BIOGATE_ACCURACY") == "" {
		t.Skip("set BIOGATE_ACCURACY=1 to measure protocol full")
	}
	mean, mean3, zero := 0.0, 0.0, 0.0
	var line string
	for _, set := range tuningSets {
		g, i := protocolFull(loadISO(t, set, 8))
		eer, fmr3, z := 100*equalErrorRate(g, i), 100*missRate(g, i, 1e-3), 100*missRate(g, i, 0)
		line += fmt.Sprintf(" %6.2f/%5.1f/%5.1f", eer, fmr3, z)
		mean, mean3, zero = mean+eer/4, mean3+fmr3/4, zero+z/4
	}
	t.Logf("EER/FMR1000/Zero %% %s  mean %.2f / %.2f / %.2f", line, mean, mean3, zero)
}
