package gallery

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"

	"biogate/matcher"
)

// embedded is a probe and a reference at once.
type embedded struct {
	*Vector
	model    string
	position matcher.Position
}

func (e embedded) Model() string              { return e.model }
func (e embedded) Position() matcher.Position { return e.position }
func (e embedded) Embedding() *Vector         { return e.Vector }

func (e embedded) Compare(ref matcher.Reference) (float64, error) {
	return e.Cosine(ref.(embedded).Vector), nil
}

func vectorOf(t testing.TB, elements ...int8) embedded {
	t.Helper()
	v, err := NewVector(elements)
	if err != nil {
		t.Fatal(err)
	}
	return embedded{Vector: v, model: model}
}

func randomVector(t testing.TB, rng *rand.Rand, dims int) embedded {
	elements := make([]int8, dims)
	for i := range elements {
		elements[i] = int8(max(-127, min(127, 40*rng.NormFloat64())))
	}
	elements[0] |= 1
	return vectorOf(t, elements...)
}

// naiveMembers is the gallery as its contract reads.
type naiveMembers map[string]matcher.Member

func (n naiveMembers) search(q matcher.Query) []matcher.Candidate {
	all := []matcher.Candidate{}
	for _, m := range n {
		if q.Among.Group != "" && m.Group != q.Among.Group || q.Among.Subjects != nil && !slices.Contains(q.Among.Subjects, m.Subject) {
			continue
		}
		c := matcher.Candidate{Subject: m.Subject, Score: math.Inf(-1), Comparisons: len(m.References)}
		for _, r := range m.References {
			score, _ := q.Probe.Compare(r)
			c.Score = max(c.Score, score)
		}
		all = append(all, c)
	}
	slices.SortFunc(all, byRank)
	return all[:max(0, min(q.K, len(all)))]
}

// drawVector draws from few values, so that scores are equal now and then, and from extreme ones.
func drawVector(t *rapid.T, dims int) embedded {
	elements := make([]int8, dims)
	from := rapid.SampledFrom([][]int8{{-1, 0, 1}, {-128, 127}, {-128, -127, -1, 0, 1, 64, 127}}).Draw(t, "values")
	rng := rand.New(rand.NewPCG(rapid.Uint64Range(0, 200).Draw(t, "seed"), 0))
	for i := range elements {
		elements[i] = from[rng.IntN(len(from))]
	}
	elements[rng.IntN(dims)] = from[0]
	v, err := NewVector(elements)
	if err != nil {
		t.Fatal(err)
	}
	return embedded{Vector: v, model: model}
}

func TestVectorsIsTheNaiveOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dims := rapid.SampledFrom([]int{1, 64, 100, 128, 192}).Draw(t, "dims")
		ix := NewVectors(model, dims, Config{Threads: rapid.IntRange(1, 3).Draw(t, "threads")})
		ix.sharedBytes = rapid.SampledFrom([]int{0, sharedBytes}).Draw(t, "shared")
		want := naiveMembers{}
		subject := func() string { return "s" + fmt.Sprint(rapid.IntRange(0, 300).Draw(t, "subject")) }
		version := ix.Version()
		changed := func(t *rapid.T) {
			if now := ix.Version(); now <= version {
				t.Fatalf("version %d after %d", now, version)
			}
			version = ix.Version()
		}
		t.Repeat(map[string]func(*rapid.T){
			"set": func(t *rapid.T) {
				m := matcher.Member{Subject: subject(), Group: rapid.SampledFrom([]string{"", "a", "b", "c"}).Draw(t, "group")}
				for range rapid.IntRange(1, 3).Draw(t, "references") {
					m.References = append(m.References, drawVector(t, dims))
				}
				if err := ix.Set(m); err != nil {
					t.Fatal(err)
				}
				want[m.Subject] = m
				changed(t)
			},
			"many": func(t *rapid.T) {
				rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
				ref := drawVector(t, dims)
				for range 150 {
					id := "s" + fmt.Sprint(rng.IntN(300))
					if rng.IntN(3) == 0 {
						ix.Remove(id)
						delete(want, id)
						continue
					}
					m := matcher.Member{Subject: id, Group: []string{"", "a", "b"}[rng.IntN(3)]}
					for range 1 + rng.IntN(2) {
						m.References = append(m.References, ref)
					}
					if err := ix.Set(m); err != nil {
						t.Fatal(err)
					}
					want[id] = m
				}
				version = ix.Version()
			},
			"remove": func(t *rapid.T) {
				id := subject()
				_, known := want[id]
				ix.Remove(id)
				delete(want, id)
				if known {
					changed(t)
				}
			},
			"": func(t *rapid.T) {
				q := matcher.Query{Probe: drawVector(t, dims), K: rapid.IntRange(0, 40).Draw(t, "k")}
				q.Among.Group = rapid.SampledFrom([]string{"", "", "a", "b", "nowhere"}).Draw(t, "group")
				if rapid.Bool().Draw(t, "named") {
					q.Among.Subjects = []string{}
					for range rapid.IntRange(0, 30).Draw(t, "names") {
						q.Among.Subjects = append(q.Among.Subjects, subject())
					}
				}
				before := []matcher.Candidate{{Subject: "before"}}
				got, err := ix.Search(context.Background(), q, before)
				if err != nil || got[0].Subject != "before" || !slices.Equal(got[1:], want.search(q)) {
					t.Fatalf("found %v, want %v, error %v", got[1:], want.search(q), err)
				}
				if ix.Len() != len(want) {
					t.Fatalf("%d subjects, want %d", ix.Len(), len(want))
				}
				ix.consistent(t, want)
			},
		})
	})
}

