package networktest

import (
	"context"
	"syscall"
	"testing"
	"time"

	"biogate/matcher/face"
	"biogate/models"
)

// Benchmark measures each network of a set in processor time, which a busy machine does not change as it does wall time.
func Benchmark(b *testing.B, m models.Manifest, nets face.Networks) {
	for _, f := range m.Files {
		net, in := Named(nets)[f.Name], Noise(1, f.Input.Shape)
		b.Run(f.Name, func(b *testing.B) {
			b.ReportAllocs()
			start, n := CPU(b), 0
			for b.Loop() {
				if _, err := net.Run(context.Background(), in); err != nil {
					b.Fatal(err)
				}
				n++
			}
			b.ReportMetric(float64(CPU(b)-start)/float64(n)/1e6, "cpu-ms/op")
		})
	}
}

// CPU is the processor time that this process has used.
func CPU(t testing.TB) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
