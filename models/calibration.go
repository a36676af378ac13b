package models

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path"
	"sort"
)

const (
	// Bottom is the lowest false match rate that any calibration states, whatever the score.
	Bottom = 1e-9
	// MaxLLR bounds the logarithm of the likelihood ratio, about -ln(Bottom).
	MaxLLR = 20.0
	// maxCalibrationPoints keeps the file readable.
	maxCalibrationPoints = 64
)

// Calibration gives the comparison scores of one model a meaning: the false match rate at which a score would be
// accepted. It is immutable once loaded; docs/calibration.md says how it is made and what it promises.
type Calibration struct {
	Model       string `json:"model"`
	DataSet     string `json:"data_set"`    // what was compared, in words
	Made        string `json:"made"`        // date, YYYY-MM-DD
	Environment string `json:"environment"` // of the run that made it
	Subjects    int    `json:"subjects"`    // people or fingers
	Genuine     int    `json:"genuine"`     // comparisons made
	Impostor    int    `json:"impostor"`
	// EffectiveImpostor is the number of independent comparisons that would give the interval seen at FMR 1e-3: pairs
	// share subjects, so it is below Impostor.
	EffectiveImpostor int `json:"effective_impostor"`
	// Floor is the lowest false match rate that the real impostor comparisons support: 3/Impostor, the rule of three.
	Floor  float64    `json:"floor"`
	Points []Point    `json:"points"` // by score; the first is the lowest impostor score, FMR 1
	Tail   Tail       `json:"tail"`
	Ratios []LLRPoint `json:"llr"` // by score, non-decreasing in both
}

// Point is what was measured with a threshold: accept when the comparison score is at least Score.
type Point struct {
	Score   float64 `json:"score"`
	FMR     float64 `json:"fmr"`     // estimate
	FMRLow  float64 `json:"fmr_low"` // 95 % confidence interval over subjects
	FMRHigh float64 `json:"fmr_high"`
	FNMR    float64 `json:"fnmr"`
}

// Tail carries the false match rate on above the last point: with y the distance from it in score,
// rate(last) x exp(-y/Scale) when Shape is 0, rate(last) x (1 + Shape y/Scale)^(-1/Shape) otherwise.
type Tail struct {
	Kind        string     `json:"kind"` // "exponential" or "generalised-pareto"
	Scale       float64    `json:"scale"`
	Shape       float64    `json:"shape"`
	FittedOn    string     `json:"fitted_on"`
	Exceedances int        `json:"exceedances"` // impostor scores that the fit rests on
	Checks      []TailTest `json:"checked_against,omitempty"`
}

// TailTest compares the served rates with impostor comparisons that the fit has not seen.
type TailTest struct {
	Against string      `json:"against"`
	Pairs   int         `json:"pairs"`
	Levels  []TailLevel `json:"levels"`
	Holds   bool        `json:"holds"` // at no level is the observed rate above the served one, by its 95 % interval
}

// TailLevel is one threshold of a TailTest.
type TailLevel struct {
	Served      float64 `json:"served_fmr"`
	Expected    float64 `json:"expected"`     // false matches at most: Served x Pairs
	Observed    int     `json:"observed"`     // false matches
	ObservedLow float64 `json:"observed_low"` // lower end of the observed rate's interval over subjects
}

// LLRPoint is one knot of the log-likelihood ratio.
type LLRPoint struct {
	Score float64 `json:"score"`
	LLR   float64 `json:"llr"`
}

// LoadCalibration returns the calibration of the model with an id.
func LoadCalibration(id string) (*Calibration, error) {
	name := path.Join(id, "calibration.json")
	data, err := fs.ReadFile(folders, name)
	if err != nil {
		return nil, fmt.Errorf("models: model %q has no calibration in this build: make one with `make calibrate`", id)
	}
	c, err := ParseCalibration(data)
	if err == nil && c.Model != id {
		err = fmt.Errorf("it is for model %q", c.Model)
	}
	if err != nil {
		return nil, fmt.Errorf("models: %s: %w", name, err)
	}
	return c, nil
}