// consistent checks what the index keeps count of.
func (ix *Vectors) consistent(t *rapid.T, want naiveMembers) {
	live, gone, groups := 0, 0, map[string]int{}
	for _, c := range ix.chunks {
		if ix.byID[c.id] != c {
			t.Fatal("a chunk does not stand under its id")
		}
		of := 0
		for e := range c.entries() {
			from, to := c.rowsOf(e)
			if c.gone[e].Load() != 0 {
				of += to - from
				continue
			}
			live += to - from
			at, known := ix.subjects.find(string(c.subject(e)))
			if !known || ix.subjects.places[at] != c.id<<placeBits|uint32(e) {
				t.Fatalf("%q is not found where it stands", c.subject(e))
			}
		}
		if gone += of; of != c.goneRows {
			t.Fatalf("a chunk counts %d rows that are gone, %d are", c.goneRows, of)
		}
	}
	references := 0
	for _, m := range want {
		references += len(m.References)
		groups[m.Group]++
	}
	if live != references || ix.live != live || ix.gone != gone || gone*mostGone > live {
		t.Fatalf("%d rows live, %d gone, counted as %d and %d, of %d references", live, gone, ix.live, ix.gone, references)
	}
	delete(groups, "")
	if len(groups) != len(ix.groups.codes) {
		t.Fatalf("%d groups, want %d", len(ix.groups.codes), len(groups))
	}
	for name, n := range groups {
		if ix.groups.members(name) != n {
			t.Fatalf("group %q has %d members, want %d", name, ix.groups.members(name), n)
		}
	}
}

func TestVectorsRefuse(t *testing.T) {
	ix := NewVectors(model, 3, Config{})
	good := vectorOf(t, 1, 2, 3)
	if err := ix.Set(matcher.Member{Subject: "a", References: []matcher.Reference{good}}); err != nil {
		t.Fatal(err)
	}
	version := ix.Version()
	if err := ix.Set(matcher.Member{Subject: "a"}); !errors.Is(err, &matcher.Error{Code: matcher.CodeBadParameter}) {
		t.Errorf("no references: error %v", err)
	}
	other, positioned := good, good
	other.model, positioned.position = "alien-1", "left-thumb"
	for name, bad := range map[string]interface {
		matcher.Reference
		matcher.Probe
	}{"another model": other, "another size": vectorOf(t, 1, 2, 3, 4), "a position": positioned, "no embedding": number{}} {
		if err := ix.Set(matcher.Member{Subject: "a", References: []matcher.Reference{good, bad}}); !errors.Is(err, &matcher.Error{Code: matcher.CodeModelMismatch}) {
			t.Errorf("%s: error %v", name, err)
		}
		found, err := ix.Search(t.Context(), matcher.Query{Probe: bad, K: 1}, []matcher.Candidate{{Subject: "before"}})
		if !errors.Is(err, &matcher.Error{Code: matcher.CodeModelMismatch}) || len(found) != 1 {
			t.Errorf("a probe with %s: found %v, error %v", name, found, err)
		}
	}
	found, err := ix.Search(t.Context(), matcher.Query{Probe: good, K: 1}, nil)
	if err != nil || len(found) != 1 || found[0].Comparisons != 1 || ix.Version() != version {
		t.Errorf("refused changes left %v, version %d after %d, error %v", found, ix.Version(), version, err)
	}
	for _, elements := range [][]int8{nil, make([]int8, 64), make([]int8, 1<<16+1)} {
		if _, err := NewVector(elements); !errors.Is(err, &matcher.Error{Code: matcher.CodeBadTemplate}) {
			t.Errorf("%d zeros: error %v", len(elements), err)
		}
	}
}

