package finger

import (
	"fmt"
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

	part := x.findRegion(src)
	if x.reference < leastContrast {
		return capture{}, unusable("the picture is blank or nearly so", reasonBlank)
	}
	x.normalise(src.crop(part))
	x.orient(x.norm)
	x.measurePeriods()
	x.segment()
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
	print := newPrint(found, src, part.Min)
	x.traceMinutiae(tr, found)
	tracePrint(tr, print, pictureFrame{float64(part.Min.X) * src.scale, float64(part.Min.Y) * src.scale, src.scale})
	if len(found) < leastMinutiae {
		return c, unusable(fmt.Sprintf("%d minutiae are too few to compare", len(found)), reasonFewMinutiae)
	}
	c.print = print
	return c, nil
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
