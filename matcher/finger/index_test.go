package finger

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"biogate/matcher"
	"biogate/matcher/enginetest"
)

// stock are references and probes to draw from, with the score of each pair: properties ask for them thousands of times.
type stock struct {
	probes     []*probe
	references []*reference
	scores     map[[2]int]float64
}

func newStock() *stock {
	positions := []matcher.Position{matcher.Unknown, "left-thumb", "right-thumb"}
	s := &stock{scores: map[[2]int]float64{}}
	for seed := range uint64(9) {
		finger := syntheticFinger(seed / 3)
		finger.Minutiae = finger.Minutiae[:10]
		rng := newRand(seed)
		s.references = append(s.references, newReference(impress(finger, usual(rng), seed), positions[rng.IntN(3)]))
		s.probes = append(s.probes, newProbe(impress(finger, usual(rng), seed+100), positions[seed%3]))
	}
	for i, p := range s.probes {
		for j, r := range s.references {
			s.scores[[2]int{i, j}], _ = p.Compare(r)
		}
	}
	return s
}

// naive is a gallery as its contract reads: of each subject, the numbers of its references.
type naive map[string][]int

func (n naive) search(s *stock, probe, k int, among matcher.Filter) []matcher.Candidate {
	var all []matcher.Candidate
	for subject, list := range n {
		if among.Group != "" && among.Group != groupOf(subject) || among.Subjects != nil && !slices.Contains(among.Subjects, subject) {
			continue
		}
		c := matcher.Candidate{Subject: subject, Score: math.Inf(-1)}
		for _, r := range list {
			if s.probes[probe].position.Comparable(s.references[r].position) {
				c.Score = max(c.Score, s.scores[[2]int{probe, r}])
				c.Comparisons++
			}
		}
		if c.Comparisons > 0 {
			all = append(all, c)
		}
	}
	slices.SortFunc(all, func(a, b matcher.Candidate) int {
		switch {
		case a.Score > b.Score:
			return -1
		case a.Score < b.Score:
			return 1
		}
		return strings.Compare(a.Subject, b.Subject)
	})
	return all[:min(k, len(all))]
}

// set makes a subject a member of the group of its last letter.
func set(ix *Index, subject string, refs []matcher.Reference) error {
	return ix.Set(matcher.Member{Subject: subject, Group: groupOf(subject), References: refs})
}

func groupOf(subject string) string { return subject[len(subject)-1:] }

// searches are all ways to search. With so few subjects none may miss any.
var searches = map[string]func(*Index, context.Context, matcher.Query, []matcher.Candidate) ([]matcher.Candidate, error){
	"Search": (*Index).Search, "Exhaustive": (*Index).Exhaustive, "TwoStage": (*Index).TwoStage,
}

