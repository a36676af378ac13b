package face

import (
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
				sample(src, from, c.w, c.h, c.where)
			}
		})
	}
}

func BenchmarkTensor(b *testing.B) {
	p := sample(slope(350, 350), similarity{a: 2}, detectW, detectH, margin(127))
	in := models.Input{Channels: "RGB", Mean: 127, Scale: 128}
	b.ReportAllocs()
	for b.Loop() {
		tensor(p, in)
	}
}
