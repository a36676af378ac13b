package search

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync/atomic"
	"testing"

	"biogate/bench/accuracy"
	"biogate/matcher"
	"biogate/matcher/finger"
	"biogate/matcher/gallery"
)

// stagedIndex adds a first stage that loses what lose says, and an exhaustive mode that may be wrong.
type stagedIndex struct {
	matcher.Index
	lose     func(p matcher.Probe, c matcher.Candidate) bool
	wrong    bool
	searches *atomic.Int64 // exhaustive ones
}

func (ix *stagedIndex) Exhaustive(ctx context.Context, q matcher.Query, dst []matcher.Candidate) ([]matcher.Candidate, error) {
	ix.searches.Add(1)
	found, err := ix.Search(ctx, q, dst)
	if ix.wrong && err == nil {
		found = found[1:]
	}
	return found, err
}

func (ix *stagedIndex) TwoStageBatch(ctx context.Context, probes []matcher.Probe, k int, dst [][]matcher.Candidate) ([][]matcher.Candidate, error) {
	for i, p := range probes {
		found, err := ix.Search(ctx, matcher.Query{Probe: p, K: k}, dst[i])
		if err != nil {
			return dst, err
		}
		dst[i] = slices.DeleteFunc(found, func(c matcher.Candidate) bool { return ix.lose(p, c) })
	}
	return dst, nil
}

// engine is that of fingers with another index.
type engine struct {
	*finger.Engine
	index stagedIndex
}

func (e *engine) NewIndex() matcher.Index {
	ix := e.index
	ix.Index = gallery.New(finger.Model)
	return &ix
}

// plain is the engine of fingers with an index that knows one way to search.
type plain struct{ *finger.Engine }

func (plain) NewIndex() matcher.Index { return gallery.New(finger.Model) }

func small() Options {
	return Options{N: 300, Seed: 3, Probes: []int{1}, Queries: 60, Exhaustive: 10, Threads: 1}
}