// ParseCalibration reads and checks the JSON form.
func ParseCalibration(data []byte) (*Calibration, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	var c Calibration
	if err := dec.Decode(&c); err != nil {
		return nil, err
	}
	if err := c.Check(); err != nil {
		return nil, err
	}
	return &c, nil
}

// FMR is the false match rate that is served for a score: the upper end of the confidence interval, log-linear between
// the points, the tail above them. It is in [Bottom, 1] and never grows with the score. extrapolated: it is below Floor.
func (c *Calibration) FMR(score float64) (fmr float64, extrapolated bool) {
	fmr = c.served(score)
	return fmr, fmr < c.Floor
}

func (c *Calibration) served(score float64) float64 {
	last := c.Points[len(c.Points)-1]
	switch {
	case math.IsNaN(score) || score <= c.Points[0].Score:
		return 1
	case score >= last.Score:
		return max(last.FMRHigh*c.Tail.survival(score-last.Score), Bottom)
	}
	i := sort.Search(len(c.Points), func(i int) bool { return c.Points[i].Score > score })
	a, b := c.Points[i-1], c.Points[i]
	return math.Exp(between(score, a.Score, b.Score, math.Log(a.FMRHigh), math.Log(b.FMRHigh)))
}

// LLR is the natural logarithm of the likelihood ratio genuine : impostor at a score, within +-MaxLLR, never falling.
func (c *Calibration) LLR(score float64) float64 {
	first, last := c.Ratios[0], c.Ratios[len(c.Ratios)-1]
	switch {
	case math.IsNaN(score) || score <= first.Score:
		return first.LLR
	case score >= last.Score:
		return last.LLR
	}
	i := sort.Search(len(c.Ratios), func(i int) bool { return c.Ratios[i].Score > score })
	a, b := c.Ratios[i-1], c.Ratios[i]
	return between(score, a.Score, b.Score, a.LLR, b.LLR)
}

// Range is the span of scores over which FMR and LLR change.
func (c *Calibration) Range() (lowest, highest float64) {
	last := c.Points[len(c.Points)-1]
	return c.Points[0].Score, last.Score + c.Tail.Distance(Bottom/last.FMRHigh)
}

// Threshold is the lowest score whose served rate is at most fmr; +Inf when fmr is below Bottom or no number.
func (c *Calibration) Threshold(fmr float64) float64 {
	if !(fmr >= Bottom) {
		return math.Inf(1)
	}
	low, high := c.Range()
	if c.served(low) <= fmr {
		return low
	}
	for c.served(high) > fmr { // rounding at the far end
		high = max(high+c.Tail.Scale, math.Nextafter(high, math.Inf(1)))
	}
	for {
		mid := low + (high-low)/2
		if mid <= low || mid >= high {
			return high
		}
		if c.served(mid) <= fmr {
			high = mid
		} else {
			low = mid
		}
	}
}

// survival is the share of the rate at the last point that is left at distance y >= 0.
func (t Tail) survival(y float64) float64 {
	if t.Shape == 0 {
		return math.Exp(-y / t.Scale)
	}
	return math.Exp(-math.Log1p(t.Shape*y/t.Scale) / t.Shape)
}

// Distance is how far above the last point the rate has fallen to a share, 0 < share <= 1, of the one there.
func (t Tail) Distance(share float64) float64 {
	if t.Shape == 0 {
		return -t.Scale * math.Log(share)
	}
	return t.Scale / t.Shape * math.Expm1(-t.Shape*math.Log(share))
}

// between interpolates linearly; a and b stay the bounds whatever the rounding.
func between(x, x0, x1, a, b float64) float64 {
	y := a + (x-x0)/(x1-x0)*(b-a)
	return min(max(y, min(a, b)), max(a, b))
}

