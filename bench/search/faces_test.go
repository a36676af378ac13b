package search

import (
	"context"
	"errors"
	"math"
	"testing"

	"biogate/bench/accuracy"
	"biogate/matcher"
	"biogate/models"
)

func smallFaces() FaceOptions {
	return FaceOptions{Options: Options{N: 4000, Seed: 3, Probes: []int{1, 5}, Queries: 60, Exhaustive: 20, Threads: 2}, Dims: 128, Strangers: 500}
}

func TestFacesAreFoundAsByComparingEverybody(t *testing.T) {
	o := smallFaces()
	var err error
	if o.Calibration, err = models.LoadCalibration(models.DefaultFace); err != nil {
		t.Fatal(err)
	}
	r, err := RunFaces(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if r.Modality != matcher.Face || r.N != 4000 || r.Dims != 128 || r.BytesPerTemplate != 128 || len(r.Results) != 2 {
		t.Fatalf("result %+v", r)
	}
	for i, row := range r.Results {
		if row.Mode != ModeExhaustive || row.Probes != o.Probes[i] || row.Recall != 1 || row.RecallOf != referenceFaces*candidates {
			t.Errorf("row %+v", row)
		}
		if row.Rank1 < 0.8 || !(row.MSPerProbe > 0 && row.GBS > 0 && row.ReadShare > 0) {
			t.Errorf("row %+v", row)
		}
	}
	if len(r.OpenSet) != 2 || r.OpenSet[0].N != 400 || r.OpenSet[1].N != 4000 {
		t.Fatalf("open set %+v", r.OpenSet)
	}
	for _, set := range r.OpenSet {
		if set.Mates != 500 || set.Strangers != 500 || len(set.Rates) != 4 {
			t.Errorf("open set %+v", set)
		}
		for _, rate := range set.Rates {
			if rate.By == ByStrangers && rate.FPIR > rate.Target || rate.FNIR <= 0 || rate.FNIR >= 1 {
				t.Errorf("at %d: %+v", set.N, rate)
			}
			if rate.By == ByPolicy && rate.FMR != rate.Target/float64(set.N) {
				t.Errorf("a gallery of %d demands %g for %g", set.N, rate.FMR, rate.Target)
			}
		}
	}
	// A larger gallery takes a higher threshold and loses more mates.
	if small, large := r.OpenSet[0].Rates[0], r.OpenSet[1].Rates[0]; small.Threshold >= large.Threshold || small.FNIR >= large.FNIR {
		t.Errorf("%+v among 400, %+v among 4,000", small, large)
	}
}

// A ranking that misses one of the best, or has one with another score, is found out.
func TestFacesAreHeldToTheReference(t *testing.T) {
	o := smallFaces()
	o.N, o.Strangers = 300, 0
	g, err := newCrowd(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.enrol(context.Background(), 0, o.N); err != nil {
		t.Fatal(err)
	}
	_, found, err := g.ask(context.Background(), 1)
	if err != nil || g.agreed(found).Recall != 1 {
		t.Fatalf("recall %+v, error %v", g.agreed(found), err)
	}
	found[0] = found[0][1:]
	if a := g.agreed(found); a.Recall != share(a.RecallOf-candidates, a.RecallOf) {
		t.Errorf("a ranking without its first: %+v", a)
	}
	found[1][3].Score = math.Nextafter(found[1][3].Score, 0)
	if a := g.agreed(found); a.Recall != share(a.RecallOf-candidates-1, a.RecallOf) {
		t.Errorf("a score that is off by one bit: %+v", a)
	}
}

func TestOpenSetCounts(t *testing.T) {
	var s searches
	for i := range 1000 { // strangers find 0.001 to 1
		s.stranger([]matcher.Candidate{{Subject: "x", Score: float64(1+i) / 1000}})
	}
	s.stranger(nil)
	s.mate("a", []matcher.Candidate{{Subject: "a", Score: 0.9995}, {Subject: "b", Score: 0.5}})
	s.mate("b", []matcher.Candidate{{Subject: "a", Score: 0.9995}, {Subject: "b", Score: 0.995}})
	s.mate("c", []matcher.Candidate{{Subject: "a", Score: 2}})
	s.mate("d", nil)
	set := s.openSet(7, 1, nil)
	if set.N != 7 || set.Mates != 4 || set.Strangers != 1001 || set.Rank1 != 0.25 || len(set.Rates) != 2 {
		t.Fatalf("%+v", set)
	}
	one, tenth := set.Rates[0], set.Rates[1]
	if one.FPIR != 10.0/1001 || one.FNIR != 0.5 || !(one.Threshold > 0.99 && one.Threshold < 0.991) {
		t.Errorf("at 1 %%: %+v", one)
	}
	if tenth.FPIR != 1.0/1001 || tenth.FNIR != 0.75 || !(tenth.Threshold > 0.999 && tenth.Threshold < 0.9995) {
		t.Errorf("at 0.1 %%: %+v", tenth)
	}
	if one.FPIRInterval != accuracy.Wilson(10, 1001) || one.FNIRInterval != accuracy.Wilson(2, 4) {
		t.Errorf("intervals %+v", one)
	}
}

func TestFacesStop(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	o := smallFaces()
	o.Progress = func(stage string, done, _ int) {
		if stage == "open set" && done >= 64 {
			cancel()
		}
	}
	if _, err := RunFaces(ctx, o); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
