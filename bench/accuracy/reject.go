package accuracy

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"
)

// Error against rejection: how the false non-match rate at a fixed threshold falls when the worst captures are left out, the
// measure of a quality score (Grother and Tabassi 2007; ISO/IEC 29794-1 calls it error versus discard). The thresholds are
// those of all data and stay where they are. Captures without a template have no quality and take no part.
//
// There are two ways to leave out, and both are measured:
//
//   - comparisons: a genuine comparison is as good as the worse of its two captures; the worst comparisons go.
//   - captures: the worst captures go, and every comparison with them. A tenth of the captures takes about a fifth of the comparisons.
//
// Where equal qualities straddle the cut, each loses the same share, so that no order of files decides.

// Rejection is one point: the FNMR of what stays at the thresholds of all data.
type Rejection struct {
	Rejected  float64 `json:"rejected"` // share left out, of genuine comparisons or of captures
	Genuine   float64 `json:"genuine"`  // comparisons that stay; not whole where equal qualities share a cut
	FNMR100   float64 `json:"fnmr_at_1e-2"`
	FNMR1000  float64 `json:"fnmr_at_1e-3"`
	FNMR10000 float64 `json:"fnmr_at_1e-4"`
}

// Reject10 is what leaving out the worst tenth does to the FNMR at FMR 1e-3.
type Reject10 struct {
	Comparisons Cut `json:"comparisons"`
	Captures    Cut `json:"captures"`
}

// Cut is the part of the FNMR that goes; its interval comes from resampling subjects.
type Cut struct {
	FNMR     float64  `json:"fnmr"`
	Left     float64  `json:"fnmr_left"`
	Cut      float64  `json:"cut"` // 1 - left/fnmr, 0 when there was no error
	Interval Interval `json:"interval"`
}

const (
	qualities   = 101 // 0 to 100
	plainReject = 0.1 // the share of Reject10
	mostReject  = 0.5 // how far curves go
	rejectStep  = 0.05
)

// way of leaving out gives every comparison the share of it that stays.
type way func(s *Scores, share float64, weights []float64) func(Comparison) float64

// hasQuality says whether captures differ in quality at all.
func (s *Scores) hasQuality() bool {
	if s.quality == nil {
		return false
	}
	captures := s.genuineCaptures()
	return slices.ContainsFunc(captures, func(c int32) bool { return s.level(c) != s.level(captures[0]) })
}

// level is a capture's quality as an index.
func (s *Scores) level(capture int32) int { return min(max(s.quality[capture].Score, 0), qualities-1) }

func (s *Scores) pairLevel(c Comparison) int { return min(s.level(c.Reference), s.level(c.Probe)) }

// byComparison leaves the worst genuine comparisons out.
func byComparison(s *Scores, share float64, w []float64) func(Comparison) float64 {
	var histogram [qualities]float64
	for _, c := range made(s.Genuine) {
		histogram[s.pairLevel(c)] += weightGenuine(c, w)
	}
	keep := kept(&histogram, share)
	return func(c Comparison) float64 { return keep[s.pairLevel(c)] }
}

// byCapture leaves the worst captures out, of those in genuine comparisons.
func byCapture(s *Scores, share float64, w []float64) func(Comparison) float64 {
	var histogram [qualities]float64
	for _, capture := range s.genuineCaptures() {
		if w == nil {
			histogram[s.level(capture)]++
		} else {
			histogram[s.level(capture)] += w[capture]
		}
	}
	keep := kept(&histogram, share)
	return func(c Comparison) float64 { return keep[s.level(c.Reference)] * keep[s.level(c.Probe)] }
}

// genuineCaptures are the captures that meet another of their subject.
func (s *Scores) genuineCaptures() []int32 {
	var list []int32
	for _, c := range made(s.Genuine) {
		list = append(list, c.Reference, c.Probe)
	}
	return distinct(list)
}

