package prommetrics

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

func scrape(t *testing.T, m *Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatal(w.Code)
	}
	return w.Body.String()
}

func TestWhatIsObservedIsServed(t *testing.T) {
	m := New("v1", "cache", "record")
	m.Stage("decode", 3*time.Millisecond)
	m.Stage("decode", 80*time.Microsecond)
	m.Call("cache", "get", "ok", time.Millisecond)
	m.Call("cache", "get", "open", time.Microsecond)
	m.Breaker("cache", "open")
	m.Decision("verify", "match")
	m.CredentialRefused("device-revoked")
	m.Reencryption(7)
	readable := false
	m.Devices(func() bool { return readable })
	m.Request("POST", "/v1/verifications", 200, time.Millisecond)
	text := scrape(t, m)
	for _, want := range []string{
		`biogate_stage_seconds_bucket{stage="decode",le="5e-05"} 0`,
		`biogate_stage_seconds_bucket{stage="decode",le="0.0001"} 1`,
		`biogate_stage_seconds_bucket{stage="decode",le="0.005"} 2`,
		`biogate_calls_total{operation="get",outcome="ok",system="cache"} 1`,
		`biogate_calls_total{operation="get",outcome="open",system="cache"} 1`,
		`biogate_call_seconds_count{operation="get",system="cache"} 1`,
		`biogate_breaker_state{system="cache"} 2`,
		`biogate_breaker_state{system="record"} 0`,
		`biogate_decisions_total{decision="match",mode="verify"} 1`,
		`biogate_http_request_seconds_count{method="POST",route="/v1/verifications",status="200"} 1`,
		`biogate_credentials_refused_total{code="device-revoked"} 1`,
		`biogate_reencryption_remaining 7`,
		`biogate_devices_readable 0`,
		`biogate_build_info{version="v1"} 1`,
		`go_goroutines`,
		`process_open_fds`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is missing", want)
		}
	}
}

func TestGatewaysDoNotShare(t *testing.T) {
	a, b := New("a"), New("b")
	a.Decision("verify", "match")
	if strings.Contains(scrape(t, b), "biogate_decisions_total{") {
		t.Error("metrics of one gateway show in another's")
	}
}

func TestUnknownValuesAreFolded(t *testing.T) {
	const identifier = "0792030012345"
	m := New("v1")
	m.Decision("verify", identifier)
	m.Decision(identifier, "match")
	m.Call("cache", "get", identifier, time.Millisecond)
	m.Request(identifier, "/v1/verifications", 405, time.Millisecond)
	if text := scrape(t, m); strings.Contains(text, identifier) || strings.Count(text, `"other"`) < 4 {
		t.Error("a label shows what it was given")
	}
}

// Names out of a loop must not make series without end.
func TestSeriesAreBounded(t *testing.T) {
	m := New("v1")
	var all sync.WaitGroup
	for w := range 4 {
		all.Go(func() {
			for i := range 500 {
				m.Stage(fmt.Sprint("stage-", w, i), time.Millisecond)
			}
		})
	}
	all.Wait()
	text := scrape(t, m)
	if n := strings.Count(text, "biogate_stage_seconds_count{"); n != maxNames+1 {
		t.Errorf("%d series, want %d", n, maxNames+1)
	}
	if want := fmt.Sprintf(`biogate_stage_seconds_count{stage="other"} %d`, 4*500-maxNames); !strings.Contains(text, want) {
		t.Errorf("%s is missing", want)
	}
}

// TestNothingUnknownIsKept: what a series does not show as it is is not remembered either, and what is known is found again.
func TestNothingUnknownIsKept(t *testing.T) {
	m := New("v1")
	for i := range 200 {
		id := fmt.Sprint("0792030012", i)
		m.Call("cache", "get", id, time.Millisecond)
		m.Decision(id, "match")
		m.Request(id, "/v1/verifications", 405, time.Millisecond)
		m.Call("cache", "get", "ok", time.Millisecond)
		m.Decision("verify", "match")
		m.Request("POST", "/v1/verifications", 200, time.Millisecond)
		m.Stage(fmt.Sprint("stage-", i), time.Millisecond)
	}
	for what, n := range map[string]int{"calls": len(*m.ofCall.known.Load()), "decisions": len(*m.ofDecision.known.Load()), "requests": len(*m.ofRequest.known.Load())} {
		if n != 1 {
			t.Errorf("%d kinds of %s are remembered, want the one that is known", n, what)
		}
	}
	if n := len(*m.ofStage.known.Load()); n != maxNames {
		t.Errorf("%d stages are remembered, want %d", n, maxNames)
	}
	text := scrape(t, m)
	for _, want := range []string{
		`biogate_calls_total{operation="get",outcome="ok",system="cache"} 200`,
		`biogate_calls_total{operation="get",outcome="other",system="cache"} 200`,
		`biogate_call_seconds_count{operation="get",system="cache"} 400`,
		`biogate_decisions_total{decision="match",mode="verify"} 200`,
		`biogate_http_request_seconds_count{method="POST",route="/v1/verifications",status="200"} 200`,
		`biogate_stage_seconds_count{stage="other"} 136`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is missing", want)
		}
	}
}

func BenchmarkCall(b *testing.B) {
	m := New("v1")
	b.ReportAllocs()
	for b.Loop() {
		m.Call("cache", "get", "ok", time.Millisecond)
	}
}

func BenchmarkRequest(b *testing.B) {
	m := New("v1")
	b.ReportAllocs()
	for b.Loop() {
		m.Request("POST", "/v1/verifications", 200, time.Millisecond)
	}
}

func BenchmarkStage(b *testing.B) {
	m := New("v1")
	for b.Loop() {
		m.Stage("compare", time.Millisecond)
	}
}