// Check says what is wrong with c, nil when it can serve.
func (c *Calibration) Check() error {
	switch {
	case c.Model == "" || c.DataSet == "" || c.Made == "":
		return errors.New("model, data_set and made must be set")
	case c.Subjects < 2 || c.Genuine < 1 || c.Impostor < 1:
		return fmt.Errorf("subjects %d, genuine %d, impostor %d: too few to calibrate anything", c.Subjects, c.Genuine, c.Impostor)
	case !(c.Floor < 1) || c.Floor < 2.99/float64(c.Impostor):
		return fmt.Errorf("floor %g: %d impostor comparisons support no less than %g (rule of three)", c.Floor, c.Impostor, 3/float64(c.Impostor))
	}
	if err := errors.Join(c.checkPoints(), c.Tail.check(), c.checkRatios()); err != nil {
		return err
	}
	if _, highest := c.Range(); !finite(highest) {
		return fmt.Errorf("tail: scale %g and shape %g reach %g only beyond all numbers", c.Tail.Scale, c.Tail.Shape, Bottom)
	}
	return nil
}

func (c *Calibration) checkPoints() error {
	if n := len(c.Points); n < 2 || n > maxCalibrationPoints {
		return fmt.Errorf("%d points: 2 to %d are needed", n, maxCalibrationPoints)
	}
	if c.Points[0].FMRHigh != 1 {
		return fmt.Errorf("points[0]: fmr_high is %g, must be 1", c.Points[0].FMRHigh)
	}
	for i, p := range c.Points {
		if !finite(p.Score) || !(p.FMR > 0 && p.FMRLow >= 0 && p.FMRLow <= p.FMR && p.FMR <= p.FMRHigh && p.FMRHigh <= 1) {
			return fmt.Errorf("points[%d]: score must be finite and 0 <= fmr_low <= fmr <= fmr_high <= 1 with fmr > 0: %+v", i, p)
		}
		if !(p.FNMR >= 0 && p.FNMR <= 1) || p.FMRHigh < Bottom {
			return fmt.Errorf("points[%d]: fnmr %g or fmr_high %g is no rate that can be served", i, p.FNMR, p.FMRHigh)
		}
		if i > 0 && !p.follows(c.Points[i-1]) {
			return fmt.Errorf("points[%d]: score must grow, fmr fall, fmr_high never grow and fnmr never fall", i)
		}
	}
	return nil
}

func (p Point) follows(q Point) bool {
	return p.Score > q.Score && p.FMR < q.FMR && p.FMRHigh <= q.FMRHigh && p.FNMR >= q.FNMR
}

func (t Tail) check() error {
	switch {
	case t.Kind == "exponential" && t.Shape == 0, t.Kind == "generalised-pareto" && t.Shape > 0 && t.Shape < 1:
	default:
		return fmt.Errorf("tail: kind %q with shape %g: an exponential has shape 0, a generalised-pareto 0 to 1", t.Kind, t.Shape)
	}
	if !(t.Scale > 0) || !finite(t.Scale) {
		return fmt.Errorf("tail: scale %g must be a positive number", t.Scale)
	}
	return nil
}

func (c *Calibration) checkRatios() error {
	if n := len(c.Ratios); n < 2 || n > maxCalibrationPoints {
		return fmt.Errorf("%d llr points: 2 to %d are needed", n, maxCalibrationPoints)
	}
	for i, r := range c.Ratios {
		if !finite(r.Score) || !(math.Abs(r.LLR) <= MaxLLR) {
			return fmt.Errorf("llr[%d]: score must be finite and llr within +-%g: %+v", i, MaxLLR, r)
		}
		if i > 0 && (r.Score <= c.Ratios[i-1].Score || r.LLR < c.Ratios[i-1].LLR) {
			return fmt.Errorf("llr[%d]: score must grow and llr never fall", i)
		}
	}
	return nil
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
