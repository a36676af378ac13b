package accuracy

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
)

// HeldOut is what a calibration achieves on subjects that it was not made from: thresholds are never chosen on the data
// that they are reported on.
type HeldOut struct {
	Served       float64  `json:"served_fmr"` // the rate that the threshold was chosen for
	Method       string   `json:"method"`
	FMR          float64  `json:"fmr"` // the rate that came out, all folds together
	FMRInterval  Interval `json:"fmr_interval"`
	FNMR         float64  `json:"fnmr"` // failures to acquire count as rejected
	FNMRInterval Interval `json:"fnmr_interval"`
	FalseMatches int      `json:"false_matches"`
	Impostor     int      `json:"impostor"`
	Genuine      int      `json:"genuine"`
	Folds        []Fold   `json:"folds"`
}

// Fold is one part that was left out.
type Fold struct {
	LeftOut      string  `json:"left_out"`
	Threshold    float64 `json:"threshold"`
	Extrapolated bool    `json:"extrapolated"`
	FMR          float64 `json:"fmr"`
	FNMR         float64 `json:"fnmr"`
	FalseMatches int     `json:"false_matches"`
	Impostor     int     `json:"impostor"`
	Genuine      int     `json:"genuine"`
}

// Folds splits captures for HoldOut.
type Folds struct {
	Method string
	Names  []string
	Of     []int // fold of each capture
}

// FoldsBySet leaves one data set out at a time; sets is the pool's parts, in order.
func FoldsBySet(sets []Dataset) Folds {
	f := Folds{Method: "leave one data set out"}
	for i, s := range sets {
		f.Names = append(f.Names, s.Name)
		f.Of = append(f.Of, slices.Repeat([]int{i}, len(s.Captures))...)
	}
	return f
}

// FoldsBySubject leaves one half of the subjects out, then the other.
func FoldsBySubject(d Dataset, seed uint64) Folds {
	order := rand.New(rand.NewPCG(seed, 0)).Perm(len(d.Subjects))
	f := Folds{Method: "split by subject", Names: []string{"first half", "second half"}, Of: make([]int, len(d.Captures))}
	for i, c := range d.Captures {
		f.Of[i] = order[c.Subject] % 2
	}
	return f
}

// HoldOut calibrates on all folds but one and measures the threshold for fmr on that one, for each in turn.
func HoldOut(ctx context.Context, s *Scores, folds Folds, fmr float64, b Bootstrap) (HeldOut, error) {
	h := HeldOut{Served: fmr, Method: folds.Method}
	shifted := &Scores{subject: s.subject, drawn: s.drawn} // score - threshold: one threshold, 0, for all folds
	for i, name := range folds.Names {
		rest := s.among(func(c int32) bool { return folds.Of[c] != i })
		c, err := Calibrate(ctx, rest, About{Model: "held-out", DataSet: "all but " + name}, b)
		if err != nil {
			return h, err
		}
		left := s.among(func(c int32) bool { return folds.Of[c] == i })
		threshold := c.Threshold(fmr)
		at := left.At(threshold)
		_, extrapolated := c.FMR(threshold)
		h.Folds = append(h.Folds, Fold{
			LeftOut: name, Threshold: round(threshold), Extrapolated: extrapolated, FMR: at.FMR, FNMR: at.FNMR,
			FalseMatches: countAtLeast(left.Impostor, threshold), Impostor: len(left.Impostor), Genuine: len(left.Genuine),
		})
		shifted.Genuine = appendShifted(shifted.Genuine, left.Genuine, threshold)
		shifted.Impostor = appendShifted(shifted.Impostor, left.Impostor, threshold)
	}
	bestFirst(shifted.Genuine)
	bestFirst(shifted.Impostor)
	return h, h.measure(ctx, shifted, b)
}

func appendShifted(dst, list []Comparison, threshold float64) []Comparison {
	for _, c := range list {
		c.Score -= threshold
		dst = append(dst, c)
	}
	return dst
}

// measure fills in the rates at threshold 0.
func (h *HeldOut) measure(ctx context.Context, s *Scores, b Bootstrap) error {
	at := s.At(0)
	h.FMR, h.FNMR = at.FMR, at.FNMR
	h.FalseMatches, h.Impostor, h.Genuine = countAtLeast(s.Impostor, 0), len(s.Impostor), len(s.Genuine)
	fmrs, fnmrs := make([]float64, b.replicates()), make([]float64, b.replicates())
	err := b.over(ctx, s, func(r int, w []float64) {
		o := s.at(0, w)
		fmrs[r], fnmrs[r] = o.FMR, o.FNMR
	})
	h.FMRInterval, h.FNMRInterval = percentiles(fmrs), percentiles(fnmrs)
	if h.FalseMatches == 0 {
		h.FMRInterval.High = math.Max(h.FMRInterval.High, ruleOfThree(h.Impostor))
	}
	if h.FNMR == 0 {
		h.FNMRInterval.High = math.Max(h.FNMRInterval.High, ruleOfThree(h.Genuine))
	}
	return err
}
