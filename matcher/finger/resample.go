package finger

import (
	"image"
	"math"
)

// working is the picture that the extractor works on: its scale maps working pixels to 500 dpi.
type working struct {
	pix    []byte // from the first pixel on
	stride int
	w, h   int
	scale  float64 // 500 dpi pixels per working pixel
	x0, y0 float64 // where it lies in the whole picture, pixels at 500 dpi
}

func (s working) row(y int) []byte { return s.pix[y*s.stride:][:s.w] }

// crop is the part of s inside r.
func (s working) crop(r image.Rectangle) working {
	x0, y0 := s.x0+float64(r.Min.X)*s.scale, s.y0+float64(r.Min.Y)*s.scale
	return working{s.pix[r.Min.Y*s.stride+r.Min.X:], s.stride, r.Dx(), r.Dy(), s.scale, x0, y0}
}

// zoomed is the picture resampled to about k times its size.
func (s working) zoomed(k float64) working {
	nw := max(1, int(math.Round(float64(s.w)*k)))
	k = float64(nw) / float64(s.w)
	nh := max(1, int(math.Round(float64(s.h)*k)))
	scale := s.scale / k
	half := (scale - s.scale) / 2 // pixels are squares, and their centres count
	return working{resample(s.pix, s.stride, s.w, s.h, nw, nh), nw, nw, nh, scale, s.x0 + half, s.y0 + half}
}

// toBase brings a picture to 500 dpi. Within dpiSlack the pixels stay and only coordinates are scaled.
func toBase(pix []byte, w, h, dpi int) working {
	scale := float64(baseDPI) / float64(dpi)
	if math.Abs(scale-1) <= dpiSlack {
		return working{pix, w, w, h, scale, 0, 0}
	}
	nw, nh := max(1, int(math.Round(float64(w)*scale))), max(1, int(math.Round(float64(h)*scale)))
	return working{resample(pix, w, w, h, nw, nh), nw, nw, nh, 1, 0, 0}
}

// taps are the weights of one output pixel: they start at source index first and sum to 1 << tapBits.
type taps struct {
	first   int
	weights []int32
}

const tapBits = 12

// resample scales w x h bytes to nw x nh with a cubic kernel (Keys 1981, a = -1/2), widened when shrinking.
func resample(pix []byte, stride, w, h, nw, nh int) []byte {
	columns, across := kernels(w, nw), make([]int32, nw*h)
	for y := range h {
		row, out := pix[y*stride:][:w], across[y*nw:][:nw]
		for x := range columns {
			out[x] = columns[x].sum(row) >> (tapBits - 4) // keeps four bits behind the point
		}
	}
	out, sums := make([]byte, nw*nh), make([]int32, nw)
	for y, t := range kernels(h, nh) {
		for x := range sums {
			sums[x] = 1 << (tapBits + 3)
		}
		t.add(sums, across[t.first*nw:])
		for x, s := range sums {
			out[y*nw+x] = byte(min(max(s>>(tapBits+4), 0), 255))
		}
	}
	return out
}

// sum weighs the pixels of a row.
func (t *taps) sum(row []byte) (s int32) {
	row = row[t.first:]
	if k := t.weights; len(k) == 4 && len(row) >= 4 { // the usual case, enlarging
		return k[0]*int32(row[0]) + k[1]*int32(row[1]) + k[2]*int32(row[2]) + k[3]*int32(row[3])
	}
	for i, k := range t.weights {
		s += k * int32(row[i])
	}
	return s
}

// add weighs the rows below each other, as long as sums, and adds them to it.
func (t *taps) add(sums, rows []int32) {
	n, k := len(sums), t.weights
	for ; len(k) >= 2; k, rows = k[2:], rows[2*n:] {
		a, b := rows[:n], rows[n:2*n]
		for x := range sums {
			sums[x] += k[0]*a[x] + k[1]*b[x]
		}
	}
	if len(k) == 1 {
		for x, v := range rows[:n] {
			sums[x] += k[0] * v
		}
	}
}

// kernels gives the taps of every output pixel of a line of n pixels scaled to m.
func kernels(n, m int) []taps {
	step := float64(n) / float64(m)
	wide := max(step, 1)
	most := int(4*wide) + 1 // taps of a pixel
	all, weights, exact := make([]taps, m), make([]int32, m*most), make([]float64, most)
	for i := range all {
		centre := (float64(i)+0.5)*step - 0.5
		first := max(0, int(math.Ceil(centre-2*wide)))
		count := min(n-1, int(math.Floor(centre+2*wide))) - first + 1
		var sum float64
		for j := range count {
			exact[j] = cubic((float64(first+j) - centre) / wide)
			sum += exact[j]
		}
		t := taps{first, weights[i*most:][:count]}
		rest := int32(1 << tapBits)
		for j := range t.weights {
			t.weights[j] = int32(math.Round(exact[j] / sum * (1 << tapBits)))
			rest -= t.weights[j]
		}
		t.weights[count/2] += rest
		all[i] = t
	}
	return all
}

func cubic(t float64) float64 {
	switch t = math.Abs(t); {
	case t < 1:
		return 1 + t*t*(1.5*t-2.5)
	case t < 2:
		return 2 - t*(4-t*(2.5-0.5*t))
	}
	return 0
}
