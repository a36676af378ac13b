package finger

import (
	"hash/crc32"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"biogate/matcher"
)

// displaced moves p by whole pixels.
func displaced(p Print, dx, dy int) Print {
	p.Minutiae = slices.Clone(p.Minutiae)
	for i := range p.Minutiae {
		p.Minutiae[i].X += int16(dx)
		p.Minutiae[i].Y += int16(dy)
	}
	p.Width, p.Height = p.Width+dx, p.Height+dy
	return p
}

// mirrored is what a print looks like through the glass.
func mirrored(p Print) Print {
	p.Minutiae = slices.Clone(p.Minutiae)
	for i := range p.Minutiae {
		m := &p.Minutiae[i]
		m.X, m.Angle = int16(p.Width-1)-m.X, 128-m.Angle
	}
	return p
}

func TestSignaturesDoNotChangeWhenAPrintMoves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := syntheticFinger(rapid.Uint64Range(0, 50).Draw(t, "finger"))
		moved := displaced(p, rapid.IntRange(0, 9000).Draw(t, "dx"), rapid.IntRange(0, 9000).Draw(t, "dy"))
		if !slices.Equal(signaturesOf(pointsOf(p)), signaturesOf(pointsOf(moved))) {
			t.Error("another place, other signatures")
		}
	})
}

// Turning rounds places to pixels and directions to 1/256: some bits near the middle of their wave change.
func TestSignaturesHardlyChangeWhenAPrintTurns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		finger := syntheticFinger(rapid.Uint64Range(0, 50).Draw(t, "finger"))
		turn := rapid.Float64Range(-math.Pi, math.Pi).Draw(t, "turn")
		upright := newReference(impress(finger, wear{}, 1), matcher.Unknown)
		turned := newReference(impress(finger, wear{turn: turn}, 1), matcher.Unknown)
		sum := 0
		for i := range turned.points {
			// The same minutia is the one whose signature is nearest: no other may be as near.
			best := 256
			for j := range upright.points {
				best = min(best, bitsApart(turned.signature(i), upright.signature(j)))
			}
			if best > 60 {
				t.Errorf("a minutia turned by %.2f changed %d bits", turn, best)
			}
			sum += best
		}
		if mean := float64(sum) / float64(len(turned.points)); mean > 30 {
			t.Errorf("turning by %.2f changes %.0f bits", turn, mean)
		}
	})
}

// Different minutiae differ in half of the bits, and so do those of a mirrored print: a chance that the pairing relies on.
func TestSignaturesOfDifferentMinutiaeAreFar(t *testing.T) {
	for name, other := range map[string]func(Print, Print) Print{
		"other fingers": func(_, q Print) Print { return q },
		"mirrored":      func(p, _ Print) Print { return mirrored(p) },
	} {
		var sum, squares, n float64
		for seed := range uint64(20) {
			p := syntheticFinger(seed)
			a := newReference(p, matcher.Unknown)
			b := newReference(other(p, syntheticFinger(seed+100)), matcher.Unknown)
			for i := range a.points {
				for j := range b.points {
					d := float64(bitsApart(a.signature(i), b.signature(j)))
					sum, squares, n = sum+d, squares+d*d, n+1
				}
			}
		}
		mean := sum / n
		deviation := math.Sqrt(squares/n - mean*mean)
		if mean < 124 || mean > 132 || deviation > 16 {
			t.Errorf("%s: %.1f bits apart with a deviation of %.1f", name, mean, deviation)
		}
	}
}

func TestMirroredPrintsDoNotMatch(t *testing.T) {
	for seed := range uint64(10) {
		p := syntheticFinger(seed)
		if self, other := scoreOf(p, p), scoreOf(mirrored(p), p); other > 12 || self < 80 {
			t.Errorf("finger %d: %.1f with its mirror image, %.1f with itself", seed, other, self)
		}
	}
}

// Bits must depend on what stands around: one that is nearly always set, or never, says nothing. Of the slowest waves a few may be so.
func TestNearlyEveryBitOfSignaturesIsUsed(t *testing.T) {
	var set [256]int
	n := 0
	for seed := range uint64(30) {
		r := newReference(syntheticFinger(seed), matcher.Unknown)
		for i := range r.points {
			n++
			for k := range set {
				set[k] += int(r.signature(i)[k/64] >> (k % 64) & 1)
			}
		}
	}
	var idle []int
	for k, times := range set {
		if share := float64(times) / float64(n); share < 0.3 || share > 0.7 {
			idle = append(idle, k)
		}
	}
	if len(idle) > 6 {
		t.Errorf("bits %v are nearly always the same", idle)
	}
}

// Templates are prepared on one machine and compared with what another stored: the numbers behind signatures must be the same
// everywhere, whatever the kernel, the processor and the version of Go. A change on purpose is a new model.
func TestSignaturesAreTheSameEverywhere(t *testing.T) {
	table := crc32.MakeTable(crc32.Castagnoli)
	digest := func(rows *[64][256]uint8) (sum uint32) {
		for i := range rows {
			sum = crc32.Update(sum, table, rows[i][:])
		}
		return sum
	}
	var words []byte
	for _, w := range newReference(syntheticFinger(4), matcher.Unknown).signatures {
		for shift := 0; shift < 64; shift += 8 {
			words = append(words, byte(w>>shift))
		}
	}
	got := [4]uint32{digest(&phases.U), digest(&phases.V), digest(&phases.A), crc32.Checksum(words, table)}
	if want := [4]uint32{0xeea48a8d, 0xecd3aa63, 0xa03670bf, 0xb0b6ee9e}; got != want {
		t.Errorf("digests %#08x, want %#08x", got, want)
	}
}

func TestHaltonFillsTheUnitInterval(t *testing.T) {
	for _, base := range []int{2, 3, 5, 7} {
		var parts [16]int
		for n := 1; n <= 256; n++ {
			x := halton(n, base)
			if x <= 0 || x >= 1 {
				t.Fatalf("number %d to base %d is %v", n, base, x)
			}
			parts[int(16*x)]++
		}
		for i, count := range parts {
			if count < 13 || count > 19 {
				t.Errorf("base %d: %d of 256 numbers in sixteenth %d", base, count, i)
			}
		}
	}
	for n, want := range []float64{1: 1. / 2, 2: 1. / 4, 3: 3. / 4, 4: 1. / 8, 5: 5. / 8, 6: 3. / 8, 7: 7. / 8} {
		if got := halton(n, 2); got != want {
			t.Errorf("number %d to base 2 is %v, want %v", n, got, want)
		}
	}
}
