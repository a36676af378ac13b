package search

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"biogate/bench/accuracy"
	"biogate/bench/synth"
	"biogate/matcher"
	"biogate/matcher/finger"
)

// records writes fingers as standard minutiae records, one of them broken.
func records(t *testing.T, fingers, impressions int) accuracy.Dataset {
	t.Helper()
	dir := t.TempDir()
	for i := range fingers {
		pattern := synth.PatternOf(99, i)
		for k := range impressions {
			record, err := finger.AppendISO19794(nil, pattern.Impression(k), "", finger.ISO2005)
			if err != nil {
				t.Fatal(err)
			}
			if i == 1 && k == 0 {
				record = record[:len(record)-1]
			}
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d_%d.iso", i+1, k+1)), record, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	set, err := accuracy.Load(dir, matcher.Finger, "iso", 0)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestCapturesAmongSyntheticFingers(t *testing.T) {
	o := small()
	o.Datasets = []accuracy.Dataset{records(t, 5, 4)}
	r := run(t, plain{finger.New()}, o).Real
	if r == nil || r.References != 5 || r.Failures != 1 || r.TwoStage != nil || len(r.Datasets) != 1 {
		t.Fatalf("result %+v", r)
	}
	if r.Exhaustive.Rank1Of != 10 || r.Exhaustive.Rank1 < 0.6 { // 14 could be asked, exhaustive search is for 10 of them
		t.Errorf("rank 1 in %.2f of %d", r.Exhaustive.Rank1, r.Exhaustive.Rank1Of)
	}
}

func TestRealFingersAmongSyntheticOnes(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "shared", "data", "finger", "fvc2002_db1_b")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("no fingerprints at ../shared/data/finger/fvc2002_db1_b beside the repository")
	}
	set, err := accuracy.Load(dir, matcher.Finger, "", 0)
	if err != nil {
		t.Fatal(err)
	}
	o := small()
	o.Exhaustive, o.Datasets = 70, []accuracy.Dataset{set}
	r := run(t, finger.New(), o).Real
	if r.References != 10 || r.Exhaustive.Rank1Of+r.Failures != 70 || r.Exhaustive.Rank1 < 0.9 {
		t.Errorf("%d references, rank 1 in %.2f of %d, %d failures", r.References, r.Exhaustive.Rank1, r.Exhaustive.Rank1Of, r.Failures)
	}
}
