package gallery

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"biogate/matcher"
)

const model = "number-1"

// number is a probe and a reference at once; two are the more alike the closer they are.
type number struct {
	value    float64
	position matcher.Position
}

func (n number) Model() string              { return model }
func (n number) Position() matcher.Position { return n.position }

func (n number) Compare(ref matcher.Reference) (float64, error) {
	r, ok := ref.(number)
	if !ok {
		return 0, &matcher.Error{Code: matcher.CodeModelMismatch}
	}
	return -math.Abs(n.value - r.value), nil
}

type alien struct{ number }

func (alien) Model() string { return "alien-1" }

func refs(values ...float64) []matcher.Reference {
	var list []matcher.Reference
	for _, v := range values {
		list = append(list, number{value: v})
	}
	return list
}

func set(ix *Index, subject string, refs []matcher.Reference) error {
	return ix.Set(matcher.Member{Subject: subject, References: refs})
}

// naive is the index as its contract reads.
type naive map[string][]matcher.Reference

func (n naive) search(p number, k int) []matcher.Candidate {
	var all []matcher.Candidate
	for subject, list := range n {
		c := matcher.Candidate{Subject: subject, Score: math.Inf(-1)}
		for _, r := range list {
			if p.position.Comparable(r.Position()) {
				s, _ := p.Compare(r)
				c.Score = max(c.Score, s)
				c.Comparisons++
			}
		}
		if c.Comparisons > 0 {
			all = append(all, c)
		}
	}
	slices.SortFunc(all, byRank)
	return all[:min(k, len(all))]
}

func TestIndexIsTheNaiveOne(t *testing.T) {
	positions := []matcher.Position{matcher.Unknown, "left-thumb", "right-thumb"}
	draw := func(t *rapid.T) number {
		return number{float64(rapid.IntRange(0, 20).Draw(t, "value")), rapid.SampledFrom(positions).Draw(t, "position")}
	}
	rapid.Check(t, func(t *rapid.T) {
		ix, want := New(model), naive{}
		subject := func() string { return fmt.Sprint(rapid.IntRange(0, 9).Draw(t, "subject")) }
		t.Repeat(map[string]func(*rapid.T){
			"set": func(t *rapid.T) {
				id := subject()
				var list []matcher.Reference
				for range rapid.IntRange(1, 3).Draw(t, "references") {
					list = append(list, draw(t))
				}
				if err := set(ix, id, list); err != nil {
					t.Fatal(err)
				}
				want[id] = list
			},
			"remove": func(t *rapid.T) {
				id := subject()
				ix.Remove(id)
				delete(want, id)
			},
			"": func(t *rapid.T) {
				p, k := draw(t), rapid.IntRange(0, 12).Draw(t, "k")
				before := []matcher.Candidate{{Subject: "before"}}
				got, err := ix.Search(context.Background(), matcher.Query{Probe: p, K: k}, before)
				if err != nil || got[0].Subject != "before" || !slices.Equal(got[1:], want.search(p, k)) {
					t.Fatalf("found %v, want %v, error %v", got, want.search(p, k), err)
				}
				if ix.Len() != len(want) {
					t.Fatalf("%d subjects, want %d", ix.Len(), len(want))
				}
				if len(ix.log) > 2*len(want) {
					t.Fatalf("%d entries for %d subjects", len(ix.log), len(want))
				}
			},
		})
	})
}

func TestSetRefuses(t *testing.T) {
	ix := New(model)
	if err := set(ix, "a", refs(1)); err != nil {
		t.Fatal(err)
	}
	if err := set(ix, "a", nil); !errors.Is(err, &matcher.Error{Code: matcher.CodeBadParameter}) {
		t.Errorf("no references: error %v", err)
	}
	if err := set(ix, "a", []matcher.Reference{number{value: 5}, alien{}}); !errors.Is(err, &matcher.Error{Code: matcher.CodeModelMismatch}) {
		t.Errorf("another model: error %v", err)
	}
	if got, _ := ix.Search(context.Background(), matcher.Query{Probe: number{value: 1}, K: 1}, nil); len(got) != 1 || got[0].Score != 0 {
		t.Errorf("a refused change left %v", got)
	}
}

