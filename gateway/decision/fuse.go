package decision

import "math"

// Calibration gives the scores of one model a meaning; see gateway.Calibration.
type Calibration interface {
	FMR(score float64) (fmr float64, extrapolated bool)
	LLR(score float64) float64
	Range() (lowest, highest float64)
}

// Evidence is the best score of one characteristic: a face, or one finger.
type Evidence struct {
	Impostors   *Impostors // how strangers score under the model
	Score       float64
	Comparisons int // references and captures over which Score is the best, at least 1
}

// Fused is what several pieces of evidence say together.
type Fused struct {
	FMR          float64 // 1 without evidence
	Extrapolated bool    // rests on a fit below what some calibration's data supports
	Evidence     int
	Least        float64 // the rate that scores without bounds would give: no rate below it can be demanded
}

// FMR is the rate at which the best of e.Comparisons strangers' scores reaches e.Score, and whether it is extrapolated.
// One comparison's rate p becomes 1-(1-p)^n.
func (e Evidence) FMR() (fmr float64, extrapolated bool) {
	p, extrapolated := e.Impostors.calibration.FMR(e.Score)
	return bestOf(p, e.Comparisons), extrapolated
}

// least is the rate at the highest score that the calibration tells apart.
func (e Evidence) least() float64 {
	_, highest := e.Impostors.calibration.Range()
	p, _ := e.Impostors.calibration.FMR(highest)
	return bestOf(p, e.Comparisons)
}

// llr is the statistic that fusion adds up. The logarithm of the number of comparisons keeps a large set of references
// from counting as strong evidence; the rate of the sum is exact whatever the statistic.
func (e Evidence) llr() float64 {
	return e.Impostors.calibration.LLR(e.Score) - math.Log(float64(e.Comparisons))
}

// bestOf computes 1-(1-p)^n without losing small p.
func bestOf(p float64, n int) float64 {
	if p >= 1 {
		return 1
	}
	return -math.Expm1(float64(n) * math.Log1p(-p))
}

// Fuse combines independent evidence: log-likelihood ratios add up, which is the most powerful combination (Neyman and
// Pearson 1933), and the rate at which strangers reach the sum follows from their distributions under each model.
func Fuse(evidence []Evidence) Fused {
	switch len(evidence) {
	case 0:
		return Fused{FMR: 1, Least: 1}
	case 1:
		fmr, extrapolated := evidence[0].FMR()
		return Fused{FMR: fmr, Extrapolated: extrapolated, Evidence: 1, Least: evidence[0].least()}
	}
	fused := Fused{Evidence: len(evidence), Least: minFusedFMR}
	var sum float64
	strangers := make([]histogram, len(evidence))
	for i, e := range evidence {
		_, extrapolated := e.FMR()
		fused.Extrapolated = fused.Extrapolated || extrapolated
		sum += e.llr()
		strangers[i] = e.Impostors.bestOf(e.Comparisons)
	}
	first := strangers[0]
	for _, h := range strangers[1 : len(strangers)-1] {
		first = first.add(h)
	}
	fused.FMR = first.tailOfSum(strangers[len(strangers)-1], sum)
	return fused
}

const (
	// llrStep is the resolution of the fused statistic. Rounding is always towards the higher rate, at most
	// e^(step x pieces of evidence) of it.
	llrStep = 0.05
	// scoreSteps samples a calibration's range; finer than its interpolation points.
	scoreSteps = 1024
	// minFusedFMR keeps a product of extrapolated tails from claiming more than anybody can check.
	minFusedFMR = 1e-12
)

// Impostors is the distribution of one model's scores over strangers. It is immutable.
type Impostors struct {
	calibration Calibration
	scores      []float64 // ascending
	fmr         []float64 // at scores
	llr         []float64 // at scores
	single      histogram // bestOf(1), the common case
}

// NewImpostors samples a calibration.
func NewImpostors(c Calibration) *Impostors {
	lowest, highest := c.Range()
	m := &Impostors{calibration: c}
	for i := 0; i <= scoreSteps; i++ {
		score := lowest + (highest-lowest)*float64(i)/scoreSteps
		fmr, _ := c.FMR(score)
		m.scores = append(m.scores, score)
		m.fmr = append(m.fmr, fmr)
		m.llr = append(m.llr, c.LLR(score))
	}
	m.single = m.distribution(1)
	return m
}

// bestOf is the distribution of the fusion statistic over the best of n strangers' scores.
func (m *Impostors) bestOf(n int) histogram {
	if n == 1 {
		return m.single
	}
	return m.distribution(n)
}

func (m *Impostors) distribution(n int) histogram {
	shift := math.Log(float64(n))
	last := len(m.scores) - 1
	low := bin(m.llr[0] - shift)
	h := histogram{low: low, mass: make([]float64, bin(m.llr[last]-shift)-low+1)}
	above := 1.0
	for i := range m.scores {
		reach := bestOf(m.fmr[i], n)
		h.mass[bin(m.llr[i]-shift)-low] += above - reach // scores up to i count as i: towards the higher rate
		above = reach
	}
	h.mass[len(h.mass)-1] += above
	return h
}

// bin rounds up.
func bin(llr float64) int { return int(math.Ceil(llr / llrStep)) }

// histogram holds the probabilities of llrStep x (low + i).
type histogram struct {
	low  int
	mass []float64
}

// add is the distribution of the sum of two independent statistics.
func (h histogram) add(g histogram) histogram {
	sum := histogram{low: h.low + g.low, mass: make([]float64, len(h.mass)+len(g.mass)-1)}
	for i, p := range h.mass {
		if p == 0 {
			continue
		}
		for j, q := range g.mass {
			sum.mass[i+j] += p * q
		}
	}
	return sum
}

// tailOfSum is the probability that the sum of two independent statistics reaches llr.
func (h histogram) tailOfSum(g histogram, llr float64) float64 {
	// Sum bin i+j reaches llr when h.low+i + g.low+j >= need.
	need := int(math.Floor(llr/llrStep)) - h.low - g.low
	reach := make([]float64, len(g.mass)+1) // reach[j]: probability that g's bin is j or above
	for j := len(g.mass) - 1; j >= 0; j-- {
		reach[j] = reach[j+1] + g.mass[j]
	}
	var p float64
	for i := len(h.mass) - 1; i >= 0; i-- { // smallest first, for the last digits
		p += h.mass[i] * reach[min(max(need-i, 0), len(g.mass))]
	}
	return min(max(p, minFusedFMR), 1)
}
