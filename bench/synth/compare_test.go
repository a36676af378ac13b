package synth

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"biogate/matcher"
	"biogate/matcher/finger"
)

// impression is one picture as the finger engine sees it.
type impression struct {
	finger  string
	print   finger.Print
	quality int
	probe   matcher.Probe
	ref     matcher.Reference
}

func seen(t testing.TB, name string, s matcher.Sample) (impression, bool) {
	t.Helper()
	e := finger.New()
	s.Modality = matcher.Finger
	x, err := e.Extract(context.Background(), s, nil)
	if err != nil {
		t.Logf("%s: %v", name, err)
		return impression{}, false
	}
	return ready(t, name, x), true
}

func ready(t testing.TB, name string, x matcher.Extraction) impression {
	t.Helper()
	e := finger.New()
	print, err1 := finger.ParsePayload(x.Template.Payload)
	probe, err2 := e.Probe(x.Template)
	ref, err3 := e.Reference(x.Template)
	if err1 != nil || err2 != nil || err3 != nil {
		t.Fatal(err1, err2, err3)
	}
	id, _, _ := strings.Cut(name, "_")
	return impression{id, print, x.Quality.Score, probe, ref}
}

func synthetic(t testing.TB, seed uint64, fingers, impressions int, o Options) (all []impression, failed int) {
	for i := range fingers {
		f := Member(seed, i)
		for k := range impressions {
			g := f.Impression(k, o)
			s := matcher.Sample{Format: matcher.FormatRawGrey, Width: g.Width, Height: g.Height, DPI: g.DPI, Data: g.Pix}
			if m, ok := seen(t, fmt.Sprintf("%d_%d", i, k), s); ok {
				all = append(all, m)
			} else {
				failed++
			}
		}
	}
	return all, failed
}

func scores(t testing.TB, all []impression) (genuine, impostor []float64) {
	for i, a := range all {
		for _, b := range all[i+1:] {
			s, err := a.probe.Compare(b.ref)
			if err != nil {
				t.Fatal(err)
			}
			if a.finger == b.finger {
				genuine = append(genuine, s)
			} else {
				impostor = append(impostor, s)
			}
		}
	}
	slices.Sort(genuine)
	slices.Sort(impostor)
	return genuine, impostor
}

// equalErrorRate of sorted scores.
func equalErrorRate(genuine, impostor []float64) float64 {
	best := 1.0
	for i, threshold := range genuine {
		at, _ := slices.BinarySearch(impostor, threshold)
		fnmr, fmr := float64(i)/float64(len(genuine)), float64(len(impostor)-at)/float64(len(impostor))
		best = min(best, max(fnmr, fmr))
	}
	return best
}

func TestGenuineFromImpostor(t *testing.T) {
	all, failed := synthetic(t, 11, 5, 3, Options{})
	if failed > 1 {
		t.Errorf("%d of 15 impressions could not be used", failed)
	}
	genuine, impostor := scores(t, all)
	if half, most := genuine[len(genuine)/2], impostor[len(impostor)-1]; half <= most {
		t.Errorf("half of the genuine scores are below %.1f, and impostors reach %.1f: fingers do not look like themselves", half, most)
	}
	for _, m := range all {
		if n := len(m.print.Minutiae); n < 8 || n > 140 {
			t.Errorf("finger %s has %d minutiae", m.finger, n)
		}
	}
}

var realSets = []string{"fvc2002_db1_b", "fvc2002_db3_b", "fvc2004_db1_b", "fvc2004_db3_b"}

// TestSideBySide prints the figures of docs/synth.md. Run it alone, with BIOGATE_MEASURE=1 and -v.
func TestSideBySide(t *testing.T) {
	if os.Getenv("BIOGATE_MEASURE") == "" {
		t.Skip("set BIOGATE_MEASURE=1 to compare with real impressions")
	}
	for _, set := range realSets {
		files, _ := filepath.Glob(filepath.Join("..", "..", "..", "shared", "data", "finger", set, "*.png"))
		var all []impression
		for _, path := range files {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if m, ok := seen(t, filepath.Base(path), matcher.Sample{Data: data}); ok {
				all = append(all, m)
			}
		}
		if len(files) == 0 {
			t.Logf("%s: not there", set)
			continue
		}
		report(t, set, all, len(files)-len(all))
	}
	for _, d := range []float64{0.5, 1, 1.5} {
		all, failed := synthetic(t, 5, 10, 8, Options{Difficulty: d})
		report(t, fmt.Sprintf("difficulty %.1f", d), all, failed)
	}
	var all []impression
	for i := range 200 {
		f := PatternOf(3, i)
		all = append(all, ofPrint(t, fmt.Sprint(i), f.Impression(0)), ofPrint(t, fmt.Sprint(i), f.Impression(1)))
	}
	report(t, "prints", all, 0)
}

func report(t *testing.T, name string, all []impression, failed int) {
	var count, quality, near, points []float64
	endings, total := 0, 0
	agree, pairs := 0, 0
	for _, m := range all {
		count, quality = append(count, float64(len(m.print.Minutiae))), append(quality, float64(m.quality))
		for i, a := range m.print.Minutiae {
			total++
			if a.Kind == finger.Ending {
				endings++
			}
			points = append(points, float64(a.Quality))
			nearest := math.Inf(1)
			for j, b := range m.print.Minutiae {
				d := math.Hypot(float64(a.X-b.X), float64(a.Y-b.Y))
				if i != j {
					nearest = min(nearest, d)
				}
				if i < j && d < 50 {
					pairs++
					if turn := int8(a.Angle - b.Angle); turn > -64 && turn < 64 {
						agree++
					}
				}
			}
			near = append(near, nearest)
		}
	}
	genuine, impostor := scores(t, all)
	at := func(q float64) float64 { return impostor[int(q*float64(len(impostor)-1))] }
	t.Logf("%-16s impostor tail of %d: 0.5 %.1f 0.9 %.1f 0.99 %.1f 0.999 %.1f 0.9999 %.1f", name, len(impostor), at(0.5), at(0.9), at(0.99), at(0.999), at(0.9999))
	t.Logf("%-16s failed %d  minutiae %s  quality %s  point quality %s  nearest %s  endings %.2f  same way %.2f  genuine %s  impostor %s p99.9 %.1f  EER %.3f",
		name, failed, quartiles(count), quartiles(quality), quartiles(points), quartiles(near), float64(endings)/float64(total), float64(agree)/float64(pairs),
		quartiles(genuine), quartiles(impostor), impostor[len(impostor)*999/1000], equalErrorRate(genuine, impostor))
}

func quartiles(v []float64) string {
	slices.Sort(v)
	at := func(q float64) float64 { return v[int(q*float64(len(v)-1))] }
	return fmt.Sprintf("%.1f/%.1f/%.1f", at(0.25), at(0.5), at(0.75))
}
