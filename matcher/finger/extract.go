package finger

import (
	"fmt"
	"math"
	"time"

	"biogate/matcher"
)

// extract finds the minutiae of one impression: pix holds width x height bytes, row by row, 0 black, ridges dark.
// dpi is 200 to 1000; 0 stands for 500. Refusals are *matcher.Error: CodeBadParameter, CodeTooLarge, or CodeUnusable
// with what is wrong. The time that judging took is a stage of its own. It is deterministic and safe for concurrent use.
func extract(pix []byte, width, height, dpi int, tr matcher.Trace) (c capture, err error) {
	begin := time.Now()
	var judging time.Duration
	defer func() {
		c.stages = []matcher.Stage{{Name: "extract", Took: time.Since(begin) - judging}}
		if judging > 0 {
			c.stages = append(c.stages, matcher.Stage{Name: "quality", Took: judging})
		}
	}()
	if dpi == 0 {
		dpi = baseDPI
	}
	if err := checkPicture(pix, width, height, dpi); err != nil {
		return capture{}, err
	}
	src := toBase(pix, width, height, dpi)
	x := extractors.Get().(*extractor)
	defer extractors.Put(x)

	region, ok := x.findRidges(src)
	if !ok {
		return capture{}, unusable("the picture is blank or nearly so", reasonBlank)
	}
	x.traceFields(tr)
	judged := time.Now()
	err = x.judgePattern()
	judging += time.Since(judged)
	if err != nil {
		return capture{}, err
	}
	x.enhance()
	x.binarise()
	x.traceEnhanced(tr)
	found := x.detect(tr)
	judged = time.Now()
	c.quality = x.rate(found)
	judging += time.Since(judged)
	print := newPrint(found, region, src)
	x.traceMinutiae(tr, found)
	tracePrint(tr, print, pictureFrame{region.x0, region.y0, region.scale})
	if len(found) < leastMinutiae {
		return c, unusable(fmt.Sprintf("%d minutiae are too few to compare", len(found)), reasonFewMinutiae)
	}
	c.print = print
	return c, nil
}

// findRidges fills the fields of the part of a picture that shows contrast: normalised picture, directions, periods and
// mask. It returns that part at the scale in which it was worked on; not ok means that the picture is blank.
func (x *extractor) findRidges(src working) (region working, ok bool) {
	region = src.crop(x.findRegion(src))
	if x.reference < leastContrast {
		return working{}, false
	}
	x.normalise(region)
	x.orient(x.norm)
	x.measurePeriods(roughBlocks)
	if k := x.zoom(); k != 1 {
		region = region.zoomed(&x.resampler, k)
		x.reset(region.w, region.h)
		x.measureBlocks(region)
		x.normalise(region)
		x.orient(x.norm)
	}
	x.scale = region.scale
	x.measurePeriods(nodeBlocks)
	x.segment()
	return region, true
}

// zoom is the scale that brings the ridges to the period that every length in params_extract.go is made for. Fingers
// differ by a quarter from the mean, and a sensor whose resolution nobody stated by more: coordinates stay in the scale that was
// stated, but lines are followed, filtered and judged as those of any other finger.
func (x *extractor) zoom() float64 {
	var sum, n float64
	least := x.faint() * faintPart
	for i, p := range x.period {
		if x.clearAt(i) && x.spread[i] > least {
			sum += float64(p)
			n++
		}
	}
	if n < clearFrom {
		return 1
	}
	k := min(max(zoomPeriod*n/sum, leastZoom), mostZoom)
	k = min(k, max(1, math.Sqrt(zoomArea/float64(x.w*x.h))))
	if math.Abs(k-1) < zoomSlack {
		return 1
	}
	return k
}

// clearAt says whether a block has one clear direction and one clear period.
func (x *extractor) clearAt(i int) bool {
	return x.purity[i] > clearPurity && x.coherence[i] > clearCoherence
}

func checkPicture(pix []byte, width, height, dpi int) error {
	switch {
	case dpi < minDPI || dpi > maxDPI:
		return badParameter("%d dpi is outside %d to %d", dpi, minDPI, maxDPI)
	case width < 1 || height < 1 || width > len(pix) || height > len(pix) || width*height != len(pix):
		return badParameter("%d x %d pixels do not fit %d bytes", width, height, len(pix))
	}
	return checkExtent(width, height, dpi)
}

// checkExtent asks whether a picture can show one finger. The sides are those of a picture, decoded or announced.
func checkExtent(width, height, dpi int) error {
	switch {
	case width*height > mostInches*dpi*dpi:
		return &matcher.Error{Code: matcher.CodeTooLarge, Detail: fmt.Sprintf("%d x %d pixels at %d dpi are more than a finger", width, height, dpi)}
	case width*baseDPI < minSide*dpi || height*baseDPI < minSide*dpi:
		return unusable(fmt.Sprintf("%d x %d pixels at %d dpi are too small for a finger", width, height, dpi), reasonTooSmall)
	}
	return nil
}

func unusable(detail string, reasons ...string) error {
	return &matcher.Error{Code: matcher.CodeUnusable, Detail: detail, Reasons: reasons}
}
