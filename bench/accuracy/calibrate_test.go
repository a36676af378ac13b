package accuracy

import (
	"context"
	"encoding/json"
	"math"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"biogate/gateway"
	"biogate/matcher/finger"
	"biogate/models"
)

var _ gateway.Calibration = (*models.Calibration)(nil)

// gaussian is a test of n subjects with k captures each: impostor scores are normal with subject effects, genuine ones
// lie `gap` higher.
func gaussian(seed uint64, n, k int, gap float64) *Scores {
	rng := rand.New(rand.NewPCG(seed, 99))
	effect := make([]float64, n)
	for i := range effect {
		effect[i] = 0.15 * rng.NormFloat64()
	}
	var subject []int32
	for s := range n {
		for range k {
			subject = append(subject, int32(s))
		}
	}
	var genuine, impostor []Comparison
	for p := range subject {
		for r := range p {
			c := Comparison{rng.NormFloat64(), int32(r), int32(p)}
			if subject[p] == subject[r] {
				c.Score += gap
				genuine = append(genuine, c)
			} else {
				c.Score += effect[subject[p]] + effect[subject[r]]
				impostor = append(impostor, c)
			}
		}
	}
	return NewScores(genuine, impostor, subject)
}

// above is the true rate of gaussian's impostors.
func above(score float64) float64 {
	return math.Erfc(score/math.Sqrt(1+2*0.15*0.15)/math.Sqrt2) / 2
}

