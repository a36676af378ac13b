package intake

import (
	"math"
	"strconv"
	"strings"
	"time"

	"biogate/gateway"
	"biogate/matcher"
)

// capture is a sample as far as it has been described.
type capture struct {
	sample matcher.Sample
	sized  bool // a width or height was stated
	timed  bool // when it was taken was stated
}

// captures reads an array of capture objects; withData says whether they may hold data.
func (r *jsonReader) captures(withData bool) (list []capture) {
	r.array(func(i int) {
		if i == maxCaptures {
			r.refuse(tooManyCaptures())
			return
		}
		list = append(list, r.capture(withData))
	})
	return list
}

func (r *jsonReader) capture(withData bool) (c capture) {
	s := &c.sample
	fields := []field{
		{"modality", func() { r.refuse(setModality(s, r.str())) }},
		{"position", func() { r.refuse(setPosition(s, r.str())) }},
		{"format", func() { r.refuse(setFormat(s, r.str())) }},
		{"dpi", func() { s.DPI = r.integer(minDPI, maxDPI) }},
		{"width", func() { s.Width, c.sized = r.integer(1, maxSide), true }},
		{"height", func() { s.Height, c.sized = r.integer(1, maxSide), true }},
		{"at", func() { s.At = r.point() }},
		{"time_ms", func() { c.take(r.integer(0, maxTime)) }},
		{"data", func() { s.Data = r.base64() }},
	}
	if !withData {
		fields = fields[:len(fields)-1]
	}
	r.object(fields...)
	return c
}

func (c *capture) take(ms int) {
	c.sample.Taken, c.timed = time.Duration(ms)*time.Millisecond, true
}

func (r *jsonReader) point() *matcher.Point {
	var p matcher.Point
	var x, y bool
	r.object(
		field{"x", func() { p.X, x = r.number(), true }},
		field{"y", func() { p.Y, y = r.number(), true }},
	)
	switch {
	case r.err != nil:
		return nil
	case !x || !y:
		r.fail(CodeParameter, "a point has an x and a y")
	default:
		r.refuse(checkPoint(p))
	}
	return &p
}

func checkPoint(p matcher.Point) *gateway.Error {
	inside := func(v float64) bool { return v >= 0 && v <= maxSide && !math.IsNaN(v) }
	if !inside(p.X) || !inside(p.Y) {
		return malformed(CodeParameter, "a point's x and y are pixels from 0 to %d", maxSide)
	}
	return nil
}

func setModality(s *matcher.Sample, name string) *gateway.Error {
	switch m := matcher.Modality(name); m {
	case matcher.Face, matcher.Finger:
		s.Modality = m
		return nil
	}
	return malformed(CodeModality, "the modality is neither %s nor %s", matcher.Face, matcher.Finger)
}

func setPosition(s *matcher.Sample, name string) *gateway.Error {
	if name == "unknown" {
		name = ""
	}
	p := matcher.Position(name)
	if _, ok := p.Code(); !ok {
		return malformed(CodePosition, "the position is none of right-thumb, right-index, ... left-little")
	}
	s.Position = p
	return nil
}

// setFormat notes the media type that the sender claims; octet-stream claims nothing.
func setFormat(s *matcher.Sample, mediaType string) *gateway.Error {
	mediaType = strings.ToLower(strings.TrimSpace(mediaType))
	if len(mediaType) > maxFormat {
		return malformed(CodeParameter, "the format has more than %d bytes", maxFormat)
	}
	if mediaType == matcher.FormatOctetStream {
		mediaType = ""
	}
	s.Format = mediaType
	return nil
}

// samples checks that every capture is complete.
func samples(list []capture) ([]matcher.Sample, error) {
	if len(list) == 0 {
		return nil, malformed(CodeNoCaptures, "there is no capture in the request")
	}
	if len(list) > maxCaptures {
		return nil, tooManyCaptures()
	}
	out := make([]matcher.Sample, len(list))
	for i := range list {
		if err := list[i].check(); err != nil {
			err.Detail = "capture " + strconv.Itoa(i+1) + ": " + err.Detail
			return nil, err
		}
		out[i] = list[i].sample
	}
	return out, checkTimes(list)
}

// checkTimes: faces have a time all or none; it is 0 at the first and ascends in the order of the request.
func checkTimes(list []capture) error {
	var last *capture
	for i := range list {
		c := &list[i]
		if c.sample.Modality != matcher.Face {
			continue
		}
		switch {
		case last == nil && c.sample.Taken != 0:
			return malformed(CodeSequence, "capture %d: the time_ms of the first face is 0, and that of the others counts from it", i+1)
		case last == nil:
		case c.timed != last.timed:
			return malformed(CodeSequence, "capture %d: either all faces have a time_ms or none has", i+1)
		case c.timed && c.sample.Taken <= last.sample.Taken:
			return malformed(CodeSequence, "capture %d: time_ms does not ascend", i+1)
		}
		last = c
	}
	return nil
}

func (c *capture) check() *gateway.Error {
	s := &c.sample
	raw := s.Format == matcher.FormatRawGrey
	switch {
	case s.Modality == "":
		return malformed(CodeModality, "the modality is missing")
	case len(s.Data) == 0:
		return malformed(CodeEmptyCapture, "the capture holds no data")
	case s.Modality == matcher.Face && s.Position != matcher.Unknown:
		return malformed(CodeParameter, "a face has no position")
	case s.Modality == matcher.Finger && c.timed:
		return malformed(CodeParameter, "time_ms is for faces, which can be taken as a sequence")
	case s.Modality == matcher.Finger && s.At != nil:
		return malformed(CodeParameter, "at says which face; a finger has no such point")
	case raw && (s.Width == 0 || s.Height == 0):
		return malformed(CodeParameter, "a raw picture needs its width and height")
	case !raw && c.sized:
		return malformed(CodeParameter, "width and height go with the format %s alone", matcher.FormatRawGrey)
	}
	return nil
}

func tooManyCaptures() *gateway.Error {
	return malformed(CodeManyCaptures, "a request holds at most %d captures", maxCaptures)
}
