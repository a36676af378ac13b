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

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// readGBS is what one thread reads at best, now.
func readGBS() float64 {
	data := make([]uint64, 32<<20)
	for i := range data {
		data[i] = 1
	}
	best := time.Hour
	for range 5 {
		started := time.Now()
		kernel.ReadSum(data)
		best = min(best, time.Since(started))
	}
	return 8 * float64(len(data)) / 1e9 / best.Seconds()
}

func BenchmarkVectors(b *testing.B) {
	for _, n := range []int{400, 100_000, 1_000_000} {
		started := cpu()
		ix := fill(b, n, 512, Config{Threads: 1})
		b.Logf("%d filled in %v CPU", n, cpu()-started)
		rng := rand.New(rand.NewPCG(3, 4))
		p := randomVector(b, rng, 512)
		dst := make([]matcher.Candidate, 0, 20)
		b.Run(fmt.Sprintf("one/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ix.Search(b.Context(), matcher.Query{Probe: p, K: 10}, dst); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n)*512/1e9*float64(b.N)/b.Elapsed().Seconds(), "GB/s")
			if n == 1_000_000 {
				b.ReportMetric(readGBS(), "ReadSum-GB/s")
			}
		})
		if n < 100_000 {
			continue
		}
		for _, askers := range []int{4, 16, 32, 64} {
			b.Run(fmt.Sprintf("askers=%d/%d", askers, n), func(b *testing.B) {
				started := cpu()
				var all sync.WaitGroup
				for range askers {
					all.Go(func() {
						for range b.N {
							if _, err := ix.Search(b.Context(), matcher.Query{Probe: p, K: 10}, nil); err != nil {
								b.Error(err)
							}
						}
					})
				}
				all.Wait()
				b.ReportMetric(1e3*(cpu()-started).Seconds()/float64(b.N*askers), "CPU-ms/probe")
				b.ReportMetric(1e3*b.Elapsed().Seconds()/float64(b.N*askers), "ms/probe")
			})
		}
	}
}
