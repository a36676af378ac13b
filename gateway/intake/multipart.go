package intake

import (
	"bytes"
	"mime"
	"regexp"
	"strings"

	"biogate/gateway"
	"biogate/matcher"
)

// part is one part of a multipart form. body aliases the request's.
type part struct {
	name      string
	mediaType string
	body      []byte
}

// readMultipart reads the multipart form: a part a capture, named face, finger or finger:right-index, and at most one
// part named request with the JSON that has no data. When that JSON lists captures, they describe the parts in order.
func readMultipart(body []byte, boundary string, fields []string) (a ask, err error) {
	var described []capture
	var captures []capture
	asked := false
	failed := eachPart(body, boundary, func(p part) *gateway.Error {
		if p.name == "request" {
			if asked {
				return malformed(CodeDuplicateField, "the part request is there twice")
			}
			asked = true
			a, err = readJSONAsk(p.body, fields, false)
			described = a.captures
			return inPart("request", err)
		}
		if len(captures) == maxCaptures {
			return tooManyCaptures()
		}
		c, err := partCapture(p)
		captures = append(captures, c)
		return err
	})
	if failed != nil {
		return ask{}, failed
	}
	a.captures = captures
	if described != nil {
		return a, describe(captures, described)
	}
	return a, nil
}

func inPart(name string, err error) *gateway.Error {
	if err == nil {
		return nil
	}
	e := gateway.AsError(err)
	e.Detail = "part " + name + ": " + e.Detail
	return e
}

func partCapture(p part) (c capture, err *gateway.Error) {
	modality, position, stated := strings.Cut(p.name, ":")
	if modality != string(matcher.Face) && modality != string(matcher.Finger) {
		return c, malformed(CodeUnknownField, "there is no part %s here: a part is request, face, finger or finger:POSITION", named(p.name))
	}
	c.sample = matcher.Sample{Modality: matcher.Modality(modality), Data: p.body}
	if stated && position == "" {
		return c, malformed(CodePosition, "the name of part %s ends where a position belongs", named(p.name))
	}
	if err = setPosition(&c.sample, position); err != nil {
		return c, err
	}
	return c, setFormat(&c.sample, p.mediaType)
}

// describe adds to each part what the request part says of it, and refuses contradictions.
func describe(parts, described []capture) error {
	if len(parts) != len(described) {
		return malformed(CodeMultipart, "the part request describes %d captures, and there are %d parts", len(described), len(parts))
	}
	for i := range parts {
		p, d := &parts[i], &described[i]
		if conflict(p.sample, d.sample) {
			return malformed(CodeMultipart, "part %d is not what captures[%d] of the part request says", i+1, i)
		}
		d.sample.Data = p.sample.Data
		d.sample.Modality = p.sample.Modality
		if d.sample.Position == matcher.Unknown {
			d.sample.Position = p.sample.Position
		}
		if d.sample.Format == "" {
			d.sample.Format = p.sample.Format
		}
		*p = *d
	}
	return nil
}

func conflict(part, described matcher.Sample) bool {
	return described.Modality != "" && described.Modality != part.Modality ||
		described.Position != "" && part.Position != "" && described.Position != part.Position ||
		described.Format != "" && part.Format != "" && described.Format != part.Format
}

// eachPart calls f with every part of a multipart body (RFC 2046 section 5.1, RFC 7578), without copying its bytes.
func eachPart(body []byte, boundary string, f func(part) *gateway.Error) *gateway.Error {
	if boundary == "" || len(boundary) > maxBoundary {
		return malformed(CodeMultipart, "the Content-Type states no boundary of 1 to %d bytes", maxBoundary)
	}
	delimiter := []byte("\r\n--" + boundary)
	// A preamble, which RFC 2046 allows and no client sends, is refused: where it ends, readers do not agree.
	rest, ok := bytes.CutPrefix(bytes.TrimPrefix(body, delimiter[:2]), delimiter[2:])
	if !ok {
		return malformed(CodeMultipart, "the body does not begin with the boundary that the Content-Type states")
	}
	for !bytes.HasPrefix(rest, []byte("--")) {
		p, after, err := cutPart(rest, delimiter)
		if err != nil {
			return err
		}
		if err := f(p); err != nil {
			return err
		}
		rest = after
	}
	return nil
}

// cutPart splits the part that follows a delimiter from what follows the next one.
func cutPart(b, delimiter []byte) (p part, rest []byte, err *gateway.Error) {
	b, ok := bytes.CutPrefix(bytes.TrimLeft(b, " \t"), []byte("\r\n"))
	if !ok {
		return p, nil, malformed(CodeMultipart, "a boundary is not followed by a line end")
	}
	head := b
	if len(head) > maxPartHeader {
		head = head[:maxPartHeader]
	}
	end := bytes.Index(head, []byte("\r\n\r\n"))
	if end < 0 {
		return p, nil, malformed(CodeMultipart, "a part's header has no end within %d bytes", maxPartHeader)
	}
	if p, err = partHeader(head[:end]); err != nil {
		return p, nil, err
	}
	// The delimiter's line end may be the one that ends the header, when the part is empty.
	p.body, rest, ok = bytes.Cut(b[end+2:], delimiter)
	if !ok {
		return p, nil, malformed(CodeMultipart, "the last part has no end: the body is cut off")
	}
	p.body = p.body[min(2, len(p.body)):]
	return p, rest, nil
}

// headerName is stricter than RFC 9110 5.1: what other readers could take for something else is refused.
var headerName = regexp.MustCompile(`^[A-Za-z0-9-]+$`)

func partHeader(head []byte) (p part, err *gateway.Error) {
	for line := range strings.SplitSeq(string(head), "\r\n") {
		name, value, ok := strings.Cut(line, ":")
		if !ok || !headerName.MatchString(name) || strings.ContainsAny(value, "\r\n\x00") {
			return p, malformed(CodeMultipart, "a line of a part's header is not a name, a colon and a value")
		}
		value = strings.TrimSpace(value)
		switch strings.ToLower(name) {
		case "content-disposition":
			disposition, params, failed := mime.ParseMediaType(value)
			if failed != nil || disposition != "form-data" {
				return p, malformed(CodeMultipart, "a part's Content-Disposition is not form-data with a name")
			}
			p.name = params["name"]
		case "content-type":
			p.mediaType, _, _ = strings.Cut(value, ";")
		case "content-transfer-encoding":
			if value = strings.ToLower(value); value != "binary" && value != "8bit" && value != "7bit" {
				return p, malformed(CodeMultipart, "a part's Content-Transfer-Encoding is not binary")
			}
		}
	}
	if p.name == "" {
		return p, malformed(CodeMultipart, "a part has no name")
	}
	return p, nil
}
