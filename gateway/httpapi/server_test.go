package httpapi

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"biogate/gateway"
	"biogate/matcher"
)

const (
	oneFinger    = `{"captures":[{"modality":"finger","position":"right-index","dpi":500,"data":"aGVsbG8="}]}`
	verifyFinger = `{"subject":"s-1","audience":"https://rp.example","captures":[{"modality":"finger","data":"aGVsbG8="}]}`
)

func TestEnrollPassesOnWhatWasSent(t *testing.T) {
	var got gateway.EnrollRequest
	api := &fakeAPI{}
	api.enroll = func(_ context.Context, r gateway.EnrollRequest) (gateway.EnrollResult, error) {
		got = r
		return gateway.EnrollResult{Subject: r.Subject}, nil
	}
	r := start(t, api, nil)
	res := r.postJSON(t, "/v1/subjects/a.b-c:d%40e_@f/templates", oneFinger)
	if res.status != 201 || got.Subject != "a.b-c:d@e_@f" || len(got.Captures) != 1 {
		t.Fatalf("%d %s %+v", res.status, res.body, got)
	}
	if c := got.Captures[0]; c.Modality != matcher.Finger || c.Position != "right-index" || c.DPI != 500 || string(c.Data) != "hello" {
		t.Errorf("%+v", c)
	}
	for _, array := range []string{"templates", "degraded"} {
		if !strings.Contains(string(res.body), `"`+array+`":[]`) {
			t.Errorf("%s is no array: %s", array, res.body)
		}
	}
}

func TestNamesOfAnOutcome(t *testing.T) {
	r := start(t, &fakeAPI{}, nil)
	got := r.postJSON(t, "/v1/verifications", verifyFinger)
	for _, name := range []string{"decision", "fmr", "scores", "quality", "pad", "degraded", "assertion", "trace", "extrapolated"} {
		if _, ok := got.json[name]; !ok {
			t.Errorf("%s is missing: %s", name, got.body)
		}
	}
	if got.header.Get("Cache-Control") != "no-store" || got.json["trace"] != got.header.Get("X-Trace-Id") {
		t.Errorf("%v", got.header)
	}
	got = r.postJSON(t, "/v1/identifications", strings.Replace(verifyFinger, `"subject":"s-1"`, `"gallery":"g"`, 1))
	if c, _ := got.json["candidates"].([]any); len(c) != 1 || got.json["decision"] != "match" || got.json["gallery"] != "g" {
		t.Errorf("%s", got.body)
	}
}

