package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

const guard8 = math.MinInt32 + 12345 // no inner product that a test makes

// guarded32 is room for n results among guards, and a check that these are still there.
func guarded32(t *testing.T, name string, n int) (room []int32, check func()) {
	t.Helper()
	const around = 32
	all := slices.Repeat([]int32{guard8}, n+2*around)
	return all[around:][:n:n], func() {
		t.Helper()
		for i, v := range all {
			if (i < around || i >= around+n) && v != guard8 {
				t.Fatalf("%s: %d results: wrote at %d", name, n, i-around)
			}
		}
	}
}

// checkDots8 runs every usable row, and what dispatch has chosen. gallery holds whole vectors, as int8.
func checkDots8(t *testing.T, gallery, probe []int8) {
	t.Helper()
	n, p := len(gallery)/len(probe), NewProbe8(probe)
	bytes := make([]uint8, len(gallery))
	Offset8(bytes, gallery)
	for _, r := range append(dots8Rows(), row[dots8Func]{"dispatch", true, Dots8}) {
		if !r.usable {
			continue
		}
		got, unharmed := guarded32(t, r.name, n)
		r.fn(got, bytes, p)
		unharmed()
		for i, v := range got {
			if want := naiveDot8(gallery[i*len(probe):][:len(probe)], probe); v != want {
				t.Fatalf("%s: vector %d of %d, %d elements: %d, want %d", r.name, i, n, len(probe), v, want)
			}
		}
	}
}

func TestDots8RowsAgree(t *testing.T) {
	for _, r := range dots8Rows() {
		if !r.usable {
			t.Logf("%s: not usable on this machine", r.name)
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for _, dims := range []int{64, 128, 192, 256, 320, 448, 512, 704, 1024} {
		for n := range 40 {
			checkDots8(t, randomInt8(rng, n*dims), randomInt8(rng, dims))
		}
		odd := randomInt8(rng, 9*dims+64)
		for _, shift := range []int{1, 3, 31, 63} { // off every alignment of a vector
			checkDots8(t, odd[shift:][:9*dims], odd[64-shift:][:dims])
		}
	}
}

// Sums at both ends of what the longest vector gives, where saturating or narrow sums would show.
func TestDots8Extremes(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	ends := []int8{-128, 127}
	for _, dims := range []int{64, 512, MostDim8} {
		for _, v := range ends {
			for _, w := range ends {
				checkDots8(t, filled(5*dims, v), filled(dims, w))
			}
		}
		mixed := randomInt8(rng, 6*dims)
		for i := range mixed {
			mixed[i] = ends[uint8(mixed[i])%2]
		}
		checkDots8(t, mixed[:5*dims], mixed[5*dims:])
	}
}

func TestOffset8(t *testing.T) {
	all := make([]int8, 256)
	for i := range all {
		all[i] = int8(i - 128)
	}
	dst := make([]uint8, 256)
	Offset8(dst, all)
	for i, v := range dst {
		if int(v) != i {
			t.Errorf("%d became %d", all[i], v)
		}
	}
}

// A probe keeps its elements when the slice that it was made of changes.
func TestProbe8Copies(t *testing.T) {
	elements, gallery, dst := filled(64, 3), make([]uint8, 64), make([]int32, 1)
	Offset8(gallery, elements)
	p := NewProbe8(elements)
	elements[5] = 100
	if Dots8(dst, gallery, p); dst[0] != 64*9 || p.Dims() != 64 {
		t.Errorf("%d of %d elements, want %d of 64", dst[0], p.Dims(), 64*9)
	}
}

func TestDots8Refuses(t *testing.T) {
	p := NewProbe8(make([]int8, 128))
	mustPanic(t, map[string]func(){
		"an empty probe":                func() { NewProbe8(nil) },
		"a probe of 100":                func() { NewProbe8(make([]int8, 100)) },
		"a probe of 65,600":             func() { NewProbe8(make([]int8, MostDim8+64)) },
		"half a vector":                 func() { Dots8(make([]int32, 1), make([]uint8, 64), p) },
		"more results than vectors":     func() { Dots8(make([]int32, 3), make([]uint8, 256), p) },
		"offset into too short a slice": func() { Offset8(make([]uint8, 1), make([]int8, 2)) },
	})
	Dots8(nil, nil, p)
}

func mustPanic(t *testing.T, calls map[string]func()) {
	t.Helper()
	for name, call := range calls {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: was taken", name)
				}
			}()
			call()
		}()
	}
}

func FuzzDots8(f *testing.F) {
	f.Add([]byte{}, uint8(0))
	f.Add(make([]byte, 64*11), uint8(0))
	seed := make([]byte, 64*23+5)
	for i := range seed {
		seed[i] = byte(i * i)
	}
	f.Add(seed, uint8(1))
	f.Fuzz(func(t *testing.T, data []byte, steps uint8) {
		dims := Step8 * (1 + int(steps)%8)
		vectors := make([]int8, min(len(data)/dims, 100)*dims)
		for i := range vectors {
			vectors[i] = int8(data[i])
		}
		if len(vectors) > 0 {
			checkDots8(t, vectors[dims:], vectors[:dims])
		}
	})
}

func BenchmarkOffset8(b *testing.B) {
	src := randomInt8(rand.New(rand.NewPCG(1, 2)), 512)
	dst := make([]uint8, len(src))
	b.SetBytes(int64(len(src)))
	for b.Loop() {
		Offset8(dst, src)
	}
}

func BenchmarkNewProbes8(b *testing.B) {
	probes := make([]*Probe8, 32)
	for j := range probes {
		probes[j] = NewProbe8(make([]int8, 512))
	}
	for b.Loop() {
		NewProbes8(probes)
	}
}

func BenchmarkDots8(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, dims := range []int{128, 192, 256, 512} {
		for _, size := range []int{200 << 10, 64 << 20} { // in the second cache; larger than most third ones
			p, n := NewProbe8(randomInt8(rng, dims)), size/dims
			gallery, dst := make([]uint8, n*dims), make([]int32, n)
			for i := range gallery {
				gallery[i] = uint8(i * i >> 3)
			}
			for _, r := range dots8Rows() {
				b.Run(fmt.Sprintf("%s/%d/%dKB", r.name, dims, size>>10), func(b *testing.B) {
					if !r.usable {
						b.Skip("not usable on this machine")
					}
					b.SetBytes(int64(len(gallery)))
					b.ReportAllocs()
					for b.Loop() {
						r.fn(dst, gallery, p)
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/vector")
				})
			}
		}
	}
}
