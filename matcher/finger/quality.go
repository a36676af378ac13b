package finger

import (
	"math"

	"biogate/matcher"
)

// Reasons for refusal or poor quality.
const (
	reasonBlank       = "blank"
	reasonTooSmall    = "too-small"
	reasonSmallArea   = "small-area"
	reasonNoFinger    = "not-a-fingerprint"
	reasonFewMinutiae = "too-few-minutiae"
	reasonLowContrast = "low-contrast"
	reasonUnclear     = "unclear-ridges"
)

// pattern sums up the blocks of the mask. Pixels are those of 500 dpi.
type pattern struct {
	area   float64 // pixels
	clear  float64 // pixels of blocks with clear ridges
	purity float64 // mean
	period float64 // pixels, mean over the clear blocks
}

func (x *extractor) pattern() pattern {
	var p pattern
	size := block * block * x.scale * x.scale
	for i, m := range x.mask {
		if !m {
			continue
		}
		p.area += size
		p.purity += float64(x.purity[i])
		if x.clearAt(i) {
			p.clear += size
			p.period += float64(x.period[i]) * x.scale
		}
	}
	p.purity /= max(1, p.area/size)
	p.period /= max(1, p.clear/size)
	return p
}

// judgePattern refuses what shows no ridges. Ridges are told by what they are: one clear direction and one clear
// period, in the range of fingers, over an area that a finger covers. Hair, cloth and blinds have a direction and now
// and then a period; but their strongest wave is mostly the longest one looked for, as in all natural scenes.
func (x *extractor) judgePattern() error {
	p := x.pattern()
	switch {
	case p.area < leastArea:
		return unusable("no area with ridges", reasonNoFinger)
	case p.clear < leastClear || p.clear < leastClearPart*p.area || p.purity < leastPurity:
		return unusable("no clear pattern of ridges", reasonNoFinger)
	case p.area > mostArea:
		return unusable("a larger pattern than a finger", reasonNoFinger)
	case p.period > mostPeriod:
		return unusable("stripes, but too coarse for ridges at this resolution", reasonNoFinger)
	}
	return nil
}

// rate is the quality of the impression: the trust in its minutiae, summed, times the clearness of its ridges, brought
// to 0..100 by a saturating curve. Of all simple measures it follows the genuine comparison scores best.
func (x *extractor) rate(found []candidate) matcher.Quality {
	p := x.pattern()
	var trust float64
	for _, c := range found {
		trust += c.quality
	}
	q := matcher.Quality{Score: int(math.Round(100 * (1 - math.Exp(-trust*p.purity/typicalEvidence))))}
	for _, r := range []struct {
		bad  bool
		name string
	}{
		{trust < fewMinutiae, reasonFewMinutiae},
		{p.purity < lowPurity, reasonUnclear},
		{p.clear < smallArea, reasonSmallArea},
		{x.reference < lowContrast, reasonLowContrast},
	} {
		if r.bad {
			q.Reasons = append(q.Reasons, r.name)
		}
	}
	return q
}
