package accuracy

import (
	"math"
)

// Rates are the answers of one test; fractions.
type Rates struct {
	EER      float64 `json:"eer"`
	FMR100   float64 `json:"fmr100"`   // lowest FNMR with FMR <= 1 %
	FMR1000  float64 `json:"fmr1000"`  // ... 0.1 %
	FMR10000 float64 `json:"fmr10000"` // ... 0.01 %
	ZeroFMR  float64 `json:"zero_fmr"` // ... no false match
}

// Operating is one threshold with its two error rates.
type Operating struct {
	Threshold float64 `json:"threshold"`
	FMR       float64 `json:"fmr"`
	FNMR      float64 `json:"fnmr"`
}

// OperatingPoint is a threshold that a system could be set to, chosen for a rate of false acceptance of at most At. The
// generalised rates of ISO/IEC 19795-1 count a comparison with a capture that gave no template: a genuine one is rejected, an
// impostor one is not accepted. FMR and FNMR are those of the comparisons that were made. Without failures to acquire
// the pairs are equal.
type OperatingPoint struct {
	At        float64 `json:"at"`
	Threshold float64 `json:"threshold"`
	GFAR      float64 `json:"gfar"`
	GFRR      float64 `json:"gfrr"`
	FMR       float64 `json:"fmr"`
	FNMR      float64 `json:"fnmr"`
}

// operatingRates are what thresholds are looked for.
var operatingRates = [3]float64{1e-2, 1e-3, 1e-4}

// thresholds are the lowest scores with no more false matches than operatingRates; above all scores where there is none.
func (s *Scores) thresholds() [3]float64 {
	above := math.Nextafter(math.Max(scoreAt(s.Genuine, 0), scoreAt(s.Impostor, 0)), math.Inf(1))
	t := [3]float64{above, above, above}
	s.walk(nil, func(o Operating) bool {
		for i, fmr := range operatingRates {
			if o.FMR <= fmr {
				t[i] = o.Threshold
			}
		}
		return o.FMR <= operatingRates[0]
	})
	return t
}

// operatingPoints are empty when captures of one kind of comparison all failed.
func (s *Scores) operatingPoints() []OperatingPoint {
	points, m := []OperatingPoint{}, s.acquired()
	if len(m.Genuine) == 0 || len(m.Impostor) == 0 {
		return points
	}
	for i, t := range s.thresholds() {
		all, made := s.At(t), m.At(t)
		points = append(points, OperatingPoint{
			At: operatingRates[i], Threshold: round(t), GFAR: all.FMR, GFRR: all.FNMR, FMR: made.FMR, FNMR: made.FNMR,
		})
	}
	return points
}

// Rates computes the error rates of s.
func (s *Scores) Rates() Rates { return s.rates(nil) }

// rates computes them with weights for captures (those of their subjects), nil for one each. A genuine comparison weighs
// as its subject does, an impostor one as the product of both: the bootstrap of Snijders and Borgatti (1999) for pairs.
func (s *Scores) rates(weights []float64) Rates {
	r := Rates{EER: math.NaN(), FMR100: 1, FMR1000: 1, FMR10000: 1, ZeroFMR: 1}
	before := Operating{Threshold: math.Inf(1), FNMR: 1}
	s.walk(weights, func(o Operating) bool {
		if o.FMR == 0 {
			r.ZeroFMR = o.FNMR
		}
		if o.FMR <= 1e-4 {
			r.FMR10000 = o.FNMR
		}
		if o.FMR <= 1e-3 {
			r.FMR1000 = o.FNMR
		}
		if o.FMR <= 1e-2 {
			r.FMR100 = o.FNMR
		}
		if math.IsNaN(r.EER) && o.FMR >= o.FNMR {
			r.EER = equal(before, o)
		}
		before = o
		return math.IsNaN(r.EER) || o.FMR <= 1e-2
	})
	if math.IsNaN(r.EER) { // failures to acquire keep the curves apart
		r.EER = (before.FMR + before.FNMR) / 2
	}
	return r
}

// equal is the EER between the last threshold with FMR < FNMR and the first with FMR >= FNMR: where the two meet, or else
// the middle of the pair with the lower sum, as in FVC2002.
func equal(below, above Operating) float64 {
	if above.FMR > above.FNMR && below.FMR+below.FNMR < above.FMR+above.FNMR {
		return (below.FMR + below.FNMR) / 2
	}
	return (above.FMR + above.FNMR) / 2
}

// walk visits every threshold at which a rate changes, from the highest score down, while visit says so.
func (s *Scores) walk(weights []float64, visit func(Operating) bool) {
	genuine, impostor := totalGenuine(s.Genuine, weights), totalImpostor(s.Impostor, weights)
	var matched, falseMatched float64
	g, i := 0, 0
	for g < len(s.Genuine) || i < len(s.Impostor) {
		t := math.Max(scoreAt(s.Genuine, g), scoreAt(s.Impostor, i))
		if math.IsInf(t, -1) {
			return
		}
		for ; g < len(s.Genuine) && s.Genuine[g].Score == t; g++ {
			matched += weightGenuine(s.Genuine[g], weights)
		}
		for ; i < len(s.Impostor) && s.Impostor[i].Score == t; i++ {
			falseMatched += weightImpostor(s.Impostor[i], weights)
		}
		if !visit(Operating{Threshold: t, FMR: falseMatched / impostor, FNMR: max(0, 1-matched/genuine)}) {
			return
		}
	}
}

func scoreAt(list []Comparison, i int) float64 {
	if i >= len(list) {
		return math.Inf(-1)
	}
	return list[i].Score
}

func weightGenuine(c Comparison, w []float64) float64 {
	if w == nil {
		return 1
	}
	return w[c.Probe]
}

func weightImpostor(c Comparison, w []float64) float64 {
	if w == nil {
		return 1
	}
	return w[c.Probe] * w[c.Reference]
}

func totalGenuine(list []Comparison, w []float64) float64 {
	if w == nil {
		return float64(len(list))
	}
	var sum float64
	for _, c := range list {
		sum += w[c.Probe]
	}
	return sum
}

func totalImpostor(list []Comparison, w []float64) float64 {
	if w == nil {
		return float64(len(list))
	}
	var sum float64
	for _, c := range list {
		sum += w[c.Probe] * w[c.Reference]
	}
	return sum
}

// At is FMR and FNMR at a threshold.
func (s *Scores) At(threshold float64) Operating { return s.at(threshold, nil) }

func (s *Scores) at(threshold float64, w []float64) Operating {
	g, i := s.Genuine[:countAtLeast(s.Genuine, threshold)], s.Impostor[:countAtLeast(s.Impostor, threshold)]
	return Operating{
		Threshold: threshold,
		FMR:       totalImpostor(i, w) / totalImpostor(s.Impostor, w),
		FNMR:      max(0, 1-totalGenuine(g, w)/totalGenuine(s.Genuine, w)),
	}
}

// curve is the DET curve of s with at most n points, ends included.
func (s *Scores) curve(n int) []Operating {
	var all []Operating
	s.walk(nil, func(o Operating) bool {
		all = append(all, o)
		return true
	})
	if len(all) <= n {
		return all
	}
	// Thin evenly in log(FMR) and FNMR: keep a point when either moved by a step.
	step := 2 / float64(n)
	kept := all[:1:1]
	for _, o := range all[1:] {
		last := kept[len(kept)-1]
		if last.FNMR-o.FNMR >= step || o.FMR >= last.FMR*math.Pow(10, 8*step) {
			kept = append(kept, o)
		}
	}
	return kept
}
