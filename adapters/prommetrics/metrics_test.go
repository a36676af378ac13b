package prommetrics

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestWhatIsObservedIsServed(t *testing.T) {
	m := New("v1", "cache", "record")
	m.Stage("decode", 3*time.Millisecond)
	m.Call("cache", "get", "open", time.Microsecond)
	m.Breaker("cache", "open")
	m.Decision("verify", "match")
	m.Request("POST", "/v1/verifications", 200, time.Millisecond)
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	text := w.Body.String()
	for _, want := range []string{
		`biogate_stage_seconds_bucket{stage="decode",le="0.0025"} 0`,
		`biogate_stage_seconds_bucket{stage="decode",le="0.005"} 1`,
		`biogate_call_seconds_count{operation="get",outcome="open",system="cache"} 1`,
		`biogate_breaker_state{system="cache"} 2`,
		`biogate_breaker_state{system="record"} 0`,
		`biogate_decisions_total{decision="match",mode="verify"} 1`,
		`biogate_http_request_seconds_count{method="POST",route="/v1/verifications",status="200"} 1`,
		`biogate_build_info{version="v1"} 1`,
		`go_goroutines`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is missing", want)
		}
	}
}

func TestGatewaysDoNotShare(t *testing.T) {
	New("a")
	New("b") // a second set in the same process must not panic
}
