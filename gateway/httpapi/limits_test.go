package httpapi

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// zeros reads as n bytes and does not say how many.
type zeros struct{ n int }

func (z *zeros) Read(p []byte) (int, error) {
	if z.n == 0 {
		return 0, io.EOF
	}
	n := min(z.n, len(p))
	clear(p[:n])
	z.n -= n
	return n, nil
}

func TestOversizedBodyGetsAProblem(t *testing.T) {
	r := start(t, &fakeAPI{}, nil)
	const large = 30_000_000
	for _, c := range []struct {
		name string
		body io.Reader
		head []string
	}{
		{"stated length", bytes.NewReader(make([]byte, large)), nil},
		{"chunked", &zeros{large}, nil},
		{"with Expect", bytes.NewReader(make([]byte, large)), []string{"Expect", "100-continue"}},
	} {
		got := r.call(t, "POST", "/v1/verifications", c.body, append(c.head, "Content-Type", "image/png")...)
		if got.status != 413 || got.code() != codeBodyTooLarge || got.header.Get("Content-Type") != typeProblem {
			t.Errorf("%s: %d %s", c.name, got.status, got.body)
		}
	}
	if got := r.call(t, "PUT", "/v1/galleries/g", bytes.NewReader(make([]byte, smallBody+1)), "Content-Type", "application/json"); got.status != 413 {
		t.Errorf("a gallery's body is bounded lower: %d", got.status)
	}
}

// TestOversizedBodyIsRefusedToASenderThatDoesNotListen sends all of it before it reads, as Python's urllib does.
func TestOversizedBodyIsRefusedToASenderThatDoesNotListen(t *testing.T) {
	r := start(t, &fakeAPI{}, nil)
	c := r.dial(t)
	body := make([]byte, 40_000_000)
	fmt.Fprintf(c, "POST /v1/subjects/x/templates HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", len(body))
	if _, err := c.Write(body); err != nil {
		t.Fatalf("the connection broke while sending: %v", err)
	}
	if status, text := readRaw(t, c); status != 413 || !strings.Contains(text, codeBodyTooLarge) {
		t.Errorf("%d %s", status, text)
	}
}

func TestLargestBodyIsTaken(t *testing.T) {
	r := start(t, &fakeAPI{}, nil)
	for _, body := range []io.Reader{bytes.NewReader(make([]byte, 20<<20)), &zeros{20 << 20}, &zeros{smallBody}, &zeros{smallBody - 1}, &zeros{1}} {
		got := r.call(t, "POST", "/v1/verifications?modality=face&subject=a&audience=b", body, "Content-Type", "image/png")
		if got.status != 200 {
			t.Errorf("%T: %d %s", body, got.status, got.body)
		}
	}
	if left := r.bodies.left.Load(); left != 256<<20 {
		t.Errorf("%d bytes of the budget are left", left)
	}
}

