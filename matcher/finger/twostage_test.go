package finger_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"biogate/bench/synth"
	"biogate/matcher"
	"biogate/matcher/enginetest"
	"biogate/matcher/finger"
)

// The gallery for searches is one of synthetic fingers with the statistics of real ones.

func templateOf(t testing.TB, p finger.Print) matcher.Template {
	t.Helper()
	payload, err := finger.AppendPayload(nil, p)
	if err != nil {
		t.Fatal(err)
	}
	return matcher.Template{Modality: matcher.Finger, Model: finger.Model, Payload: payload}
}

func probeOf(t testing.TB, p finger.Print) matcher.Probe {
	t.Helper()
	probe, err := finger.New().Probe(templateOf(t, p))
	if err != nil {
		t.Fatal(err)
	}
	return probe
}

func referenceOf(t testing.TB, p finger.Print) matcher.Reference {
	t.Helper()
	ref, err := finger.New().Reference(templateOf(t, p))
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

const population = 11

func set(ix *finger.Index, subject string, refs []matcher.Reference) error {
	return ix.Set(matcher.Member{Subject: subject, References: refs})
}

// galleryOf n fingers of the population, by their number.
func galleryOf(t testing.TB, n int) (*finger.Index, []matcher.Reference) {
	t.Helper()
	ix := finger.NewIndex()
	refs := make([]matcher.Reference, n)
	for i := range refs {
		refs[i] = referenceOf(t, synth.PrintOf(population, i))
		if err := set(ix, fmt.Sprint(i), refs[i:i+1]); err != nil {
			t.Fatal(err)
		}
	}
	return ix, refs
}

// Two-stage search must find nearly every mate that comparing all finds, give it the same score, and find the same for several
// probes at once as for each alone.
func TestTwoStagesFindWhatComparingAllFinds(t *testing.T) {
	fingers, queries := 2400, 40
	if testing.Short() || enginetest.Racing {
		fingers, queries = 1100, 4
	}
	ix, refs := galleryOf(t, fingers)
	var probes []matcher.Probe
	var singly [][]matcher.Candidate
	firsts, kept := 0, 0
	for q := range queries {
		mate := q * fingers / queries
		p := probeOf(t, synth.PatternOf(population, mate).Impression(1))
		all, err := ix.Exhaustive(context.Background(), matcher.Query{Probe: p, K: 1}, nil)
		if err != nil {
			t.Fatal(err)
		}
		found, err := ix.TwoStage(context.Background(), matcher.Query{Probe: p, K: 5}, nil)
		if err != nil || len(found) != 5 {
			t.Fatalf("%d candidates, error %v", len(found), err)
		}
		checkScores(t, p, found, refs)
		if all[0].Subject == fmt.Sprint(mate) {
			firsts++
			if found[0] == all[0] {
				kept++
			}
		}
		probes, singly = append(probes, p), append(singly, found)
	}
	t.Logf("comparing all puts %d of %d mates first, two stages %d of them", firsts, queries, kept)
	if firsts < queries*8/10 || kept*100 < firsts*97 {
		t.Errorf("comparing all puts %d of %d mates first, two stages %d of them", firsts, queries, kept)
	}
	batch, err := ix.TwoStageBatch(context.Background(), probes, 5, make([][]matcher.Candidate, queries))
	if err != nil {
		t.Fatal(err)
	}
	for q := range batch {
		if !slices.Equal(batch[q], singly[q]) {
			t.Errorf("probe %d finds %v with others, %v alone", q, batch[q], singly[q])
		}
	}
}

// checkScores compares the probe with the references of those found.
func checkScores(t *testing.T, p matcher.Probe, found []matcher.Candidate, refs []matcher.Reference) {
	t.Helper()
	for i, c := range found {
		var finger int
		if _, err := fmt.Sscan(c.Subject, &finger); err != nil {
			t.Fatal(err)
		}
		want, err := p.Compare(refs[finger])
		if err != nil || c.Score != want || c.Comparisons != 1 {
			t.Errorf("%+v, compared alone %v, error %v", c, want, err)
		}
		if i > 0 && c.Score > found[i-1].Score {
			t.Errorf("candidate %d scores more than the one before", i)
		}
	}
}

func TestForeignProbesInABatchAreRefused(t *testing.T) {
	ix, _ := galleryOf(t, 2)
	p := probeOf(t, synth.PrintOf(population, 0))
	found, err := ix.TwoStageBatch(context.Background(), []matcher.Probe{p, nil}, 1, make([][]matcher.Candidate, 2))
	if err == nil || len(found) != 2 || len(found[0])+len(found[1]) > 0 {
		t.Errorf("found %v, error %v", found, err)
	}
}

// Bytes of a usual finger in full chunks and one more; docs/finger.md promises these bounds.
func TestReferencesAreSmall(t *testing.T) {
	const fingers = 3*256 + 1
	ix, _ := galleryOf(t, fingers)
	if got := ix.Bytes() / fingers; got > 1500 {
		t.Errorf("%d bytes in memory for a reference", got)
	}
	stored := 0
	for i := range fingers {
		data, err := templateOf(t, synth.PrintOf(population, i)).AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		stored += len(data)
	}
	if stored/fingers > 500 {
		t.Errorf("%d bytes stored for a template", stored/fingers)
	}
	t.Logf("%d bytes in memory, %d stored", ix.Bytes()/fingers, stored/fingers)
}

func BenchmarkExhaustive(b *testing.B) {
	benchmarkSearch(b, func(ix *finger.Index, probes []matcher.Probe, found [][]matcher.Candidate) error {
		_, err := ix.Exhaustive(context.Background(), matcher.Query{Probe: probes[0], K: 10}, found[0])
		return err
	}, 1)
}

func BenchmarkTwoStage(b *testing.B) {
	for _, n := range []int{1, 8} {
		b.Run(fmt.Sprintf("probes=%d", n), func(b *testing.B) {
			benchmarkSearch(b, func(ix *finger.Index, probes []matcher.Probe, found [][]matcher.Candidate) error {
				_, err := ix.TwoStageBatch(context.Background(), probes, 10, found)
				return err
			}, n)
		})
	}
}

// benchmarkSearch reports how many references a second a search of n probes goes through. Of larger galleries two stages place
// and compare a smaller part: there they are faster.
func benchmarkSearch(b *testing.B, search func(*finger.Index, []matcher.Probe, [][]matcher.Candidate) error, n int) {
	const fingers = 20_000
	ix, _ := galleryOf(b, fingers)
	var probes []matcher.Probe
	for i := range n {
		probes = append(probes, probeOf(b, synth.PatternOf(population, 97*i).Impression(1)))
	}
	found := make([][]matcher.Candidate, n)
	b.ReportAllocs()
	for b.Loop() {
		for i := range found {
			found[i] = make([]matcher.Candidate, 0, 10)
		}
		if err := search(ix, probes, found); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(fingers)*float64(n)*float64(b.N)/b.Elapsed().Seconds(), "comparisons/s")
}
