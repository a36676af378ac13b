package limits_test

import (
	"testing"
	"time"

	"biogate/gateway/limits"
)

type manualClock struct{ t time.Time }

func (c *manualClock) now() time.Time { return c.t }

func TestTableKeepsKeysApart(t *testing.T) {
	clock := &manualClock{start}
	table := limits.NewTable[string](limits.Rate{PerSecond: 1, Burst: 2}, 100, clock.now)
	for i, want := range []bool{true, true, false} {
		if got := table.Take("a").Allowed; got != want {
			t.Errorf("event %d of a: allowed %v", i, got)
		}
	}
	if table.Look("a").Allowed || !table.Look("b").Allowed || !table.Look("b").Allowed || !table.Take("b").Allowed {
		t.Error("keys are not kept apart, or a look takes")
	}
	clock.t = clock.t.Add(time.Second)
	if !table.Take("a").Allowed || table.Take("a").Allowed {
		t.Error("a second gives not one event")
	}
}

// TestTableIsBounded: an attacker with many names fills the table, and is limited all the same; whoever was in it before keeps
// what they have; the table is free again afterwards.
func TestTableIsBounded(t *testing.T) {
	const most = 3000
	clock := &manualClock{start}
	table := limits.NewTable[int](limits.Rate{PerSecond: 1, Burst: 2}, most, clock.now)
	table.Take(-1)
	allowed := 0
	for name := range 10 * most {
		if table.Take(name).Allowed {
			allowed++
		}
	}
	if allowed > most+2 {
		t.Errorf("%d of an attacker's names were let through, the table holds %d", allowed, most)
	}
	if n := table.Len(); n > most {
		t.Errorf("%d entries, at most %d were asked for", n, most)
	}
	if !table.Take(-1).Allowed {
		t.Error("who was in the table before has lost its rate")
	}
	if table.Look(20 * most).Allowed {
		t.Error("a full table lets a new name through")
	}
	clock.t = clock.t.Add(time.Minute)
	if !table.Take(20 * most).Allowed {
		t.Error("a table whose entries say nothing any more is still full")
	}
}

func BenchmarkTable(b *testing.B) {
	table := limits.NewTable[string](limits.Rate{PerSecond: 1e6, Burst: 1e6}, 1000, time.Now)
	for b.Loop() {
		table.Take("kiosk-1")
	}
}
