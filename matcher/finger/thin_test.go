package finger

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func (b *bitmap) put(x, y int) { b.row(y)[1+x>>6] |= 1 << (x & 63) }

// thinSlowly is Guo and Hall's method a pixel at a time, as the paper has it.
func thinSlowly(b *bitmap) {
	get := func(x, y int) int {
		if x < 0 || y < 0 || x >= b.w || y >= b.h || !b.get(x, y) {
			return 0
		}
		return 1
	}
	for changed := true; changed; {
		changed = false
		for half := range 2 {
			var gone [][2]int
			for y := range b.h {
				for x := range b.w {
					p2, p3, p4, p5 := get(x, y-1), get(x+1, y-1), get(x+1, y), get(x+1, y+1)
					p6, p7, p8, p9 := get(x, y+1), get(x-1, y+1), get(x-1, y), get(x-1, y-1)
					c := (1-p2)&(p3|p4) + (1-p4)&(p5|p6) + (1-p6)&(p7|p8) + (1-p8)&(p9|p2)
					n := min((p9|p2)+(p3|p4)+(p5|p6)+(p7|p8), (p2|p3)+(p4|p5)+(p6|p7)+(p8|p9))
					m := (p2 | p3 | (1 - p5)) & p4
					if half == 1 {
						m = (p6 | p7 | (1 - p9)) & p8
					}
					if get(x, y) == 1 && c == 1 && n >= 2 && n <= 3 && m == 0 {
						gone = append(gone, [2]int{x, y})
					}
				}
			}
			for _, g := range gone {
				b.row(g[1])[1+g[0]>>6] &^= 1 << (g[0] & 63)
				changed = true
			}
		}
	}
}

func TestThinningAgreesWithThePaper(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	var x extractor
	for range 30 {
		var fast, slow bitmap
		fast.reset(1+rng.IntN(200), 1+rng.IntN(60))
		for range fast.w * fast.h / 40 { // overlapping squares
			px, py, side := rng.IntN(fast.w), rng.IntN(fast.h), 1+rng.IntN(7)
			for y := py; y < min(py+side, fast.h); y++ {
				for k := px; k < min(px+side, fast.w); k++ {
					fast.put(k, y)
				}
			}
		}
		slow = fast
		slow.bits = slices.Clone(fast.bits)
		x.thin(&fast)
		thinSlowly(&slow)
		if !slices.Equal(fast.bits, slow.bits) {
			t.Fatalf("%d x %d differs", fast.w, fast.h)
		}
	}
}

func TestPositive(t *testing.T) {
	p := make(plane, 8)
	for v := int32(-128); v <= 127; v++ {
		for lane := range 4 {
			p.clear()
			p.set(lane, v)
			want := uint64(0)
			if v > 0 {
				want = 1 << lane
			}
			if got := positive(p); got != want {
				t.Fatalf("value %d in lane %d: %04b, want %04b", v, lane, got, want)
			}
		}
	}
}

// TestFiltersFitTheirLanes compares the packed filters with plain arithmetic on the most extreme pictures.
func TestFiltersFitTheirLanes(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	const side = 80
	in, out := make(plane, 2*side*side), make(plane, 2*side*side)
	var laid laidOut
	laid.layOut(side)
	const (
		at     = side*side/2 + side/2
		corner = margin*side + margin // offsets count from there
	)
	for o := range orientations {
		for k := range bankPeriods {
			taps := laid.across[o][k]
			in.clear()
			for i := range side * side {
				in.set(i, int32(255*rng.IntN(2)-128))
			}
			for _, tap := range taps { // the worst case for the first pixel
				in.set(at-corner+int(tap.at)/2, map[bool]int32{true: 127, false: -128}[tap.weight > 0])
			}
			for name, filter := range map[string]struct {
				apply func(out, in plane, at, stride int, taps []offset)
				taps  []offset
				half  int32
			}{"across": {bandPass, taps, 128}, "along": {smooth, laid.along[o], 0}} {
				filter.apply(out, in, at, side, filter.taps)
				for i := range 16 {
					p := at + i/4*side + i%4
					var sum, bias int32
					for _, tap := range filter.taps {
						sum += in.at(p-corner+int(tap.at)/2) * tap.weight
						bias += 128 * tap.weight
					}
					want := (sum+bias+filter.half)>>8 - 128
					if name == "across" {
						want += 128
					}
					if got := out.at(p); got != want {
						t.Fatalf("%s, direction %d, period %d, pixel %d: %d, want %d", name, o, k, i, got, want)
					}
				}
			}
		}
	}
}

func TestResampleKeepsLevels(t *testing.T) {
	flat := make([]byte, 90*70)
	for i := range flat {
		flat[i] = 77
	}
	for _, size := range [][2]int{{45, 35}, {180, 140}, {90, 70}, {31, 200}} {
		for _, v := range resample(flat, 90, 90, 70, size[0], size[1]) {
			if v != 77 {
				t.Fatalf("a flat picture of 77 became %d at %v", v, size)
			}
		}
	}
}