// kept is the share of every quality that stays when the worst share of all goes.
func kept(histogram *[qualities]float64, share float64) (keep [qualities]float64) {
	var total float64
	for _, n := range histogram {
		total += n
	}
	toGo := share * total
	for q, n := range histogram {
		keep[q] = 1
		if toGo > 0 && n > 0 {
			gone := min(n, toGo)
			keep[q], toGo = 1-gone/n, toGo-gone
		}
	}
	return keep
}

// reject measures what stays of s at the thresholds.
func (s *Scores) reject(leaveOut way, share float64, thresholds [3]float64, w []float64) Rejection {
	stays := leaveOut(s, share, w)
	var total float64
	var missed [3]float64
	for _, c := range made(s.Genuine) {
		weight := stays(c) * weightGenuine(c, w)
		total += weight
		for i, t := range thresholds {
			if c.Score < t {
				missed[i] += weight
			}
		}
	}
	n := max(total, math.SmallestNonzeroFloat64)
	return Rejection{Rejected: share, Genuine: round(total), FNMR100: missed[0] / n, FNMR1000: missed[1] / n, FNMR10000: missed[2] / n}
}

// errorVsReject is the curve from 0 to mostReject.
func (s *Scores) errorVsReject(leaveOut way, step float64) []Rejection {
	thresholds := s.thresholds()
	var points []Rejection
	for i := 0; float64(i)*step <= mostReject+step/2; i++ {
		points = append(points, s.reject(leaveOut, round(float64(i)*step), thresholds, nil))
	}
	return points
}

// reject10 measures both ways with their intervals.
func (s *Scores) reject10(ctx context.Context, b Bootstrap) (*Reject10, error) {
	thresholds := s.thresholds()
	cut := func(leaveOut way, w []float64) Cut {
		before, after := s.reject(leaveOut, 0, thresholds, w).FNMR1000, s.reject(leaveOut, plainReject, thresholds, w).FNMR1000
		c := Cut{FNMR: before, Left: after}
		if before > 0 {
			c.Cut = 1 - after/before
		}
		return c
	}
	r := &Reject10{Comparisons: cut(byComparison, nil), Captures: cut(byCapture, nil)}
	comparisons, captures := make([]float64, b.replicates()), make([]float64, b.replicates())
	err := b.over(ctx, s, func(i int, w []float64) {
		comparisons[i], captures[i] = cut(byComparison, w).Cut, cut(byCapture, w).Cut
	})
	r.Comparisons.Interval, r.Captures.Interval = percentiles(comparisons), percentiles(captures)
	return r, err
}

// ReasonRate says whether a reason for poor quality stands for something: FNMR at the threshold of FMR 1e-3 of the genuine
// comparisons with a capture that has it, and of all others.
type ReasonRate struct {
	Reason   string  `json:"reason"`
	Captures int     `json:"captures"`
	Genuine  int     `json:"genuine"` // comparisons with such a capture
	With     float64 `json:"fnmr_with"`
	Without  float64 `json:"fnmr_without"`
}

// reasonRates are those of every reason that occurs, the most telling first.
func (s *Scores) reasonRates() []ReasonRate {
	count := map[string]int{}
	for _, capture := range s.genuineCaptures() {
		for _, reason := range s.quality[capture].Reasons {
			count[reason]++
		}
	}
	var rates []ReasonRate
	for reason, n := range count {
		r := ReasonRate{Reason: reason, Captures: n}
		r.With, r.Without, r.Genuine = s.withAndWithout(reason)
		rates = append(rates, r)
	}
	slices.SortFunc(rates, func(a, b ReasonRate) int {
		return cmp.Or(cmp.Compare(b.With, a.With), strings.Compare(a.Reason, b.Reason))
	})
	return rates
}

func (s *Scores) withAndWithout(reason string) (with, without float64, n int) {
	threshold := s.thresholds()[1]
	has := func(capture int32) bool { return slices.Contains(s.quality[capture].Reasons, reason) }
	var total, missed [2]float64
	for _, c := range made(s.Genuine) {
		k := 0
		if has(c.Reference) || has(c.Probe) {
			k = 1
		}
		total[k]++
		if c.Score < threshold {
			missed[k]++
		}
	}
	return missed[1] / max(1, total[1]), missed[0] / max(1, total[0]), int(total[1])
}