// Subjects have up to more references than a chunk holds, so that chunks fill, are emptied and are dropped all the time.
func TestIndexIsTheNaiveOne(t *testing.T) {
	stock := newStock()
	rapid.Check(t, func(t *rapid.T) {
		ix, want := NewIndex(), naive{}
		subject := func() string { return fmt.Sprint(rapid.IntRange(0, 9).Draw(t, "subject")) }
		t.Repeat(map[string]func(*rapid.T){
			"set": func(t *rapid.T) {
				id := subject()
				n := rapid.SampledFrom([]int{1, 1, 2, 2, 3, 3, 50, 100, chunkRows + 3}).Draw(t, "references")
				first := rapid.IntRange(0, len(stock.references)-1).Draw(t, "first")
				list, refs := make([]int, n), make([]matcher.Reference, n)
				for i := range n {
					list[i] = (first + i*i) % len(stock.references)
					refs[i] = stock.references[list[i]]
				}
				if err := set(ix, id, refs); err != nil {
					t.Fatal(err)
				}
				want[id] = list
			},
			"remove": func(t *rapid.T) {
				id := subject()
				ix.Remove(id)
				delete(want, id)
			},
			"search": func(t *rapid.T) {
				p, k := rapid.IntRange(0, len(stock.probes)-1).Draw(t, "probe"), rapid.IntRange(0, 12).Draw(t, "k")
				before := []matcher.Candidate{{Subject: "before"}}
				name := rapid.SampledFrom([]string{"Search", "Exhaustive", "TwoStage"}).Draw(t, "way")
				among := rapid.SampledFrom([]matcher.Filter{{}, {Group: "3"}, {Subjects: []string{"5", "x", "2", "5"}}, {Group: "5", Subjects: []string{"2", "5"}}}).Draw(t, "among")
				got, err := searches[name](ix, t.Context(), matcher.Query{Probe: stock.probes[p], K: k, Among: among}, before)
				if err != nil || got[0].Subject != "before" || !slices.Equal(got[1:], want.search(stock, p, k, among)) {
					t.Fatalf("%s among %v found %v, want %v, error %v", name, among, got, want.search(stock, p, k, among), err)
				}
			},
			"": func(t *rapid.T) {
				if ix.Len() != len(want) {
					t.Fatalf("%d subjects, want %d", ix.Len(), len(want))
				}
				if fault := ix.fault(); fault != "" {
					t.Fatal(fault)
				}
			},
		})
	})
}

// fault names what contradicts itself in the books of a gallery.
func (ix *Index) fault() string {
	live := 0
	for i, s := range ix.slots {
		n := 0
		for e := range s.chunk.entries {
			if s.chunk.gone[e].Load() > 0 {
				continue
			}
			n++
			if ix.current[s.chunk.entries[e].subject] != (place{s, e}) {
				return "a live entry is not the one that its subject has"
			}
		}
		live += n
		switch {
		case s.at != i:
			return "a chunk does not know its place"
		case s.live != n:
			return "a chunk counts its live entries wrongly"
		case 2*n <= len(s.chunk.entries):
			return "a chunk of which most is gone is kept"
		case len(s.chunk.entries) > len(s.chunk.gone):
			return "a chunk has more entries than marks"
		}
	}
	if live != len(ix.current) {
		return fmt.Sprintf("%d entries are live, of %d subjects", live, len(ix.current))
	}
	return ""
}

func TestEqualScoresAreOrderedBySubject(t *testing.T) {
	ix := NewIndex()
	stock := newStock()
	for _, subject := range []string{"d", "b", "e", "a", "c"} {
		if err := set(ix, subject, []matcher.Reference{stock.references[0]}); err != nil {
			t.Fatal(err)
		}
	}
	for name, search := range searches {
		got, err := search(ix, context.Background(), matcher.Query{Probe: stock.probes[0], K: 3}, nil)
		if err != nil || len(got) != 3 || got[0].Subject != "a" || got[1].Subject != "b" || got[2].Subject != "c" {
			t.Errorf("%s: %v, error %v", name, got, err)
		}
	}
}

// foreign is a reference and a probe of another engine.
type foreign struct{}

func (foreign) Model() string              { return "foreign-1" }
func (foreign) Position() matcher.Position { return matcher.Unknown }

func (foreign) Compare(matcher.Reference) (float64, error) { return 0, nil }

func TestRefusedReferencesChangeNothing(t *testing.T) {
	ix := NewIndex()
	stock := newStock()
	refs := []matcher.Reference{stock.references[0]}
	if err := set(ix, "a", refs); err != nil {
		t.Fatal(err)
	}
	size := ix.Bytes()
	if err := set(ix, "a", nil); !errors.Is(err, &matcher.Error{Code: matcher.CodeBadParameter}) {
		t.Errorf("no references: error %v", err)
	}
	for _, subject := range []string{"a", "b"} {
		if err := set(ix, subject, append(refs, foreign{})); !errors.Is(err, &matcher.Error{Code: matcher.CodeModelMismatch}) {
			t.Errorf("another model: error %v", err)
		}
	}
	if got, _ := ix.Search(context.Background(), matcher.Query{Probe: stock.probes[0], K: 9}, nil); len(got) != 1 || got[0].Comparisons != 1 || ix.Bytes() != size {
		t.Errorf("a refused change left %v in %d bytes", got, ix.Bytes())
	}
}

