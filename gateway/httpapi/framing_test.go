package httpapi

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"
)

// TestAmbiguousFramingIsRefused: one answer, before the body, and what follows is not taken for a request.
func TestAmbiguousFramingIsRefused(t *testing.T) {
	r := start(t, &fakeAPI{}, nil)
	const post, host = "POST /v1/subjects/a/templates HTTP/1.1\r\n", "Host: x\r\n"
	for _, c := range []struct{ name, head, names string }{
		{"two lengths", post + host + "Content-Length: 100\r\nContent-Length: 3\r\n", "Content-Length"},
		{"one length twice", post + host + "Content-Length: 3\r\ncontent-length: 3\r\n", "Content-Length"},
		{"list of lengths", post + host + "Content-Length: 3, 3\r\n", ""},
		{"signed length", post + host + "Content-Length: +3\r\n", ""},
		{"length and coding", post + host + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "both"},
		{"coding and length", post + host + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", "both"},
		{"xchunked", post + host + "Transfer-Encoding: xchunked\r\n", "chunked"},
		{"gzip, chunked", post + host + "Transfer-Encoding: gzip, chunked\r\n", "chunked"},
		{"gzip", post + host + "Transfer-Encoding: gzip\r\n", "chunked"},
		{"identity", post + host + "Transfer-Encoding: identity\r\n", "chunked"},
		{"no coding", post + host + "Transfer-Encoding:\r\n", "chunked"},
		{"two codings", post + host + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "twice"},
		{"coding in HTTP/1.0", "POST /v1/subjects/a/templates HTTP/1.0\r\nTransfer-Encoding: chunked\r\n", "chunked"},
		{"coding of a GET", "GET /livez HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n", "chunked"},
		{"folded line", post + host + "X: a\r\n b\r\n", "line"},
		{"folded line with a colon", post + host + "X: a\r\n\tContent-Length: 3\r\n", ""},
		{"bare LF", post + "Host: x\nContent-Length: 3\r\n", "line"},
		{"bare CR", post + host + "X: a\rContent-Length: 3\r\n", "line"},
		{"NUL", post + host + "X: a\x00\r\n", "line"},
		{"space before the colon", post + host + "Content-Length : 3\r\n", ""},
		{"odd name", post + host + "Transfer-Encoding\x0b: chunked\r\n", "line"},
		{"no name", post + host + ": x\r\n", "line"},
		{"two hosts", post + host + "Host: y\r\n", "Host"},
		{"no host", post, "Host"},
		{"two types", post + host + "Content-Type: image/png\r\nContent-Type: application/json\r\n", "Content-Type"},
		{"two keys", post + host + "Idempotency-Key: a\r\nIdempotency-Key: b\r\n", "Idempotency-Key"},
		{"two origins", post + host + "Origin: null\r\nOrigin: http://localhost\r\n", "Origin"},
		{"space in the path", "POST /v1/subjects/a b/templates HTTP/1.1\r\n" + host, "first line"},
		{"another protocol", "POST /v1/subjects/a/templates HTTP/3.0\r\n" + host, "first line"},
	} {
		conn := r.dial(t)
		fmt.Fprint(conn, c.head+"\r\n") // and no body
		reader := bufio.NewReader(conn)
		res, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Errorf("%s: no answer: %v", c.name, err)
			continue
		}
		body, _ := io.ReadAll(res.Body)
		if res.StatusCode != 400 || !res.Close || !strings.Contains(string(body), `"code":"`+codeHTTP+`"`) || !strings.Contains(string(body), c.names) {
			t.Errorf("%s: %d %s", c.name, res.StatusCode, body)
		}
		fmt.Fprint(conn, "GET /v1/subjects/smuggled HTTP/1.1\r\nHost: x\r\n\r\n")
		if rest, _ := io.ReadAll(reader); len(rest) > 0 {
			t.Errorf("%s: a second answer: %s", c.name, rest)
		}
	}
}

