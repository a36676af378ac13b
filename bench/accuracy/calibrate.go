package accuracy

import (
	"context"
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
	c.Points, c.EffectiveImpostor = points(s, thresholds)
	var err error
	if c.Tail, err = servedTail(ctx, s, top, u, c.Points[len(c.Points)-1].Score, b); err != nil {
		return nil, err
	}
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

// servedTail is the tail fitted above u as it looks from the last point: the shape that all the data shows, the scale at
// the upper end of its interval over subjects.
func servedTail(ctx context.Context, s *Scores, top []Comparison, u, last float64, b Bootstrap) (models.Tail, error) {
	tail := fitTail(top, u)
	scales := make([]float64, b.replicates())
	err := b.over(ctx, s, func(r int, w []float64) { scales[r] = (1 - tail.Shape) * meanExcess(top, u, w) })
	tail.Scale = max(tail.Scale, percentiles(scales).High)
	tail.Scale, tail.Shape = round(tail.Scale+tail.Shape*(last-u)), round(tail.Shape)
	tail.Exceedances = len(top)
	return tail, err
}

// points are the measured rates with their intervals; the upper ends never grow with the score. effective is the number of
// independent comparisons at the point next to FMR 1e-3.
func points(s *Scores, thresholds []float64) (list []models.Point, effective int) {
	list = make([]models.Point, len(thresholds))
	d := newDyads(s)
	nearest := math.Inf(1)
	counted, high := 0, 0.0
	for i := len(thresholds) - 1; i >= 0; i-- {
		at := s.At(thresholds[i])
		for ; counted < len(s.Impostor) && s.Impostor[counted].Score >= at.Threshold; counted++ {
			d.falseMatch(d.index(s, s.Impostor[counted]))
		}
		n := d.effective(at.FMR)
		ends := wilson(at.FMR, n)
		high = max(high, ends.High)
		list[i] = models.Point{Score: at.Threshold, FMR: round(at.FMR), FMRLow: round(ends.Low), FMRHigh: round(high), FNMR: round(at.FNMR)}
		if away := math.Abs(math.Log(at.FMR / 1e-3)); away < nearest {
			nearest, effective = away, int(n)
		}
	}
	list[0].FMR, list[0].FMRLow, list[0].FMRHigh = 1, 1, 1
	return list, effective
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
