package finger

import (
	"cmp"
	"errors"
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

// eachImpression calls read with the file of the first n impressions of each finger of a set.
func eachImpression(t testing.TB, set, ext string, n int, read func(b []byte) (Print, error)) []impression {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dataDir(t), set, "*"+ext))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files *%s of set %s: %v", ext, set, err)
	}
	slices.Sort(files)
	var list []impression
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ext)
		finger, number, _ := strings.Cut(name, "_")
		if number > fmt.Sprint(n) {
			continue
		}
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		p, err := read(b)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		list = append(list, prepared(finger, name, p))
	}
	return list
}

// loadISO reads the ISO records of a set.
func loadISO(t testing.TB, set string, n int) []impression {
	return eachImpression(t, set, ".iso", n, func(b []byte) (Print, error) {
		p, _, err := ReadISO19794(b)
		return p, err
	})
}

// loadPictures extracts the pictures of a set. A picture that is refused becomes an empty print, which matches nothing.
func loadPictures(t testing.TB, set string, n int) []impression {
	dpi := 500
	if set == "fvc2004_db3_b" {
		dpi = 512
	}
	return eachImpression(t, set, ".png", n, func(b []byte) (Print, error) {
		x, err := extractFrom(matcher.Sample{DPI: dpi, Data: b})
		if errors.Is(err, &matcher.Error{Code: matcher.CodeUnusable}) {
			return Print{Width: 1, Height: 1}, nil
		}
		if err != nil {
			return Print{}, err
		}
		return ParsePayload(x.Template.Payload)
	})
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

func TestAccuracyISO(t *testing.T)      { measure(t, loadISO) }
func TestAccuracyPictures(t *testing.T) { measure(t, loadPictures) }

// measure prints the errors of every set, protocol full.
func measure(t *testing.T, load func(testing.TB, string, int) []impression) {
	if os.Getenv("BIOGATE_ACCURACY") == "" {
		t.Skip("set BIOGATE_ACCURACY=1 to measure protocol full")
	}
	mean := 0.0
	for _, set := range tuningSets {
		g, i := protocolFull(load(t, set, 8))
		eer := equalErrorRate(g, i)
		mean += eer / float64(len(tuningSets))
		t.Logf("%s: EER %.2f %%, FNMR %.1f %% at FMR 1e-3, %.1f %% at ZeroFMR", set, 100*eer, 100*missRate(g, i, 1e-3), 100*missRate(g, i, 0))
	}
	t.Logf("mean EER %.2f %%", 100*mean)
	if mean > 0.10 {
		t.Errorf("mean EER %.2f %% is above 10 %%", 100*mean)
	}
}
