package kernel

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// checkAbove8 runs every usable row, and what dispatch has chosen, into guarded memory.
func checkAbove8(t *testing.T, dots []int32, scale []float32, floor float32) {
	t.Helper()
	const guard = 0xdeadbeef
	var want []uint32
	for i, d := range dots {
		if product := float32(d) * scale[i]; product >= floor {
			want = append(want, uint32(i))
		}
	}
	for _, r := range append(above8Rows(), row[above8Func]{"dispatch", true, Above8}) {
		if !r.usable {
			continue
		}
		all := filled32(len(dots)+64, guard)
		dst := all[32:][:len(dots):len(dots)]
		n := r.fn(dst, dots, scale, floor)
		if n != len(want) || !slices.Equal(dst[:n], want) {
			t.Fatalf("%s: %d products, floor %g: %d indices %v, want %d %v", r.name, len(dots), floor, n, dst[:min(n, 20)], len(want), want[:min(len(want), 20)])
		}
		if i := slices.IndexFunc(append(all[:32], all[32+len(dots):]...), func(v uint32) bool { return v != guard }); i >= 0 {
			t.Fatalf("%s: %d products: wrote outside of dst", r.name, len(dots))
		}
	}
}

func randomScales(rng *rand.Rand, n int) []float32 {
	scale := make([]float32, n)
	for i := range scale {
		scale[i] = rng.Float32() / 1000
	}
	return scale
}

func randomDots(rng *rand.Rand, n int) []int32 {
	dots := make([]int32, n)
	for i := range dots {
		dots[i] = int32(rng.Uint32()) >> rng.IntN(20)
	}
	return dots
}

func TestAbove8RowsAgree(t *testing.T) {
	for _, r := range above8Rows() {
		if !r.usable {
			t.Logf("%s: not usable on this machine", r.name)
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for n := range 300 {
		dots, scale := randomDots(rng, n), randomScales(rng, n)
		checkAbove8(t, dots, scale, 0)
		for _, floor := range []float64{math.Inf(-1), math.Inf(1), -1e9, 1, 100, 1e5} {
			checkAbove8(t, dots, scale, float32(floor))
		}
		if n > 0 { // one product is the floor itself
			i := rng.IntN(n)
			checkAbove8(t, dots, scale, float32(dots[i])*scale[i])
		}
	}
	odd := randomDots(rng, 200) // off every alignment
	for shift := range 16 {
		checkAbove8(t, odd[shift:][:150], randomScales(rng, 200)[16-shift:][:150], 10)
	}
}

// Floats that have no order, no size or no exact value.
func TestAbove8Extremes(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	floats := []float32{0, float32(math.Copysign(0, -1)), 1, -1, inf, -inf, nan, math.SmallestNonzeroFloat32, math.MaxFloat32, 1e-38, 1.0000001, 0.99999994}
	ints := []int32{0, 1, -1, math.MaxInt32, math.MinInt32, 1<<24 + 1, 1<<24 + 3, -(1<<24 + 1), 1<<31 - 64, 1<<31 - 65}
	var dots []int32
	var scale []float32
	for _, d := range ints {
		for _, s := range floats {
			dots, scale = append(dots, d), append(scale, s)
		}
	}
	for _, floor := range append(floats, 1<<24, 1<<24+2, 1<<24+4, 1<<31) {
		checkAbove8(t, dots, scale, floor)
	}
}

func TestAbove8Refuses(t *testing.T) {
	mustPanic(t, map[string]func(){
		"no scale": func() { Above8(make([]uint32, 2), make([]int32, 2), nil, 0) },
		"no room":  func() { Above8(make([]uint32, 1), make([]int32, 2), make([]float32, 2), 0) },
	})
	if n := Above8(nil, nil, nil, 0); n != 0 {
		t.Errorf("%d of no products", n)
	}
}

func FuzzAbove8(f *testing.F) {
	f.Add([]byte{}, float32(0))
	seed := make([]byte, 8*77)
	for i := range seed {
		seed[i] = byte(i * i * i)
	}
	f.Add(seed, float32(1))
	f.Fuzz(func(t *testing.T, data []byte, floor float32) {
		dots, scale := make([]int32, len(data)/8), make([]float32, len(data)/8)
		for i := range dots {
			dots[i] = int32(binary.LittleEndian.Uint32(data[8*i:]))
			scale[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[8*i+4:]))
		}
		checkAbove8(t, dots, scale, floor)
	})
}

// One in so many products is high enough.
func BenchmarkAbove8(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	const n = 4096
	dots, scale, dst := make([]int32, n), make([]float32, n), make([]uint32, n)
	for i := range dots {
		dots[i], scale[i] = int32(rng.Uint32()>>1), 1./(1<<31)
	}
	for _, one := range []float32{10, 1000} {
		for _, r := range above8Rows() {
			b.Run(fmt.Sprintf("%s/one-in-%g", r.name, one), func(b *testing.B) {
				if !r.usable {
					b.Skip("not usable on this machine")
				}
				b.SetBytes(8 * n)
				for b.Loop() {
					r.fn(dst, dots, scale, 1-1/one)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/product")
			})
		}
	}
}
