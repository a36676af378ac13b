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

// TestLastingOverload: of twice as many requests as there is time for half are finished, and the others are told soon. Where all wait in
// line until their time is over, those whose turn comes have no time left, and hardly any is finished.
func TestLastingOverload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const requests, captures, slots = 200, 10, 32 // each a second of the worker
		engine := patientEngine{toyEngine{matcher.Face, "toy-face-1"}, new(sync.Mutex), new([]string)}
		h := newHouse(t, func(d *gateway.Deps) { d.Engines, d.Workers = []matcher.Engine{engine}, 1 })
		h.enroll(t, "a", face("a"))
		var all sync.WaitGroup
		var mu sync.Mutex
		matched, admitted := 0, make(chan struct{}, slots)
		for range requests {
			all.Go(func() {
				admitted <- struct{}{}
				defer func() { <-admitted }()
				ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
				defer cancel()
				start := time.Now()
				out, err := h.Verify(ctx, gateway.VerifyRequest{Subject: "a", Audience: "https://rp.example", Captures: slices.Repeat([]matcher.Sample{face("a")}, captures)})
				mu.Lock()
				defer mu.Unlock()
				if err == nil && out.Decision == "match" {
					matched++
				} else if took := time.Since(start); codeOf(err) != "overloaded" || took > 2*time.Second {
					t.Errorf("after %s: %+v %v", took, out, err)
				}
			})
			time.Sleep(500 * time.Millisecond)
		}
		all.Wait()
		if matched < requests*9/20 {
			t.Errorf("%d of %d were finished in the time of %d", matched, requests, requests/2)
		}
	})
}

// TestEnrolmentsDoNotWaitForLong: one at a time is looked for among all.
func TestEnrolmentsDoNotWaitForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := slowEngine{toyEngine{matcher.Face, "toy-face-1"}, make(chan struct{}), make(chan struct{})}
		h := newHouse(t, func(d *gateway.Deps) { d.Engines, d.Deduplicate = []matcher.Engine{slow}, true })
		var first sync.WaitGroup
		first.Go(func() { h.enroll(t, "a", face("alice")) })
		<-slow.began
		start := time.Now()
		_, err := h.Enroll(t.Context(), gateway.EnrollRequest{Subject: "b", Captures: []matcher.Sample{face("bob")}})
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("it waited for %s", took)
		}
		wantCode(t, err, "overloaded", gateway.Unavailable)
		close(slow.free)
		first.Wait()
	})
}

// TestSearchThatDoesNotBeginIsNoAttempt: whoever repeats it as told must not be taken for somebody who guesses.
func TestSearchThatDoesNotBeginIsNoAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := slowEngine{toyEngine{matcher.Face, "toy-face-1"}, make(chan struct{}), make(chan struct{})}
		h := newCountingHouse(t, func(d *gateway.Deps) { d.Engines, d.Workers = []matcher.Engine{slow}, 1 })
		if _, err := h.galleries.PutGallery(t.Context(), gateway.Gallery{Name: "g"}); err != nil {
			t.Fatal(err)
		}
		if err := h.galleries.AddMembers(t.Context(), "g", []gateway.Membership{{Subject: "alice"}, {Subject: "bob"}}); err != nil {
			t.Fatal(err)
		}
		h.restart(t)
		ask := func(among ...string) error {
			_, err := h.Identify(t.Context(), gateway.IdentifyRequest{Audience: "https://rp.example", Gallery: "g", Among: matcher.Filter{Subjects: among}, Captures: []matcher.Sample{face("alice")}})
			return err
		}
		var searches sync.WaitGroup
		for range 2 {
			searches.Go(func() {
				if err := ask(); err != nil {
					t.Error(err)
				}
			})
			<-slow.began
		}
		for range 6 {
			wantCode(t, ask("alice"), "overloaded", gateway.Unavailable)
		}
		close(slow.free)
		searches.Wait()
		if n := h.left(t, "alice"); n != 5 {
			t.Errorf("%d attempts are left of 5", n)
		}
	})
}
