package prommetrics

import (
	"fmt"
	"io"
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
	body, err := io.ReadAll(w.Body)
	if err != nil || w.Code != 200 {
		t.Fatal(w.Code, err)
	}
	return string(body)
}

func shows(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("no line %s", line)
		}
	}
}

func TestMetrics(t *testing.T) {
	m := New(Build{Version: "1.2.3", Revision: "abc", GoVersion: "go1.26"})
	m.Stage("compare", 80*time.Microsecond)
	m.Stage("compare", 3*time.Second)
	m.Call("cache", "get", "ok", time.Millisecond)
	m.Call("cache", "get", "open", 0)
	m.Call("cache", "get", "nonsense", time.Millisecond)
	m.Breaker("cache", "closed")
	m.Breaker("cache", "open")
	m.Decision("verify", "match")
	m.Decision("verify", "0792030012345")
	text := scrape(t, m)
	shows(
		t, text,
		`biogate_stage_seconds_bucket{stage="compare",le="5e-05"} 0`,
		`biogate_stage_seconds_bucket{stage="compare",le="0.0001"} 1`,
		`biogate_stage_seconds_bucket{stage="compare",le="5"} 2`,
		`biogate_calls_total{operation="get",outcome="ok",system="cache"} 1`,
		`biogate_calls_total{operation="get",outcome="open",system="cache"} 1`,
		`biogate_calls_total{operation="get",outcome="other",system="cache"} 1`,
		`biogate_call_seconds_count{operation="get",system="cache"} 2`,
		`biogate_breaker_state{state="open",system="cache"} 1`,
		`biogate_breaker_state{state="closed",system="cache"} 0`,
		`biogate_breaker_state{state="half-open",system="cache"} 0`,
		`biogate_decisions_total{decision="match",mode="verify"} 1`,
		`biogate_decisions_total{decision="other",mode="verify"} 1`,
		`biogate_build_info{goversion="go1.26",revision="abc",version="1.2.3"} 1`,
	)
	if !strings.Contains(text, "go_goroutines ") || !strings.Contains(text, "process_open_fds ") {
		t.Error("no metrics of runtime or process")
	}
	if strings.Contains(text, "0792030012345") {
		t.Error("a label shows what it was given")
	}
}

// Names out of a loop must not make series without end.
func TestSeriesAreBounded(t *testing.T) {
	m := New(Build{})
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
	shows(t, text, fmt.Sprintf(`biogate_stage_seconds_count{stage="other"} %d`, 4*500-maxNames))
}

func TestTwoInOneProcess(t *testing.T) {
	a, b := New(Build{}), New(Build{})
	a.Decision("verify", "match")
	if strings.Contains(scrape(t, b), "biogate_decisions_total{") {
		t.Error("metrics of one gateway show in another's")
	}
}

func BenchmarkStage(b *testing.B) {
	m := New(Build{})
	for b.Loop() {
		m.Stage("compare", time.Millisecond)
	}
}
