package face

import (
	"testing"
)

func BenchmarkSample(b *testing.B) {
	for _, c := range []struct {
		name  string
		side  int
		w, h  int
		turn  float64
		where margin
	}{
		{"detect/350", 350, detectW, detectH, 0, neutral},
		{"detect/2000", 2000, detectW, detectH, 0, neutral},
		{"aligned/350", 350, featureSide, featureSide, 0.1, repeatEdge},
	} {
		src := slope(c.side, c.side)
		from := similarity{firstRoom * float64(c.side) / detectH, c.turn, 0, 0}
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				sample(src, from, c.w, c.h, c.where)
			}
		})
	}
}

func BenchmarkTensor(b *testing.B) {
	p := sample(slope(350, 350), similarity{a: 2}, detectW, detectH, neutral)
	b.ReportAllocs()
	for b.Loop() {
		tensor(detectW, detectH, detectMean, detectScale, p.r, p.g, p.b)
	}
}