func run(t *testing.T, e matcher.Engine, o Options) Result {
	t.Helper()
	r, err := Run(context.Background(), e, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestPlainIndexIsExhaustive(t *testing.T) {
	o := small()
	o.Probes = []int{1, 4}
	stages := map[string]int{}
	o.Workers = 1
	o.Progress = func(stage string, done, total int) { stages[stage] = max(stages[stage], done) }
	r := run(t, plain{finger.New()}, o)
	if len(r.Results) != 2 || r.N != 300 || r.Seed != 3 || r.Modality != matcher.Finger || r.Model != finger.Model {
		t.Fatalf("result %+v", r)
	}
	for i, row := range r.Results {
		if row.Mode != ModeExhaustive || row.Probes != o.Probes[i] || row.Queries != 10 || row.Rank1Of != 10 {
			t.Errorf("row %+v", row)
		}
		if row.Recall != 1 || row.RecallOf != referenceQueries || row.Rank1 < 0.7 {
			t.Errorf("recall %.2f of %d, rank 1 %.2f", row.Recall, row.RecallOf, row.Rank1)
		}
		if !(row.MSPerProbe > 0 && row.GBS > 0 && row.ReadShare > 0 && row.ReadShare < 1) {
			t.Errorf("row %+v", row)
		}
		if want := 300 / (row.MSPerProbe / 1e3); math.Abs(row.ComparisonsPerS-want) > 1e-6*want {
			t.Errorf("%.1f comparisons a second, want %.1f", row.ComparisonsPerS, want)
		}
	}
	if r.BytesPerTemplate < 300 || r.BytesPerTemplate > 5000 || r.ReadGBS < 0.1 || r.PopcountGS < 0.01 {
		t.Errorf("%.0f bytes a template, %.2f GB/s, %.2f G words/s", r.BytesPerTemplate, r.ReadGBS, r.PopcountGS)
	}
	if stages["fill"] != 300 || stages["exhaustive search"] != 10 {
		t.Errorf("progress %v", stages)
	}
}

// A first stage that loses the mates of some probes has lost exactly those whose mate exhaustive search has first.
func TestTwoStageIsHeldToExhaustiveSearch(t *testing.T) {
	o := small()
	g, err := build(context.Background(), plain{finger.New()}, o)
	if err != nil {
		t.Fatal(err)
	}
	all, err := g.ask(context.Background(), "all", g.queries, mode{"all", oneByOne(g.index.Search)}, 1)
	if err != nil {
		t.Fatal(err)
	}
	mate, lost := map[float64]string{}, map[string]bool{}
	found, want := 0, 0
	for j, q := range g.queries {
		if j%4 == 3 {
			lost[q.mate] = true
		}
		if all.first[j].Subject == q.mate {
			found++
			mate[all.first[j].Score] = q.mate
			if !lost[q.mate] {
				want++
			}
		}
	}
	if found == len(g.queries) || want == found {
		t.Fatalf("%d of %d mates are at rank 1, %d of them kept: the test shows nothing", found, len(g.queries), want)
	}
	var searches atomic.Int64
	e := &engine{index: stagedIndex{searches: &searches, lose: func(_ matcher.Probe, c matcher.Candidate) bool {
		return lost[c.Subject] && mate[c.Score] == c.Subject
	}}}
	r := run(t, e, o)
	if len(r.Results) != 2 || r.Results[0].Mode != ModeExhaustive || r.Results[1].Mode != ModeTwoStage {
		t.Fatalf("rows %+v", r.Results)
	}
	exhaustive, two := r.Results[0], r.Results[1]
	if exhaustive.Rank1 != share(found, 60) || two.Rank1 != share(want, 60) || exhaustive.Rank1Of != 60 {
		t.Errorf("rank 1: %.3f and %.3f, want %d and %d of 60", exhaustive.Rank1, two.Rank1, found, want)
	}
	if two.Recall != share(want, found) || two.RecallOf != found || two.RecallInterval != accuracy.Wilson(want, found) {
		t.Errorf("recall %.3f of %d, want %d of %d", two.Recall, two.RecallOf, want, found)
	}
	if n := searches.Load(); n < 10 || n > 10+int64(len(lost)) {
		t.Errorf("%d exhaustive searches for 10 queries and %d lost mates", n, len(lost))
	}
}

func TestExhaustiveSearchIsHeldToTheReference(t *testing.T) {
	e := &engine{index: stagedIndex{searches: new(atomic.Int64), wrong: true, lose: func(matcher.Probe, matcher.Candidate) bool { return false }}}
	if row := run(t, e, small()).Results[0]; row.Recall != 0 || row.RecallOf != referenceQueries {
		t.Errorf("an exhaustive search that leaves rank 1 out has recall %.2f of %d", row.Recall, row.RecallOf)
	}
}

func TestQueriesAreSpreadOverTheGallery(t *testing.T) {
	for _, c := range [][2]int{{1, 1}, {7, 7}, {10, 3}, {1000, 400}, {1000, 999}, {100_000, 401}} {
		g := filled{o: Options{N: c[0], Queries: c[1]}, queries: make([]query, c[1])}
		next := 0
		for i := range c[0] {
			q, exists := g.queryOf(i)
			if exists != (next < c[1] && g.finger(next) == i) {
				t.Fatalf("%v: finger %d, query %d", c, i, next)
			}
			if exists && q != &g.queries[next] {
				t.Fatalf("%v: finger %d is looked for by another query than %d", c, i, next)
			}
			if exists {
				next++
			}
		}
		if next != c[1] {
			t.Errorf("%v: %d queries", c, next)
		}
	}
}

func TestRunStops(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	o := small()
	o.Progress = func(stage string, done, _ int) {
		if stage == "fill" && done == 20 {
			cancel()
		}
	}
	if _, err := Run(ctx, finger.New(), o); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// Brown, Cai and DasGupta, "Interval estimation for a binomial proportion", 2001, by their formula (4).
func TestWilson(t *testing.T) {
	for _, c := range []struct {
		hits, of  int
		low, high float64
	}{{0, 10, 0, 0.2775}, {5, 10, 0.2366, 0.7634}, {10, 10, 0.7225, 1}, {995, 1000, 0.9883, 0.9979}, {0, 0, 0, 1}} {
		if i := accuracy.Wilson(c.hits, c.of); math.Abs(i.Low-c.low) > 5e-5 || math.Abs(i.High-c.high) > 5e-5 {
			t.Errorf("%d of %d: %.4f to %.4f, want %.4f to %.4f", c.hits, c.of, i.Low, i.High, c.low, c.high)
		}
	}
}

// The index that fingers have, in both ways.
func TestFingerIndex(t *testing.T) {
	o := small()
	o.N, o.Probes, o.Threads = 500, []int{3}, 2
	r := run(t, finger.New(), o)
	if len(r.Results) != 2 {
		t.Fatalf("rows %+v", r.Results)
	}
	for _, row := range r.Results {
		if row.Rank1 < 0.8 || row.Rank1Of != 60 || row.Probes != 3 {
			t.Errorf("row %+v", row)
		}
	}
	exhaustive, two := r.Results[0], r.Results[1]
	if exhaustive.Recall != 1 {
		t.Errorf("exhaustive search agrees with comparing everything for %.2f of the probes", exhaustive.Recall)
	}
	if two.Recall < 0.9 || two.PopcountShare <= 0 || two.ReadShare <= 0 {
		t.Errorf("two-stage search %+v", two)
	}
}

// A probe of more signatures than one kernel call takes is counted in full, in vectors of 8.
func TestLanes(t *testing.T) {
	for minutiae, want := range map[int]int{6: 8, 8: 8, 32: 32, 33: 40, 40: 40, 57: 64, 64: 64, 90: 64} {
		if got := lanes(minutiae); got != want {
			t.Errorf("%d minutiae take up %d lanes, want %d", minutiae, got, want)
		}
	}
}
