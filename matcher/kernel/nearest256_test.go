package kernel

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// naiveNearest256 is the definition, bit by bit.
func naiveNearest256(ref [4]uint64, lanes [][4]uint64) uint32 {
	least := NoLane
	for j, lane := range lanes {
		distance := 0
		for bit := range 256 {
			if ref[bit/64]>>(bit%64)&1 != lane[bit/64]>>(bit%64)&1 {
				distance++
			}
		}
		least = min(least, uint32(distance<<8|j))
	}
	return least
}

// checkNearest256 runs every usable row, and what dispatch has chosen, into guarded memory.
func checkNearest256(t *testing.T, refs []uint64, lanes [][4]uint64) {
	t.Helper()
	n, probe := len(refs)/4, NewProbe256(lanes)
	want := make([]uint32, n)
	for i := range want {
		want[i] = naiveNearest256([4]uint64(refs[4*i:]), lanes)
	}
	rows := append(nearest256Rows(), row[nearest256Func]{"dispatch", true, Nearest256})
	for _, r := range rows {
		if !r.usable || len(lanes) == 0 && r.name != "dispatch" {
			continue
		}
		const guard = 0xdeadbeef
		got := filled32(n+16, guard)
		r.fn(got[8:8+n:8+n], refs, probe)
		for i, v := range got {
			switch inside := i >= 8 && i < 8+n; {
			case !inside && v != guard:
				t.Fatalf("%s: %d references, %d lanes: wrote at %d", r.name, n, len(lanes), i-8)
			case inside && v != want[i-8]:
				t.Fatalf("%s: reference %d of %d, %d lanes: %#x, want %#x", r.name, i-8, n, len(lanes), v, want[i-8])
			}
		}
	}
}

func filled32(n int, v uint32) []uint32 {
	s := make([]uint32, n)
	for i := range s {
		s[i] = v
	}
	return s
}

func randomWords(rng *rand.Rand, n int) []uint64 {
	v := make([]uint64, n)
	for i := range v {
		v[i] = rng.Uint64()
	}
	return v
}

func randomLanes(rng *rand.Rand, n int) [][4]uint64 {
	lanes := make([][4]uint64, n)
	for i := range lanes {
		lanes[i] = [4]uint64(randomWords(rng, 4))
	}
	return lanes
}

func TestNearest256RowsAgree(t *testing.T) {
	for _, r := range nearest256Rows() {
		if !r.usable {
			t.Logf("%s: not usable on this machine", r.name)
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for lanes := range Lanes256 + 1 {
		checkNearest256(t, randomWords(rng, 4*13), randomLanes(rng, lanes))
	}
	for n := range 101 {
		checkNearest256(t, randomWords(rng, 4*n), randomLanes(rng, 1+n%Lanes256))
	}
	odd := randomWords(rng, 4*20+9)
	for shift := range 8 { // off every alignment of a vector
		checkNearest256(t, odd[1+shift:][:4*20], randomLanes(rng, 30))
	}
}

// The largest and smallest distances, and ties between all lanes, whose lowest must win.
func TestNearest256Extremes(t *testing.T) {
	const ones = math.MaxUint64
	refs := []uint64{0, 0, 0, 0, ones, ones, ones, ones, 0, ones, 0, ones, 1, 0, 0, 0, 0, 0, 0, 1 << 63}
	for _, word := range []uint64{0, ones, 1, 1 << 63, 0x5555_5555_5555_5555} {
		for lanes := range Lanes256 + 1 {
			same := make([][4]uint64, lanes)
			for j := range same {
				same[j] = [4]uint64{word, word, word, word}
			}
			checkNearest256(t, refs, same)
		}
	}
}

// Each lane in turn is the nearest, at each number of lanes; the empty lanes, all zero in memory, stay out of it.
func TestNearest256EveryLaneCanWin(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for n := 1; n <= Lanes256; n++ {
		lanes := randomLanes(rng, n)
		var refs []uint64
		for j := range lanes {
			near := lanes[j]
			near[j%4] ^= 1 << (j % 64)
			refs = append(refs, near[:]...)
		}
		refs = append(refs, 0, 0, 0, 0)
		checkNearest256(t, refs, lanes)
	}
}

func TestNearest256RefusesWrongLengths(t *testing.T) {
	p := NewProbe256(make([][4]uint64, 3))
	for name, f := range map[string]func(){
		"7 words for 2 results":     func() { Nearest256(make([]uint32, 2), make([]uint64, 7), p) },
		"4 words for no result":     func() { Nearest256(nil, make([]uint64, 4), p) },
		"a probe of 33 signatures":  func() { NewProbe256(make([][4]uint64, Lanes256+1)) },
		"no words, without a probe": func() { Nearest256(make([]uint32, 1), nil, NewProbe256(nil)) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: was taken", name)
				}
			}()
			f()
		}()
	}
}

func TestNearest256AllocatesNothing(t *testing.T) {
	dst, refs, p := make([]uint32, 7), make([]uint64, 28), NewProbe256(make([][4]uint64, 9))
	for _, r := range nearest256Rows() {
		if !r.usable {
			continue
		}
		if n := testing.AllocsPerRun(10, func() { r.fn(dst, refs, p) }); n != 0 {
			t.Errorf("%s: %v allocations", r.name, n)
		}
	}
}

func FuzzNearest256(f *testing.F) {
	f.Add([]byte{}, uint8(0))
	f.Add(make([]byte, 32*40), uint8(32))
	seed := make([]byte, 32*23+5)
	for i := range seed {
		seed[i] = byte(i * i)
	}
	f.Add(seed, uint8(17))
	f.Fuzz(func(t *testing.T, data []byte, lanes uint8) {
		signatures := make([][4]uint64, min(len(data)/32, 200))
		for i := range signatures {
			for w := range 4 {
				signatures[i][w] = binary.LittleEndian.Uint64(data[32*i+8*w:])
			}
		}
		split := min(int(lanes)%(Lanes256+1), len(signatures))
		var refs []uint64
		for _, s := range signatures[split:] {
			refs = append(refs, s[:]...)
		}
		checkNearest256(t, refs, signatures[:split])
	})
}

func BenchmarkNearest256(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	const n = 1000 // 32 kB: in the first or second cache
	dst, refs := make([]uint32, n), randomWords(rng, 4*n)
	for _, lanes := range []int{8, 16, 24, 32} {
		p := NewProbe256(randomLanes(rng, lanes))
		for _, r := range nearest256Rows() {
			b.Run(fmt.Sprintf("%s/lanes=%d", r.name, lanes), func(b *testing.B) {
				if !r.usable {
					b.Skip("not usable on this machine")
				}
				b.SetBytes(32 * n)
				b.ReportAllocs()
				for b.Loop() {
					r.fn(dst, refs, p)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/signature")
			})
		}
	}
}
