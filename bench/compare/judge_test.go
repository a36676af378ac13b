package main

import (
	"math/rand/v2"
	"testing"
)

func TestRead(t *testing.T) {
	r := results{}
	r.read("goos: linux\nBenchmarkA/x \t 100\t 12.5 ns/op\t 3 MB/s\t 64 B/op\t 2 allocs/op\nBenchmarkB\t1\t7 ns/op\nBenchmarkC --- FAIL\nPASS\n")
	if len(r) != 2 || r["BenchmarkA/x"][0] != (sample{12.5, 64, 2}) || r["BenchmarkB"][0] != (sample{7, 0, 0}) {
		t.Errorf("%v", r)
	}
}

// noisy is n runs of what takes ns, on a machine that others use too: each run up to four times as long.
func noisy(rng *rand.Rand, ns float64, n int) (out []sample) {
	for range n {
		out = append(out, sample{ns: ns * (1 + 3*rng.Float64()*rng.Float64()), bytes: 1000, allocs: 10})
	}
	return out
}

// TestNoiseIsNoRegression: what did not change is never blamed twice in a row, and what takes twice as long always is.
func TestNoiseIsNoRegression(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		if judge(noisy(rng, 100, 8), noisy(rng, 100, 8)).worse() && judge(noisy(rng, 100, 24), noisy(rng, 100, 24)).worse() {
			t.Fatal("noise was taken for a regression")
		}
	}
	found := 0
	for range 1000 {
		if judge(noisy(rng, 100, 8), noisy(rng, 200, 8)).worse() {
			found++
		}
	}
	if found < 600 {
		t.Errorf("of 1000 that take twice as long %d were found", found)
	}
}

func TestAllocationsAreCompared(t *testing.T) {
	base := []sample{{100, 1000, 10}}
	for want, change := range map[bool]sample{true: {100, 1000, 14}, false: {100, 1200, 12}} {
		if v := judge(base, []sample{change}); v.worse() != want {
			t.Errorf("%s: worse is %t", v, v.worse())
		}
	}
	if !judge(base, []sample{{100, 1300, 10}}).worse() {
		t.Error("a third more bytes")
	}
}
