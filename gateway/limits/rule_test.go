package limits_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"biogate/gateway/limits"
)

var (
	nist  = limits.Rule{Failures: 5, Delay: 30 * time.Second, Longest: time.Hour}
	start = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
)

// TestRuleIsNIST: the figures of SP 800-63B, 5.2.3.
func TestRuleIsNIST(t *testing.T) {
	for failures, want := range map[int]time.Duration{
		0: 0, 1: 0, 4: 0, 5: 30 * time.Second, 6: time.Minute, 7: 2 * time.Minute, 11: 32 * time.Minute, 12: time.Hour, 13: time.Hour, 1 << 30: time.Hour,
	} {
		if got := nist.Wait(failures, start, start); got != want {
			t.Errorf("after %d failures the next waits %s, want %s", failures, got, want)
		}
	}
	if got := (limits.Rule{Delay: time.Minute, Longest: time.Hour}).Wait(100, start, start); got != 0 {
		t.Errorf("a rule without a limit makes wait %s", got)
	}
	if got := nist.Wait(5, start, start.Add(-time.Hour)); got != 30*time.Second {
		t.Errorf("with a clock that went back the next waits %s", got)
	}
}

// TestAttemptsAreFewEnough: whatever the times of attempts, of those that fail in a row no more are let through than the rule
// has; withdrawn ones change nothing.
func TestAttemptsAreFewEnough(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var tally limits.Tally
		now, counted, last := start, 0, time.Time{}
		for range rapid.IntRange(1, 60).Draw(t, "attempts") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(2*time.Hour)).Draw(t, "pause")) >> rapid.IntRange(0, 20).Draw(t, "shift"))
			before := tally
			next, wait := tally.Begin(nist, now)
			if due := nist.Wait(counted, last, now); due != wait {
				t.Fatalf("after %d failures wait %s, want %s", counted, wait, due)
			}
			if wait > 0 {
				if next != before {
					t.Fatalf("a refused attempt changed %+v to %+v", before, next)
				}
				continue
			}
			if rapid.Bool().Draw(t, "withdrawn") {
				if back := next.Withdraw(); back.Failures != counted || counted >= nist.Failures && !back.Last.Equal(last) {
					t.Fatalf("withdrawn: %+v, before %+v", back, before)
				} else {
					tally = back
				}
				continue
			}
			tally, counted, last = next, counted+1, now
		}
	})
}

// TestRateHolds: in no span of time more events are allowed than the burst and what the rate gives in that span, and whoever
// waits as long as told is allowed.
func TestRateHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := limits.Rate{PerSecond: rapid.Float64Range(0.01, 1e6).Draw(t, "per second"), Burst: rapid.IntRange(1, 50).Draw(t, "burst")}
		var now, due time.Duration
		var allowed []time.Duration
		for range rapid.IntRange(1, 200).Draw(t, "events") {
			now += time.Duration(rapid.Float64Range(0, 3).Draw(t, "pause") * float64(rate.Window()) / float64(rate.Burst))
			v := rate.Take(due, now)
			if !v.Allowed {
				if v.Due != due || v.Left != 0 || v.Wait <= 0 {
					t.Fatalf("refused with %+v", v)
				}
				if rate.Take(due, now+v.Wait-1).Allowed || !rate.Take(due, now+v.Wait).Allowed {
					t.Fatalf("the wait of %s is not what it takes", v.Wait)
				}
				continue
			}
			due, allowed = v.Due, append(allowed, now)
			for i, from := range allowed {
				if span := (now - from).Seconds(); float64(len(allowed)-i) > float64(rate.Burst)+span*rate.PerSecond*1.001+1e-6 {
					t.Fatalf("%d in %g s at %g per second with a burst of %d", len(allowed)-i, span, rate.PerSecond, rate.Burst)
				}
			}
		}
	})
}

func TestRateTells(t *testing.T) {
	rate := limits.Rate{PerSecond: 10, Burst: 3}
	v := rate.Take(0, 0)
	if !v.Allowed || v.Left != 2 || v.Full != 100*time.Millisecond || rate.Window() != 300*time.Millisecond {
		t.Errorf("%+v, window %s", v, rate.Window())
	}
	v = rate.Take(rate.Take(v.Due, 0).Due, 0)
	if refused := rate.Take(v.Due, 0); !v.Allowed || v.Left != 0 || refused.Allowed || refused.Wait != 100*time.Millisecond {
		t.Errorf("%+v, then %+v", v, refused)
	}
}
