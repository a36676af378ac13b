package accuracy

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"biogate/matcher"
)

// rated gives the two captures of each genuine comparison of s, in the order of scoresOf, a quality.
func rated(s *Scores, qualities ...int) *Scores {
	s.quality = make([]matcher.Quality, len(s.subject))
	for i, q := range qualities {
		s.quality[2*i], s.quality[2*i+1] = matcher.Quality{Score: q}, matcher.Quality{Score: 100}
	}
	return s
}

func TestRejectionByHand(t *testing.T) {
	// Ten pairs, the first two are missed; the worse capture of the first has quality 10, of the second 60.
	s := rated(scoresOf([]float64{1, 2, 8, 8, 8, 8, 8, 8, 8, 8}, repeat(0, 20)), 10, 60, 20, 30, 40, 50, 70, 80, 90, 100)
	thresholds := [3]float64{3, 3, 3}
	for _, want := range []struct {
		leaveOut way
		share    float64
		genuine  float64
		fnmr     float64
	}{
		{byComparison, 0, 10, 0.2},
		{byComparison, 0.1, 9, 1. / 9},    // the first is gone
		{byComparison, 0.05, 9.5, 0.1579}, // half of it: 1.5 of 9.5
		{byComparison, 0.6, 4, 0},
		{byCapture, 0.05, 9, 1. / 9}, // one capture of twenty takes its comparison along
		{byCapture, 0.3, 4, 0},
	} {
		got := s.reject(want.leaveOut, want.share, thresholds, nil)
		if !close(got.Genuine, want.genuine) || got.FNMR1000 < want.fnmr-1e-4 || got.FNMR1000 > want.fnmr+1e-4 {
			t.Errorf("share %g: %+v, want FNMR %g of %g", want.share, got, want.fnmr, want.genuine)
		}
	}
}

func TestEqualQualitiesShareTheCut(t *testing.T) {
	s := rated(scoresOf([]float64{1, 8, 8, 8}, repeat(0, 10)), 50, 50, 50, 50)
	if got := s.reject(byComparison, 0.5, [3]float64{3, 3, 3}, nil); !close(got.FNMR100, 0.25) || !close(got.Genuine, 2) {
		t.Errorf("all alike: %+v, want the same rate on half of the comparisons", got)
	}
}

func TestRejectionHoldsWhateverTheScores(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		score := rapid.Float64Range(-20, 20)
		genuine, impostor := rapid.SliceOfN(score, 2, 40).Draw(t, "genuine"), rapid.SliceOfN(score, 1, 40).Draw(t, "impostor")
		quality := rapid.SliceOfN(rapid.IntRange(0, 100), len(genuine), len(genuine)).Draw(t, "quality")
		s := rated(scoresOf(genuine, impostor), quality...)
		for _, leaveOut := range []way{byComparison, byCapture} {
			points := s.errorVsReject(leaveOut, rejectStep)
			if len(points) != 11 || !close(points[10].Rejected, 0.5) {
				t.Fatalf("%d points to %g", len(points), points[len(points)-1].Rejected)
			}
			if r := s.Rates(); !close(points[0].FNMR1000, r.FMR1000) || !close(points[0].FNMR100, r.FMR100) {
				t.Fatalf("with all comparisons %+v, want the rates %+v", points[0], r)
			}
			for i, p := range points {
				if p.FNMR1000 < p.FNMR100-1e-12 || p.FNMR1000 > 1+1e-12 || i > 0 && p.Genuine > points[i-1].Genuine+1e-9 {
					t.Fatalf("point %d: %+v", i, p)
				}
			}
		}
	})
}

// A quality that ranks the missed first reaches the best curve there is, one that ranks them last gains nothing.
func TestPerfectAndContraryQuality(t *testing.T) {
	genuine, perfectly, contrary := make([]float64, 100), make([]int, 100), make([]int, 100)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range genuine {
		genuine[i], perfectly[i], contrary[i] = 10, 60+rng.IntN(40), rng.IntN(40)
		if i < 8 {
			genuine[i], perfectly[i], contrary[i] = 1, rng.IntN(40), 60+rng.IntN(40)
		}
	}
	impostor := append(repeat(0, 1997), 5, 5, 5) // one more than FMR 1e-3 allows
	best := rated(scoresOf(genuine, impostor), perfectly...)
	points := best.errorVsReject(byComparison, rejectStep)
	for i, ideal := range perfect(points) {
		if points[i].FNMR1000 > ideal.FNMR1000+1e-9 {
			t.Errorf("rejected %g: FNMR %g, possible %g", points[i].Rejected, points[i].FNMR1000, ideal.FNMR1000)
		}
	}
	cut, err := best.reject10(context.Background(), Bootstrap{Replicates: 30, Seed: 1})
	if err != nil || cut.Comparisons.Cut != 1 || cut.Comparisons.FNMR != 0.08 || cut.Comparisons.Interval.High != 1 {
		t.Errorf("cut %+v, %v", cut, err)
	}
	if worst := rated(scoresOf(genuine, impostor), contrary...).errorVsReject(byComparison, rejectStep); worst[2].FNMR1000 < 0.08 {
		t.Errorf("a contrary quality helps: %+v", worst[2])
	}
}