// TestRefusals: one line a request that the surface itself refuses.
func TestRefusals(t *testing.T) {
	r := start(t, &fakeAPI{}, nil)
	for _, c := range []struct {
		method, path, contentType, body string
		status                          int
		code                            string
	}{
		{"GET", "/", "", "", 404, codeRouteUnknown},
		{"GET", "/v1/subjects/", "", "", 404, codeRouteUnknown},
		{"GET", "/v1/subjects/a/", "", "", 404, codeRouteUnknown},
		{"GET", "/V1/subjects/a", "", "", 404, codeRouteUnknown},
		{"POST", "/v1/nothing", "application/json", "{}", 404, codeRouteUnknown},
		{"PATCH", "/v1/subjects/a", "", "", 405, codeMethod},
		{"OPTIONS", "/v1/verifications", "", "", 405, codeMethod},
		{"GET", "/v1/subjects/a%20b", "", "", 400, "subject-invalid"},
		{"GET", "/v1/subjects/a%2Fb", "", "", 400, "subject-invalid"},
		{"GET", "/v1/subjects/" + strings.Repeat("x", 129), "", "", 400, "subject-invalid"},
		{"POST", "/v1/subjects/a%20b/templates", "application/json", oneFinger, 400, "subject-invalid"},
		{"DELETE", "/v1/subjects/%C3%A4", "", "", 400, "subject-invalid"},
		{"GET", "/v1/galleries/a%20b", "", "", 400, "gallery-invalid"},
		{"PUT", "/v1/galleries/a%20b/members/c", "", "", 400, "gallery-invalid"},
		{"PUT", "/v1/galleries/a/members/b%20c", "", "", 400, "subject-invalid"},
		{"POST", "/v1/galleries/a/members", "application/json", "{}", 415, "media-type-unsupported"},
		{"GET", "/v1/subjects/panic", "", "", 500, codeInternal},
		{"GET", "/v1/subjects/nobody", "", "", 404, "subject-unknown"},
		{"GET", "/v1/subjects/down", "", "", 503, "record-unavailable"},
	} {
		got := r.call(t, c.method, c.path, strings.NewReader(c.body), "Content-Type", c.contentType)
		if got.status != c.status || got.code() != c.code || got.header.Get("Content-Type") != typeProblem {
			t.Errorf("%s %s: %d %s", c.method, c.path, got.status, got.body)
		}
		if got.json["trace"] != got.header.Get("X-Trace-Id") || got.json["title"] == "" || got.json["type"] != "/docs#"+c.code {
			t.Errorf("%s %s: %s", c.method, c.path, got.body)
		}
		if retry := got.header.Get("Retry-After"); (retry != "") != (got.status == 503) || got.json["retryable"] != (got.status == 503) {
			t.Errorf("%s %s: Retry-After %q: %s", c.method, c.path, retry, got.body)
		}
	}
	if allow := r.call(t, "PATCH", "/v1/subjects/a", nil).header.Get("Allow"); !strings.Contains(allow, "GET") || !strings.Contains(allow, "DELETE") {
		t.Errorf("Allow: %q", allow)
	}
	if retry := r.call(t, "GET", "/v1/subjects/down", nil).header.Get("Retry-After"); retry != "3" {
		t.Errorf("Retry-After for 2.5 s: %q", retry)
	}
	if got := r.postJSON(t, "/v1/verifications", verifyFinger, "Content-Encoding", "gzip"); got.code() != codeContentEncoding {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestBodyOnARouteWithoutOneIsPassedOver(t *testing.T) {
	r := start(t, &fakeAPI{}, nil)
	if got := r.call(t, "PUT", "/v1/galleries/g/members/a", strings.NewReader("{}"), "Content-Type", "application/json"); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestTraceIsContinued(t *testing.T) {
	r := start(t, &fakeAPI{}, nil)
	const id = "4bf92f3577b34da6a3ce929d0e0e4736"
	for _, c := range []struct {
		header    string
		continued bool
	}{
		{"00-" + id + "-00f067aa0ba902b7-01", true},
		{"01-" + id + "-00f067aa0ba902b7-01-more", true},
		{"00-" + id + "-00f067aa0ba902b7-01-more", false},
		{"ff-" + id + "-00f067aa0ba902b7-01", false},
		{"00-" + strings.ToUpper(id) + "-00f067aa0ba902b7-01", false},
		{"00-" + strings.Repeat("0", 32) + "-00f067aa0ba902b7-01", false},
		{"00-" + id + "-0000000000000000-01", false},
		{"00-" + id, false},
		{"", false},
	} {
		got := r.postJSON(t, "/v1/verifications", verifyFinger, "traceparent", c.header)
		trace, _ := got.json["trace"].(string)
		if (trace == id) != c.continued || len(trace) != 32 || !strings.Contains(got.header.Get("traceparent"), trace) {
			t.Errorf("%q: %s", c.header, trace)
		}
	}
}

// TestLogHasNoIdentifiers: one line a request, and nothing in it that names a person or came from one.
func TestLogHasNoIdentifiers(t *testing.T) {
	r := start(t, &fakeAPI{}, nil)
	r.postJSON(t, "/v1/verifications", strings.Replace(verifyFinger, "s-1", "secret-subject", 1))
	r.postJSON(t, "/v1/subjects/secret-subject/templates", oneFinger)
	r.call(t, "GET", "/v1/subjects/secret-subject", nil)
	r.call(t, "GET", "/v1/nothing/secret-subject?x=secret-subject", nil)
	r.call(t, "PUT", "/v1/galleries/g/members/secret-subject", nil)
	r.call(t, "GET", "/v1/subjects/panic", nil)
	log := r.log.String()
	for _, secret := range []string{"secret-subject", "aGVsbG8", "hello", "rp.example", "127.0.0.1", "a.b.c", "with a subject in it"} {
		if strings.Contains(log, secret) {
			t.Errorf("the log holds %q:\n%s", secret, log)
		}
	}
	lines := strings.Split(strings.TrimSpace(log), "\n")
	if len(lines) != 7 { // and one for the panic's stack
		t.Fatalf("%d lines:\n%s", len(lines), log)
	}
	var e struct {
		Msg, Method, Route, Trace, Decision string
		Status                              int
		Degraded                            []string
		BytesIn                             int `json:"bytes_in"`
		MS                                  *float64
	}
	if err := json.Unmarshal([]byte(lines[0]), &e); err != nil {
		t.Fatal(err)
	}
	if e.Msg != "request" || e.Method != "POST" || e.Route != "/v1/verifications" || e.Status != 200 || len(e.Trace) != 32 || e.MS == nil ||
		e.Decision != "match" || len(e.Degraded) != 1 || e.BytesIn == 0 {
		t.Errorf("%+v\n%s", e, lines[0])
	}
	if !strings.Contains(lines[2], `"/v1/subjects/:subject"`) || !strings.Contains(lines[3], `"none"`) {
		t.Errorf("%s\n%s", lines[2], lines[3])
	}
}

func TestLoopbackOnly(t *testing.T) {
	r := start(t, &fakeAPI{}, func(d *Deps) { d.Config.LoopbackOnly = true })
	for _, c := range []struct {
		name, value string
		status      int
	}{
		{"X", "y", 200},
		{"Host", "localhost:8080", 200},
		{"Host", "[::1]:8080", 200},
		{"Host", "gateway.evil.example", 403}, // a name that was made to point here
		{"Origin", "http://127.0.0.1:8080", 200},
		{"Origin", "https://evil.example", 403},
		{"Origin", "null", 403},
	} {
		if got := r.call(t, "GET", "/v1/subjects/a", nil, c.name, c.value); got.status != c.status {
			t.Errorf("%s: %s: %d %s", c.name, c.value, got.status, got.body)
		}
	}
	old := r.dial(t)
	fmt.Fprint(old, "GET /v1/subjects/a HTTP/1.0\r\n\r\n")
	if status, text := readRaw(t, old); status != 403 || !strings.Contains(text, codeCrossSite) || !strings.Contains(text, "Host header") {
		t.Errorf("a client without a Host is not told what is missing: %d %s", status, text)
	}
}

func TestDocumentsAreCacheable(t *testing.T) {
	r := start(t, &fakeAPI{}, nil)
	for _, path := range []string{"/.well-known/jwks.json", "/.well-known/openid-configuration", "/openapi.yaml", "/docs"} {
		got := r.call(t, "GET", path, nil)
		etag := got.header.Get("ETag")
		if got.status != 200 || etag == "" || !strings.Contains(got.header.Get("Cache-Control"), "max-age=300") {
			t.Errorf("%s: %d %v", path, got.status, got.header)
		}
		if again := r.call(t, "GET", path, nil, "If-None-Match", etag); again.status != 304 || len(again.body) != 0 {
			t.Errorf("%s: %d after If-None-Match", path, again.status)
		}
		if head := r.call(t, "HEAD", path, nil); head.status != 200 || len(head.body) != 0 {
			t.Errorf("HEAD %s: %d", path, head.status)
		}
	}
}

func TestMetricsAndHealth(t *testing.T) {
	api := &fakeAPI{}
	r := start(t, api, nil)
	if got := r.call(t, "GET", "/metrics", nil); string(got.body) != "up 1\n" || !strings.HasPrefix(got.header.Get("Content-Type"), "text/plain") {
		t.Errorf("%s", got.body)
	}
	if got := r.call(t, "GET", "/readyz", nil); got.status != 200 {
		t.Errorf("%d", got.status)
	}
	api.notReady = errors.New("dial 10.0.0.1: refused")
	got := r.call(t, "GET", "/readyz", nil)
	if got.status != 503 || got.code() != codeNotReady || strings.Contains(string(got.body), "10.0.0.1") {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// blocking is an API whose Verify waits until release is closed, and says on entered that it was called.
func blocking() (api *fakeAPI, entered, release chan struct{}) {
	entered, release = make(chan struct{}, 100), make(chan struct{})
	api = &fakeAPI{}
	api.verify = func(ctx context.Context, _ gateway.VerifyRequest) (gateway.Outcome, error) {
		entered <- struct{}{}
		select {
		case <-release:
			return matched(ctx), nil
		case <-ctx.Done():
			return gateway.Outcome{}, ctx.Err()
		}
	}
	return api, entered, release
}

func (r *rig) verifyLater(t *testing.T) chan reply {
	out := make(chan reply, 1)
	go func() { out <- r.postJSON(t, "/v1/verifications", verifyFinger) }()
	return out
}

func TestAdmissionShedsWhatItCannotDo(t *testing.T) {
	api, entered, release := blocking()
	r := start(t, api, func(d *Deps) { d.Config.Slots, d.Config.Queue, d.Config.QueueWait = 1, 1, time.Minute })
	working := r.verifyLater(t)
	<-entered
	waiting := r.verifyLater(t)
	for len(r.heavy.queue) == 0 {
		time.Sleep(time.Millisecond)
	}
	if got := r.postJSON(t, "/v1/verifications", verifyFinger); got.status != 503 || got.code() != codeOverloaded || got.header.Get("Retry-After") != "1" {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := r.call(t, "GET", "/v1/subjects/a", nil); got.status != 200 {
		t.Errorf("light work needs no slot: %d", got.status)
	}
	close(release)
	if a, b := <-working, <-waiting; a.status != 200 || b.status != 200 {
		t.Errorf("%d %d", a.status, b.status)
	}
}

// arrivalAPI passes on when requests are said to have arrived. Verifications wait until release is closed.
type arrivalAPI struct {
	*fakeAPI
	entered chan time.Time
	release chan struct{}
}

func (a *arrivalAPI) Verify(ctx context.Context, r gateway.VerifyRequest) (gateway.Outcome, error) {
	a.entered <- r.Arrived
	<-a.release
	return matched(ctx), nil
}

func (a *arrivalAPI) Identify(ctx context.Context, r gateway.IdentifyRequest) (gateway.IdentifyOutcome, error) {
	a.entered <- r.Arrived
	return a.fakeAPI.Identify(ctx, r)
}

// TestARequestArrivesBeforeItWaits: what it waits for a slot is no time in which its captures can have been taken.
func TestARequestArrivesBeforeItWaits(t *testing.T) {
	api := &arrivalAPI{&fakeAPI{}, make(chan time.Time), make(chan struct{})}
	begun := time.Now()
	r := start(t, api, func(d *Deps) {
		d.Config.Slots, d.Config.Queue, d.Config.QueueWait = 1, 2, time.Minute
	})
	working := r.verifyLater(t)
	arrivals := []time.Time{<-api.entered}
	found := make(chan reply, 1)
	go func() {
		found <- r.postJSON(t, "/v1/identifications", `{"gallery":"g","audience":"b","captures":[{"modality":"face","data":"aGVs"}]}`)
	}()
	waiting := r.verifyLater(t)
	for len(r.heavy.queue) < 2 {
		time.Sleep(time.Millisecond)
	}
	freed := time.Now()
	close(api.release)
	arrivals = append(arrivals, <-api.entered, <-api.entered)
	for _, at := range arrivals {
		if at.Before(begun) || at.After(freed) {
			t.Errorf("arrived at %s, sent after %s, at work after %s", at, begun, freed)
		}
	}
	if a, b, c := <-working, <-waiting, <-found; a.status != 200 || b.status != 200 || c.status != 200 {
		t.Errorf("%d %d %d", a.status, b.status, c.status)
	}
}

func TestQueueWaitAndDeadline(t *testing.T) {
	api, entered, release := blocking()
	defer close(release)
	r := start(t, api, func(d *Deps) {
		d.Config.Slots, d.Config.QueueWait, d.Config.RequestTimeout = 1, 10*time.Millisecond, 300*time.Millisecond
	})
	working := r.verifyLater(t)
	<-entered
	if got := r.postJSON(t, "/v1/verifications", verifyFinger); got.status != 503 || got.code() != codeOverloaded {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := <-working; got.status != 503 || got.code() != codeDeadline {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestDrainFinishesWhatIsUnderWay(t *testing.T) {
	api, entered, release := blocking()
	r := start(t, api, nil)
	idle := r.dial(t) // a connection that was used before, and is used again during the drain
	fmt.Fprint(idle, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
	reader := bufio.NewReader(idle)
	if res, err := http.ReadResponse(reader, nil); err != nil {
		t.Fatal(err)
	} else {
		_, _ = io.Copy(io.Discard, res.Body)
	}
	working := r.verifyLater(t)
	<-entered
	drained := make(chan error, 1)
	go func() { drained <- r.Drain(context.Background()) }()
	for !r.gate.isClosing() {
		time.Sleep(time.Millisecond)
	}
	if got := r.call(t, "GET", "/readyz", nil); got.status != 503 || got.code() != codeDraining {
		t.Errorf("readyz: %d %s", got.status, got.body)
	}
	if got := r.call(t, "GET", "/livez", nil); got.status != 200 {
		t.Errorf("livez: %d", got.status)
	}
	fmt.Fprint(idle, "GET /v1/subjects/a HTTP/1.1\r\nHost: x\r\n\r\n")
	if res, err := http.ReadResponse(reader, nil); err != nil || res.StatusCode != 503 || !res.Close || res.Header.Get("Retry-After") == "" {
		t.Errorf("a new request: %v %v", res, err)
	}
	select {
	case err := <-drained:
		t.Fatalf("drained while a request was under way: %v", err)
	default:
	}
	close(release)
	if got := <-working; got.status != 200 {
		t.Errorf("the request under way: %d %s", got.status, got.body)
	}
	if err := <-drained; err != nil {
		t.Error(err)
	}
}

// TestGraceServesWhileItSendsAway: a balancer sees 503 before a client does.
func TestGraceServesWhileItSendsAway(t *testing.T) {
	r := start(t, &fakeAPI{}, func(d *Deps) { d.Config.Grace = 20 * time.Second })
	ctx, end := context.WithCancel(context.Background())
	down := make(chan error, 1)
	go func() { down <- r.Shutdown(ctx) }()
	for !r.gate.isClosing() {
		time.Sleep(time.Millisecond)
	}
	if got := r.call(t, "GET", "/readyz", nil); got.status != 503 || got.code() != codeDraining {
		t.Errorf("readyz: %d %s", got.status, got.body)
	}
	if got := r.postJSON(t, "/v1/verifications", verifyFinger); got.status != 200 {
		t.Errorf("a request within the grace: %d %s", got.status, got.body)
	}
	end()
	if err := <-down; err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestUploadsFinishDuringADrain: a request is under way once its header is there.
func TestUploadsFinishDuringADrain(t *testing.T) {
	r := start(t, &fakeAPI{}, nil)
	conn := r.dial(t)
	fmt.Fprintf(conn, "POST /v1/verifications HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", len(verifyFinger))
	for r.gate.count() == 0 {
		time.Sleep(time.Millisecond)
	}
	down := make(chan error, 1)
	go func() { down <- r.Shutdown(context.Background()) }()
	for !r.gate.isClosing() {
		time.Sleep(time.Millisecond)
	}
	fmt.Fprint(conn, verifyFinger)
	if status, text := readRaw(t, conn); status != 200 {
		t.Errorf("%d %s", status, text)
	}
	if err := <-down; err != nil {
		t.Error(err)
	}
}

// TestShutdownOutlastsItsAnswers: when it returns, the last refusals are with their clients.
func TestShutdownOutlastsItsAnswers(t *testing.T) {
	r := start(t, &fakeAPI{}, nil)
	go r.Drain(context.Background())
	for !r.gate.isClosing() {
		time.Sleep(time.Millisecond)
	}
	conn := r.dial(t)
	fmt.Fprint(conn, "POST /v1/verifications HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
	if status, text := readRaw(t, conn); status != 503 || !strings.Contains(text, codeDraining) {
		t.Fatalf("%d %s", status, text)
	}
	down := make(chan error, 1)
	go func() { down <- r.Shutdown(context.Background()) }()
	select {
	case <-down:
		t.Fatal("the server is down while it takes the rest of a body, so the client may lose the answer")
	case <-time.After(200 * time.Millisecond):
	}
	conn.Close()
	if err := <-down; err != nil {
		t.Error(err)
	}
}

// TestClientsBeforeTheCloseGetAnAnswer: a close would reset those that the kernel has connected and nobody accepted.
func TestClientsBeforeTheCloseGetAnAnswer(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{addr: ln.Addr().String()}
	bounded := newListener(ln, 10, nil)
	var queued []net.Conn
	for range 5 {
		c := r.dial(t)
		fmt.Fprint(c, "POST /v1/verifications HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
		queued = append(queued, c)
	}
	if err := bounded.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range queued {
		if status, text := readRaw(t, c); status != 503 || !strings.Contains(text, codeDraining) {
			t.Errorf("%d %s", status, text)
		}
	}
	if _, err := bounded.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accept after close: %v", err)
	}
}

func TestShutdownCancelsWhatDoesNotEnd(t *testing.T) {
	api, entered, release := blocking()
	defer close(release)
	r := start(t, api, nil)
	working := r.verifyLater(t)
	<-entered
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := r.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("shutdown: %v", err)
	}
	if got := <-working; got.status != 503 || got.code() != codeDraining {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestServeAfterShutdownEnds(t *testing.T) {
	s := New(Deps{API: &fakeAPI{}})
	if err := s.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(ln); err != nil {
		t.Error(err)
	}
}

// TestRequestsDoNotShareMemory: what one request brought is unchanged after a thousand others, though fasthttp reuses its
// buffers.
func TestRequestsDoNotShareMemory(t *testing.T) {
	var mu sync.Mutex
	var kept []gateway.VerifyRequest
	api := &fakeAPI{}
	api.verify = func(ctx context.Context, r gateway.VerifyRequest) (gateway.Outcome, error) {
		mu.Lock()
		defer mu.Unlock()
		kept = append(kept, r)
		return matched(ctx), nil
	}
	r := start(t, api, nil)
	var wg sync.WaitGroup
	for k := range 8 {
		wg.Go(func() {
			for i := range 50 {
				id := fmt.Sprintf("subject-%d-%d", k, i)
				data := strings.Repeat(id, 100+i)
				r.postJSON(t, "/v1/verifications", fmt.Sprintf(`{"subject":%q,"audience":%q,"captures":[{"modality":"face","data":%q}]}`,
					id, id, base64.StdEncoding.EncodeToString([]byte(data))))
				r.call(t, "POST", "/v1/verifications?modality=face&subject="+id+"&audience="+id, strings.NewReader(data), "Content-Type", "image/png")
			}
		})
	}
	wg.Wait()
	if len(kept) != 800 {
		t.Fatalf("%d requests arrived", len(kept))
	}
	for _, v := range kept {
		if data := string(v.Captures[0].Data); v.Audience != v.Subject || data != strings.Repeat(v.Subject, len(data)/len(v.Subject)) {
			t.Fatalf("%s was mixed with another request", v.Subject)
		}
	}
}
