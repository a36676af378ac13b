package face

import (
	"bytes"
	"fmt"
	"image"
	"os/exec"
	"syscall"
	"testing"

	"biogate/models"
)

func BenchmarkSample(b *testing.B) {
	for _, c := range []struct {
		name  string
		side  int
		w, h  int
		turn  float64
		where margin
	}{
		{"detect/350", 350, detectW, detectH, 0, margin(127)},
		{"detect/2000", 2000, detectW, detectH, 0, margin(127)},
		{"aligned/350", 350, featureSide, featureSide, 0.1, repeatEdge},
	} {
		src := slope(c.side, c.side)
		from := similarity{1.25 * float64(c.side) / detectH, c.turn, 0, 0}
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				sample(src, from, c.w, c.h, c.where).release()
			}
		})
	}
}

func BenchmarkTensor(b *testing.B) {
	p := sample(slope(350, 350), similarity{a: 2}, detectW, detectH, margin(127))
	in := models.Input{Channels: "RGB", Mean: 127, Scale: 128}
	b.ReportAllocs()
	for b.Loop() {
		rooms.give(tensor(p, in).Data)
	}
}

// BenchmarkExtractLarge is what photos cost beside the networks, in milliseconds of a core and as a multiple of the first: the
// face is a third of the photo's height, or a twelfth. Progressive ones, of the same pixels, need jpegtran of libjpeg.
func BenchmarkExtractLarge(b *testing.B) {
	e := newFake(b, fakeNets())
	small := 0.0
	for _, size := range []image.Point{{X: 640, Y: 480}, {X: 1600, Y: 1200}, {X: 4000, Y: 3000}} {
		for _, share := range []int{3, 12} {
			img := drawn(size.X, size.Y, portrait{5, size.X / 4, size.Y / 4, size.Y / share})
			addGrain(img.(*image.RGBA))
			photo := jpegOf(b, img, 1)
			for _, progressive := range []bool{false, true} {
				b.Run(fmt.Sprintf("%dx%d/face 1 of %d/progressive %v", size.X, size.Y, share, progressive), func(b *testing.B) {
					s := photo
					if progressive {
						s.Data = asProgressive(b, photo.Data)
					}
					start := processorTime(b)
					for b.Loop() {
						extract(b, e, s)
					}
					each := (processorTime(b) - start) / float64(b.N)
					if small == 0 {
						small = each
					}
					b.ReportMetric(each, "cpu-ms")
					b.ReportMetric(each/small, "of-small")
				})
			}
		}
	}
}

// addGrain makes a drawn picture about as hard to code as one of a camera.
func addGrain(img *image.RGBA) {
	seed := uint32(1)
	for i := range img.Pix {
		seed = seed*1664525 + 1013904223
		if i%4 != 3 {
			img.Pix[i] = byte(min(255, uint32(img.Pix[i])+seed>>24%7))
		}
	}
}

func asProgressive(b *testing.B, data []byte) []byte {
	jpegtran, err := exec.LookPath("jpegtran")
	if err != nil {
		b.Skip("jpegtran is not installed (Debian's libjpeg-turbo-progs)")
	}
	cmd := exec.Command(jpegtran, "-progressive")
	cmd.Stdin = bytes.NewReader(data)
	out, err := cmd.Output()
	if err != nil {
		b.Fatal(err)
	}
	return out
}

// processorTime is what this process has used, in milliseconds.
func processorTime(b *testing.B) float64 {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return float64(used.Utime.Nano()+used.Stime.Nano()) / 1e6
}
