package finger

import "math"

// nodeGrid holds the ridge period at every step-th block, before it is spread over the blocks.
type nodeGrid struct {
	step, w, h     int
	period, purity []float32
	tmp            []float32
}

func (n *nodeGrid) reset(gw, gh, step int) {
	n.step, n.w, n.h = step, (gw+step-1)/step, (gh+step-1)/step
	n.period, n.purity, n.tmp = sized(n.period, n.w*n.h), sized(n.purity, n.w*n.h), sized(n.tmp, n.w*n.h)
}

// spectrum holds the windowed waves of the candidate periods, evenly spaced in the logarithm.
type spectrum struct {
	period   [periods]float32
	cos, sin [periods][sigLength / 2]float32 // the right half: the left one mirrors it
}

var candidates = newSpectrum()

func newSpectrum() *spectrum {
	s := new(spectrum)
	for k := range periods {
		p := minPeriod * math.Pow(maxPeriod/minPeriod, float64(k)/(periods-1))
		s.period[k] = float32(p)
		for i := range sigLength / 2 {
			window := 0.5 + 0.5*math.Cos(2*math.Pi*(float64(i)+0.5)/sigLength)
			sin, cos := math.Sincos(2 * math.Pi * (float64(i) + 0.5) / p)
			s.cos[k][i], s.sin[k][i] = float32(window*cos), float32(window*sin)
		}
	}
	return s
}

// measurePeriods finds the ridge period at every step-th block from the x-signature across the ridges (Hong, Wan and Jain 1998),
// read by its spectrum instead of its peaks, and spreads the clear ones over the others: the period changes slowly.
func (x *extractor) measurePeriods(step int) {
	n := &x.nodes
	n.reset(x.gw, x.gh, step)
	var signature [sigLength]float32
	for ny := range n.h {
		for nx := range n.w {
			i := ny*n.w + nx
			bx, by := min(nx*step, x.gw-1), min(ny*step, x.gh-1)
			total := x.sign(&signature, bx*block+block/2, by*block+block/2, by*x.gw+bx)
			n.period[i], n.purity[i] = candidates.peak(&signature, total)
		}
	}
	x.spreadPeriods()
}

// sign projects the window around (cx, cy) on the axis across the ridges and returns the mean energy of its pixels.
func (x *extractor) sign(signature *[sigLength]float32, cx, cy, i int) float32 {
	c, s := axis(x.cosine[i], x.sine[i])
	const fix = 1 << 10
	alongX, alongY := int(c*fix*sigStep), int(s*fix*sigStep)
	acrossX, acrossY := int(-s*fix), int(c*fix)
	var total, energy int
	picture, stride := x.norm, x.stride
	x0 := (cx+margin)*fix + fix/2 - acrossX*sigLength/2 - alongX*sigBreadth/2
	y0 := (cy+margin)*fix + fix/2 - acrossY*sigLength/2 - alongY*sigBreadth/2
	for i := range signature {
		px, py, sum := x0+i*acrossX, y0+i*acrossY, 0
		for range sigBreadth {
			v := int(picture[2*(py>>10*stride+px>>10)]) // its upper byte is 0
			sum += v
			energy += v * v
			px += alongX
			py += alongY
		}
		total += sum
		signature[i] = float32(sum-128*sigBreadth) / sigBreadth
	}
	energy += sigLength*sigBreadth*128*128 - 2*128*total // of values 128 lower
	return float32(energy) / (sigLength * sigBreadth)
}

// peak returns the strongest period of a signature and the part of the window's energy that it holds.
func (s *spectrum) peak(signature *[sigLength]float32, total float32) (period, purity float32) {
	var even, odd [sigLength / 2]float32
	var projected float32
	for i := range even {
		l, r := signature[sigLength/2-1-i], signature[sigLength/2+i]
		even[i], odd[i] = r+l, r-l
		projected += (l*l + r*r) * (1.0 / sigLength)
	}
	var power [periods]float32
	best := 0
	for k := range power {
		var re, im float32
		c, q := &s.cos[k], &s.sin[k]
		for i := range even {
			re += even[i] * c[i]
			im += odd[i] * q[i]
		}
		power[k] = re*re + im*im
		if power[k] > power[best] {
			best = k
		}
	}
	total = mix(projected, total, rawPart)
	if total < 1 || best == 0 || best == periods-1 {
		return 0, 0
	}
	// A pure wave of amplitude A has energy A*A/2 and, in the window, power (A/2 * sum of window)^2.
	const half = sigLength / 2 // sum of the window
	purity = min(1, 2*power[best]/(half*half*total))
	l, c, r := power[best-1], power[best], power[best+1]
	t := 0.5 * (l - r) / (l - 2*c + r)
	step := math.Log(maxPeriod/minPeriod) / (periods - 1)
	return s.period[best] * float32(math.Exp(float64(t)*step)), purity
}

// spreadPeriods averages the node periods with their purity as weight, over about six blocks, and fills the blocks.
func (x *extractor) spreadPeriods() {
	n := &x.nodes
	for i, q := range n.purity {
		n.period[i] *= q * q
	}
	weight := sized(x.fa, len(n.purity))
	for i, q := range n.purity {
		weight[i] = q*q + 1e-6
		n.period[i] += 9e-6
	}
	for _, step := range []int{1, 2} {
		blurGrid(n.period, n.tmp, n.w, n.h, step)
		blurGrid(weight, n.tmp, n.w, n.h, step)
	}
	for by := range x.gh {
		for bx := range x.gw {
			i := by/n.step*n.w + bx/n.step
			x.period[by*x.gw+bx] = n.period[i] / weight[i]
			x.band[by*x.gw+bx] = periodIndex(x.period[by*x.gw+bx])
			x.purity[by*x.gw+bx] = n.purity[i]
		}
	}
	x.blur(x.purity, 1)
}
