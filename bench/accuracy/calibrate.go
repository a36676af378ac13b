package accuracy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"biogate/models"
)

// About says what a calibration is made from.
type About struct {
	Model       string
	DataSet     string // in words
	Environment string
	Made        time.Time
}

// Calibrate ties the scores of a test to false match rates; docs/calibration.md explains the method. Captures without a
// template are left out: nothing was compared.
func Calibrate(ctx context.Context, s *Scores, about About, b Bootstrap) (*models.Calibration, error) {
	s = s.acquired()
	if len(s.Impostor) < minCalibration || len(s.Genuine) == 0 {
		return nil, fmt.Errorf("%d impostor and %d genuine comparisons: a calibration needs %d and 1", len(s.Impostor), len(s.Genuine), minCalibration)
	}
	c := &models.Calibration{
		Model: about.Model, DataSet: about.DataSet, Environment: about.Environment, Made: about.Made.UTC().Format(time.DateOnly),
		Subjects: s.Subjects(), Genuine: len(s.Genuine), Impostor: len(s.Impostor),
		Floor: round(3 / float64(len(s.Impostor))),
	}
	thresholds := pickThresholds(s.Impostor)
	top := made(s.Impostor)[:topScores(len(s.Impostor))]
	u := s.Impostor[len(top)].Score
	top = top[:countAbove(top, u)]
	if len(top) < minTail {
		return nil, fmt.Errorf("only %d impostor scores lie above the most common one of %g: too few to fit a tail", len(top), u)
	}
	rates, fits, err := resampleTail(ctx, s, thresholds, top, u, b)
	if err != nil {
		return nil, err
	}
	c.Points = points(s, thresholds, rates)
	c.EffectiveImpostor = effective(c.Points, c.Impostor)
	if c.Tail, err = servedTail(fits, c.Points[len(c.Points)-1]); err != nil {
		return nil, err
	}
	c.Tail.Exceedances = len(top)
	c.Tail.FittedOn = fmt.Sprintf("the %d impostor scores above %g", len(top), round(u))
	c.Ratios = ratios(c, s.Genuine)
	return c, c.Check()
}

// pickThresholds takes impostor scores at FMR 1, 10^-1/5, 10^-2/5, ..., down to minExceedances false matches; ascending.
func pickThresholds(impostor []Comparison) []float64 {
	n := len(impostor)
	thresholds := []float64{impostor[n-1].Score}
	for k := 1; ; k++ {
		count := int(float64(n) * math.Pow(10, -float64(k)/pointsPerDecade))
		if count < minExceedances {
			return thresholds
		}
		if t := impostor[count-1].Score; t > thresholds[len(thresholds)-1] {
			thresholds = append(thresholds, t)
		}
	}
}

func countAbove(list []Comparison, score float64) int {
	return countAtLeast(list, math.Nextafter(score, math.Inf(1)))
}

// fit is one replicate's tail: rate at u, and how it falls above.
type fit struct {
	u, rate float64
	models.Tail
}

// reach is the score at which the rate of f has fallen to tailTarget.
func (f fit) reach() float64 { return f.u + f.Distance(tailTarget/f.rate) }

// resampleTail is FMR at the thresholds and the tail's fit in every replicate.
func resampleTail(ctx context.Context, s *Scores, thresholds []float64, top []Comparison, u float64, b Bootstrap) (rates [][]float64, fits []fit, err error) {
	ends := make([]int, len(thresholds))
	for i, t := range thresholds {
		ends[i] = countAtLeast(s.Impostor, t)
	}
	rates, fits = make([][]float64, b.replicates()), make([]fit, b.replicates())
	err = b.over(ctx, s, func(r int, w []float64) {
		rates[r] = ratesAt(s.Impostor, ends, w)
		fits[r] = fit{u, totalImpostor(top, w) / totalImpostor(s.Impostor, w), fitTail(top, u, w)}
	})
	return rates, fits, err
}

// ratesAt is the weighted share of list, best first, before each of the ends, which fall; the first is the whole list.
func ratesAt(list []Comparison, ends []int, w []float64) []float64 {
	rates := make([]float64, len(ends))
	var sum float64
	from := 0
	for i := len(ends) - 1; i >= 0; i-- {
		sum += totalImpostor(list[from:ends[i]], w)
		rates[i], from = sum, ends[i]
	}
	for i := range rates {
		rates[i] /= sum
	}
	return rates
}

// points are the measured rates with their intervals; the upper ends never grow with the score.
func points(s *Scores, thresholds []float64, rates [][]float64) []models.Point {
	list := make([]models.Point, len(thresholds))
	for i, t := range thresholds {
		at := s.At(t)
		column := make([]float64, len(rates))
		for r := range rates {
			column[r] = rates[r][i]
		}
		ends := percentiles(column)
		list[i] = models.Point{
			Score: t, FMR: round(at.FMR), FNMR: round(at.FNMR),
			FMRLow:  round(min(ends.Low, at.FMR)),
			FMRHigh: round(min(1, max(ends.High, wilsonUpper(at.FMR, len(s.Impostor))))),
		}
	}
	for i := len(list) - 2; i >= 0; i-- {
		list[i].FMRHigh = max(list[i].FMRHigh, list[i+1].FMRHigh)
	}
	list[0].FMRHigh = 1
	return list
}

