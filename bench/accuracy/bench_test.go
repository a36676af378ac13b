package accuracy

import (
	"context"
	"testing"

	"biogate/bench/synth"
	"biogate/matcher"
	"biogate/matcher/finger"
)

// BenchmarkPairLoop is the harness alone: the toy engine's comparison costs nothing.
func BenchmarkPairLoop(b *testing.B) {
	acquired := make([]Acquired, 1001)
	for i := range acquired {
		acquired[i] = Acquired{Probe: toy(i), Reference: toy(2 * i)}
	}
	refs := upTo(1000)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := compareRow(acquired, 1000, refs); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/pair")
}

// syntheticPrints prepares n fingers of one population.
func syntheticPrints(t testing.TB, n int) []Acquired {
	t.Helper()
	e := finger.New()
	var list []Acquired
	for p := range synth.Prints(1, n) {
		payload, err := finger.AppendPayload(nil, p)
		if err != nil {
			t.Fatal(err)
		}
		template := matcher.Template{Modality: matcher.Finger, Model: e.Model(), Payload: payload}
		probe, err := e.Probe(template)
		if err != nil {
			t.Fatal(err)
		}
		ref, err := e.Reference(template)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, Acquired{Probe: probe, Reference: ref})
	}
	return list
}

// BenchmarkPairLoopFinger is the same with minutiae.
func BenchmarkPairLoopFinger(b *testing.B) {
	acquired, refs := syntheticPrints(b, 101), upTo(100)
	for b.Loop() {
		if _, err := compareRow(acquired, 100, refs); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/pair")
}

func BenchmarkRates(b *testing.B) {
	s := gaussian(1, 300, 3, 4)
	for b.Loop() {
		s.Rates()
	}
}

func BenchmarkReplicate(b *testing.B) {
	s := gaussian(1, 300, 3, 4)
	for b.Loop() {
		if _, err := (Bootstrap{Replicates: 1}).replicated(context.Background(), s); err != nil {
			b.Fatal(err)
		}
	}
}