func TestPlainFramingIsTaken(t *testing.T) {
	r := start(t, &fakeAPI{}, nil)
	const typed = "Content-Type: application/json\r\n"
	for _, sent := range []string{
		"GET /livez HTTP/1.1\r\nHost:x\r\n\r\n",
		"GET /livez HTTP/1.1\r\nHost: x \r\nX:\r\nAccept: a\r\nAccept: b\r\n\r\n",
		"GET /livez HTTP/1.0\r\n\r\n",
		"GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}",
		"GET /livez HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: CHUNKED\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
		fmt.Sprintf("POST /v1/subjects/x/templates HTTP/1.1\r\nhost: x\r\n%scontent-length:%d \r\n\r\n%s", typed, len(oneFinger), oneFinger),
		fmt.Sprintf("POST /v1/subjects/x/templates HTTP/1.0\r\n%sExpect: 100-continue\r\nContent-Length: %d\r\n\r\n%s", typed, len(oneFinger), oneFinger),
	} {
		conn := r.dial(t)
		fmt.Fprint(conn, sent)
		if status, text := readRaw(t, conn); status >= 300 {
			t.Errorf("%q: %d %s", sent, status, text)
		}
	}
}

// TestBodyIsAskedForWhenItIsWanted: 100 Continue comes when the body is going to be read, and then all of it is.
func TestBodyIsAskedForWhenItIsWanted(t *testing.T) {
	r := start(t, &fakeAPI{}, nil)
	conn := r.dial(t)
	reader := bufio.NewReader(conn)
	for range 2 {
		fmt.Fprintf(conn, "POST /v1/subjects/x/templates HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nExpect: 100-Continue\r\nContent-Length: %d\r\n\r\n", len(oneFinger))
		if res, err := http.ReadResponse(reader, nil); err != nil || res.StatusCode != http.StatusContinue {
			t.Fatalf("%v %v", res, err)
		}
		fmt.Fprint(conn, oneFinger)
		res, err := http.ReadResponse(reader, nil)
		if err != nil || res.StatusCode != 201 || res.Close {
			t.Fatalf("%v %v", res, err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
	}
}

// TestRefusalNeedsNoBody: what the header shows is answered before a byte of the body has come.
func TestRefusalNeedsNoBody(t *testing.T) {
	r := start(t, &fakeAPI{}, nil)
	for _, c := range []struct {
		head   string
		status int
	}{
		{"POST /v1/verifications HTTP/1.1\r\nHost: x\r\nContent-Length: 21971521\r\n", 413},
		{"POST /v1/verifications HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999999\r\nExpect: 100-continue\r\n", 413},
		{"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999999\r\nExpect: 100-continue\r\n", 404},
		{"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n", 404},
		{"POST /nowhere HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n", 404},
		{"BREW /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n", 405},
		{"POST /v1/verifications HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\nExpect: 100-continue\r\n", 415},
	} {
		conn := r.dial(t)
		fmt.Fprint(conn, c.head+"\r\n")
		if status, text := readRaw(t, conn); status != c.status || !strings.Contains(text, `"code"`) {
			t.Errorf("%q: %d %s", c.head, status, text)
		}
	}
}

func TestFramingDoesNotAllocate(t *testing.T) {
	h := parsed(t, "POST /v1/verifications HTTP/1.1\r\nHost: gateway.example\r\nContent-Type: image/png\r\nContent-Length: 123456\r\nAccept: */*\r\n\r\n")
	if n := testing.AllocsPerRun(100, func() {
		if f, err := frame(h); err != nil || f.length != 123456 {
			t.Error(f, err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func parsed(t testing.TB, sent string) *fasthttp.RequestHeader {
	var h fasthttp.RequestHeader
	if err := h.Read(bufio.NewReader(strings.NewReader(sent))); err != nil {
		t.Fatal(err)
	}
	return &h
}

// FuzzFraming: when net/http takes a header that we take, both see the same body.
func FuzzFraming(f *testing.F) {
	for _, s := range []string{
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
		"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n chunked\r\n\r\n", "POST / HTTP/1.0\nContent-Length: 1\nContent-Length: 2\n\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, sent []byte) {
		var h fasthttp.RequestHeader
		if h.Read(bufio.NewReader(bytes.NewReader(sent))) != nil {
			return
		}
		ours, refused := frame(&h)
		theirs, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(sent)))
		if refused != nil || err != nil {
			return
		}
		if chunked := slices.Contains(theirs.TransferEncoding, "chunked"); chunked != (ours.length < 0) {
			t.Fatalf("chunked: net/http says %v, we %d", chunked, ours.length)
		}
		if ours.length >= 0 && int64(ours.length) != theirs.ContentLength {
			t.Fatalf("length: net/http says %d, we %d", theirs.ContentLength, ours.length)
		}
	})
}
