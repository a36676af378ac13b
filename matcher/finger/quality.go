package finger

import (
	"cmp"
	"math"
	"slices"

	"biogate/matcher"
)

// Reasons for refusal or poor quality.
const (
	reasonBlank       = "blank"
	reasonTooSmall    = "too-small"
	reasonSmallArea   = "small-area"
	reasonNoFinger    = "not-a-fingerprint"
	reasonFewMinutiae = "too-few-minutiae"
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

// rate is the quality of the impression.
func (x *extractor) rate(found []candidate) matcher.Quality {
	var trust float64
	for _, c := range found {
		trust += c.quality
	}
	return judge(trust, x.pattern())
}

// judge makes a quality of the summed trust in the minutiae, 0 to 1 each, and of the pattern. An impression fails
// in two ways that do not make up for each other: it shows too few minutiae, or its ridges are too unclear for what was
// found to be true. Each is a shortfall, 1 at the quality where it alone halves the score, and
//
//	score = 100 / (1 + shortfall of minutiae + shortfall of clearness).
//
// Area and contrast say nothing beyond these two (docs/finger.md).
func judge(trust float64, p pattern) matcher.Quality {
	clearness := p.purity * p.clear / max(1, p.area)
	few, unclear := shortfall(halfTrust, trust, trustPower), shortfall(halfClearness, clearness, clearnessPower)
	return matcher.Quality{
		Score: int(math.Round(100 / (1 + few + unclear))),
		Reasons: worstFirst([]lack{
			{reasonFewMinutiae, shortfall(fewMinutiae, trust, trustPower)},
			{reasonUnclear, shortfall(unclearRidges, clearness, clearnessPower)},
			{reasonSmallArea, shortfall(smallArea, p.clear, trustPower)}, // minutiae grow with the area
		}),
	}
}

// shortfall is 1 when value is at its bound and grows as value falls below; +Inf when there is nothing.
func shortfall(bound, value, power float64) float64 { return math.Pow(bound/value, power) }

// lack is a reason with its shortfall from the bound at which it is given.
type lack struct {
	reason string
	by     float64
}

// worstFirst names what falls short.
func worstFirst(lacks []lack) []string {
	slices.SortStableFunc(lacks, func(a, b lack) int { return cmp.Compare(b.by, a.by) })
	var reasons []string
	for _, l := range lacks {
		if l.by > 1 {
			reasons = append(reasons, l.reason)
		}
	}
	return reasons
}