func TestReasonsByHand(t *testing.T) {
	s := rated(scoresOf([]float64{1, 1, 8, 8, 8, 8}, append(repeat(0, 998), 3, 3)), 10, 10, 10, 10, 90, 90)
	for _, i := range []int{0, 1, 4} {
		s.quality[2*i].Reasons = []string{"smeared"} // missed, missed, matched
	}
	s.quality[7].Reasons = []string{"cold"} // a matched one
	got := s.reasonRates()
	if len(got) != 2 || got[0] != (ReasonRate{"smeared", 3, 3, 2. / 3, 0}) || got[1] != (ReasonRate{"cold", 1, 1, 0, 0.4}) {
		t.Errorf("reasons %+v", got)
	}
}

func TestQualityComesFromTheEngineAndThroughAPool(t *testing.T) {
	dir := write(t, map[string]string{"a_1.png": "1 90", "a_2.png": "1.5 10", "b_1.png": "9 80", "b_2.png": "blank", "c_1.png": "5 70", "c_2.png": "5 60"})
	set, err := Load(dir, matcher.Finger, "", 0)
	if err != nil {
		t.Fatal(err)
	}
	plan, _ := NewPlan(ProtocolFull, set)
	test, err := Run(t.Context(), toyEngine{matcher.Finger}, set, plan, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]*Scores{"one": test.Scores, "pool": pool([]*Scores{test.Scores, test.Scores})} {
		sets := float64(len(s.quality) / 6)
		if !s.hasQuality() {
			t.Fatalf("%s: no quality", name)
		}
		// The pair with the blank capture is no comparison: of the two that are, the one with quality 10 goes.
		if r := s.reject(byComparison, 0.5, [3]float64{-0.1, -0.1, -0.1}, nil); !close(r.Genuine, sets) || r.FNMR100 != 0 {
			t.Errorf("%s: %+v", name, r)
		}
	}
	result, err := test.Result(t.Context(), Bootstrap{Replicates: 10})
	if err != nil || result.Reject10 == nil || len(result.ErrorVsReject) != 11 || len(result.ErrorVsRejectCaptures) != 11 {
		t.Errorf("result %+v, %v", result, err)
	}
	if plain := pool([]*Scores{test.Scores, scoresOf([]float64{1}, []float64{0})}); plain.hasQuality() {
		t.Error("a pool with a test of unknown quality has quality")
	}
}

func TestFailuresCountInTheGeneralisedRatesOnly(t *testing.T) {
	s := scoresOf([]float64{never, -1, 8, 8, 8, 8, 8, 8, 8, 8}, append(append(repeat(0, 989), never), repeat(5, 10)...))
	p := s.operatingPoints()
	if len(p) != 3 || p[0].At != 1e-2 || !close(p[0].GFRR, 0.2) || !close(p[0].FNMR, 1./9) || !close(p[0].GFAR, 1e-2) || !close(p[0].FMR, 10./999) {
		t.Errorf("operating points %+v", p)
	}
	for _, o := range scoresOf([]float64{1, 2}, []float64{3, 3}).operatingPoints() { // no threshold keeps any rate
		if o.GFAR != 0 || o.GFRR != 1 {
			t.Errorf("an impostor at the top: %+v", o)
		}
	}
	if got := scoresOf([]float64{never}, []float64{never, 1}).operatingPoints(); len(got) != 0 {
		t.Errorf("no genuine comparison was made, yet %+v", got)
	}
}

func TestPlotEDC(t *testing.T) {
	var tests []Test
	for i, name := range []string{"set-a", "set-b"} {
		s := gaussian(uint64(i), 20, 3, 2)
		s.quality = make([]matcher.Quality, len(s.subject))
		for c := range s.quality {
			s.quality[c].Score = c % 101
		}
		tests = append(tests, Test{Set: Dataset{Name: name}, Scores: s})
	}
	file := filepath.Join(t.TempDir(), "edc.svg")
	if err := PlotEDC(file, "toys", tests); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil || len(data) > 100_000 {
		t.Errorf("%d bytes, %v", len(data), err)
	}
	for _, text := range []string{"set-a", "set-b", "all", "all, captures left out", "false non-match rate at FMR 1e-3"} {
		if !bytes.Contains(data, []byte(">"+text+"<")) {
			t.Errorf("%q is missing", text)
		}
	}
	plain := Test{Set: Dataset{Name: "plain"}, Scores: gaussian(1, 20, 3, 2)}
	if err := PlotEDC(file, "toys", []Test{plain}); err == nil || !strings.Contains(err.Error(), "plain") {
		t.Errorf("a test without quality: %v", err)
	}
}