// shared makes a gallery of any size one that is searched in passes.
func shared(dims int, c Config) *Vectors {
	ix := NewVectors(model, dims, c)
	ix.sharedBytes = 0
	return ix
}

// A pair of subjects is moved by turns: each search must see all of one state. A third subject comes and goes, and is never
// found by a search that began after it went, whatever passes are under way. Chunks are emptied all the while.
func TestPassesSeeOneState(t *testing.T) {
	ix := shared(64, Config{Threads: 2, Batch: 3, Wait: 1})
	rng := rand.New(rand.NewPCG(1, 2))
	ref := randomVector(t, rng, 64)
	put := func(subject string) {
		if err := ix.Set(matcher.Member{Subject: subject, References: []matcher.Reference{ref}}); err != nil {
			t.Error(err)
		}
	}
	for i := range 500 {
		put(fmt.Sprint(i))
	}
	search := func() []matcher.Candidate {
		found, err := ix.Search(t.Context(), matcher.Query{Probe: ref, K: 1000}, nil)
		if err != nil {
			t.Error(err)
		}
		seen := map[string]bool{}
		for _, c := range found {
			if seen[c.Subject] {
				t.Error("a subject was found twice: two states at once")
			}
			seen[c.Subject] = true
		}
		return found
	}
	var work sync.WaitGroup
	work.Go(func() {
		for i := range 200 {
			put("ghost")
			put("mover")
			put(fmt.Sprint(i))
			ix.Remove("ghost")
			found := search()
			if len(found) != 501 || slices.ContainsFunc(found, func(c matcher.Candidate) bool { return c.Subject == "ghost" }) {
				t.Errorf("%d subjects, want 501 and no ghost", len(found))
			}
		}
	})
	for range 6 {
		work.Go(func() {
			for range 100 {
				if n := len(search()); n < 500 || n > 502 {
					t.Errorf("%d subjects, want 500 to 502", n)
				}
			}
		})
	}
	work.Wait()
	if ix.passes.running || len(ix.passes.waiting) > 0 {
		t.Error("passes go on when all searches have ended")
	}
}

// Subjects with more references than a chunk has rows, and with long names, beside ordinary ones.
func TestVectorsTakeLargeMembers(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, limit := range []int{0, sharedBytes} {
		ix, want := NewVectors(model, 64, Config{Threads: 2}), naiveMembers{}
		ix.sharedBytes = limit
		for i, references := range []int{1, chunkRows + 500, 1, chunkRows - 1, 2, 3 * chunkRows, 1} {
			m := matcher.Member{Subject: strings.Repeat(fmt.Sprint(i), 5000*(i%2)+1)}
			for range references {
				m.References = append(m.References, randomVector(t, rng, 64))
			}
			if err := ix.Set(m); err != nil {
				t.Fatal(err)
			}
			want[m.Subject] = m
		}
		ix.Remove("6")
		delete(want, "6")
		for range 5 {
			q := matcher.Query{Probe: randomVector(t, rng, 64), K: 4}
			if found, err := ix.Search(t.Context(), q, nil); err != nil || !slices.Equal(found, want.search(q)) {
				t.Errorf("found %v, want %v, error %v", found, want.search(q), err)
			}
		}
	}
}

