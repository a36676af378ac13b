package redismemory

import (
	"context"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"biogate/gateway/limits"
	"biogate/gateway/porttest"
)

// serverTime is the server's clock as its scripts read it.
func serverTime(t *rapid.T, m *Memory) time.Time {
	now, err := m.client.Time(context.Background()).Result()
	if err != nil {
		t.Fatal(err)
	}
	return time.UnixMilli(now.UnixMilli())
}

// heldTally is what the server holds of a subject.
func heldTally(t *rapid.T, m *Memory, key string) limits.Tally {
	held, err := m.client.HGetAll(context.Background(), key).Result()
	if err != nil {
		t.Fatal(err)
	}
	if len(held) == 0 {
		return limits.Tally{}
	}
	number := func(name string) int64 {
		n, err := strconv.ParseInt(held[name], 10, 64) // neither 1e+12 nor a fraction
		if err != nil {
			t.Fatalf("%s of %v: %v", name, held, err)
		}
		return n
	}
	return limits.Tally{Failures: int(number("n")), Last: when(number("last")), Before: when(number("before"))}
}

// when: 0 is no time.
func when(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

func milliseconds(at time.Time) int64 {
	if at.IsZero() {
		return 0
	}
	return at.UnixMilli()
}

// later is a tally after a pause: the server's clock cannot be moved, so what it remembers is.
func later(tally limits.Tally, pause time.Duration) limits.Tally {
	for _, at := range []*time.Time{&tally.Last, &tally.Before} {
		if !at.IsZero() {
			*at = at.Add(-pause)
		}
	}
	return tally
}

func same(a, b limits.Tally) bool {
	return a.Failures == b.Failures && a.Last.Equal(b.Last) && a.Before.Equal(b.Before)
}

// TestScriptsAreTheRule: whatever is tried, withdrawn and waited for, in any order and under any rule, the scripts do what
// limits.Tally does at the server's time, which lies between two looks at it.
func TestScriptsAreTheRule(t *testing.T) {
	server := porttest.StartRedis(t)
	m := open(t, server.URL(), "rule")
	key := m.key("attempts", "alice")
	rapid.Check(t, func(t *rapid.T) {
		duration := func(name string, most time.Duration) time.Duration {
			return (time.Duration(rapid.Int64Range(int64(time.Millisecond), int64(most)).Draw(t, name)) >> rapid.IntRange(0, 12).Draw(t, "shift")).Truncate(time.Millisecond)
		}
		m.o.Rule = limits.Rule{Failures: rapid.IntRange(1, 6).Draw(t, "failures"), Delay: duration("delay", time.Hour) + time.Millisecond}
		m.o.Rule.Longest = duration("longest", 24*time.Hour) + time.Millisecond // shorter than the first delay, too
		if err := m.client.Del(context.Background(), key).Err(); err != nil {
			t.Fatal(err)
		}
		var tally limits.Tally
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			if pause := duration("pause", 2*m.o.Rule.Longest); rapid.Bool().Draw(t, "paused") && tally.Failures > 0 {
				if rapid.IntRange(0, 9).Draw(t, "back") == 0 {
					pause = -pause // the server's clock was set back
				}
				tally = later(tally, pause)
				if err := m.client.HSet(context.Background(), key, "last", milliseconds(tally.Last), "before", milliseconds(tally.Before)).Err(); err != nil {
					t.Fatal(err)
				}
			}
			if rapid.IntRange(0, 3).Draw(t, "withdraw") == 0 {
				tally = tally.Withdraw()
				if err := m.Withdraw(context.Background(), "alice"); err != nil {
					t.Fatal(err)
				}
				if held := heldTally(t, m, key); !same(held, tally) {
					t.Fatalf("withdrawn: %+v, want %+v", held, tally)
				}
				continue
			}
			first := serverTime(t, m)
			wait, err := m.Begin(context.Background(), "alice")
			if err != nil {
				t.Fatal(err)
			}
			last := serverTime(t, m)
			_, longest := tally.Begin(m.o.Rule, first)
			_, shortest := tally.Begin(m.o.Rule, last)
			if wait < shortest || wait > longest {
				t.Fatalf("%+v waits %s, want %s to %s", tally, wait, shortest, longest)
			}
			held := heldTally(t, m, key)
			if wait > 0 {
				if !same(held, tally) {
					t.Fatalf("a refused attempt made %+v of %+v", held, tally)
				}
				continue
			}
			if held.Last.Before(first) || held.Last.After(last) || held.Failures != tally.Failures+1 || !held.Before.Equal(tally.Last) {
				t.Fatalf("an attempt between %s and %s made %+v of %+v", first, last, held, tally)
			}
			tally = held
			if left, err := m.client.PTTL(context.Background(), key).Result(); err != nil || left <= m.o.Rule.Kept()-time.Minute || left > m.o.Rule.Kept() {
				t.Fatalf("remembered for %s, want %s (%v)", left, m.o.Rule.Kept(), err)
			}
		}
	})
}
