package porttest

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"biogate/gateway"
	"biogate/gateway/limits"
)

// AttemptsRule is the rule that Attempts runs under: three at once, then one at a time; nothing that it makes wait gets a turn
// while the suite runs.
var AttemptsRule = limits.Rule{Failures: 3, Delay: time.Hour, Longest: 3 * time.Hour}

// Attempts runs the suite on the counts that open makes, empty and under AttemptsRule.
func Attempts(t *testing.T, open func(t testing.TB) gateway.Attempts) {
	begins := func(t *testing.T, s gateway.Attempts, subject string, wanted bool) {
		t.Helper()
		wait, err := s.Begin(ctx(t), subject)
		want(t, "Begin", err, nil)
		if (wait == 0) != wanted || wait < 0 || wait > AttemptsRule.Delay || wait > 0 && wait < AttemptsRule.Delay-time.Minute {
			t.Errorf("Begin: wait %s, allowed: want %v", wait, wanted)
		}
	}
	fail := func(t *testing.T, s gateway.Attempts, subject string) {
		t.Helper()
		for range AttemptsRule.Failures {
			begins(t, s, subject, true)
		}
		begins(t, s, subject, false)
	}
	t.Run("too many", func(t *testing.T) {
		s := open(t)
		fail(t, s, "a")
		begins(t, s, "a", false)
		begins(t, s, "A", true)
		begins(t, s, "", true)
	})
	t.Run("success forgets", func(t *testing.T) {
		s := open(t)
		fail(t, s, "b")
		fail(t, s, "a")
		fail(t, s, "c")
		want(t, "Succeed", s.Succeed(ctx(t), "a", "c", "nobody"), nil)
		fail(t, s, "a")
		fail(t, s, "c")
		begins(t, s, "b", false)
		want(t, "Succeed of none", s.Succeed(ctx(t)), nil)
		want(t, "Succeed of nobody", s.Succeed(ctx(t), "nobody"), nil)
	})
	t.Run("withdrawn", func(t *testing.T) {
		s := open(t)
		fail(t, s, "a")
		want(t, "Withdraw", s.Withdraw(ctx(t), "a"), nil)
		begins(t, s, "a", true)
		begins(t, s, "a", false)
		want(t, "Withdraw of nobody", s.Withdraw(ctx(t), "nobody"), nil)
		fail(t, s, "nobody") // no credit
	})
	t.Run("many at once", func(t *testing.T) {
		s := open(t)
		var all sync.WaitGroup
		var begun atomic.Int32
		for range 32 {
			all.Go(func() {
				wait, err := s.Begin(ctx(t), "a")
				want(t, "Begin", err, nil)
				if wait == 0 {
					begun.Add(1)
				}
			})
		}
		all.Wait()
		if int(begun.Load()) != AttemptsRule.Failures {
			t.Errorf("%d attempts at once", begun.Load())
		}
	})
	t.Run("ended context", func(t *testing.T) {
		s := open(t)
		if _, err := s.Begin(ended(), "a"); err == nil {
			t.Error("Begin with an ended context is nil")
		}
		if s.Succeed(ended(), "a") == nil || s.Withdraw(ended(), "a") == nil {
			t.Error("Succeed or Withdraw with an ended context is nil")
		}
		fail(t, s, "a")
	})
}