// Several probes in one call find what each finds alone.
func TestSearchAll(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, 300} {
		ix := NewVectors(model, 64, Config{Threads: 2, Batch: 7})
		for i := range n {
			one(t, ix, fmt.Sprint(i), randomVector(t, rng, 64))
		}
		for _, count := range []int{0, 1, 2, 7, 30} {
			var probes []matcher.Probe
			for range count {
				probes = append(probes, randomVector(t, rng, 64))
			}
			found := make([][]matcher.Candidate, count)
			if err := ix.SearchAll(t.Context(), probes, 5, found); err != nil {
				t.Fatal(err)
			}
			for i, p := range probes {
				if want, _ := ix.Search(t.Context(), matcher.Query{Probe: p, K: 5}, nil); !slices.Equal(found[i], want) {
					t.Errorf("probe %d of %d among %d: found %v, want %v", i, count, n, found[i], want)
				}
			}
		}
	}
	ix, p := NewVectors(model, 64, Config{}), randomVector(t, rng, 64)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := ix.SearchAll(ctx, []matcher.Probe{p}, 5, make([][]matcher.Candidate, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if err := ix.SearchAll(t.Context(), []matcher.Probe{p, number{}}, 5, make([][]matcher.Candidate, 2)); !errors.Is(err, &matcher.Error{Code: matcher.CodeModelMismatch}) {
		t.Errorf("error %v", err)
	}
}

// What several probes meet at once ends between two subjects, whose references are judged together.
func TestBlocksEndBetweenSubjects(t *testing.T) {
	const dims, references = blockBytes / 32, 5
	rng := rand.New(rand.NewPCG(1, 2))
	ix, want := NewVectors(model, dims, Config{}), naiveMembers{}
	for i := range 40 {
		m := matcher.Member{Subject: fmt.Sprint(i)}
		for range references {
			m.References = append(m.References, randomVector(t, rng, dims))
		}
		if err := ix.Set(m); err != nil {
			t.Fatal(err)
		}
		want[m.Subject] = m
	}
	probes, found := []matcher.Probe{randomVector(t, rng, dims), randomVector(t, rng, dims)}, make([][]matcher.Candidate, 2)
	if err := ix.SearchAll(t.Context(), probes, 60, found); err != nil {
		t.Fatal(err)
	}
	for i, p := range probes {
		if list := want.search(matcher.Query{Probe: p, K: 60}); !slices.Equal(found[i], list) {
			t.Errorf("found %v, want %v", found[i], list)
		}
	}
}

// asking starts searches that wait for a pass, since one seems to run, and returns their results one after another.
func asking(t *testing.T, ix *Vectors, ctx context.Context, q matcher.Query, n int) <-chan result {
	t.Helper()
	ix.passes.running = true
	results := make(chan result, n)
	for range n {
		go func() {
			found, err := ix.Search(ctx, q, nil)
			results <- result{found, err}
		}()
		synctest.Wait()
	}
	return results
}

type result struct {
	found []matcher.Candidate
	err   error
}

func one(t *testing.T, ix *Vectors, subject string, ref embedded) {
	t.Helper()
	if err := ix.Set(matcher.Member{Subject: subject, References: []matcher.Reference{ref}}); err != nil {
		t.Fatal(err)
	}
}

// Searches that come while a pass runs are answered by later ones: oldest first, so many at a time, each alone or with others
// alike, and with the gallery as it is when their pass begins.
func TestWhoeverComesWaitsForTheNextPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ix := shared(64, Config{Threads: 2, Batch: 4})
		rng := rand.New(rand.NewPCG(1, 2))
		ref := randomVector(t, rng, 64)
		one(t, ix, "stays", ref)
		one(t, ix, "goes", ref)
		q := matcher.Query{Probe: ref, K: 5}
		early := asking(t, ix, t.Context(), q, 1)
		running := ix.nextPass()
		running.begin()
		ix.Remove("goes")
		late := asking(t, ix, t.Context(), q, 6)
		if len(running.requests) != 1 || len(ix.passes.waiting) != 6 {
			t.Fatalf("%d searches in the pass, %d wait", len(running.requests), len(ix.passes.waiting))
		}
		first := slices.Clone(ix.passes.waiting[:4])
		next := ix.nextPass()
		if !slices.Equal(next.requests, first) || len(ix.passes.waiting) != 2 {
			t.Errorf("%d searches in the next pass, %d wait", len(next.requests), len(ix.passes.waiting))
		}
		running.walk()
		running.end()
		if r := <-early; r.err != nil || len(r.found) != 2 {
			t.Errorf("a search that began before the removal found %v, error %v", r.found, r.err)
		}
		next.run()
		next.end()
		ix.runPasses()
		for range 6 {
			if r := <-late; r.err != nil || len(r.found) != 1 || r.found[0].Subject != "stays" {
				t.Errorf("a search that began after the removal found %v, error %v", r.found, r.err)
			}
		}
	})
}

