package synth

import (
	"math"
	"math/rand/v2"
)

// master is the ridge print of a finger: height of the skin, about -1 (valley) to 1 (ridge).
type master struct{ height []float32 }

// grow lets ridges form out of noise under filters that follow flow and period, as in SFinGe (Cappelli, Maio and
// Maltoni, 2000): minutiae are not placed, they arise where ridges meet.
func grow(f *Finger) *master {
	rng := source(f.Seed, streamRidges, 0)
	period := newSmooth(rng, masterWidth, masterHeight, periodScale)
	small := newField(coarseWidth, coarseHeight, coarse, f, period)
	img := make([]float32, coarseWidth*coarseHeight)
	for i := range img {
		img[i] = float32(rng.NormFloat64())
	}
	next := make([]float32, len(img))
	bank := coarseBank()
	for range growRounds {
		small.filter(next, img, bank)
		clip(next, growGain)
		img, next = next, img
	}
	full := newField(masterWidth, masterHeight, 1, f, period)
	big := make([]float32, masterWidth*masterHeight)
	full.filter(big, enlarge(img), fineBank())
	clip(big, 1.25)
	m := &master{height: big}
	m.addPores(source(f.Seed, streamSkin, 0))
	m.addCreases(source(f.Seed, streamSkin, 1))
	return m
}

// clip brings the picture to full contrast: v*gain, bent smoothly into -1..1.
func clip(img []float32, gain float32) {
	for i, v := range img {
		v = clamp(v*gain, -1, 1)
		img[i] = v * (1.3 - 0.3*v*v)
	}
}

// field says which filter serves each pixel; noFilter lies outside the fingertip.
type field struct {
	w, h  int
	which []uint16
}

const noFilter = ^uint16(0)

func newField(w, h, step int, f *Finger, period smooth) field {
	fd := field{w: w, h: h, which: make([]uint16, w*h)}
	for j := range h {
		for i := range w {
			x, y := (float64(i)+0.5)*float64(step), (float64(j)+0.5)*float64(step)
			fd.which[j*w+i] = noFilter
			if onFinger(x, y) {
				p := f.mean + periodDrift*period.at(x, y) + periodTilt*(y-centreY)/masterHeight
				fd.which[j*w+i] = uint16(filterIndex(f.flow.at(x, y), p))
			}
		}
	}
	return fd
}

// onFinger is the outline of the fingertip: round at the top, straight to the crease.
func onFinger(x, y float64) bool {
	dx, dy := (x-centreX)/(masterWidth/2-2), (y-centreY)/(centreY-2)
	if dy > 0 {
		dy = (y - centreY) / (masterHeight - centreY - 2)
		dy *= dy
	}
	return dx*dx+dy*dy < 1
}

const periodSteps = int((periodMax-periodMin)/periodStep) + 1

func filterIndex(theta, period float64) int {
	a := int(math.Floor(theta/math.Pi*angleSteps+0.5)) % angleSteps
	if a < 0 {
		a += angleSteps
	}
	p := int((clamp(period, periodMin, periodMax)-periodMin)/periodStep + 0.5)
	return p*angleSteps + a
}

// bank holds the filters of all angles and periods: squares of side 2*radius+1.
type bank struct {
	radius  int
	kernels [][]float32
}

func newBank(scale float64, radius int) *bank {
	b := &bank{radius: radius}
	for p := range periodSteps {
		for a := range angleSteps {
			period := (periodMin + float64(p)*periodStep) / scale
			b.kernels = append(b.kernels, ridgeFilter(float64(a)*math.Pi/angleSteps, period, radius))
		}
	}
	return b
}

// ridgeFilter is a Gabor filter without response to a flat picture, of gain 1 for ridges of its own angle and period.
func ridgeFilter(theta, period float64, radius int) []float32 {
	side := 2*radius + 1
	k, env := make([]float64, side*side), make([]float64, side*side)
	sin, cos := math.Sincos(theta)
	sum, weight := 0.0, 0.0
	for j := range side {
		for i := range side {
			x, y := float64(i-radius), float64(radius-j)
			along, across := x*cos+y*sin, y*cos-x*sin
			e := math.Exp(-0.5 * (sq(along/(sigmaAlong*period)) + sq(across/(sigmaAcross*period))))
			env[j*side+i], k[j*side+i] = e, e*math.Cos(2*math.Pi*across/period)
			sum, weight = sum+k[j*side+i], weight+e
		}
	}
	gain := 0.0
	for j := range side {
		for i := range side {
			n := j*side + i
			k[n] -= env[n] * sum / weight
			across := float64(radius-j)*cos - float64(i-radius)*sin
			gain += k[n] * math.Cos(2*math.Pi*across/period)
		}
	}
	out := make([]float32, len(k))
	for n := range k {
		out[n] = float32(k[n] / gain)
	}
	return out
}

