package intake

import (
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"biogate/gateway"
	"biogate/matcher"
)

// isRaw says whether a body of this type is itself one capture.
func isRaw(mediaType string) bool {
	switch mediaType {
	case matcher.FormatOctetStream, matcher.FormatTemplate, matcher.FormatISO19794_2, matcher.FormatISO19794_5, matcher.FormatRawGrey:
		return true
	}
	return strings.HasPrefix(mediaType, "image/")
}

// readRaw reads a body that is one capture, described by query parameters.
func readRaw(b Body, mediaType string, fields []string) (ask, error) {
	if len(b.Query) > maxQuery {
		return ask{}, malformed(CodeQuery, "the query has more than %d bytes", maxQuery)
	}
	a := ask{captures: []capture{{sample: matcher.Sample{Data: b.Bytes}}}}
	c := &a.captures[0]
	if err := setFormat(&c.sample, mediaType); err != nil {
		return ask{}, err
	}
	seen := make([]string, 0, 16)
	for pair := range strings.SplitSeq(b.Query, "&") {
		if pair == "" {
			continue
		}
		name, value, ok := parameter(pair)
		if !ok {
			return ask{}, malformed(CodeQuery, "the query is not URL-encoded")
		}
		err := setQuery(&a, c, fields, name, value)
		if slices.Contains(seen, name) {
			err = malformed(CodeDuplicateField, "the parameter is there twice")
		}
		if err != nil {
			err.Detail = "parameter " + named(name) + ": " + err.Detail
			return ask{}, err
		}
		seen = append(seen, name)
	}
	return a, nil
}

// parameter reads one of a query as net/url does.
func parameter(pair string) (name, value string, ok bool) {
	name, value, _ = strings.Cut(pair, "=")
	name, errName := url.QueryUnescape(name)
	value, errValue := url.QueryUnescape(value)
	return name, value, errName == nil && errValue == nil && !strings.Contains(pair, ";")
}

func setQuery(a *ask, c *capture, fields []string, name, value string) (err *gateway.Error) {
	s := &c.sample
	switch name {
	case "modality":
		return setModality(s, value)
	case "position":
		return setPosition(s, value)
	case "format":
		if s.Format != "" {
			return malformed(CodeParameter, "the Content-Type states the format already")
		}
		return setFormat(s, value)
	case "dpi":
		s.DPI, err = whole(value, minDPI, maxDPI)
		return err
	case "width":
		s.Width, err = whole(value, 1, maxSide)
		c.sized = true
		return err
	case "height":
		s.Height, err = whole(value, 1, maxSide)
		c.sized = true
		return err
	case "at":
		s.At, err = point(value)
		return err
	}
	return setAskQuery(a, fields, name, value)
}

func setAskQuery(a *ask, fields []string, name, value string) (err *gateway.Error) {
	for _, known := range fields {
		switch {
		case known != name:
		case name == "max_candidates":
			a.maxCandidates, err = whole(value, 1, maxCandidates)
			return err
		case name == "subjects":
			return malformed(CodeUnknownField, "a list of subjects does not go with a raw body; send JSON or multipart")
		default:
			return a.setText(name, value)
		}
	}
	return malformed(CodeUnknownField, "there is no such parameter here")
}

func whole(text string, low, high int) (int, *gateway.Error) {
	v, err := strconv.Atoi(text)
	switch {
	case err != nil:
		return 0, malformed(CodeField, "a whole number belongs here")
	case v < low || v > high:
		return 0, malformed(CodeParameter, "a whole number from %d to %d belongs here", low, high)
	}
	return v, nil
}

// point reads "x,y".
func point(text string) (*matcher.Point, *gateway.Error) {
	left, right, _ := strings.Cut(text, ",")
	x, errX := strconv.ParseFloat(left, 64)
	y, errY := strconv.ParseFloat(right, 64)
	if errX != nil || errY != nil || math.IsNaN(x) || math.IsNaN(y) {
		return nil, malformed(CodeField, "a point is two numbers: 120,80")
	}
	p := matcher.Point{X: x, Y: y}
	return &p, checkPoint(p)
}
