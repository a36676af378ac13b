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
	n := 2 * (x.gw*block + 4)
	x.low, x.diff = sized(x.low, n), sized(x.diff, n)
	t := &x.tensors[0]
	clear(t.re)
	clear(t.im)
	clear(t.energy)
	for y := 2; y < x.h-2; y += 2 {
		x.columns(picture, y)
		g := y / block * x.gw
		for bx := range x.gw {
			var p products
			for half := 0; half < block; half += 4 {
				at := bx*block + half
				u, v := acrossGradient(x.low[2*at:]), downGradient(x.diff[2*at:])
				if at < 2 || at+4 > x.w-2 {
					valid := lanesWithin(2-at, x.w-2-at)
					u, v = u&valid|flat&^valid, v&valid|flat&^valid
				}
				p.add(u, v)
			}
			t.re[g+bx] += float32(p.xx - p.yy)
			t.im[g+bx] += float32(2 * p.xy)
			t.energy[g+bx] += float32(p.xx + p.yy)
		}
	}
	x.blurTensor(t, 1)
}

// Four pixels of 16 bits in a word. Differences are lifted above 0, so that no lane borrows from its neighbour.
const (
	lanes = 0x0001_0001_0001_0001
	flat  = gradientLift * lanes // four gradients of 0

	gradientLift = 1 << 10 // more than any difference of columns, 3 x 255, and any gradient
	gradientBits = 12
)

// columns fills low and diff with the vertically smoothed and differentiated row y, diff lifted by gradientLift; both
// begin two pixels left of it.
func (x *extractor) columns(picture plane, y int) {
	row := func(k int) []byte { return picture[2*(x.origin+(y+k)*x.stride-2):][:len(x.low)] }
	a, b, c, d, e := row(-2), row(-1), row(0), row(1), row(2)
	low, diff := x.low, x.diff[:len(x.low)]
	for i := 0; i+8 <= len(low); i += 8 {
		p, q, m, r, s := four(a[i:]), four(b[i:]), four(c[i:]), four(d[i:]), four(e[i:])
		binary.LittleEndian.PutUint64(low[i:], p+s+4*(q+r)+6*m)
		binary.LittleEndian.PutUint64(diff[i:], s+2*r+flat-(p+2*q))
	}
}

func four(p []byte) uint64 { return binary.LittleEndian.Uint64(p) }

// acrossGradient is the gradient along x of four pixels from columns that begin two pixels left of them.
func acrossGradient(low []byte) uint64 {
	low = low[:16]
	sum := four(low[8:]) + 2*four(low[6:]) + 16*flat - (four(low) + 2*four(low[2:]))
	return sum >> 4 & ((1<<gradientBits - 1) * lanes)
}

// downGradient is the gradient along y.
func downGradient(diff []byte) uint64 {
	diff = diff[:16]
	sum := four(diff) + four(diff[8:]) + 4*(four(diff[2:])+four(diff[6:])) + 6*four(diff[4:])
	return sum >> 4 & ((1<<gradientBits - 1) * lanes)
}

// lanesWithin has all bits of the lanes from first to before last.
func lanesWithin(first, last int) uint64 {
	from, to := min(max(first, 0), 4), min(max(last, 0), 4)
	return ^uint64(0) << (16 * from) &^ (^uint64(0) << (16 * to))
}

// products are the sums of products of gradients.
type products struct{ xx, yy, xy int32 }

// add takes four gradients along x and y.
func (p *products) add(u, v uint64) {
	for range 4 {
		gx, gy := int32(u&0xffff)-gradientLift, int32(v&0xffff)-gradientLift
		p.xx += gx * gx
		p.yy += gy * gy
		p.xy += gx * gy
		u, v = u>>16, v>>16
	}
}
