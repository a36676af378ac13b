package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// checkDotsBatch8 runs every usable row, and what dispatch has chosen, for n vectors and as many probes as rest.
func checkDotsBatch8(t *testing.T, vectors []int8, dims, n int) {
	t.Helper()
	gallery, rest := vectors[:n*dims], vectors[n*dims:]
	var probes []*Probe8
	for ; len(rest) > 0; rest = rest[dims:] {
		probes = append(probes, NewProbe8(rest[:dims]))
	}
	set, bytes, want := NewProbes8(probes), make([]uint8, len(gallery)), make([]int32, n)
	Offset8(bytes, gallery)
	for _, r := range append(dotsBatch8Rows(), row[dotsBatch8Func]{"dispatch", true, DotsBatch8}) {
		if !r.usable {
			continue
		}
		got, unharmed := guarded32(t, r.name, n*len(probes))
		r.fn(got, bytes, set)
		unharmed()
		for j, p := range probes {
			dots8Generic(want, bytes, p)
			for i := range want {
				if v := got[j*n+i]; v != want[i] {
					t.Fatalf("%s: %d elements: probe %d of %d, vector %d of %d: %d, want %d", r.name, dims, j, len(probes), i, n, v, want[i])
				}
			}
		}
	}
}

func TestDotsBatch8RowsAgree(t *testing.T) {
	for _, r := range dotsBatch8Rows() {
		if !r.usable {
			t.Logf("%s: not usable on this machine", r.name)
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for probes := 1; probes <= 70; probes++ {
		checkDotsBatch8(t, randomInt8(rng, (19+probes)*64), 64, 19)
	}
	for n := range 50 {
		probes := 1 + rng.IntN(40)
		checkDotsBatch8(t, randomInt8(rng, (n+probes)*128), 128, n)
	}
	for _, probes := range []int{2, 13, 33} { // more vectors than are taken at once
		checkDotsBatch8(t, randomInt8(rng, (293+probes)*1024), 1024, 293)
	}
	for _, dims := range []int{192, 256, 320, 512, 704, 1024} {
		for _, probes := range []int{1, 8, 16, 17, 32, 33} {
			n := rng.IntN(40)
			checkDotsBatch8(t, randomInt8(rng, (n+probes)*dims), dims, n)
		}
	}
}

func TestDotsBatch8Extremes(t *testing.T) {
	for _, ends := range [][2]int8{{-128, -128}, {-128, 127}, {127, -128}, {127, 127}} {
		for _, dims := range []int{64, 512} {
			checkDotsBatch8(t, append(filled(17*dims, ends[0]), filled(35*dims, ends[1])...), dims, 17)
		}
	}
	checkDotsBatch8(t, filled((16+11)*MostDim8, -128), MostDim8, 16)
}

// A set keeps its probes when the slice that it was made of changes.
func TestProbes8Copies(t *testing.T) {
	probes := []*Probe8{NewProbe8(filled(64, 1)), NewProbe8(filled(64, 2))}
	set := NewProbes8(probes)
	probes[1] = nil
	gallery, dst := make([]uint8, 64), make([]int32, 2)
	Offset8(gallery, filled(64, 3))
	if DotsBatch8(dst, gallery, set); dst[0] != 192 || dst[1] != 384 || set.Len() != 2 || set.Dims() != 64 {
		t.Errorf("%v of %d probes of %d elements, want 192 and 384", dst, set.Len(), set.Dims())
	}
}

func TestDotsBatch8Refuses(t *testing.T) {
	three := NewProbes8([]*Probe8{NewProbe8(make([]int8, 64)), NewProbe8(make([]int8, 64)), NewProbe8(make([]int8, 64))})
	mustPanic(t, map[string]func(){
		"no probes":         func() { NewProbes8(nil) },
		"two lengths":       func() { NewProbes8([]*Probe8{NewProbe8(make([]int8, 64)), NewProbe8(make([]int8, 128))}) },
		"results of 2 of 3": func() { DotsBatch8(make([]int32, 4), make([]uint8, 128), three) },
		"half a vector":     func() { DotsBatch8(make([]int32, 3), make([]uint8, 32), three) },
		"results of none":   func() { DotsBatch8(nil, make([]uint8, 64), three) },
	})
	DotsBatch8(nil, nil, three)
}

func FuzzDotsBatch8(f *testing.F) {
	f.Add(make([]byte, 64), uint8(0), uint8(0))
	f.Add(make([]byte, 64*50), uint8(33), uint8(0))
	seed := make([]byte, 128*60+5)
	for i := range seed {
		seed[i] = byte(i * i)
	}
	f.Add(seed, uint8(20), uint8(1))
	f.Fuzz(func(t *testing.T, data []byte, probes, steps uint8) {
		dims := Step8 * (1 + int(steps)%4)
		vectors := make([]int8, min(len(data)/dims, 120)*dims)
		for i := range vectors {
			vectors[i] = int8(data[i])
		}
		if n := len(vectors)/dims - 1 - int(probes)%70; n >= 0 {
			checkDotsBatch8(t, vectors, dims, n)
		}
	})
}

func BenchmarkDotsBatch8(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, dims := range []int{128, 192, 256, 512} {
		n := 200 << 10 / dims // in the second cache
		gallery := make([]uint8, n*dims)
		Offset8(gallery, randomInt8(rng, n*dims))
		for _, probes := range []int{4, 8, 16, 32} {
			list := make([]*Probe8, probes)
			for j := range list {
				list[j] = NewProbe8(randomInt8(rng, dims))
			}
			set, dst := NewProbes8(list), make([]int32, probes*n)
			for _, r := range dotsBatch8Rows() {
				b.Run(fmt.Sprintf("%s/%d/probes=%d", r.name, dims, probes), func(b *testing.B) {
					if !r.usable {
						b.Skip("not usable on this machine")
					}
					b.ReportAllocs()
					for b.Loop() {
						r.fn(dst, gallery, set)
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n*probes), "ns/product")
				})
			}
		}
	}
}
