package accuracy

import (
	"context"
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"

	"biogate/bench/parallel"
)

// Interval is a two-sided 95 % confidence interval.
type Interval struct{ Low, High float64 }

// Bootstrap says how often and from which seed subjects are resampled.
type Bootstrap struct {
	Replicates int // 0: the default
	Seed       uint64
	Workers    int // 0: one a core
}

// over calls f with the capture weights of every replicate; replicates do not depend on the order of work.
func (b Bootstrap) over(ctx context.Context, s *Scores, f func(replicate int, weights []float64)) error {
	return parallel.Each(ctx, b.replicates(), b.Workers, func(r int) error {
		f(r, resample(s, b.Seed, uint64(r)))
		return nil
	})
}

func (b Bootstrap) replicates() int {
	if b.Replicates <= 0 {
		return defaultReplicates
	}
	return b.Replicates
}

// resample draws as many subjects as there are, with replacement, and gives each capture the count of its subject.
func resample(s *Scores, seed, replicate uint64) []float64 {
	rng := rand.New(rand.NewPCG(seed, replicate))
	times := make([]float64, s.drawn[len(s.drawn)-1]+1)
	for range s.drawn {
		times[s.drawn[rng.IntN(len(s.drawn))]]++
	}
	weights := make([]float64, len(s.subject))
	for i, subject := range s.subject {
		if int(subject) < len(times) {
			weights[i] = times[subject]
		}
	}
	return weights
}

// replicated are the rates of every replicate of a test.
func (b Bootstrap) replicated(ctx context.Context, s *Scores) ([]Rates, error) {
	rates := make([]Rates, b.replicates())
	err := b.over(ctx, s, func(r int, w []float64) { rates[r] = s.rates(w) })
	return rates, err
}

// interval is the percentile interval of one rate over replicates. A rate that was zero in the test itself keeps the
// upper end of the rule of three over n comparisons (ISO/IEC 19795-1).
func interval(rates []Rates, of func(Rates) float64, estimate float64, n int) Interval {
	values := make([]float64, 0, len(rates))
	for _, r := range rates {
		values = append(values, of(r))
	}
	i := percentiles(values)
	if estimate == 0 {
		i.High = max(i.High, ruleOfThree(n))
	}
	return i
}

// ruleOfThree is the 95 % upper bound of a rate when n independent trials showed no error.
func ruleOfThree(n int) float64 { return min(1, 3/float64(n)) }

// percentiles is the central interval of values; NaN (replicates without a comparison of the kind) are passed over.
func percentiles(values []float64) Interval {
	values = slices.DeleteFunc(values, math.IsNaN)
	if len(values) == 0 {
		return Interval{0, 1}
	}
	slices.Sort(values)
	return Interval{quantile(values, (1-confidence)/2), quantile(values, (1+confidence)/2)}
}

// quantile interpolates in sorted values.
func quantile(sorted []float64, p float64) float64 {
	at := p * float64(len(sorted)-1)
	i := int(at)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

// MarshalJSON writes [low, high].
func (i Interval) MarshalJSON() ([]byte, error) { return json.Marshal([2]float64{i.Low, i.High}) }