func calibrated(t testing.TB, s *Scores, replicates int) *models.Calibration {
	t.Helper()
	c, err := Calibrate(context.Background(), s, About{Model: "toy-1", DataSet: "normal scores", Made: time.Unix(0, 0)},
		Bootstrap{Replicates: replicates, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCalibrationHoldsOnFreshData(t *testing.T) {
	const runs = 10
	inside, points := 0, 0
	for seed := range uint64(runs) {
		c := calibrated(t, gaussian(seed, 100, 4, 4), 100)
		for _, p := range c.Points[1:] {
			points++
			if truth := above(p.Score); p.FMRLow <= truth && truth <= p.FMRHigh {
				inside++
			}
		}
		// The tail, far below what 79,000 comparisons show, must not promise more than is true, nor nothing at all.
		for _, fmr := range []float64{1e-4, 1e-5, 1e-6, 1e-7} {
			truth := above(c.Threshold(fmr))
			if truth > 1.5*fmr {
				t.Errorf("seed %d: served %g is %g in truth", seed, fmr, truth)
			}
			if z := c.Threshold(fmr); z > 9 {
				t.Errorf("seed %d: the threshold for %g is %g standard deviations", seed, fmr, z)
			}
		}
	}
	if share := float64(inside) / float64(points); share < 0.85 {
		t.Errorf("the truth is inside %.2f of the 95 %% intervals", share)
	}
}

func TestHeavyTailIsSeen(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	top := make([]Comparison, 3000)
	for i := range top {
		top[i].Score = 2 / 0.3 * (math.Pow(rng.Float64(), -0.3) - 1) // generalised Pareto, shape 0.3, scale 2
	}
	bestFirst(top)
	tail := fitTail(top, 0)
	if math.Abs(tail.Shape-0.3) > 0.08 || math.Abs(tail.Scale-2) > 0.25 {
		t.Errorf("fitted %+v, want shape 0.3 and scale 2", tail)
	}
	for i := range top {
		top[i].Score = math.Sqrt(rng.Float64()) // ends at 1
	}
	bestFirst(top)
	if tail := fitTail(top, 0); tail.Shape != 0 || tail.Kind != "exponential" {
		t.Errorf("a tail with an end must be served as exponential, got %+v", tail)
	}
}

func TestLikelihoodRatioOfNormalScores(t *testing.T) {
	c := calibrated(t, gaussian(1, 150, 4, 4), 40)
	for _, score := range []float64{1, 1.5, 2, 2.5, 3} {
		v := 1 + 2*0.15*0.15
		want := (score*score/v+math.Log(v))/2 - (score-4)*(score-4)/2
		if got := c.LLR(score); math.Abs(got-want) > 1 {
			t.Errorf("LLR(%g) = %.2f, want about %.2f", score, got, want)
		}
	}
}

func TestCalibrationIsReproducibleAndSmall(t *testing.T) {
	s := gaussian(2, 60, 4, 4)
	a, err := json.Marshal(calibrated(t, s, 30))
	if err != nil {
		t.Fatal(err)
	}
	b, _ := json.Marshal(calibrated(t, gaussian(2, 60, 4, 4), 30))
	if string(a) != string(b) {
		t.Error("the same scores give another calibration")
	}
	if len(a) > 16<<10 {
		t.Errorf("%d bytes", len(a))
	}
	if _, err := models.ParseCalibration(a); err != nil {
		t.Error(err)
	}
}

func TestTooLittleToCalibrate(t *testing.T) {
	ctx := context.Background()
	if _, err := Calibrate(ctx, gaussian(1, 5, 3, 4), About{Model: "x", DataSet: "y"}, Bootstrap{Replicates: 5}); err == nil || !strings.Contains(err.Error(), "needs 1000") {
		t.Errorf("few impostors: %v", err)
	}
	flat := gaussian(1, 40, 3, 4)
	for i := range flat.Impostor {
		flat.Impostor[i].Score = 0
	}
	if _, err := Calibrate(ctx, flat, About{Model: "x", DataSet: "y"}, Bootstrap{Replicates: 5}); err == nil || !strings.Contains(err.Error(), "too few to fit a tail") {
		t.Errorf("impostors that all score the same: %v", err)
	}
}

func TestHeldOutRateIsBelowTheServedOne(t *testing.T) {
	const n, k = 120, 4
	s := gaussian(11, n, k, 5)
	d := grid("toys", n, k)
	folds := FoldsBySubject(d, 1)
	h, err := HoldOut(context.Background(), s, folds, 1e-3, Bootstrap{Replicates: 60})
	if err != nil {
		t.Fatal(err)
	}
	if h.FMR > 1e-3 || h.FMR < 1e-4 {
		t.Errorf("held-out FMR %g for a served 1e-3", h.FMR)
	}
	if len(h.Folds) != 2 || h.Impostor != h.Folds[0].Impostor+h.Folds[1].Impostor || h.FMRInterval.Low > h.FMR || h.FMRInterval.High < h.FMR {
		t.Errorf("held out: %+v", h)
	}
}

func TestFoldsKeepSubjectsTogether(t *testing.T) {
	d := grid("toys", 9, 3)
	f := FoldsBySubject(d, 4)
	for i := 1; i < len(d.Captures); i++ {
		if d.Captures[i].Subject == d.Captures[i-1].Subject && f.Of[i] != f.Of[i-1] {
			t.Fatalf("subject %d is in both folds", d.Captures[i].Subject)
		}
	}
	sets := []Dataset{grid("x", 2, 2), grid("y", 2, 3)}
	if f := FoldsBySet(sets); len(f.Of) != 10 || f.Of[3] != 0 || f.Of[4] != 1 {
		t.Errorf("folds by set: %+v", f)
	}
}

func TestTailTestCounts(t *testing.T) {
	c := calibrated(t, gaussian(1, 100, 4, 4), 40)
	rng := rand.New(rand.NewPCG(8, 8))
	impostors := make([]Acquired, 300)
	for i := range impostors {
		impostors[i] = Acquired{Probe: toy(2e4 * rng.Float64()), Reference: toy(2e4 * rng.Float64())}
	}
	impostors[5] = Acquired{Err: errNaN} // not acquired: in no pair
	got, err := CheckTail(context.Background(), c, impostors, "toys", 2, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !got.Holds || got.Pairs != 299*298/2 {
		t.Errorf("far apart: %+v", got)
	}
	for i := range impostors {
		impostors[i] = Acquired{Probe: toy(0), Reference: toy(-float64(i) / 1000)}
	}
	c.Points[0].Score, c.Points[len(c.Points)-1].Score = -100, -1e-9 // everything is alike
	if got, err := CheckTail(context.Background(), c, impostors, "twins", 2, nil); err != nil || got.Holds {
		t.Errorf("alike: %+v, %v", got, err)
	}
}

func TestOneWolfIsNoEvidenceAgainstATail(t *testing.T) {
	l := level{matches: make([]atomic.Int64, 101)} // one impostor matches all others: 100 matches, but one chance
	l.matches[0].Store(100)
	for i := range 100 {
		l.matches[i+1].Store(1)
	}
	if matches, low := l.observed(101); matches != 100 || low > 0.005 {
		t.Errorf("%d matches, lower end %g", matches, low)
	}
	ring := level{matches: make([]atomic.Int64, 101)} // the same number, spread evenly
	for i := range 100 {
		ring.matches[i].Store(2)
	}
	if matches, low := ring.observed(101); matches != 100 || low < 0.015 {
		t.Errorf("%d matches, lower end %g", matches, low)
	}
}

// A calibration belongs to the engine that made its scores: another one meets the same synthetic fingers at other rates.
func TestShippedFingerCalibrationFitsTheEngine(t *testing.T) {
	c, err := models.LoadCalibration(finger.Model)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Tail.Checks) == 0 || len(c.Tail.Checks[0].Levels) == 0 {
		t.Fatal("the calibration was never checked against synthetic fingers: make calibrate")
	}
	made := c.Tail.Checks[0]
	now, err := CheckTail(context.Background(), c, syntheticPrints(t, 120), "synthetic fingers", 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	before, after := float64(made.Levels[0].Observed)/float64(made.Pairs), float64(now.Levels[0].Observed)/float64(now.Pairs)
	if after > 3*before || after < before/3 {
		t.Errorf("at the threshold served as FMR %g synthetic fingers match at %.4f, at %.4f when the calibration was made: the engine has changed, make calibrate",
			made.Levels[0].Served, after, before)
	}
}
