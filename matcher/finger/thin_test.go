package finger

import (
	"math/rand/v2"
	"slices"
	"testing"

	"biogate/matcher/kernel"
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

// TestFiltersFitTheirLanes compares the filters, whose pixels have 16 bits, with plain arithmetic on the most extreme pictures.
func TestFiltersFitTheirLanes(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	const (
		side   = 80
		at     = side*side/2 + side/2
		corner = at - margin*side - margin // taps count from there
	)
	x := extractor{stride: side}
	in, out := make(plane, 2*side*side), make(plane, 2*side*side)
	x.filters.layOut(side)
	for o := range orientations {
		for k := range bankPeriods {
			across := &x.filters.across[o][k]
			in.clear()
			for i := range side * side {
				in.set(i, int32(255*rng.IntN(2)-128))
			}
			for _, tap := range across.Taps() { // the worst case for the first pixel
				in.set(corner+int(tap.At)/2, map[bool]int32{true: 127, false: -128}[tap.Weight > 0])
			}
			for name, filter := range map[string]struct {
				*kernel.CellFilter
				start uint16
			}{"across": {across, acrossStart}, "along": {&x.filters.along[o], alongStart}} {
				x.filterCell(out, in, at, filter.start, filter.CellFilter)
				for i := range 16 {
					p := i/4*side + i%4
					sum := int32(filter.start)
					for _, tap := range filter.Taps() {
						sum += (in.at(corner+p+int(tap.At)/2) + 128) * int32(tap.Weight)
					}
					if got, want := out.at(at+p), sum>>8-128; got != want {
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
