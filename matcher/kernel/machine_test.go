package kernel

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"
)

// checkSums holds every usable row of both operations to their definitions.
func checkSums(t *testing.T, data []uint64) {
	t.Helper()
	var sum, ones uint64
	for _, v := range data {
		sum += v
		for ; v != 0; v &= v - 1 {
			ones++
		}
	}
	for op, want := range map[string]uint64{"ReadSum": sum, "CountOnes": ones} {
		rows := map[string][]row[sumFunc]{
			"ReadSum":   append(readSumRows(), row[sumFunc]{"dispatch", true, ReadSum}),
			"CountOnes": append(countOnesRows(), row[sumFunc]{"dispatch", true, CountOnes}),
		}[op]
		for _, r := range rows {
			if !r.usable {
				t.Logf("%s/%s: not usable on this machine", op, r.name)
			} else if got := r.fn(data); got != want {
				t.Errorf("%s/%s of %d words: %#x, want %#x", op, r.name, len(data), got, want)
			}
		}
	}
}

func TestSumRowsAgree(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for n := range 200 {
		checkSums(t, randomWords(rng, n))
	}
	odd := randomWords(rng, 1200)
	for shift := range 8 {
		checkSums(t, odd[shift:][:1000+shift])
	}
	full := make([]uint64, 40_000) // more bits than 16-bit sums hold
	for i := range full {
		full[i] = math.MaxUint64
	}
	checkSums(t, full)
}

func TestMultiplyAddsRowsAgree(t *testing.T) {
	for _, r := range append(multiplyAddsRows(), row[multiplyAddsFunc]{"dispatch", true, MultiplyAdds}) {
		if !r.usable {
			t.Logf("%s: not usable on this machine", r.name)
			continue
		}
		for _, n := range []int{0, 1, 2, 7, 1000} {
			if got := r.fn(n); got != int32(n*1024*15) {
				t.Errorf("%s of %d: %d, want %d", r.name, n, got, n*1024*15)
			}
		}
	}
	mustPanic(t, map[string]func(){"fewer than none": func() { MultiplyAdds(-1) }})
}

func FuzzSums(f *testing.F) {
	f.Add([]byte{})
	f.Add(make([]byte, 8*32*3+8*7))
	seed := make([]byte, 8*75)
	for i := range seed {
		seed[i] = byte(i * i * i)
	}
	f.Add(seed)
	f.Fuzz(func(t *testing.T, bytes []byte) {
		data := make([]uint64, len(bytes)/8)
		for i := range data {
			data[i] = binary.LittleEndian.Uint64(bytes[8*i:])
		}
		checkSums(t, data)
	})
}

func BenchmarkReadSum(b *testing.B)   { benchmarkSum(b, readSumRows(), 16<<20) } // larger than most caches
func BenchmarkCountOnes(b *testing.B) { benchmarkSum(b, countOnesRows(), 2048) }

func benchmarkSum(b *testing.B, rows []row[sumFunc], words int) {
	data := randomWords(rand.New(rand.NewPCG(1, 2)), words)
	for _, r := range rows {
		b.Run(r.name, func(b *testing.B) {
			if !r.usable {
				b.Skip("not usable on this machine")
			}
			b.SetBytes(int64(8 * words))
			b.ReportAllocs()
			for b.Loop() {
				r.fn(data)
			}
		})
	}
}
