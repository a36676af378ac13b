package httpapi

import (
	"bytes"
	"math"
	"net/http"
	"strconv"

	"github.com/valyala/fasthttp"
)

// framing is where a request ends, as its header says. A proxy and a server that read one header differently can be made
// to disagree about that, so what has two readings is refused (RFC 9112 sections 2.2, 3.2, 5 and 6).
type framing struct {
	length  int  // bytes of the body, -1: chunked
	awaited bool // the client waits for 100 Continue before it sends the body
}

// single are the fields that a request may hold once, with their refusals.
var single = [...]struct {
	name  []byte
	twice *httpError
}{
	fieldHost:             {[]byte("Host"), ambiguous("the header Host is there twice")},
	fieldContentLength:    {[]byte("Content-Length"), ambiguous("the header Content-Length is there twice")},
	fieldTransferEncoding: {[]byte("Transfer-Encoding"), ambiguous("the header Transfer-Encoding is there twice")},
	fieldExpect:           {[]byte("Expect"), ambiguous("the header Expect is there twice")},
	4:                     {[]byte("Content-Type"), ambiguous("the header Content-Type is there twice")},
	5:                     {[]byte("Content-Encoding"), ambiguous("the header Content-Encoding is there twice")},
	6:                     {[]byte("Idempotency-Key"), ambiguous("the header Idempotency-Key is there twice")},
	7:                     {[]byte("Origin"), ambiguous("the header Origin is there twice")},
	8:                     {[]byte("DPoP"), ambiguous("the header DPoP is there twice")},
}

// Places in single of the fields that framing reads.
const (
	fieldHost = iota
	fieldContentLength
	fieldTransferEncoding
	fieldExpect
)

var (
	errRequestLine    = ambiguous("the request's first line is not METHOD PATH HTTP/1.1")
	errFieldLine      = ambiguous("a line of the header is not NAME: VALUE that ends with CR and LF")
	errNoHost         = ambiguous("the header Host is missing")
	errLength         = ambiguous("the header Content-Length is no number of bytes")
	errTransferCoding = ambiguous("the header Transfer-Encoding is not chunked, the only coding that is read, in HTTP/1.1")
	errTwoLengths     = ambiguous("the headers Content-Length and Transfer-Encoding are both there")
)

func ambiguous(detail string) *httpError { return httpOnly(http.StatusBadRequest, codeHTTP, detail) }

var (
	codingChunked  = []byte("chunked")
	expectContinue = []byte("100-continue")
	protocol11     = []byte("HTTP/1.1")
	protocol10     = []byte("HTTP/1.0")
)

// frame reads the framing of a request from its raw header, because fasthttp's parsed one has taken a side already.
func frame(h *fasthttp.RequestHeader) (framing, *httpError) {
	http11 := bytes.Equal(h.Protocol(), protocol11)
	if !http11 && !bytes.Equal(h.Protocol(), protocol10) || !visible(h.RequestURI()) {
		return framing{}, errRequestLine
	}
	values, err := fields(h.RawHeaders())
	if err != nil {
		return framing{}, err
	}
	f := framing{awaited: http11 && bytes.EqualFold(values[fieldExpect], expectContinue)}
	length, coding := values[fieldContentLength], values[fieldTransferEncoding]
	switch {
	case http11 && values[fieldHost] == nil:
		return framing{}, errNoHost
	case length != nil && coding != nil:
		return framing{}, errTwoLengths
	case length != nil:
		if f.length, err = bodyLength(length); err != nil {
			return framing{}, err
		}
	case coding != nil:
		if !http11 || !bytes.EqualFold(coding, codingChunked) {
			return framing{}, errTransferCoding
		}
		f.length = -1
	}
	return f, nil
}

// fields returns the values of those in single, nil for one that is not there.
func fields(header []byte) (values [len(single)][]byte, err *httpError) {
	for len(header) > 0 {
		line, rest, _ := bytes.Cut(header, []byte("\n"))
		header = rest
		line, ok := bytes.CutSuffix(line, []byte("\r"))
		if len(line) == 0 && ok && len(rest) == 0 {
			return values, nil
		}
		name, value, colon := bytes.Cut(line, []byte(":"))
		if !ok || !colon || !isToken(name) || bytes.IndexByte(value, '\r') >= 0 || bytes.IndexByte(value, 0) >= 0 {
			return values, errFieldLine
		}
		for i := range single {
			if len(name) != len(single[i].name) || !bytes.EqualFold(name, single[i].name) {
				continue
			}
			if values[i] != nil {
				return values, single[i].twice
			}
			values[i] = bytes.Trim(value, " \t")
			if values[i] == nil { // which is how Trim says empty
				values[i] = []byte{}
			}
		}
	}
	return values, nil
}

// isToken says whether name is one or more of the characters of RFC 9110 section 5.6.2.
func isToken(name []byte) bool {
	for _, c := range name {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		digit := c >= '0' && c <= '9'
		if !letter && !digit && bytes.IndexByte([]byte("!#$%&'*+-.^_`|~"), c) < 0 {
			return false
		}
	}
	return len(name) > 0
}

// visible says whether text holds neither white space nor control characters.
func visible(text []byte) bool {
	for _, c := range text {
		if c <= ' ' || c == 0x7f {
			return false
		}
	}
	return true
}

// bodyLength reads 1*DIGIT.
func bodyLength(text []byte) (int, *httpError) {
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, errLength
		}
	}
	n, err := strconv.ParseUint(string(text), 10, 63)
	if err != nil || n > math.MaxInt {
		return 0, errLength
	}
	return int(n), nil
}

// handBody keeps fasthttp from acting on a body before the handler runs: it would wait for the first 8 KiB of one, and ask
// for one that is going to be refused. The handler takes the length from frame and asks when it wants the body.
func handBody(h *fasthttp.RequestHeader) {
	h.Del(fasthttp.HeaderExpect)
	if h.ContentLength() > 0 {
		h.SetContentLength(0)
	}
}
