package models

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// sample is a calibration as the calibrator writes it, small.
func sample() *Calibration {
	return &Calibration{
		Model: "toy-1", DataSet: "toys", Made: "2026-01-02", Subjects: 10, Genuine: 100, Impostor: 10000, Floor: 3e-4,
		Points: []Point{
			{Score: -1, FMR: 1, FMRLow: 1, FMRHigh: 1, FNMR: 0},
			{Score: 2, FMR: 0.1, FMRLow: 0.08, FMRHigh: 0.12, FNMR: 0.01},
			{Score: 4, FMR: 0.001, FMRLow: 0.0005, FMRHigh: 0.002, FNMR: 0.05},
		},
		Tail:   Tail{Kind: "exponential", Scale: 0.5},
		Ratios: []LLRPoint{{Score: 0, LLR: -3}, {Score: 5, LLR: 12}},
	}
}

func TestServedRate(t *testing.T) {
	c := sample()
	for _, test := range []struct {
		score, fmr   float64
		extrapolated bool
	}{
		{math.Inf(-1), 1, false},
		{math.NaN(), 1, false},
		{-1, 1, false},
		{0.5, math.Sqrt(0.12), false}, // half way in score is half way in log rate
		{2, 0.12, false},
		{4, 0.002, false},
		{4.5, 0.002 / math.E, false},
		{5, 0.002 / (math.E * math.E), true},
		{1e9, Bottom, true},
		{math.Inf(1), Bottom, true},
	} {
		fmr, extrapolated := c.FMR(test.score)
		if math.Abs(fmr-test.fmr) > 1e-9*test.fmr || extrapolated != test.extrapolated {
			t.Errorf("FMR(%g) = %g, %v; want %g, %v", test.score, fmr, extrapolated, test.fmr, test.extrapolated)
		}
	}
}

func TestHeavyTailFallsAsAPower(t *testing.T) {
	c := sample()
	c.Tail = Tail{Kind: "generalised-pareto", Scale: 0.5, Shape: 0.5}
	if fmr, _ := c.FMR(5); math.Abs(fmr-0.002/4) > 1e-12 { // (1 + 0.5*1/0.5)^-2
		t.Errorf("FMR(5) = %g, want %g", fmr, 0.002/4)
	}
	if _, highest := c.Range(); math.Abs(c.served(highest)/Bottom-1) > 1e-9 {
		t.Errorf("FMR at the end of the range is %g, want %g", c.served(highest), Bottom)
	}
}

func TestLikelihoodRatioIsInterpolatedAndBounded(t *testing.T) {
	c := sample()
	for score, want := range map[float64]float64{math.Inf(-1): -3, -1: -3, 2.5: 4.5, 5: 12, math.Inf(1): 12} {
		if got := c.LLR(score); got != want {
			t.Errorf("LLR(%g) = %g, want %g", score, got, want)
		}
	}
	if got := c.LLR(math.NaN()); got != -3 {
		t.Errorf("LLR(NaN) = %g, want the lowest", got)
	}
}

func TestThreshold(t *testing.T) {
	c := sample()
	for _, fmr := range []float64{1, 0.5, 0.12, 0.002, 1e-4, 1e-6, Bottom} {
		threshold := c.Threshold(fmr)
		if got, _ := c.FMR(threshold); got > fmr {
			t.Errorf("Threshold(%g) = %g, whose rate is %g", fmr, threshold, got)
		}
		if got, _ := c.FMR(threshold - 1e-9); got <= fmr && fmr < 1 {
			t.Errorf("Threshold(%g) = %g is not the lowest: just below the rate is %g", fmr, threshold, got)
		}
	}
	for _, fmr := range []float64{0, -1, Bottom / 2, math.NaN()} {
		if got := c.Threshold(fmr); !math.IsInf(got, 1) {
			t.Errorf("Threshold(%g) = %g, want +Inf", fmr, got)
		}
	}
}

// calibrations draws valid ones.
func calibrations(t *rapid.T) *Calibration {
	c := sample()
	step := rapid.Float64Range(1e-6, 1e3)
	score, fmr, fnmr := rapid.Float64Range(-1e3, 1e3).Draw(t, "first score"), 1.0, 0.0
	c.Points = []Point{{Score: score, FMR: 1, FMRLow: 1, FMRHigh: 1}}
	high := 1.0
	for range rapid.IntRange(1, 12).Draw(t, "points") {
		score += step.Draw(t, "step")
		fmr *= rapid.Float64Range(0.2, 0.99).Draw(t, "fall")
		high = min(high, fmr*rapid.Float64Range(1, 3).Draw(t, "interval"))
		high = max(high, fmr)
		fnmr += (1 - fnmr) * rapid.Float64Range(0, 0.3).Draw(t, "fnmr")
		c.Points = append(c.Points, Point{Score: score, FMR: fmr, FMRLow: fmr / 2, FMRHigh: high, FNMR: fnmr})
	}
	c.Tail.Scale = step.Draw(t, "scale")
	if shape := rapid.SampledFrom([]float64{0, 0.01, 0.2, 0.5}).Draw(t, "shape"); shape > 0 {
		c.Tail.Kind, c.Tail.Shape = "generalised-pareto", shape
	}
	return c
}

