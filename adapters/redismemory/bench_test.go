package redismemory

import (
	"crypto/rand"
	"sync"
	"syscall"
	"testing"
	"time"

	"biogate/gateway/porttest"
)

// BenchmarkSpend is what nonces take of this process's processor, alone and when 32 requests are under way.
func BenchmarkSpend(b *testing.B) {
	for name, callers := range map[string]int{"1 caller": 1, "32 callers": 32} {
		b.Run(name, func(b *testing.B) {
			m := open(b, porttest.StartRedis(b).URL(), "test")
			b.ReportAllocs()
			b.ResetTimer()
			before := processorTime()
			var wg sync.WaitGroup
			for c := range callers {
				wg.Go(func() {
					for i := c; i < b.N; i += callers {
						if first, err := m.Spend(b.Context(), rand.Text(), time.Now().Add(time.Minute)); !first || err != nil {
							b.Error(first, err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64((processorTime()-before).Nanoseconds())/float64(b.N), "cpu-ns/op")
		})
	}
}

func processorTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
