package accuracy

import (
	"context"
	"math"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

var never = math.Inf(-1)

func close(a, b float64) bool { return math.Abs(a-b) < 1e-12 }

// repeat is n times v.
func repeat(v float64, n int) []float64 {
	list := make([]float64, n)
	for i := range list {
		list[i] = v
	}
	return list
}

func TestRatesByHand(t *testing.T) {
	for name, test := range map[string]struct {
		genuine, impostor []float64
		want              Rates
	}{
		"apart": {[]float64{5, 6, 7}, []float64{1, 2, 3}, Rates{}},
		"one of four each wrong": {
			[]float64{2, 6, 7, 8},
			[]float64{1, 1, 1, 5},
			Rates{EER: 0.25, FMR100: 0.25, FMR1000: 0.25, FMR10000: 0.25, ZeroFMR: 0.25},
		},
		"between two thresholds": { // at 3: FMR 1/3, FNMR 1/4; above 3: FMR 0, FNMR 1/2 at 5
			[]float64{1, 3, 5, 6},
			[]float64{0, 0, 3},
			Rates{EER: 0.25, FMR100: 0.5, FMR1000: 0.5, FMR10000: 0.5, ZeroFMR: 0.5},
		},
		"all the same": {[]float64{1, 1}, []float64{1, 1}, Rates{EER: 0.5, FMR100: 1, FMR1000: 1, FMR10000: 1, ZeroFMR: 1}},
		"a failure to acquire is a rejection": {
			[]float64{never, 6, 7, 8},
			[]float64{1, 1, never, never},
			Rates{EER: 0.125, FMR100: 0.25, FMR1000: 0.25, FMR10000: 0.25, ZeroFMR: 0.25},
		},
		"one false match in a hundred": {
			[]float64{4, 6, 8, 10},
			append(repeat(1, 99), 9),
			Rates{EER: 0.005, FMR100: 0, FMR1000: 0.75, FMR10000: 0.75, ZeroFMR: 0.75},
		},
		"two in a hundred": {
			[]float64{4, 6, 8, 10},
			append(repeat(1, 98), 9, 7),
			Rates{EER: 0.01, FMR100: 0.5, FMR1000: 0.75, FMR10000: 0.75, ZeroFMR: 0.75},
		},
	} {
		got := scoresOf(test.genuine, test.impostor).Rates()
		if !close(got.EER, test.want.EER) || !close(got.FMR100, test.want.FMR100) || !close(got.FMR1000, test.want.FMR1000) ||
			!close(got.FMR10000, test.want.FMR10000) || !close(got.ZeroFMR, test.want.ZeroFMR) {
			t.Errorf("%s: got %+v, want %+v", name, got, test.want)
		}
	}
}

func TestAtThreshold(t *testing.T) {
	s := scoresOf([]float64{1, 2, 3, never}, []float64{0, 1, 2, 3, 3})
	for _, want := range []Operating{{3, 0.4, 0.75}, {2.5, 0.4, 0.75}, {2, 0.6, 0.5}, {0, 1, 0.25}, {4, 0, 1}, {math.Inf(1), 0, 1}} {
		if got := s.At(want.Threshold); !close(got.FMR, want.FMR) || !close(got.FNMR, want.FNMR) {
			t.Errorf("at %g: got %+v, want %+v", want.Threshold, got, want)
		}
	}
}

func TestRatesHoldWhateverTheScores(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// Whole numbers make ties and survive scaling exactly.
		score := rapid.Map(rapid.IntRange(-20, 20), func(i int) float64 { return float64(i) })
		genuine, impostor := rapid.SliceOfN(score, 1, 60).Draw(t, "genuine"), rapid.SliceOfN(score, 1, 60).Draw(t, "impostor")
		s := scoresOf(genuine, impostor)
		r := s.Rates()
		for _, rate := range []float64{r.EER, r.FMR100, r.FMR1000, r.ZeroFMR} {
			if !(rate >= 0 && rate <= 1) {
				t.Fatalf("no rate: %+v", r)
			}
		}
		if !(r.FMR100 <= r.FMR1000 && r.FMR1000 <= r.FMR10000 && r.FMR10000 <= r.ZeroFMR) {
			t.Fatalf("a stricter FMR cannot reject less: %+v", r)
		}
		last := Operating{FNMR: 1}
		s.walk(nil, func(o Operating) bool {
			if o.FMR < last.FMR || o.FNMR > last.FNMR {
				t.Fatalf("%+v after %+v", o, last)
			}
			if at := s.At(o.Threshold); !close(at.FMR, o.FMR) || !close(at.FNMR, o.FNMR) {
				t.Fatalf("the curve says %+v, counting %+v", o, at)
			}
			last = o
			return true
		})
		moved := func(list []float64) []float64 {
			var out []float64
			for _, v := range list {
				out = append(out, 3*v+7)
			}
			return out
		}
		if scaled := scoresOf(moved(genuine), moved(impostor)).Rates(); scaled != r {
			t.Fatalf("another unit of score changes the rates: %+v, %+v", r, scaled)
		}
	})
}

func TestBootstrapIsTheSeedsAlone(t *testing.T) {
	s := gaussian(1, 30, 4, 1.5)
	ctx := context.Background()
	run := func(seed uint64, workers int) []Rates {
		rates, err := Bootstrap{Replicates: 50, Seed: seed, Workers: workers}.replicated(ctx, s)
		if err != nil {
			t.Fatal(err)
		}
		return rates
	}
	if !reflect.DeepEqual(run(7, 1), run(7, 4)) {
		t.Error("the number of workers changes the result")
	}
	if reflect.DeepEqual(run(7, 1), run(8, 1)) {
		t.Error("another seed gives the same replicates")
	}
}

func TestBootstrapResamplesSubjects(t *testing.T) {
	// Two subjects of many captures: a replicate holds one of them twice or each once, nothing between.
	subject := []int32{0, 0, 0, 1, 1, 1}
	s := NewScores(nil, nil, subject)
	for r := range uint64(50) {
		w := resample(s, 1, r)
		if w[0] != w[1] || w[1] != w[2] || w[3] != w[4] || w[0]+w[3] != 2 {
			t.Fatalf("weights %v", w)
		}
	}
}

func TestRuleOfThree(t *testing.T) {
	i := interval([]Rates{{}, {}}, func(r Rates) float64 { return r.EER }, 0, 300)
	if i.Low != 0 || !close(i.High, 0.01) {
		t.Errorf("no error in 300: interval %+v, want 0 to 0.01", i)
	}
}

func TestCancelledWorkStops(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := (Bootstrap{}).replicated(ctx, gaussian(1, 10, 2, 1)); err == nil {
		t.Error("a cancelled bootstrap returned no error")
	}
}
