package gateway_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"biogate/gateway"
	"biogate/matcher"
)

// patientEngine takes its time, and notes whose captures it sees.
type patientEngine struct {
	toyEngine
	mu   *sync.Mutex
	seen *[]string
}

func (e patientEngine) Extract(ctx context.Context, s matcher.Sample, tr matcher.Trace) (matcher.Extraction, error) {
	e.mu.Lock()
	*e.seen = append(*e.seen, string(s.Data))
	e.mu.Unlock()
	time.Sleep(100 * time.Millisecond)
	return e.toyEngine.Extract(ctx, s, tr)
}

// TestRequestsInExtractionAreBounded: under more requests of many captures than there is time for, those that came first are
// finished. When all are worked on in turn none ends before its time is over.
func TestRequestsInExtractionAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const captures = 10 // a second of a worker
		engine := patientEngine{toyEngine{matcher.Face, "toy-face-1"}, new(sync.Mutex), new([]string)}
		h := newHouse(t, func(d *gateway.Deps) {
			d.Engines, d.Workers, d.Patience = []matcher.Engine{engine}, 1, time.Minute
		})
		var matched, late int
		var mu sync.Mutex
		var all sync.WaitGroup
		for _, who := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
			h.enroll(t, who, face(who))
		}
		*engine.seen = nil
		for _, who := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
			all.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				out, err := h.Verify(ctx, gateway.VerifyRequest{Subject: who, Audience: "https://rp.example", Captures: slices.Repeat([]matcher.Sample{face(who)}, captures)})
				mu.Lock()
				defer mu.Unlock()
				if err == nil && out.Decision == "match" {
					matched++
				} else if gateway.AsError(err).Code == "overloaded" {
					late++
				} else {
					t.Errorf("%s: %+v %v", who, out, err)
				}
			})
		}
		all.Wait()
		if matched < 4 || matched+late != 8 {
			t.Errorf("%d of 8 were finished in the time of 5, %d were told that it is too late", matched, late)
		}
	})
}