func TestForeignProbesAreRefused(t *testing.T) {
	ix := NewIndex()
	if err := set(ix, "a", []matcher.Reference{newStock().references[0]}); err != nil {
		t.Fatal(err)
	}
	for name, search := range searches {
		got, err := search(ix, context.Background(), matcher.Query{Probe: foreign{}, K: 1}, []matcher.Candidate{{Subject: "before"}})
		if !errors.Is(err, &matcher.Error{Code: matcher.CodeModelMismatch}) || len(got) != 1 {
			t.Errorf("%s: %v, error %v", name, got, err)
		}
	}
}

// A subject with dozens of references is replaced and another comes and goes while searches run: chunks are filled, emptied
// and dropped under them. Every search must see one state: nobody twice, none of those who stay missing, and who was removed
// before it began never.
func TestSearchesSeeOneState(t *testing.T) {
	const staying = 12
	ix := NewIndex()
	stock := newStock()
	for i := range staying {
		if err := set(ix, fmt.Sprint(i), []matcher.Reference{stock.references[i%len(stock.references)]}); err != nil {
			t.Fatal(err)
		}
	}
	p := &probe{}
	*p = *stock.probes[0]
	p.position = matcher.Unknown
	many := make([]matcher.Reference, 70)
	for i := range many {
		many[i] = stock.references[i%len(stock.references)]
	}
	var (
		work sync.WaitGroup
		stop atomic.Bool
	)
	work.Go(func() {
		for i := 0; !stop.Load(); i++ {
			for _, err := range []error{set(ix, "ghost", many[:1]), set(ix, "mover", many), set(ix, fmt.Sprint(i%staying), many[:1])} {
				if err != nil {
					t.Error(err)
				}
			}
			ix.Remove("ghost")
			checkState(t, ix, p, staying, "ghost")
		}
	})
	var searchers sync.WaitGroup
	for range 2 {
		searchers.Go(func() {
			for range 40 {
				checkState(t, ix, p, staying, "")
			}
		})
	}
	searchers.Wait()
	stop.Store(true)
	work.Wait()
}

// checkState searches in every way for all subjects: those who stay, and perhaps two more, but never gone.
func checkState(t *testing.T, ix *Index, p *probe, staying int, gone string) {
	t.Helper()
	for name, search := range searches {
		found, err := search(ix, context.Background(), matcher.Query{Probe: p, K: 100}, nil)
		if err != nil {
			t.Error(err)
		}
		seen := map[string]bool{}
		for _, c := range found {
			if seen[c.Subject] {
				t.Errorf("%s found a subject twice: two states at once", name)
			}
			seen[c.Subject] = true
		}
		if gone != "" && seen[gone] {
			t.Errorf("%s found a subject that was removed before", name)
		}
		for i := range staying {
			if !seen[fmt.Sprint(i)] {
				t.Errorf("%s missed a subject that was there all the time", name)
			}
		}
	}
}

// Chunks must not pile up when the same subjects come, go and are replaced for ever.
func TestChangesDoNotTakeMemory(t *testing.T) {
	ix := NewIndex()
	stock := newStock()
	rng := newRand(1)
	most := 0
	for i := range 30_000 {
		subject := fmt.Sprint(rng.IntN(40))
		if rng.IntN(3) == 0 {
			ix.Remove(subject)
			continue
		}
		refs := make([]matcher.Reference, 1+rng.IntN(3))
		for k := range refs {
			refs[k] = stock.references[rng.IntN(len(stock.references))]
		}
		if err := set(ix, subject, refs); err != nil {
			t.Fatal(err)
		}
		if i > 1000 {
			most = max(most, len(ix.slots))
		}
	}
	if most > 3 {
		t.Errorf("%d chunks for 40 subjects", most)
	}
	if fault := ix.fault(); fault != "" {
		t.Error(fault)
	}
}

