package accuracy

import (
	"context"
	"fmt"
	"math"
	"sync/atomic"

	"biogate/bench/parallel"
	"biogate/models"
)

// fitTail fits a generalised Pareto distribution to the distances of top, best first, above u, by probability-weighted
// moments (Hosking and Wallis 1987). A fitted shape below 0 has an end point, above which it would promise that no false
// match can happen; an exponential, which is heavier, takes its place.
func fitTail(top []Comparison, u float64) models.Tail {
	n := float64(len(top))
	var a0, a1 float64
	for i, c := range top {
		a0 += (c.Score - u) / n
		a1 += (c.Score - u) / n * (float64(i) + 0.5) / n // times the share of scores above this one
	}
	shape := 2 - a0/(a0-2*a1)
	if !(shape > 0) {
		return models.Tail{Kind: "exponential", Scale: a0}
	}
	shape = min(shape, maxShape)
	return models.Tail{Kind: "generalised-pareto", Shape: shape, Scale: (1 - shape) * a0}
}

// meanExcess is the weighted mean distance of top above u; NaN when none of it was drawn.
func meanExcess(top []Comparison, u float64, weights []float64) float64 {
	var sum, total float64
	for _, c := range top {
		w := weightImpostor(c, weights)
		sum += w * (c.Score - u)
		total += w
	}
	return sum / total
}

// topScores is how many impostor scores the tail is fitted on.
func topScores(n int) int { return max(minTail, min(maxTail, int(tailShare*float64(n)))) }

// checkLevels are the served rates at which a tail is compared with fresh impostors.
var checkLevels = []float64{1e-2, 1e-3, 1e-4, 1e-5, 1e-6}

// CheckTail compares captures of different subjects, all with all, and counts how many reach the thresholds of c.
// against says what they are.
func CheckTail(ctx context.Context, c *models.Calibration, impostors []Acquired, against string, workers int, progress Progress) (models.TailTest, error) {
	levels := make([]level, len(checkLevels))
	for i, fmr := range checkLevels {
		levels[i] = level{served: fmr, threshold: c.Threshold(fmr), matches: make([]atomic.Int64, len(impostors))}
	}
	var usable int
	for _, a := range impostors {
		if a.Err == nil {
			usable++
		}
	}
	var done atomic.Int64
	total := len(impostors) * (len(impostors) - 1) / 2
	err := parallel.Each(ctx, len(impostors), workers, func(probe int) error {
		row, err := compareRow(impostors, int32(probe), upTo(probe))
		if err != nil {
			return fmt.Errorf("comparing impostor %d: %w", probe, err)
		}
		for _, c := range row {
			for i := range levels {
				if c.Score >= levels[i].threshold {
					levels[i].matches[c.Probe].Add(1)
					levels[i].matches[c.Reference].Add(1)
				}
			}
		}
		progress.say("compare "+against, int(done.Add(int64(len(row)))), total)
		return nil
	})
	if err != nil {
		return models.TailTest{}, err
	}
	return tailTest(against, usable, levels), nil
}

func upTo(n int) []int32 {
	refs := make([]int32, n)
	for i := range refs {
		refs[i] = int32(i)
	}
	return refs
}

// level is a served rate and how often each impostor reached its threshold.
type level struct {
	served, threshold float64
	matches           []atomic.Int64
}

// tailTest holds unless the lower end of an observed rate's interval lies above the served rate.
func tailTest(against string, usable int, levels []level) models.TailTest {
	pairs := usable * (usable - 1) / 2
	t := models.TailTest{Against: against, Pairs: pairs, Holds: true}
	for _, l := range levels {
		observed, low := l.observed(usable)
		expected := l.served * float64(pairs)
		if expected < 1 && observed == 0 {
			break
		}
		t.Levels = append(t.Levels, models.TailLevel{Served: l.served, Expected: round(expected), Observed: observed, ObservedLow: round(low)})
		t.Holds = t.Holds && low <= l.served
	}
	return t
}

// observed counts the false matches among all pairs of n impostors; low is the lower end of their rate's interval, with the
// variance of dyads, every pair met once.
func (l level) observed(n int) (matches int, low float64) {
	for i := range l.matches {
		matches += int(l.matches[i].Load())
	}
	matches /= 2 // each was counted for both
	pairs := float64(n) * float64(n-1) / 2
	if matches == 0 || pairs == 0 {
		return matches, 0
	}
	p := float64(matches) / pairs
	mean := p * float64(n-1) // of each impostor's matches
	var squares float64
	for i := range l.matches {
		squares += float64(l.matches[i].Load()) * float64(l.matches[i].Load())
	}
	variance := (squares - float64(n)*mean*mean - pairs*p*(1-p)) / (pairs * pairs)
	independent := min(pairs, p*(1-p)/max(variance, p*(1-p)/pairs))
	return matches, wilson(p, independent).Low
}

// round keeps six significant digits, so that the file stays small and readable.
func round(x float64) float64 {
	if x == 0 || math.IsInf(x, 0) || math.IsNaN(x) {
		return x
	}
	unit := math.Pow(10, 5-math.Floor(math.Log10(math.Abs(x))))
	return math.Round(x*unit) / unit
}