// wilsonUpper is the upper end of Wilson's score interval (1927) for n independent trials: no interval over subjects may
// be narrower than that.
func wilsonUpper(p float64, n int) float64 {
	const z = 1.96
	m := float64(n)
	return (p + z*z/(2*m) + z*math.Sqrt(p*(1-p)/m+z*z/(4*m*m))) / (1 + z*z/m)
}

// effective is the number of independent comparisons whose interval at FMR 1e-3 would be as wide as the one seen.
func effective(points []models.Point, n int) int {
	p := slices.MinFunc(points, func(a, b models.Point) int {
		return cmp.Compare(math.Abs(math.Log(a.FMR/1e-3)), math.Abs(math.Log(b.FMR/1e-3)))
	})
	sd := (p.FMRHigh - p.FMRLow) / (2 * 1.96)
	if !(sd > 0) {
		return n
	}
	return min(n, int(p.FMR*(1-p.FMR)/(sd*sd)))
}

// servedTail runs through the upper end of the interval at the last point and through that at tailTarget, which is where
// 97.5 % of the replicates' tails have fallen to tailTarget; it is as heavy as the replicate that reaches just there.
func servedTail(fits []fit, last models.Point) (models.Tail, error) {
	fits = slices.DeleteFunc(fits, func(f fit) bool { return !(f.rate > tailTarget && f.Scale > 0) }) // none of the top scores drawn
	if len(fits) == 0 {
		return models.Tail{}, errors.New("the highest impostor scores do not vary: no tail can be fitted")
	}
	slices.SortFunc(fits, func(a, b fit) int { return cmp.Compare(a.reach(), b.reach()) })
	upper := fits[int((1+confidence)/2*float64(len(fits)-1))]
	tail := upper.Tail
	tail.Scale *= max((upper.reach()-last.Score)/tail.Distance(tailTarget/last.FMRHigh), minStretch) // Distance is linear in Scale
	tail.Scale, tail.Shape = round(tail.Scale), round(tail.Shape)
	return tail, nil
}

// ratios is the log-likelihood ratio of c's served impostor distribution and the genuine scores: shares of both in bins,
// made monotone by pooling adjacent violators (Ayer et al. 1955), one knot in the middle of each bin.
func ratios(c *models.Calibration, genuine []Comparison) []models.LLRPoint {
	edges := ratioEdges(c, genuine)
	bins := make([]ratioBin, len(edges))
	for i, from := range edges {
		matched, reach := len(genuine), 1.0
		if i > 0 {
			matched = countAtLeast(genuine, from)
			reach, _ = c.FMR(from)
		}
		bins[i] = ratioBin{genuine: float64(matched), impostor: reach}
	}
	for i := range len(bins) - 1 {
		bins[i].genuine -= bins[i+1].genuine
		bins[i].impostor -= bins[i+1].impostor
	}
	for i := range bins {
		// Half a comparison a bin keeps empty bins finite (Krichevsky and Trofimov 1981).
		bins[i].genuine = (bins[i].genuine + 0.5) / (float64(len(genuine)) + 0.5*float64(len(bins)))
		bins[i].impostor = max(bins[i].impostor, models.Bottom)
	}
	_, highest := c.Range()
	edges = append(edges, highest)
	var list []models.LLRPoint
	for i, llr := range pooled(bins) {
		middle := round((edges[i] + edges[i+1]) / 2)
		if i > 0 && middle <= list[len(list)-1].Score { // closer than six digits tell
			continue
		}
		list = append(list, models.LLRPoint{Score: middle, LLR: round(max(-models.MaxLLR, min(models.MaxLLR, llr)))})
	}
	return list
}

// ratioEdges are the lower ends of the bins: every other point, decades of the tail, and deciles of the genuine scores.
func ratioEdges(c *models.Calibration, genuine []Comparison) []float64 {
	lowest, highest := c.Range()
	edges := []float64{lowest}
	for i := 2; i < len(c.Points); i += 2 {
		edges = append(edges, c.Points[i].Score)
	}
	last, _ := c.FMR(c.Points[len(c.Points)-1].Score)
	for fmr := last / 10; fmr > 2*models.Bottom; fmr /= 10 {
		edges = append(edges, c.Threshold(fmr))
	}
	for d := 1; d < 10; d++ {
		edges = append(edges, genuine[d*len(genuine)/10].Score)
	}
	edges = slices.DeleteFunc(edges, func(e float64) bool { return e < lowest || e >= highest })
	slices.Sort(edges)
	return slices.Compact(edges)
}

type ratioBin struct{ genuine, impostor float64 } // shares

// pooled is the logarithm of genuine/impostor of each bin, with neighbours that fall merged until none does.
func pooled(bins []ratioBin) []float64 {
	type block struct {
		ratioBin
		n int
	}
	var blocks []block
	for _, b := range bins {
		blocks = append(blocks, block{b, 1})
		for k := len(blocks); k > 1 && blocks[k-2].genuine*blocks[k-1].impostor >= blocks[k-1].genuine*blocks[k-2].impostor; k = len(blocks) {
			blocks[k-2].genuine += blocks[k-1].genuine
			blocks[k-2].impostor += blocks[k-1].impostor
			blocks[k-2].n += blocks[k-1].n
			blocks = blocks[:k-1]
		}
	}
	var llr []float64
	for _, b := range blocks {
		for range b.n {
			llr = append(llr, math.Log(b.genuine/b.impostor))
		}
	}
	return llr
}
