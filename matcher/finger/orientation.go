package finger

import (
	"encoding/binary"
	"math"
)

// orient estimates the ridge direction of every block: the structure tensor (Bigun 1987; Kass and Witkin 1987) at three
// scales. Where the fine scale is clear it decides, so that cores and deltas stay sharp; where it cancels itself the
// coarser ones carry on what lies around.
func (x *extractor) orient(picture plane) {
	x.gradients(picture)
	for i := 1; i < len(x.tensors); i++ {
		fine, coarse := &x.tensors[i-1], &x.tensors[i]
		copy(coarse.re, fine.re)
		copy(coarse.im, fine.im)
		copy(coarse.energy, fine.energy)
		x.blurTensor(coarse, 1<<(i-1))
	}
	x.combine()
}

func (x *extractor) blurTensor(t *tensor, step int) {
	x.blur(t.re, step)
	x.blur(t.im, step)
	x.blur(t.energy, step)
}

// combine adds the scales of the tensor and reads direction and coherence from the sum.
func (x *extractor) combine() {
	weights := [len(x.tensors)]float32{1, coarseWeight, coarsestPart}
	for i := range x.cosine {
		var re, im, total float32
		for k, w := range weights {
			t := &x.tensors[k]
			e := t.energy[i] + 1
			re += w * t.re[i] / e
			im += w * t.im[i] / e
			total += w
		}
		x.setDirection(i, re/total, im/total)
	}
}

// setDirection takes a doubled gradient direction; the ridge runs across it.
func (x *extractor) setDirection(i int, re, im float32) {
	length := float32(math.Sqrt(float64(re*re + im*im)))
	x.coherence[i] = length
	x.cosine[i], x.sine[i] = -1, 0
	if length > 0 {
		x.cosine[i], x.sine[i] = -re/length, -im/length
	}
}

// axis is the unit vector of an axis, y at least 0, from the cosine and sine of its doubled direction.
func axis(cosine, sine float32) (c, s float64) {
	c, s = math.Sqrt(max(0, 1+float64(cosine))/2), math.Sqrt(max(0, 1-float64(cosine))/2)
	if sine < 0 {
		c = -c
	}
	return c, s
}

// gradients sums the gradient products of every block into the finest tensor, then smooths that by one block.
// The gradient is a 5 x 5 derivative of a Gaussian in binomial form, taken on every second row,
// where it lies in the picture as a whole: the frame around it would add a direction of its own.
func (x *extractor) gradients(picture plane) {
	n := x.gw * block
	x.rows = sized(x.rows, 2*(n+4))
	low, diff := x.rows[:n+4], x.rows[n+4:]
	t := &x.tensors[0]
	clear(t.re)
	clear(t.im)
	clear(t.energy)
	for y := 2; y < x.h-2; y += 2 {
		x.columns(picture, y, low, diff)
		g := y / block * x.gw
		for bx := range x.gw {
			var xx, yy, xy int32
			l, d := low[bx*block:bx*block+block+4], diff[bx*block:bx*block+block+4]
			for i := max(0, 2-bx*block); i < min(block, x.w-2-bx*block); i++ {
				gx := (l[i+4] - l[i] + 2*(l[i+3]-l[i+1])) >> 4
				gy := (d[i] + d[i+4] + 4*(d[i+1]+d[i+3]) + 6*d[i+2]) >> 4
				xx += gx * gx
				yy += gy * gy
				xy += gx * gy
			}
			t.re[g+bx] += float32(xx - yy)
			t.im[g+bx] += float32(2 * xy)
			t.energy[g+bx] += float32(xx + yy)
		}
	}
	x.blurTensor(t, 1)
}

// columns fills low and diff with the vertically smoothed and differentiated row y; both begin two pixels left of it.
func (x *extractor) columns(picture plane, y int, low, diff []int32) {
	row := func(k int) []byte { return picture[2*(x.origin+(y+k)*x.stride-2):][:2*len(low)] }
	a, b, c, d, e := row(-2), row(-1), row(0), row(1), row(2)
	diff = diff[:len(low)]
	for i := range low {
		get := func(r []byte) int32 { return int32(binary.LittleEndian.Uint16(r[2*i:])) }
		p, q, r, s := get(a), get(b), get(d), get(e)
		low[i] = p + s + 4*(q+r) + 6*get(c)
		diff[i] = s - p + 2*(r-q)
	}
}
