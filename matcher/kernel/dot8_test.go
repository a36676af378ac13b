package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// naiveDot8 is the definition.
func naiveDot8(a, b []int8) (sum int32) {
	for i := range a {
		sum += int32(a[i]) * int32(b[i])
	}
	return sum
}

func randomInt8(rng *rand.Rand, n int) []int8 {
	v := make([]int8, n)
	for i := range v {
		v[i] = int8(rng.Uint32())
	}
	return v
}

func filled(n int, v int8) []int8 {
	s := make([]int8, n)
	for i := range s {
		s[i] = v
	}
	return s
}

func TestDot8RowsAgree(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, r := range dot8Rows() {
		if !r.usable {
			t.Logf("%s: not usable on this machine", r.name)
			continue
		}
		check := func(a, b []int8) {
			t.Helper()
			if got, want := r.fn(a, b), naiveDot8(a, b); got != want {
				t.Errorf("%s: %d elements: %d, want %d", r.name, len(a), got, want)
			}
		}
		for n := range 200 {
			check(randomInt8(rng, n), randomInt8(rng, n))
		}
		check(filled(131_071, -128), filled(131_071, -128)) // the largest sum that the documentation allows
		check(filled(512, -128), filled(512, 127))
		odd := randomInt8(rng, 600)
		check(odd[1:513], odd[3:515]) // unaligned
	}
}

func TestDot8RefusesUnequalLengths(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("slices of 3 and 4 elements were multiplied")
		}
	}()
	Dot8(make([]int8, 3), make([]int8, 4))
}

func FuzzDot8(f *testing.F) {
	f.Add([]byte{}, []byte{})
	f.Add([]byte{1, 2, 0x80, 4, 5, 6, 7, 8, 9}, []byte{1, 2, 0x80, 4, 5, 6, 7, 8, 9})
	f.Fuzz(func(t *testing.T, x, y []byte) {
		n := min(len(x), len(y), 131_071)
		a, b := make([]int8, n), make([]int8, n)
		for i := range n {
			a[i], b[i] = int8(x[i]), int8(y[i])
		}
		want := naiveDot8(a, b)
		for _, r := range dot8Rows() {
			if !r.usable {
				continue
			}
			if got := r.fn(a, b); got != want {
				t.Errorf("%s: %d, want %d", r.name, got, want)
			}
		}
	})
}

func BenchmarkDot8(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{128, 512} {
		x, y := randomInt8(rng, n), randomInt8(rng, n)
		for _, r := range dot8Rows() {
			b.Run(fmt.Sprintf("%s/%d", r.name, n), func(b *testing.B) {
				b.SetBytes(int64(n))
				b.ReportAllocs()
				for b.Loop() {
					r.fn(x, y)
				}
			})
		}
	}
}