// Only the newest chunk has room to grow.
func TestFullChunksAreTrimmed(t *testing.T) {
	ix := NewIndex()
	const subjects = 4*chunkRows + 10
	rows, points := 0, 0
	for i := range subjects {
		r := newReference(syntheticFinger(uint64(i%50)), matcher.Unknown)
		rows, points = rows+1, points+len(r.points)
		if err := set(ix, fmt.Sprint(i), []matcher.Reference{r}); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range ix.slots {
		if c := s.chunk; s != ix.newest && (cap(c.points) > len(c.points)+len(c.points)/8 || cap(c.signatures) > len(c.signatures)+len(c.signatures)/8) {
			t.Error("a full chunk has room left")
		}
	}
	least := rows*rowBytes + points*(pointBytes+32)
	if got := ix.Bytes(); got < least || got > least+least/8 {
		t.Errorf("%d bytes for %d at least", got, least)
	}
}

// What one reference costs a search must not be an allocation: four times as many subjects take no more of them.
func TestSearchesDoNotAllocatePerReference(t *testing.T) {
	if enginetest.Racing {
		t.Skip("pools lose what they are given: the race detector is on")
	}
	stock := newStock()
	dst := make([]matcher.Candidate, 0, 10)
	counts := map[string][]float64{}
	for _, subjects := range []int{300, 1200} {
		ix := NewIndex()
		for i := range subjects {
			if err := set(ix, fmt.Sprint(i), []matcher.Reference{stock.references[i%len(stock.references)]}); err != nil {
				t.Fatal(err)
			}
		}
		for name, search := range searches {
			counts[name] = append(counts[name], testing.AllocsPerRun(10, func() {
				if _, err := search(ix, context.Background(), matcher.Query{Probe: stock.probes[0], K: 10}, dst); err != nil {
					t.Fatal(err)
				}
			}))
		}
	}
	for name, n := range counts {
		if n[1] > n[0]+5 {
			t.Errorf("%s allocates %.0f times with 300 subjects, %.0f times with 1,200", name, n[0], n[1])
		}
	}
}

// Prints that the index keeps may be as odd as the codec lets them be.
func TestAnyPrintsAreSearchedAndFused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) Print {
			rng := newRand(rapid.Uint64().Draw(t, name))
			side := rapid.SampledFrom([]int{1, 2, 40, 300, 2000, maxPrintSide}).Draw(t, name+" side")
			p := randomPrint(rng, side, 1+rng.IntN(side), rapid.IntRange(0, 255).Draw(t, name+" minutiae"))
			if rapid.Bool().Draw(t, name+" at the edge") {
				for i := range p.Minutiae {
					p.Minutiae[i].X = int16(i % 2 * (p.Width - 1))
				}
			}
			return p
		}
		prints := []Print{draw("first"), draw("second"), draw("third")}
		ix := NewIndex()
		for i, p := range prints {
			if err := set(ix, fmt.Sprint(i), []matcher.Reference{newReference(p, matcher.Unknown)}); err != nil {
				t.Fatal(err)
			}
		}
		p := newProbe(draw("probe"), matcher.Unknown)
		want, _ := ix.Exhaustive(context.Background(), matcher.Query{Probe: p, K: 3}, nil)
		got, err := ix.TwoStage(context.Background(), matcher.Query{Probe: p, K: 3}, nil)
		if err != nil || len(want) != 3 || !slices.Equal(got, want) {
			t.Fatalf("found %v in two stages, %v exhaustively, error %v", got, want, err)
		}
		total := 0
		for _, f := range Fuse(prints) {
			total += len(f.Of)
			if err := f.Print.check(); err != nil {
				t.Fatal(err)
			}
		}
		if total != len(prints) {
			t.Fatalf("%d of %d prints came back", total, len(prints))
		}
	})
}
