package finger

import (
	"fmt"

	"biogate/matcher"
)

// extract finds the minutiae of one impression: pix holds width x height bytes, row by row, 0 black, ridges dark.
// dpi is 200 to 1000; 0 stands for 500. Refusals are *matcher.Error: CodeBadParameter, CodeTooLarge, or CodeUnusable
// with what is wrong. It is deterministic and safe for concurrent use.
func extract(pix []byte, width, height, dpi int, tr matcher.Trace) (Print, matcher.Quality, error) {
	if dpi == 0 {
		dpi = baseDPI
	}
	if err := checkPicture(pix, width, height, dpi); err != nil {
		return Print{}, matcher.Quality{}, err
	}
	src := toBase(pix, width, height, dpi)
	x := extractors.Get().(*extractor)
	defer extractors.Put(x)

	part := x.findRegion(src)
	if x.reference < leastContrast {
		return Print{}, matcher.Quality{}, unusable("the picture is blank or nearly so", reasonBlank)
	}
	x.normalise(src.crop(part))
	x.orient(x.norm)
	x.measurePeriods()
	x.segment()
	x.traceFields(tr)
	if err := x.judgePattern(); err != nil {
		return Print{}, matcher.Quality{}, err
	}
	x.enhance()
	x.binarise()
	x.traceRidges(tr)
	found := x.detect()
	quality := x.rate(found)
	print := newPrint(found, src, part.Min)
	x.traceMinutiae(tr, found)
	if tr != nil {
		tr("finger/print", print)
	}
	if len(found) < leastMinutiae {
		return Print{}, quality, unusable(fmt.Sprintf("%d minutiae are too few to compare", len(found)), reasonFewMinutiae)
	}
	return print, quality, nil
}

func checkPicture(pix []byte, width, height, dpi int) error {
	bad := func(code matcher.Code, format string, args ...any) error {
		return &matcher.Error{Code: code, Detail: fmt.Sprintf(format, args...)}
	}
	switch {
	case dpi < minDPI || dpi > maxDPI:
		return bad(matcher.CodeBadParameter, "%d dpi is outside %d to %d", dpi, minDPI, maxDPI)
	case width < 1 || height < 1 || width > len(pix) || height > len(pix) || width*height != len(pix):
		return bad(matcher.CodeBadParameter, "%d x %d pixels do not fit %d bytes", width, height, len(pix))
	case width*height/dpi/dpi > maxPixels/baseDPI/baseDPI:
		return bad(matcher.CodeTooLarge, "%d x %d pixels at %d dpi are more than a finger", width, height, dpi)
	case width*baseDPI < minSide*dpi || height*baseDPI < minSide*dpi:
		return unusable(fmt.Sprintf("%d x %d pixels at %d dpi are too small for a finger", width, height, dpi), reasonTooSmall)
	}
	return nil
}

func unusable(detail string, reasons ...string) error {
	return &matcher.Error{Code: matcher.CodeUnusable, Detail: detail, Reasons: reasons}
}
