package gallery

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"
	"time"

	"biogate/matcher"
	"biogate/matcher/kernel"
)

// fill makes a gallery of n subjects without the cost of good randomness: the elements are those of a long random text.
func fill(b testing.TB, n, dims int, c Config) *Vectors {
	rng := rand.New(rand.NewPCG(1, 2))
	text := make([]int8, 1<<20)
	for i := range text {
		text[i] = int8(max(-127, min(127, 40*rng.NormFloat64())))
	}
	ix := NewVectors(model, dims, c)
	for i := range n {
		from := rng.IntN(len(text) - dims)
		v, err := NewVector(text[from : from+dims])
		if err != nil {
			b.Fatal(err)
		}
		if err := ix.Set(matcher.Member{Subject: fmt.Sprintf("%016x", i), References: []matcher.Reference{embedded{Vector: v, model: model}}}); err != nil {
			b.Fatal(err)
		}
	}
	return ix
}

// cpu is the CPU time of all threads so far: on a machine that others use, the clock says little.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// perSearch reports the CPU time of a search.
func perSearch(b *testing.B, searches int, f func()) {
	b.Helper()
	started := cpu()
	f()
	b.ReportMetric(float64((cpu()-started).Nanoseconds())/float64(searches)/1e3, "CPU-us/search")
}

func search(b *testing.B, ix *Vectors, q matcher.Query, dst []matcher.Candidate) {
	if _, err := ix.Search(b.Context(), q, dst); err != nil {
		b.Error(err)
	}
}

// One probe against galleries of several sizes, from a flight to a city, on one thread. Of the large ones the bandwidth is set against
// what reading alone reaches.
func BenchmarkVectorsOne(b *testing.B) {
	for _, n := range []int{400, 8000, 100_000, 1_000_000} {
		ix := fill(b, n, 512, Config{Threads: 1})
		data := make([]uint64, n*512/8)
		for i := range data {
			data[i] = 1
		}
		q := matcher.Query{Probe: randomVector(b, rand.New(rand.NewPCG(3, 4)), 512), K: 10}
		dst := make([]matcher.Candidate, 0, 20)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			var took time.Duration
			perSearch(b, b.N, func() {
				started := cpu()
				for range b.N {
					search(b, ix, q, dst)
				}
				took = cpu() - started
			})
			if n >= 100_000 {
				started := cpu()
				for range b.N {
					kernel.ReadSum(data)
				}
				b.ReportMetric(100*float64(cpu()-started)/float64(took), "%-of-reading")
			}
		})
	}
}

// Searches at the same time, each in a pass of its own and sharing passes.
func BenchmarkVectorsAskers(b *testing.B) {
	const n = 200_000
	ix := fill(b, n, 512, Config{})
	q := matcher.Query{Probe: randomVector(b, rand.New(rand.NewPCG(3, 4)), 512), K: 10}
	for _, askers := range []int{1, 4, 16, 64} {
		for _, batch := range []int{1, usualBatch} {
			b.Run(fmt.Sprintf("askers=%d/batch=%d", askers, batch), func(b *testing.B) {
				ix.config.Batch = batch
				perSearch(b, b.N*askers, func() {
					var all sync.WaitGroup
					for range askers {
						all.Go(func() {
							for range b.N {
								search(b, ix, q, nil)
							}
						})
					}
					all.Wait()
				})
				b.ReportMetric(float64(b.N*askers)/b.Elapsed().Seconds(), "searches/s")
			})
		}
	}
}

// The same pass on one thread and on two, by turns: the least time of each counts.
func BenchmarkVectorsThreads(b *testing.B) {
	ix := fill(b, 200_000, 512, Config{})
	q := matcher.Query{Probe: randomVector(b, rand.New(rand.NewPCG(3, 4)), 512), K: 10}
	best := [2]time.Duration{time.Hour, time.Hour}
	for b.Loop() {
		for threads := range best {
			ix.config.Threads = threads + 1
			started := time.Now()
			search(b, ix, q, nil)
			best[threads] = min(best[threads], time.Since(started))
		}
	}
	b.ReportMetric(float64(best[0])/float64(best[1]), "times-as-fast-on-two")
}

// Some of a large gallery: named, and of a group of one subject in a hundred.
func BenchmarkVectorsAmong(b *testing.B) {
	const n = 400_000
	ix := fill(b, n, 512, Config{})
	rng := rand.New(rand.NewPCG(3, 4))
	p := randomVector(b, rng, 512)
	var few []string
	for range 400 {
		id := fmt.Sprintf("%016x", rng.IntN(n))
		few = append(few, id)
		if err := ix.Set(matcher.Member{Subject: id, Group: "few", References: []matcher.Reference{p}}); err != nil {
			b.Fatal(err)
		}
	}
	for i := 0; i < n; i += 100 {
		if err := ix.Set(matcher.Member{Subject: fmt.Sprintf("%016x", i), Group: "many", References: []matcher.Reference{p}}); err != nil {
			b.Fatal(err)
		}
	}
	for name, f := range map[string]matcher.Filter{"400 subjects": {Subjects: few}, "group of 400": {Group: "few"}, "group of 4000": {Group: "many"}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			perSearch(b, b.N, func() {
				for range b.N {
					search(b, ix, matcher.Query{Probe: p, K: 10, Among: f}, nil)
				}
			})
		})
	}
}

// Replacing subjects of a large gallery, chunks emptied meanwhile.
func BenchmarkVectorsReplace(b *testing.B) {
	const n = 200_000
	ix := fill(b, n, 512, Config{})
	rng := rand.New(rand.NewPCG(3, 4))
	refs := []matcher.Reference{randomVector(b, rng, 512)}
	replace := func(count int) {
		for range count {
			if err := ix.Set(matcher.Member{Subject: fmt.Sprintf("%016x", rng.IntN(n)), References: refs}); err != nil {
				b.Fatal(err)
			}
		}
	}
	replace(n)
	started := cpu()
	for range b.N {
		replace(1000)
	}
	b.ReportMetric(float64((cpu()-started).Nanoseconds())/float64(b.N)/1e6, "CPU-us/replace")
}
