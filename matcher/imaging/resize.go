package imaging

// ResizeGrey resamples src to w x h pixels: area averaging where the picture shrinks, bilinear where it grows, each
// axis on its own. DPI follows the width. It returns src itself when the size is the same; w and h are at least 1.
func ResizeGrey(src Grey, w, h int) Grey {
	w, h = max(w, 1), max(h, 1)
	if w == src.Width && h == src.Height || src.Width == 0 || src.Height == 0 {
		return src
	}
	dpi := (src.DPI*w + src.Width/2) / src.Width
	return Grey{Width: w, Height: h, Pix: resample(src.Pix, src.Width, src.Height, w, h, 1), DPI: dpi}
}

// ResizeRGB resamples src to w x h pixels; see ResizeGrey.
func ResizeRGB(src RGB, w, h int) RGB {
	w, h = max(w, 1), max(h, 1)
	if w == src.Width && h == src.Height || src.Width == 0 || src.Height == 0 {
		return src
	}
	return RGB{Width: w, Height: h, Pix: resample(src.Pix, src.Width, src.Height, w, h, 3)}
}

// ResampleDPI brings a grey picture from one resolution to another by ResizeGrey; either being 0 leaves it alone.
func ResampleDPI(src Grey, from, to int) Grey {
	if from <= 0 || to <= 0 || from == to {
		return src
	}
	scaled := func(n int) int { return (n*to + from/2) / from }
	dst := ResizeGrey(src, scaled(src.Width), scaled(src.Height))
	dst.DPI = to
	return dst
}

// taps are the weights by which one axis is resampled: output i is the weighted sum of n inputs from start[i] on.
// Weights are 14-bit fixed point and sum to 1<<14, so that a flat picture stays exactly flat.
type taps struct {
	n     int
	start []int32
	w     []int32 // n for each output
}

const tapBits = 14

func makeTaps(from, to int) taps {
	if to < from {
		return areaTaps(from, to)
	}
	return bilinearTaps(from, to)
}

// areaTaps weigh each input by the share of it that falls in the output's footprint.
func areaTaps(from, to int) taps {
	scale := float64(from) / float64(to)
	t := taps{n: int(scale) + 2, start: make([]int32, to)}
	t.n = min(t.n, from)
	t.w = make([]int32, to*t.n)
	for i := range to {
		a, b := float64(i)*scale, float64(i+1)*scale
		first := min(int(a), from-t.n)
		t.start[i] = int32(first)
		for k := range t.n {
			lo, hi := max(a, float64(first+k)), min(b, float64(first+k+1))
			t.w[i*t.n+k] = int32(max(hi-lo, 0)/scale*(1<<tapBits) + 0.5)
		}
		normalise(t.w[i*t.n : (i+1)*t.n])
	}
	return t
}

// bilinearTaps weigh the two nearest inputs; pixel centres are at half coordinates and edges are repeated.
func bilinearTaps(from, to int) taps {
	t := taps{n: min(2, from), start: make([]int32, to)}
	t.w = make([]int32, to*t.n)
	for i := range to {
		at := (float64(i)+0.5)*float64(from)/float64(to) - 0.5
		at = min(max(at, 0), float64(from-1))
		first := min(int(at), from-t.n)
		t.start[i] = int32(first)
		right := int32((at-float64(first))*(1<<tapBits) + 0.5)
		t.w[i*t.n] = 1<<tapBits - right
		if t.n == 2 {
			t.w[i*t.n+1] = right
		}
	}
	for i := 0; t.n == 1 && i < to; i++ {
		t.w[i] = 1 << tapBits
	}
	return t
}

// normalise gives what rounding left over to the largest weight.
func normalise(w []int32) {
	sum, big := int32(0), 0
	for k := range w {
		sum += w[k]
		if w[k] > w[big] {
			big = k
		}
	}
	w[big] += 1<<tapBits - sum
}

// resample goes along the rows first, into 8 bits, then down the columns, row by row so that memory is read in order.
func resample(pix []byte, fromW, fromH, toW, toH, channels int) []byte {
	narrow := pix
	if fromW != toW {
		narrow = make([]byte, toW*fromH*channels)
		t := makeTaps(fromW, toW)
		for y := range fromH {
			src, dst := pix[y*fromW*channels:(y+1)*fromW*channels], narrow[y*toW*channels:(y+1)*toW*channels]
			if channels == 1 {
				rowGrey(dst, src, t)
			} else {
				rowRGB(dst, src, t)
			}
		}
	}
	if fromH == toH {
		return narrow
	}
	return columns(narrow, toW*channels, makeTaps(fromH, toH), toH)
}

func rowGrey(dst, src []byte, t taps) {
	for i := range dst {
		w := t.w[i*t.n : (i+1)*t.n]
		s := src[t.start[i]:]
		s = s[:len(w)]
		sum := int32(1 << (tapBits - 1))
		for k, wk := range w {
			sum += wk * int32(s[k])
		}
		dst[i] = byte(sum >> tapBits)
	}
}

func rowRGB(dst, src []byte, t taps) {
	for i := range len(t.start) {
		w := t.w[i*t.n : (i+1)*t.n]
		s := src[3*t.start[i]:]
		s = s[:3*len(w)]
		const half = int32(1 << (tapBits - 1))
		r, g, b := half, half, half
		for k, wk := range w {
			r += wk * int32(s[3*k])
			g += wk * int32(s[3*k+1])
			b += wk * int32(s[3*k+2])
		}
		dst[3*i], dst[3*i+1], dst[3*i+2] = byte(r>>tapBits), byte(g>>tapBits), byte(b>>tapBits)
	}
}

func columns(src []byte, stride int, t taps, toH int) []byte {
	dst := make([]byte, stride*toH)
	acc := make([]int32, stride)
	for y := range toH {
		for x := range acc {
			acc[x] = 1 << (tapBits - 1)
		}
		for k, wk := range t.w[y*t.n : (y+1)*t.n] {
			if wk == 0 {
				continue
			}
			row := src[(int(t.start[y])+k)*stride:]
			row = row[:len(acc)]
			for x := range acc {
				acc[x] += wk * int32(row[x])
			}
		}
		out := dst[y*stride : (y+1)*stride]
		for x, sum := range acc {
			out[x] = byte(sum >> tapBits)
		}
	}
	return dst
}