func TestBodiesStayInTheirBudget(t *testing.T) {
	r := start(t, &fakeAPI{}, func(d *Deps) { d.Config.BodyBudget = 1 << 20 })
	got := r.call(t, "POST", "/v1/verifications", bytes.NewReader(make([]byte, 2<<20)), "Content-Type", "image/png")
	if got.status != 503 || got.code() != codeOverloaded || got.header.Get("Retry-After") == "" {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := r.postJSON(t, "/v1/subjects/a/templates", oneFinger); got.status != 201 {
		t.Errorf("a small body needs no budget: %d", got.status)
	}
}

// TestSilentSendersHoldNoBudget: the budget counts what came, not what was announced.
func TestSilentSendersHoldNoBudget(t *testing.T) {
	r := start(t, &fakeAPI{}, func(d *Deps) { d.Config.BodyBudget = 1 << 20 })
	for range 13 {
		fmt.Fprintf(r.dial(t), "POST /v1/verifications HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: %d\r\n\r\n%s", 1<<20, strings.Repeat("x", 10_000))
	}
	for r.gate.count() < 13 {
		time.Sleep(time.Millisecond)
	}
	got := r.call(t, "POST", "/v1/verifications?modality=face&subject=a&audience=b", bytes.NewReader(make([]byte, 1<<20)), "Content-Type", "image/png")
	if got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func (r *rig) dial(t testing.TB) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	return c
}

func readRaw(t testing.TB, c net.Conn) (int, string) {
	t.Helper()
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(body)
}

// TestBrokenHTTPGetsAProblem sends what no HTTP library would.
func TestBrokenHTTPGetsAProblem(t *testing.T) {
	r := start(t, &fakeAPI{}, func(d *Deps) {
		d.Config.HeaderTimeout, d.Config.BodyTimeout = 200*time.Millisecond, 200*time.Millisecond
	})
	head := "POST /v1/subjects/x/templates HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
	for _, c := range []struct {
		name, sent string
		status     int
		code       string
	}{
		{"no HTTP", "hello\r\n\r\n", 400, codeHTTP},
		{"unknown method", "BREW /livez HTTP/1.1\r\nHost: x\r\n\r\n", 405, codeMethod},
		{"large header", "GET /livez HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 10<<10) + "\r\n\r\n", 431, codeHeaderTooLarge},
		{"slow header", "GET /livez HTTP/1.1\r\nHost: x\r\n", 408, codeTimeout},
		{"slow body", head + "Content-Length: 100\r\n\r\n{", 408, codeTimeout},
		{"slow large body", head + "Content-Length: 100000\r\n\r\n" + strings.Repeat("x", 20000), 408, codeTimeout},
		{"slow chunked body", head + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", 408, codeTimeout},
		{"broken chunk", head + "Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n", 400, codeBodyIncomplete},
	} {
		conn := r.dial(t)
		if _, err := io.WriteString(conn, c.sent); err != nil {
			t.Fatal(err)
		}
		status, text := readRaw(t, conn)
		if status != c.status || !strings.Contains(text, `"code":"`+c.code+`"`) {
			t.Errorf("%s: %d %s", c.name, status, text)
		}
	}
	if strings.Contains(r.log.String(), "BREW") {
		t.Error("a method that HTTP does not define is in the log")
	}
}

func TestBodyThatEndsEarly(t *testing.T) {
	r := start(t, &fakeAPI{}, nil)
	for _, sent := range []string{
		"Content-Length: 100\r\n\r\n{", "Content-Length: 100000\r\n\r\n" + strings.Repeat("x", 20000), "Transfer-Encoding: chunked\r\n\r\n5\r\nhel",
	} {
		conn := r.dial(t)
		fmt.Fprint(conn, "POST /v1/subjects/x/templates HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"+sent)
		_ = conn.(*net.TCPConn).CloseWrite()
		if status, text := readRaw(t, conn); status != 400 {
			t.Errorf("%.30q: %d %s", sent, status, text)
		}
	}
}

// TestUnreadBodyIsNotTakenForARequest: what follows a refused body on the same connection must not be served.
func TestUnreadBodyIsNotTakenForARequest(t *testing.T) {
	r := start(t, &fakeAPI{}, nil)
	conn := r.dial(t)
	inner := "GET /v1/subjects/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
	fmt.Fprintf(conn, "POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(inner), inner)
	all, err := io.ReadAll(conn)
	if err != nil || bytes.Count(all, []byte("HTTP/1.1 ")) != 1 {
		t.Errorf("%v %s", err, all)
	}
}

func TestTooManyConnections(t *testing.T) {
	r := start(t, &fakeAPI{}, func(d *Deps) { d.Config.Connections = 1 })
	first := r.dial(t)
	fmt.Fprint(first, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
	if status, _ := readRaw(t, first); status != 200 {
		t.Fatal(status)
	}
	second := r.dial(t)
	fmt.Fprint(second, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
	if status, text := readRaw(t, second); status != 503 || !strings.Contains(text, codeOverloaded) {
		t.Errorf("%d %s", status, text)
	}
}

func TestConnectionsAreKept(t *testing.T) {
	r := start(t, &fakeAPI{}, nil)
	conn := r.dial(t)
	reader := bufio.NewReader(conn)
	post := fmt.Sprintf("POST /v1/subjects/x/templates HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(oneFinger), oneFinger)
	chunked := fmt.Sprintf("POST /v1/subjects/x/templates HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(oneFinger), oneFinger)
	for _, sent := range []string{
		"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n", post, chunked, strings.Replace(post, "captures", "kaptures", 1),
		"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n", "DELETE /v1/subjects/x HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
		"PUT /v1/galleries/g HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		fmt.Fprint(conn, sent)
		res, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatalf("%.60q: %v", sent, err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		if res.Close {
			t.Errorf("%.60q: the connection ends", sent)
		}
	}
}

func (g *gate) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.inside
}