func TestRatesAreBoundedAndFall(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := calibrations(t)
		if err := c.Check(); err != nil {
			t.Fatal(err)
		}
		lowest, highest := c.Range()
		scores := rapid.Float64Range(lowest-1, highest+1)
		a, b := scores.Draw(t, "a"), scores.Draw(t, "b")
		a, b = min(a, b), max(a, b)
		fa, _ := c.FMR(a)
		fb, _ := c.FMR(b)
		if fa < fb || fb < Bottom || fa > 1 {
			t.Fatalf("FMR(%g) = %g, FMR(%g) = %g", a, fa, b, fb)
		}
		if la, lb := c.LLR(a), c.LLR(b); la > lb || math.Abs(la) > MaxLLR || math.Abs(lb) > MaxLLR {
			t.Fatalf("LLR(%g) = %g, LLR(%g) = %g", a, la, b, lb)
		}
		want := rapid.Float64Range(math.Log(Bottom), 0).Draw(t, "log rate")
		if got, _ := c.FMR(c.Threshold(math.Exp(want))); got > math.Exp(want) {
			t.Fatalf("rate %g at the threshold for %g", got, math.Exp(want))
		}
	})
}

func TestWrongCalibrationsAreRefusedByName(t *testing.T) {
	for want, spoil := range map[string]func(c *Calibration){
		"model, data_set":        func(c *Calibration) { c.Model = "" },
		"subjects 1":             func(c *Calibration) { c.Subjects = 1 },
		"floor 1e-06":            func(c *Calibration) { c.Floor = 1e-6 },
		"1 points":               func(c *Calibration) { c.Points = c.Points[:1] },
		"points[0]: fmr_high":    func(c *Calibration) { c.Points[0].FMRHigh = 0.9 },
		"points[1]: score must":  func(c *Calibration) { c.Points[1].FMRLow = 0.2 },
		"points[2]: score must":  func(c *Calibration) { c.Points[2].Score = 2 },
		"points[2]: fnmr":        func(c *Calibration) { c.Points[2].FNMR = 1.5 },
		"shape 0.3":              func(c *Calibration) { c.Tail.Shape = 0.3 },
		"scale 0":                func(c *Calibration) { c.Tail.Scale = 0 },
		"beyond all numbers":     func(c *Calibration) { c.Tail.Scale = 1e308 },
		"0 llr points":           func(c *Calibration) { c.Ratios = nil },
		"llr[1]: score must be":  func(c *Calibration) { c.Ratios[1].LLR = 21 },
		"llr[1]: score must gro": func(c *Calibration) { c.Ratios[1].LLR = -4 },
	} {
		c := sample()
		spoil(c)
		data, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseCalibration(data); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v", want, err)
		}
	}
}

func TestCalibrationSurvivesItsFile(t *testing.T) {
	data, err := json.Marshal(sample())
	if err != nil {
		t.Fatal(err)
	}
	c, err := ParseCalibration(data)
	if err != nil {
		t.Fatal(err)
	}
	for score := -2.0; score < 20; score += 0.37 {
		want, _ := sample().FMR(score)
		if got, _ := c.FMR(score); got != want {
			t.Errorf("FMR(%g) = %g after reading, %g before", score, got, want)
		}
	}
}

func TestShippedCalibrations(t *testing.T) {
	all, err := All()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		c, err := LoadCalibration(m.ID)
		if err != nil {
			t.Errorf("%s: %v", m.ID, err)
			continue
		}
		if threshold := c.Threshold(1e-4); math.IsInf(threshold, 1) {
			t.Errorf("%s serves no rate of 1e-4", m.ID)
		}
	}
	if _, err := LoadCalibration("no-such-model"); err == nil || !strings.Contains(err.Error(), "no-such-model") {
		t.Errorf("unknown model: %v", err)
	}
}

func FuzzParseCalibration(f *testing.F) {
	data, err := json.Marshal(sample())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"model":"x","points":[{"score":1e400}]}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := ParseCalibration(data)
		if err != nil {
			return
		}
		lowest, highest := c.Range()
		for _, score := range []float64{math.Inf(-1), lowest, (lowest + highest) / 2, highest, math.Inf(1), math.NaN()} {
			if fmr, _ := c.FMR(score); !(fmr >= Bottom && fmr <= 1) {
				t.Errorf("FMR(%g) = %g", score, fmr)
			}
			if llr := c.LLR(score); !(math.Abs(llr) <= MaxLLR) {
				t.Errorf("LLR(%g) = %g", score, llr)
			}
		}
		c.Threshold(1e-4)
	})
}