// stranger is a probe that cannot be compared with numbers.
type stranger struct{ number }

func (stranger) Compare(matcher.Reference) (float64, error) {
	return 0, &matcher.Error{Code: matcher.CodeModelMismatch}
}

func TestSearchWithAForeignProbeFails(t *testing.T) {
	ix := New(model)
	if err := set(ix, "a", refs(1)); err != nil {
		t.Fatal(err)
	}
	got, err := ix.Search(context.Background(), matcher.Query{Probe: stranger{}, K: 1}, []matcher.Candidate{{Subject: "before"}})
	if !errors.Is(err, &matcher.Error{Code: matcher.CodeModelMismatch}) || len(got) != 1 {
		t.Errorf("found %v, error %v", got, err)
	}
}

// A pair of subjects is moved by turns: each search must see all of one state. A third subject comes and goes, and
// is never found by a search that began after it went.
func TestSearchesSeeOneState(t *testing.T) {
	ix := New(model)
	for i := range 50 {
		if err := set(ix, fmt.Sprint(i), refs(float64(1000+i))); err != nil {
			t.Fatal(err)
		}
	}
	var (
		work sync.WaitGroup
		stop atomic.Bool
	)
	work.Add(1)
	go func() {
		defer work.Done()
		for i := 0; !stop.Load(); i++ {
			for _, step := range []error{set(ix, "ghost", refs(0)), set(ix, "mover", refs(float64(i)))} {
				if step != nil {
					t.Error(step)
				}
			}
			ix.Remove("ghost")
			for range 10 {
				found, err := ix.Search(context.Background(), matcher.Query{Probe: number{value: 0}, K: 100}, nil)
				if err != nil || len(found) != 51 {
					t.Errorf("%d subjects, want 51, error %v", len(found), err)
				}
				for _, c := range found {
					if c.Subject == "ghost" {
						t.Error("a removed subject was found")
					}
				}
			}
		}
	}()
	for range 3 {
		work.Add(1)
		go func() {
			defer work.Done()
			for range 300 {
				found, err := ix.Search(context.Background(), matcher.Query{Probe: number{value: 0}, K: 100}, nil)
				if err != nil || len(found) < 50 || len(found) > 52 {
					t.Errorf("%d subjects, want 50 to 52, error %v", len(found), err)
				}
				seen := map[string]bool{}
				for _, c := range found {
					if seen[c.Subject] {
						t.Error("a subject was found twice: two states at once")
					}
					seen[c.Subject] = true
				}
			}
			stop.Store(true)
		}()
	}
	work.Wait()
}

func TestRemovedReferencesLeaveMemory(t *testing.T) {
	ix := New(model)
	for i := range 1000 {
		if err := set(ix, "same", refs(float64(i))); err != nil {
			t.Fatal(err)
		}
	}
	if len(ix.log) > 2 {
		t.Errorf("%d entries are held for one subject", len(ix.log))
	}
	ix.Remove("same")
	if len(ix.log) != 0 {
		t.Errorf("%d entries are held for no subject", len(ix.log))
	}
}

func BenchmarkSearch(b *testing.B) {
	ix := New(model)
	for i := range 10_000 {
		if err := set(ix, fmt.Sprint(i), refs(float64(i))); err != nil {
			b.Fatal(err)
		}
	}
	dst := make([]matcher.Candidate, 0, 10)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ix.Search(context.Background(), matcher.Query{Probe: number{value: 5000}, K: 10}, dst); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSet(b *testing.B) {
	ix := New(model)
	list := refs(1)
	for i := 0; b.Loop(); i++ {
		if err := set(ix, []string{"a", "b", "c"}[i%3], list); err != nil {
			b.Fatal(err)
		}
	}
}
