package decision

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// gaussian is a model whose strangers score N(0,1) and whose genuine subjects score N(mean,1): everything is known exactly.
type gaussian struct{ mean float64 }

func (g gaussian) FMR(score float64) (float64, bool) {
	return 0.5 * math.Erfc(score/math.Sqrt2), score > 5
}
func (g gaussian) LLR(score float64) float64 { return g.mean*score - g.mean*g.mean/2 }
func (g gaussian) Range() (float64, float64) { return -6, 8 }
func impostors(mean float64) *Impostors      { return NewImpostors(gaussian{mean}) }
func one(m *Impostors, score float64) Evidence {
	return Evidence{Impostors: m, Score: score, Comparisons: 1}
}

func TestFusedRateOfGaussiansIsTheRateOfTheirWeightedSum(t *testing.T) {
	a, b := impostors(3), impostors(4)
	for _, x := range []float64{-1, 0, 1, 2} {
		for _, y := range []float64{-1, 0, 1, 2} {
			got := Fuse([]Evidence{one(a, x), one(b, y)}).FMR
			// 3x+4y of strangers is N(0, 25).
			want := 0.5 * math.Erfc((3*x+4*y)/5/math.Sqrt2)
			if got < want*0.99 || got > want*1.35+1e-9 {
				t.Errorf("scores %v, %v: fused rate %v, exact %v", x, y, got, want)
			}
		}
	}
}

func TestBestOfManyComparisonsIsChargedFor(t *testing.T) {
	m := impostors(3)
	single, _ := one(m, 3.7).FMR()
	three, _ := Evidence{Impostors: m, Score: 3.7, Comparisons: 3}.FMR()
	if math.Abs(three/single-3) > 0.01 {
		t.Errorf("three comparisons at %v cost %v, want three times as much", single, three)
	}
}

func TestStrangersAreAcceptedAtTheClaimedRate(t *testing.T) {
	a, b := impostors(2), impostors(3)
	rng := rand.New(rand.NewPCG(1, 2))
	const trials, demanded = 40_000, 1e-2
	accepted := 0
	for range trials {
		best := math.Max(rng.NormFloat64(), rng.NormFloat64()) // best of two references
		fused := Fuse([]Evidence{{Impostors: a, Score: best, Comparisons: 2}, one(b, rng.NormFloat64())})
		if Accept(fused, demanded) == Match {
			accepted++
		}
	}
	rate := float64(accepted) / trials
	if rate > demanded*1.1 || rate < demanded*0.6 {
		t.Errorf("accepted %v of strangers, demanded %v", rate, demanded)
	}
}

func TestProperties(t *testing.T) {
	a, b := impostors(3), impostors(4)
	rapid.Check(t, func(t *rapid.T) {
		x, y := rapid.Float64Range(-8, 12).Draw(t, "x"), rapid.Float64Range(-8, 12).Draw(t, "y")
		n := rapid.IntRange(1, 40).Draw(t, "n")
		more := rapid.Float64Range(0, 3).Draw(t, "more")
		low := Fuse([]Evidence{{a, x, n}, one(b, y)})
		high := Fuse([]Evidence{{a, x + more, n}, one(b, y)})
		swapped := Fuse([]Evidence{one(b, y), {a, x, n}})
		if !(low.FMR > 0 && low.FMR <= 1) {
			t.Fatalf("rate %v", low.FMR)
		}
		if high.FMR > low.FMR*(1+1e-9) {
			t.Fatalf("a higher score raised the rate from %v to %v", low.FMR, high.FMR)
		}
		if math.Abs(swapped.FMR-low.FMR) > 1e-9*low.FMR+1e-15 {
			t.Fatalf("the order matters: %v, %v", low.FMR, swapped.FMR)
		}
	})
}

func TestNoEvidenceIsInconclusive(t *testing.T) {
	if v := Accept(Fuse(nil), 1); v != Inconclusive {
		t.Errorf("got %s", v)
	}
}

func TestPolicy(t *testing.T) {
	p := Policy{MaxFMR: 1e-4, IdentifyFPIR: 1e-3, MaxCandidates: 5}
	if err := p.Check(); err != nil {
		t.Fatal(err)
	}
	if got := p.CandidateFMR(1000); got != 1e-6 {
		t.Errorf("1,000 members: %v", got)
	}
	if got := p.CandidateFMR(0); got != 1e-4 {
		t.Errorf("nobody: %v", got)
	}
	for _, bad := range []Policy{{}, {MaxFMR: math.NaN(), IdentifyFPIR: .1, MaxCandidates: 1}, {MaxFMR: 1, IdentifyFPIR: .1, MaxCandidates: 1}, {MaxFMR: .1, IdentifyFPIR: .1}} {
		if bad.Check() == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
}

func BenchmarkFuse(b *testing.B) {
	face, finger := impostors(3), impostors(4)
	for b.Loop() {
		Fuse([]Evidence{one(face, 2), {finger, 3, 3}})
	}
}
