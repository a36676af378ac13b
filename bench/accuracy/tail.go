package accuracy

import (
	"context"
	"fmt"
	"math"
	"sync/atomic"

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
	thresholds := make([]float64, len(checkLevels))
	for i, fmr := range checkLevels {
		thresholds[i] = c.Threshold(fmr)
	}
	counts := make([]atomic.Int64, len(checkLevels))
	var pairs atomic.Int64
	total := len(impostors) * (len(impostors) - 1) / 2
	err := inParallel(ctx, len(impostors), workers, func(probe int) error {
		seen := make([]int64, len(thresholds))
		row, err := compareRow(impostors, int32(probe), upTo(probe))
		if err != nil {
			return fmt.Errorf("comparing impostor %d: %w", probe, err)
		}
		made := 0
		for _, c := range row {
			if math.IsInf(c.Score, -1) {
				continue
			}
			made++
			for i, t := range thresholds {
				if c.Score >= t {
					seen[i]++
				}
			}
		}
		for i, n := range seen {
			counts[i].Add(n)
		}
		progress.say("compare "+against, int(pairs.Add(int64(made))), total)
		return nil
	})
	if err != nil {
		return models.TailTest{}, err
	}
	return tailTest(against, int(pairs.Load()), func(i int) int { return int(counts[i].Load()) }), nil
}

func upTo(n int) []int32 {
	refs := make([]int32, n)
	for i := range refs {
		refs[i] = int32(i)
	}
	return refs
}

func tailTest(against string, pairs int, observed func(level int) int) models.TailTest {
	t := models.TailTest{Against: against, Pairs: pairs, Holds: true}
	for i, fmr := range checkLevels {
		expected := fmr * float64(pairs)
		if expected < 1 && observed(i) == 0 {
			break
		}
		t.Levels = append(t.Levels, models.TailLevel{Served: fmr, Observed: observed(i), Expected: round(expected)})
		t.Holds = t.Holds && observed(i) <= poissonUpper(expected)
	}
	return t
}

// poissonUpper is the smallest count that a Poisson variable stays within with probability 0.95.
func poissonUpper(mean float64) int {
	if mean > 500 { // normal approximation
		return int(math.Ceil(mean + 1.645*math.Sqrt(mean)))
	}
	term := math.Exp(-mean)
	sum, k := term, 0
	for sum < 0.95 {
		k++
		term *= mean / float64(k)
		sum += term
	}
	return k
}

// round keeps six significant digits, so that the file stays small and readable.
func round(x float64) float64 {
	if x == 0 || math.IsInf(x, 0) || math.IsNaN(x) {
		return x
	}
	unit := math.Pow(10, 5-math.Floor(math.Log10(math.Abs(x))))
	return math.Round(x*unit) / unit
}
