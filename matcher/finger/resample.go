package finger

import (
	"encoding/binary"
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

// zoomed is the picture resampled to about k times its size, in the resampler's memory.
func (s working) zoomed(r *resampler, k float64) working {
	nw := max(1, int(math.Round(float64(s.w)*k)))
	k = float64(nw) / float64(s.w)
	nh := max(1, int(math.Round(float64(s.h)*k)))
	scale := s.scale / k
	half := (scale - s.scale) / 2 // pixels are squares, and their centres count
	return working{r.resample(s.pix, s.stride, s.w, s.h, nw, nh), nw, nw, nh, scale, s.x0 + half, s.y0 + half}
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

const (
	tapBits    = 12 // weights of an output pixel sum to 1 << tapBits
	acrossBits = 4  // behind the point, between the two passes
)

// taps are the weights of the pixels of a line: output pixel i is the sum of weights[i*width+j] times pixel first[i]+j.
type taps struct {
	width   int
	first   []int32
	weights []int32
}

// resampler keeps the arrays of resample for the next picture.
type resampler struct {
	out  []byte
	rows [][]uint64 // a ring of the source rows that the next output row needs, scaled across
	sums []uint64
}

// resample scales w x h bytes to nw x nh with a cubic kernel (Keys 1981, a = -1/2), widened when shrinking.
func resample(pix []byte, stride, w, h, nw, nh int) []byte {
	return new(resampler).resample(pix, stride, w, h, nw, nh)
}

// resample does the same into an array that the next call overwrites.
func (r *resampler) resample(pix []byte, stride, w, h, nw, nh int) []byte {
	columns, lines := kernels(w, nw), kernels(h, nh)
	r.reset(nw, nh, lines.width)
	done := 0
	for y, first := range lines.first[:nh] {
		for ; done < int(first)+lines.width; done++ {
			columns.across(r.rows[done%lines.width], pix[done*stride:][:w])
		}
		r.down(r.out[y*nw:][:nw], lines.weights[y*lines.width:][:lines.width], int(first))
	}
	return r.out
}

func (r *resampler) reset(nw, nh, rows int) {
	pairs := (nw + 1) / 2
	r.out, r.sums = sized(r.out, nw*nh), sized(r.sums, pairs)
	for len(r.rows) < rows {
		r.rows = append(r.rows, nil)
	}
	for i := range r.rows {
		r.rows[i] = sized(r.rows[i], pairs)
	}
}

// across scales a row. Two pixels share a word, 32 bits apart: a negative one borrows from the one above it, which the
// final sums, all above 0, make good.
func (t *taps) across(out []uint64, row []byte) {
	if t.width == 4 { // the usual case, enlarging
		t.acrossFour(out, row)
		return
	}
	for i := range out {
		out[i] = t.sum(2*i, row) + t.sum(2*i+1, row)<<32
	}
}

// sum weighs the pixels of a row for output pixel i.
func (t *taps) sum(i int, row []byte) uint64 {
	var s int32
	for j, k := range t.weights[i*t.width:][:t.width] {
		s += k * int32(row[int(t.first[i])+j])
	}
	return uint64(int64(s >> (tapBits - acrossBits)))
}

// acrossFour does what across does, with four taps.
func (t *taps) acrossFour(out []uint64, row []byte) {
	first, weights := t.first[:2*len(out)], t.weights[:8*len(out)]
	for i := range out {
		k := (*[8]int32)(weights[8*i:])
		a, b := binary.LittleEndian.Uint32(row[first[2*i]:]), binary.LittleEndian.Uint32(row[first[2*i+1]:])
		low := k[0]*int32(a&255) + k[1]*int32(a>>8&255) + k[2]*int32(a>>16&255) + k[3]*int32(a>>24)
		high := k[4]*int32(b&255) + k[5]*int32(b>>8&255) + k[6]*int32(b>>16&255) + k[7]*int32(b>>24)
		out[i] = uint64(int64(low>>(tapBits-acrossBits))) + uint64(high>>(tapBits-acrossBits))<<32
	}
}

// down weighs the rows from first on below each other.
func (r *resampler) down(out []byte, weights []int32, first int) {
	const (
		shift = tapBits + acrossBits
		lift  = 1 << 10 // keeps sums above 0
		start = lift<<shift + 1<<(shift-1)
	)
	for i := range r.sums {
		r.sums[i] = start<<32 | start
	}
	r.weigh(weights, first)
	for i := range out {
		v := int32(uint32(r.sums[i/2]>>(i&1*32))>>shift) - lift
		if uint32(v) > 255 {
			v = min(max(v, 0), 255)
		}
		out[i] = byte(v)
	}
}

// weigh adds the weighted rows to the sums, two at a time.
func (r *resampler) weigh(weights []int32, first int) {
	sums, n := r.sums, len(weights)
	row := func(j int) ([]uint64, uint64) { return r.rows[(first+j)%n][:len(sums)], uint64(int64(weights[j])) }
	j := 0
	for ; j+2 <= n; j += 2 {
		a, ka := row(j)
		b, kb := row(j + 1)
		for i := range sums {
			sums[i] += a[i]*ka + b[i]*kb
		}
	}
	if j < n {
		a, ka := row(j)
		for i := range sums {
			sums[i] += a[i] * ka
		}
	}
}

// kernels gives the taps of every output pixel of a line of n pixels scaled to m.
func kernels(n, m int) taps {
	step := float64(n) / float64(m)
	wide := max(step, 1)
	most := min(n, int(4*wide)+1)
	if wide == 1 {
		most = min(n, 4) // a fifth pixel weighs nothing
	}
	even := m + m&1 // so that they come in pairs; a spare one weighs nothing
	t := taps{most, make([]int32, even), make([]int32, even*most)}
	exact, weights := make([]float64, int(4*wide)+1), make([]int32, int(4*wide)+1)
	for i := range m {
		centre := (float64(i)+0.5)*step - 0.5
		first := max(0, int(math.Ceil(centre-2*wide)))
		count := min(n-1, int(math.Floor(centre+2*wide))) - first + 1
		weigh(weights[:count], exact, first, centre, wide)
		start := min(first, n-most)
		t.first[i] = int32(start)
		for j, k := range weights[:count] {
			if at := first - start + j; at < most {
				t.weights[i*most+at] = k
			}
		}
	}
	return t
}

// weigh fills weights with those of the pixels from first on around a centre, which sum to 1 << tapBits.
func weigh(weights []int32, exact []float64, first int, centre, wide float64) {
	exact = exact[:len(weights)]
	var sum float64
	for j := range exact {
		exact[j] = cubic((float64(first+j) - centre) / wide)
		sum += exact[j]
	}
	rest := int32(1 << tapBits)
	for j := range weights {
		weights[j] = int32(math.Round(exact[j] / sum * (1 << tapBits)))
		rest -= weights[j]
	}
	weights[len(weights)/2] += rest
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
