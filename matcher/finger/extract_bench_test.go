package finger

import (
	"fmt"
	"syscall"
	"testing"
	"time"
)

func BenchmarkExtract(b *testing.B) {
	for _, size := range [][2]int{{300, 300}, {388, 374}, {500, 500}, {640, 480}, {800, 740}} {
		b.Run(fmt.Sprintf("synthetic/%dx%d", size[0], size[1]), func(b *testing.B) {
			pix := ridgeImage{w: size[0], h: size[1], period: 9, planted: scattered(size[0], size[1])}.draw()
			benchmarkExtract(b, pix, size[0], size[1])
		})
	}
	for _, set := range tuningSets {
		b.Run(set, func(b *testing.B) {
			img := greyOf(b, dataDir(b)+"/"+set+"/103_4.png")
			benchmarkExtract(b, img.Pix, img.Rect.Dx(), img.Rect.Dy())
		})
	}
}

func benchmarkExtract(b *testing.B, pix []byte, w, h int) {
	b.ReportAllocs()
	start := cpuTime()
	for b.Loop() {
		if _, _, err := extractPrint(pix, w, h, 500, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64((cpuTime()-start).Microseconds())/1000/float64(b.N), "cpu-ms/op")
}

// cpuTime is what the process has used: on a shared machine it says more than the clock.
func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