// Whoever leaves, waiting or during a pass, leaves the others their answers.
func TestAskersLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ix := shared(64, Config{})
		ref := randomVector(t, rand.New(rand.NewPCG(1, 2)), 64)
		one(t, ix, "a", ref)
		q := matcher.Query{Probe: ref, K: 5}
		leaving, leave := context.WithCancel(t.Context())
		staying := asking(t, ix, t.Context(), q, 2)
		gone := asking(t, ix, leaving, q, 2)
		p := ix.nextPass()
		p.begin()
		later, leaveLater := context.WithCancel(t.Context())
		waiting := asking(t, ix, later, q, 1)
		behind := asking(t, ix, t.Context(), q, 1)
		leave()
		leaveLater()
		for _, r := range []result{<-gone, <-gone, <-waiting} {
			if !errors.Is(r.err, context.Canceled) || len(r.found) != 0 {
				t.Errorf("who left got %v, error %v", r.found, r.err)
			}
		}
		if p.stop.Load() || p.askers != 2 || len(ix.passes.waiting) != 1 {
			t.Errorf("%d askers, %d wait", p.askers, len(ix.passes.waiting))
		}
		p.walk()
		p.end()
		ix.runPasses()
		for _, r := range []result{<-staying, <-staying, <-behind} {
			if r.err != nil || len(r.found) != 1 {
				t.Errorf("who stayed got %v, error %v", r.found, r.err)
			}
		}
	})
}

// A pass whose askers have all left stops, and the last of them goes when it has.
func TestPassForNobodyStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ix := shared(64, Config{})
		ref := randomVector(t, rand.New(rand.NewPCG(1, 2)), 64)
		one(t, ix, "a", ref)
		ctx, cancel := context.WithCancel(t.Context())
		asked := asking(t, ix, ctx, matcher.Query{Probe: ref, K: 5}, 1)
		p := ix.nextPass()
		p.begin()
		cancel()
		synctest.Wait()
		if !p.stop.Load() || len(asked) != 0 {
			t.Errorf("stopped: %v, the asker has left before: %v", p.stop.Load(), len(asked) != 0)
		}
		p.walk()
		if p.next.Load() != 0 {
			t.Error("a pass for nobody walked on")
		}
		p.end()
		if r := <-asked; !errors.Is(r.err, context.Canceled) {
			t.Errorf("error %v", r.err)
		}
		ix.runPasses()
		if ix.passes.running {
			t.Error("passes run for nobody")
		}
	})
}

func TestPassesEndWithTheirSearches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // fails when a goroutine is left
		ix := shared(64, Config{Threads: 3})
		rng := rand.New(rand.NewPCG(1, 2))
		for i := range 300 {
			one(t, ix, fmt.Sprint(i), randomVector(t, rng, 64))
		}
		ctx, cancel := context.WithCancel(t.Context())
		for i := range 40 {
			p := randomVector(t, rng, 64)
			go func() {
				if found, err := ix.Search(ctx, matcher.Query{Probe: p, K: 5}, nil); err == nil && len(found) != 5 {
					t.Errorf("found %v", found)
				}
				if i == 20 {
					cancel()
				}
			}()
		}
		synctest.Wait()
		cancel()
	})
}
