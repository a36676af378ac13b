package accuracy

import (
	"context"
	"math"

	"biogate/matcher"
)

// Test is one data set after one run of an engine.
type Test struct {
	Set      Dataset
	Acquired []Acquired
	Scores   *Scores
	Timing   Timing
}

// Options of a run; the zero value serves.
type Options struct {
	Workers   int // 0: one a core
	Bootstrap Bootstrap
	Progress  Progress
}

// Run extracts, compares as planned and times.
func Run(ctx context.Context, e matcher.Engine, d Dataset, plan Plan, o Options) (Test, error) {
	t := Test{Set: d}
	var err error
	if t.Acquired, err = Acquire(ctx, e, d, o.Workers, o.Progress); err != nil {
		return t, err
	}
	if t.Scores, err = Compare(ctx, d, t.Acquired, plan, o.Workers, o.Progress); err != nil {
		return t, err
	}
	t.Timing, err = Time(ctx, e, d, t.Acquired, o.Progress)
	return t, err
}

// Result is what a test says; every rate is a fraction.
type Result struct {
	Dataset string `json:"dataset"`
	Rates
	FTA      float64 `json:"fta"` // share of captures without a template
	Genuine  int     `json:"genuine"`
	Impostor int     `json:"impostor"`
	Timing
	Subjects  int                 `json:"subjects"`
	Captures  int                 `json:"captures"`
	Failures  []Failure           `json:"failures"`
	Intervals map[string]Interval `json:"intervals"`
	// Unsupported names rates that this many impostor comparisons cannot show; their value equals zero_fmr.
	Unsupported []string `json:"unsupported,omitempty"`
	// WithoutFailures leaves the captures without a template out; absent when there are none.
	WithoutFailures *Rates `json:"without_failures,omitempty"`
	// OperatingPoints have the rates with failures to acquire beside those of the comparisons that were made.
	OperatingPoints []OperatingPoint `json:"operating_points"`
	// What follows is absent where captures have no quality.
	ErrorVsReject         []Rejection  `json:"error_vs_reject,omitempty"`          // the worst comparisons left out
	ErrorVsRejectCaptures []Rejection  `json:"error_vs_reject_captures,omitempty"` // the worst captures left out
	Reject10              *Reject10    `json:"reject_10,omitempty"`
	Reasons               []ReasonRate `json:"reasons,omitempty"`

	replicates []Rates
}

// Result measures a test; replicates of its bootstrap serve MeanEER.
func (t Test) Result(ctx context.Context, b Bootstrap) (Result, error) {
	r, err := summarise(ctx, t.Scores, b)
	r.Dataset, r.Captures = t.Set.Name, len(t.Set.Captures)
	r.Failures = failures(t.Set, t.Acquired)
	r.FTA = float64(len(r.Failures)) / float64(max(1, r.Captures))
	r.Timing = t.Timing
	return r, err
}

func summarise(ctx context.Context, s *Scores, b Bootstrap) (Result, error) {
	r := Result{Rates: s.Rates(), Genuine: len(s.Genuine), Impostor: len(s.Impostor), Subjects: s.Subjects(), Failures: []Failure{}}
	var err error
	if r.replicates, err = b.replicated(ctx, s); err != nil {
		return r, err
	}
	r.Intervals = map[string]Interval{
		"eer":      interval(r.replicates, func(r Rates) float64 { return r.EER }, r.EER, r.Genuine),
		"fmr100":   interval(r.replicates, func(r Rates) float64 { return r.FMR100 }, r.FMR100, r.Genuine),
		"fmr1000":  interval(r.replicates, func(r Rates) float64 { return r.FMR1000 }, r.FMR1000, r.Genuine),
		"fmr10000": interval(r.replicates, func(r Rates) float64 { return r.FMR10000 }, r.FMR10000, r.Genuine),
	}
	r.Unsupported = unsupported(r.Impostor)
	if m := s.acquired(); len(m.Genuine) > 0 && len(m.Genuine)+len(m.Impostor) < r.Genuine+r.Impostor {
		without := m.Rates()
		r.WithoutFailures = &without
	}
	r.OperatingPoints = s.operatingPoints()
	if s.hasQuality() {
		r.ErrorVsReject, r.ErrorVsRejectCaptures = s.errorVsReject(byComparison, rejectStep), s.errorVsReject(byCapture, rejectStep)
		r.Reasons = s.reasonRates()
		r.Reject10, err = s.reject10(ctx, b)
	}
	return r, err
}

// unsupported names the rates for which n impostor comparisons are too few to allow a single false match.
func unsupported(n int) []string {
	var names []string
	for _, at := range []struct {
		name string
		n    int
	}{{"fmr100", 100}, {"fmr1000", 1000}, {"fmr10000", 10000}} {
		if n < at.n {
			names = append(names, at.name)
		}
	}
	return names
}

// Summary joins the results of several data sets.
type Summary struct {
	Sets         []Result `json:"sets"`
	MeanEER      float64  `json:"mean_eer"`
	MeanInterval Interval `json:"mean_eer_interval"`
	// Pooled takes every score of every set under one threshold; comparisons stay within their sets.
	Pooled Result `json:"pooled"`
}

// Summarise measures several tests apart and together.
func Summarise(ctx context.Context, tests []Test, b Bootstrap) (Summary, error) {
	var s Summary
	var scores []*Scores
	for _, t := range tests {
		r, err := t.Result(ctx, b)
		if err != nil {
			return s, err
		}
		s.Sets = append(s.Sets, r)
		scores = append(scores, t.Scores)
	}
	s.MeanEER, s.MeanInterval = meanEER(s.Sets)
	var err error
	if s.Pooled, err = summarise(ctx, pool(scores), b); err != nil {
		return s, err
	}
	s.Pooled.fill(s.Sets)
	return s, nil
}

// fill takes what is not in the scores from the sets: counts add up, times are the medians of the sets.
func (r *Result) fill(sets []Result) {
	var extract, extractCPU, match, matchCPU, bytes []float64
	for i, s := range sets {
		if i > 0 {
			r.Dataset += "+"
		}
		r.Dataset += s.Dataset
		r.Captures += s.Captures
		for _, f := range s.Failures {
			r.Failures = append(r.Failures, Failure{Capture: s.Dataset + "/" + f.Capture, Reason: f.Reason})
		}
		extract, extractCPU = append(extract, s.ExtractMS), append(extractCPU, s.ExtractCPUMS)
		match, matchCPU = append(match, s.MatchUS), append(matchCPU, s.MatchCPUUS)
		bytes = append(bytes, float64(s.Bytes))
	}
	r.FTA = float64(len(r.Failures)) / float64(max(1, r.Captures))
	r.Timing = Timing{ExtractMS: median(extract), ExtractCPUMS: median(extractCPU), MatchUS: median(match), MatchCPUUS: median(matchCPU), Bytes: int(median(bytes))}
}

// meanEER is the mean over data sets, with the interval of the mean over their replicates.
func meanEER(sets []Result) (float64, Interval) {
	var mean float64
	means := make([]float64, len(sets[0].replicates))
	for _, s := range sets {
		mean += s.EER / float64(len(sets))
		for i, r := range s.replicates {
			means[i] += r.EER / float64(len(sets))
		}
	}
	interval := percentiles(means)
	if mean == 0 {
		interval.High = math.Max(interval.High, ruleOfThree(sets[0].Genuine))
	}
	return mean, interval
}
