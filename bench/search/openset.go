package search

import (
	"context"
	"math"
	"slices"

	"biogate/bench/accuracy"
	"biogate/gateway/decision"
	"biogate/matcher"
	"biogate/models"
)

// OpenSet is how searches end when whoever is looked for need not be enrolled (ISO/IEC 19795-1): strangers who find somebody,
// and mates who are not found.
type OpenSet struct {
	N         int           `json:"n"`         // subjects enrolled, one reference each
	Mates     int           `json:"mates"`     // searches for somebody enrolled
	Strangers int           `json:"strangers"` // searches for somebody who is not
	Rank1     float64       `json:"rank1"`     // share of the mates that come first, at no threshold
	Rates     []OpenSetRate `json:"rates"`
}

// OpenSetRate is what a threshold does.
type OpenSetRate struct {
	Target    float64 `json:"target_fpir"`
	By        string  `json:"by"` // how the threshold was chosen for it: ByStrangers or ByPolicy
	Threshold float64 `json:"threshold"`
	// FPIR is the share of the searches for strangers with a candidate at or above the threshold, FNIR that of the searches
	// for mates without theirs.
	FPIR         float64           `json:"fpir"`
	FPIRInterval accuracy.Interval `json:"fpir_interval"` // 95 %
	FNIR         float64           `json:"fnir"`
	FNIRInterval accuracy.Interval `json:"fnir_interval"`
	// Of a policy: the false match rate that it demands of a candidate, and whether that is below what the calibration's data
	// supports.
	FMR          float64 `json:"fmr,omitempty"`
	Extrapolated bool    `json:"extrapolated,omitempty"`
}

// How a threshold is chosen.
const (
	ByStrangers = "strangers" // the lowest one at which these strangers find somebody at the target or less
	ByPolicy    = "policy"    // that of a gateway: the target divided by the size of the gallery, by the model's calibration
)

var openSetTargets = []float64{1e-2, 1e-3}

// searches are the scores that decide: of each stranger's best candidate, of each mate where it was found.
type searches struct {
	strangers, mates []float64 // -Inf: none
	first            int       // mates that came first
}

func (s *searches) stranger(list []matcher.Candidate) {
	score := math.Inf(-1)
	if len(list) > 0 {
		score = list[0].Score
	}
	s.strangers = append(s.strangers, score)
}

func (s *searches) mate(name string, list []matcher.Candidate) {
	score := math.Inf(-1)
	for rank, c := range list {
		if c.Subject == name {
			score = c.Score
			if rank == 0 {
				s.first++
			}
		}
	}
	s.mates = append(s.mates, score)
}

// openSet judges searches in a gallery of n. Each was made repeated times with other galleries of the same people: the intervals
// are those of one time, since repetitions are not independent.
func (s *searches) openSet(n, repeated int, c *models.Calibration) OpenSet {
	out := OpenSet{N: n, Mates: len(s.mates), Strangers: len(s.strangers), Rank1: share(s.first, len(s.mates))}
	slices.Sort(s.strangers)
	slices.Sort(s.mates)
	for _, target := range openSetTargets {
		out.Rates = append(out.Rates, s.rate(OpenSetRate{Target: target, By: ByStrangers, Threshold: s.threshold(target)}, repeated))
		if c == nil {
			continue
		}
		demanded := decision.Policy{MaxFMR: 1, IdentifyFPIR: target}.CandidateFMR(n)
		r := OpenSetRate{Target: target, By: ByPolicy, Threshold: c.Threshold(demanded), FMR: demanded}
		_, r.Extrapolated = c.FMR(r.Threshold)
		out.Rates = append(out.Rates, s.rate(r, repeated))
	}
	return out
}

// threshold is the lowest one that a share of the strangers at most reaches.
func (s *searches) threshold(target float64) float64 {
	most := int(target * float64(len(s.strangers)))
	if most >= len(s.strangers) {
		return math.Inf(-1)
	}
	return math.Nextafter(s.strangers[len(s.strangers)-1-most], math.Inf(1))
}

func (s *searches) rate(r OpenSetRate, repeated int) OpenSetRate {
	found := len(s.strangers) - below(s.strangers, r.Threshold)
	lost := below(s.mates, r.Threshold)
	r.FPIR, r.FPIRInterval = share(found, len(s.strangers)), accuracy.Wilson(found/repeated, len(s.strangers)/repeated)
	r.FNIR, r.FNIRInterval = share(lost, len(s.mates)), accuracy.Wilson(lost/repeated, len(s.mates)/repeated)
	return r
}

// below is how many of sorted scores are below a threshold.
func below(sorted []float64, threshold float64) int {
	n, _ := slices.BinarySearch(sorted, threshold)
	return n
}

// openSetSizes are the sizes of the gallery at which strangers and mates are searched: a thousandth, a hundredth, a tenth of
// it, as far as they are worth it, and the whole.
func openSetSizes(o FaceOptions) []int {
	var sizes []int
	for n := o.N; len(sizes) < 4 && (n >= fewestEnrolled || n == o.N); n /= 10 {
		sizes = append(sizes, n)
	}
	slices.Reverse(sizes)
	if o.Strangers == 0 {
		return sizes[len(sizes)-1:]
	}
	return sizes
}

// openSet searches strangers and mates among the first n.
func (g *crowd) openSet(ctx context.Context, n int) (OpenSet, error) {
	var s searches
	for from := 0; from < g.o.Strangers; from += openSetBatch {
		count := min(openSetBatch, g.o.Strangers-from)
		lists, err := g.askFor(ctx, count, func(i int) (int, int) { return g.o.N + from + i, 0 })
		if err != nil {
			return OpenSet{}, err
		}
		for _, list := range lists {
			s.stranger(list)
		}
		mates := func(i int) int { return (from + i) * n / g.o.Strangers }
		if lists, err = g.askFor(ctx, count, func(i int) (int, int) { return mates(i), 1 + from + i }); err != nil {
			return OpenSet{}, err
		}
		for i, list := range lists {
			s.mate(subject(mates(i)), list)
		}
		g.o.say("open set", from+count, g.o.Strangers)
	}
	return s.openSet(n, 1, g.o.Calibration), nil
}

// askFor searches so many captures of the population: which says whose, and which one.
func (g *crowd) askFor(ctx context.Context, count int, which func(i int) (subject, capture int)) ([][]matcher.Candidate, error) {
	probes, lists := make([]matcher.Probe, count), make([][]matcher.Candidate, count)
	for i := range probes {
		var err error
		if probes[i], err = newEmbedding(g.faces.Capture(which(i))); err != nil {
			return nil, err
		}
	}
	return lists, g.index.SearchAll(ctx, probes, candidates, lists)
}
