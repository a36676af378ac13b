package finger

import (
	"math"
	"slices"
	"testing"
)

func TestNthIsWhatSortingFinds(t *testing.T) {
	rng := newRand(21)
	for n := 1; n < 200; n++ {
		values := make([]float32, n)
		for i := range values {
			values[i] = float32(rng.IntN(1 + n/(1+n%3)))
		}
		if n%5 == 0 {
			slices.Sort(values)
		}
		sorted := slices.Clone(values)
		slices.Sort(sorted)
		for k := range n {
			if got := nth(slices.Clone(values), k); got != sorted[k] {
				t.Fatalf("%d of %d: %v, want %v", k, n, got, sorted[k])
			}
		}
	}
}

// resampleSlowly scales with whole rows in plain integers.
func resampleSlowly(pix []byte, w, h, nw, nh int) []byte {
	columns, lines := kernels(w, nw), kernels(h, nh)
	across := make([]int32, nw*h)
	for i := range across {
		for j, k := range columns.weights[i%nw*columns.width:][:columns.width] {
			across[i] += k * int32(pix[i/nw*w+int(columns.first[i%nw])+j])
		}
		across[i] >>= tapBits - acrossBits
	}
	out := make([]byte, nw*nh)
	for i := range out {
		s := int32(1) << (tapBits + acrossBits - 1)
		for j, k := range lines.weights[i/nw*lines.width:][:lines.width] {
			s += k * across[(int(lines.first[i/nw])+j)*nw+i%nw]
		}
		out[i] = byte(min(max(s>>(tapBits+acrossBits), 0), 255))
	}
	return out
}

// Two pixels share a word in the resampler: on pictures of black and white, where the cubic overshoots most, neither
// must disturb the other. Its memory is used again.
func TestResamplePacksExactly(t *testing.T) {
	rng := newRand(22)
	var r resampler
	for _, size := range [][4]int{{60, 50, 61, 53}, {60, 50, 95, 80}, {51, 60, 30, 41}, {64, 64, 33, 32}, {3, 2, 5, 7}, {1, 1, 4, 3}} {
		w, h, nw, nh := size[0], size[1], size[2], size[3]
		pix := make([]byte, w*h)
		for i := range pix {
			pix[i] = byte(255 * rng.IntN(2))
		}
		if !slices.Equal(r.resample(pix, w, w, h, nw, nh), resampleSlowly(pix, w, h, nw, nh)) {
			t.Errorf("%v differs from plain arithmetic", size)
		}
	}
}

// The weights of every output pixel sum to one, and lie inside the line.
func TestKernelsSumToOne(t *testing.T) {
	for _, size := range [][2]int{{1, 9}, {3, 5}, {48, 77}, {300, 345}, {345, 300}, {500, 250}, {90, 31}, {64, 128}} {
		k := kernels(size[0], size[1])
		for i := range size[1] {
			var sum int32
			for _, v := range k.weights[i*k.width:][:k.width] {
				sum += v
			}
			if first := int(k.first[i]); sum != 1<<tapBits || first < 0 || first+k.width > size[0] {
				t.Errorf("%v, pixel %d: %d from %d on", size, i, sum, first)
			}
		}
	}
}

// Four gradients share a word; they must be those of the definition on the most extreme pictures.
func TestGradientsFitTheirLanes(t *testing.T) {
	rng := newRand(23)
	for _, size := range [][2]int{{48, 48}, {57, 50}, {55, 61}} {
		var x extractor
		x.reset(size[0], size[1])
		for y := range x.h {
			for i := range x.w {
				x.norm.set(x.origin+y*x.stride+i, int32(255*rng.IntN(2)-128))
			}
		}
		x.gradients(x.norm)
		fast := slices.Clone(x.tensors[0].energy)
		var slow float64
		clear(x.tensors[0].energy)
		for y := 2; y < x.h-2; y += 2 {
			for i := 2; i < x.w-2; i++ {
				gx, gy := x.gradientAt(i, y)
				x.tensors[0].energy[y/block*x.gw+i/block] += float32(gx*gx + gy*gy)
				slow += float64(gx*gx + gy*gy)
			}
		}
		x.blur(x.tensors[0].energy, 1)
		for i, want := range x.tensors[0].energy {
			if math.Abs(float64(fast[i]-want)) > 1e-6*slow {
				t.Fatalf("%v, block %d: energy %v, want %v", size, i, fast[i], want)
			}
		}
	}
}

// gradientAt is the definition.
func (x *extractor) gradientAt(px, py int) (gx, gy int32) {
	smooth, slope := [5]int32{1, 4, 6, 4, 1}, [5]int32{-1, -2, 0, 2, 1}
	for j := range 5 {
		for i := range 5 {
			v := x.norm.at(x.origin + (py+j-2)*x.stride + px + i - 2)
			gx += v * slope[i] * smooth[j]
			gy += v * smooth[i] * slope[j]
		}
	}
	return gx >> 4, gy >> 4
}