func sq(v float64) float64 { return v * v }

// filter writes into dst what each pixel's own filter makes of src, 0 off the finger and in a frame of radius pixels.
func (fd field) filter(dst, src []float32, b *bank) {
	clear(dst)
	side := 2*b.radius + 1
	for y := b.radius; y < fd.h-b.radius; y++ {
		for x := b.radius; x < fd.w-b.radius; x++ {
			which := fd.which[y*fd.w+x]
			if which == noFilter {
				continue
			}
			dst[y*fd.w+x] = convolve(src[(y-b.radius)*fd.w+x-b.radius:], fd.w, b.kernels[which], side)
		}
	}
}

func convolve(src []float32, stride int, kernel []float32, side int) float32 {
	var a, b float32
	for len(kernel) >= side {
		k, s := kernel[:side], src[:side]
		i := 0
		for ; i+1 < len(k) && i+1 < len(s); i += 2 {
			a += k[i] * s[i]
			b += k[i+1] * s[i+1]
		}
		a += k[side-1] * s[side-1]
		kernel = kernel[side:]
		if len(kernel) > 0 {
			src = src[stride:]
		}
	}
	return a + b
}

// enlarge doubles a coarse picture by bilinear interpolation.
func enlarge(src []float32) []float32 {
	dst := make([]float32, masterWidth*masterHeight)
	for y := range masterHeight {
		for x := range masterWidth {
			dst[y*masterWidth+x] = bilinear(src, coarseWidth, coarseHeight, (float32(x)-0.5)/coarse, (float32(y)-0.5)/coarse)
		}
	}
	return dst
}

// bilinear reads between pixels; beyond the edge the picture continues as its edge.
func bilinear(src []float32, w, h int, x, y float32) float32 {
	x, y = clamp(x, 0, float32(w)-1.001), clamp(y, 0, float32(h)-1.001)
	i, j := int(x), int(y)
	fx, fy := x-float32(i), y-float32(j)
	s := src[j*w+i:]
	top, low := s[0]+(s[1]-s[0])*fx, s[w]+(s[w+1]-s[w])*fx
	return top + (low-top)*fy
}

// addPores sets sweat pores on the ridges' crests.
func (m *master) addPores(rng *rand.Rand) {
	const tries = masterWidth * masterHeight * 3 / (poreGap * int(periodMean))
	for range tries {
		x, y := 3+rng.IntN(masterWidth-6), 3+rng.IntN(masterHeight-6)
		depth := float32(poreDepth * (0.3 + 0.7*rng.Float64()))
		if m.height[y*masterWidth+x] < 0.93 {
			continue
		}
		m.dig(float64(x), float64(y), poreRadius*(0.7+0.5*rng.Float64()), depth)
	}
}

func (m *master) dig(x, y, radius float64, depth float32) {
	for j := int(y) - 2; j <= int(y)+2; j++ {
		for i := int(x) - 2; i <= int(x)+2; i++ {
			d := (sq(float64(i)-x) + sq(float64(j)-y)) / (radius * radius)
			m.height[j*masterWidth+i] -= depth * float32(math.Exp(-0.5*d))
		}
	}
}

// addCreases draws the finger's permanent white lines, folds that mostly run across the finger.
func (m *master) addCreases(rng *rand.Rand) {
	for range poisson(rng, creaseRate) {
		l := line{
			x: 60 + rng.Float64()*(masterWidth-160), y: 80 + rng.Float64()*(masterHeight-160),
			angle: 0.45 * rng.NormFloat64(), length: 30 + 150*rng.Float64()*rng.Float64(), width: 0.6 + 1.1*rng.Float64()*rng.Float64(),
		}
		l.draw(rng, masterWidth, masterHeight, func(i int, strength float32) { m.height[i] -= creaseDepth * strength })
	}
}

// line is a slightly bent stroke.
type line struct{ x, y, angle, length, width float64 }

// draw visits the pixels under a line with a strength of 0 to 1 that fades towards its ends and sides.
func (l line) draw(rng *rand.Rand, w, h int, visit func(i int, strength float32)) {
	turn := 0.012 * rng.NormFloat64()
	x, y, a := l.x, l.y, l.angle
	for s := 0.0; s < l.length; s++ {
		end := float32(math.Sin(math.Pi * s / l.length))
		sin, cos := math.Sincos(a)
		for d := -math.Ceil(2 * l.width); d <= 2*l.width; d++ {
			i, j := int(x-sin*d), int(y+cos*d)
			if i >= 0 && j >= 0 && i < w && j < h {
				visit(j*w+i, end*float32(math.Exp(-0.5*sq(d/l.width))))
			}
		}
		x, y, a = x+cos, y+sin, a+turn
	}
}
