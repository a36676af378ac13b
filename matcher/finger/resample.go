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
}

func (s working) row(y int) []byte { return s.pix[y*s.stride:][:s.w] }

// crop is the part of s inside r.
func (s working) crop(r image.Rectangle) working {
	return working{s.pix[r.Min.Y*s.stride+r.Min.X:], s.stride, r.Dx(), r.Dy(), s.scale}
}

// toBase brings a picture to 500 dpi. Within dpiSlack the pixels stay and only coordinates are scaled.
func toBase(pix []byte, w, h, dpi int) working {
	scale := float64(baseDPI) / float64(dpi)
	if math.Abs(scale-1) <= dpiSlack {
		return working{pix, w, w, h, scale}
	}
	nw, nh := max(1, int(math.Round(float64(w)*scale))), max(1, int(math.Round(float64(h)*scale)))
	return working{resample(pix, w, h, nw, nh), nw, nw, nh, 1}
}

// taps are the weights of one output pixel: they start at source index first and sum to 1.
type taps struct {
	first   int
	weights []float32
}

// resample scales w x h bytes to nw x nh with a cubic kernel (Keys 1981, a = -1/2), widened when shrinking.
func resample(pix []byte, w, h, nw, nh int) []byte {
	across := make([]float32, nw*h)
	for x, t := range kernels(w, nw) {
		for y := range h {
			row := pix[y*w+t.first:]
			var s float32
			for i, k := range t.weights {
				s += k * float32(row[i])
			}
			across[y*nw+x] = s
		}
	}
	out := make([]byte, nw*nh)
	for y, t := range kernels(h, nh) {
		for x := range nw {
			var s float32
			for i, k := range t.weights {
				s += k * across[(t.first+i)*nw+x]
			}
			out[y*nw+x] = byte(min(max(s+0.5, 0), 255))
		}
	}
	return out
}

// kernels gives the taps of every output pixel of a line of n pixels scaled to m.
func kernels(n, m int) []taps {
	step := float64(n) / float64(m)
	wide := max(step, 1)
	all := make([]taps, m)
	for i := range all {
		centre := (float64(i)+0.5)*step - 0.5
		first := max(0, int(math.Ceil(centre-2*wide)))
		last := min(n-1, int(math.Floor(centre+2*wide)))
		t := taps{first, make([]float32, last-first+1)}
		var sum float64
		for j := first; j <= last; j++ {
			sum += cubic((float64(j) - centre) / wide)
		}
		for j := range t.weights {
			t.weights[j] = float32(cubic((float64(first+j)-centre)/wide) / sum)
		}
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
