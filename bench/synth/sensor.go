package synth

import (
	"math"
	"math/bits"
	"math/rand/v2"
)

// sensor turns touch into grey levels.
type sensor struct {
	o            Options
	rng          *rand.Rand
	fine, medium texture
	ridge, skin  float32 // grey levels
	noise        float32
	scratches    []line
	dirt         []speck
}

type speck struct{ x, y, radius, dark float64 }

func newSensor(rng *rand.Rand, o Options) *sensor {
	unit := float64(o.DPI) / baseDPI // sensor pixels in a master pixel
	s := &sensor{o: o, rng: rng, fine: newTexture(rng, grainSize(unit)), medium: newTexture(rng, grainSize(4*unit))}
	s.ridge = float32(clamp(ridgeGrey+greySwing*rng.NormFloat64(), 5, 110))
	s.skin = float32(clamp(skinGrey+greySwing*rng.NormFloat64()*0.5, 190, 255))
	s.noise = float32(sensorNoise * o.Difficulty)
	w, h := float64(o.Width), float64(o.Height)
	for range poisson(rng, scratchRate*o.Difficulty) {
		s.scratches = append(s.scratches, line{
			x: rng.Float64() * w, y: rng.Float64() * h, angle: 2 * math.Pi * rng.Float64(),
			length: unit * (20 + 90*rng.Float64()), width: unit * (0.5 + 0.5*rng.Float64()),
		})
	}
	for range poisson(rng, dirtRate*o.Difficulty) {
		s.dirt = append(s.dirt, speck{rng.Float64() * w, rng.Float64() * h, unit * (1 + 2.5*rng.Float64()), 0.3 + 0.5*rng.Float64()})
	}
	return s
}

// texture is a square of noise with standard deviation 1 that repeats.
type texture struct{ values []float32 }

const textureSide = 256 // a power of two

// grainSize is the power of two that is next to size from below, within 1 to 16.
func grainSize(size float64) int {
	return 1 << (bits.Len(uint(clamp(size, 1, 16))) - 1)
}

// newTexture makes noise of the given grain, a power of two: 1 is a little wider than a pixel.
func newTexture(rng *rand.Rand, grain int) texture {
	side := textureSide / grain
	knots := make([]float32, side*side)
	for i := range knots {
		knots[i] = float32(rng.NormFloat64())
	}
	t := texture{make([]float32, textureSide*textureSide)}
	for y := range textureSide {
		for x := range textureSide {
			i, j := x/grain, y/grain
			fx, fy := (float32(x%grain)+0.5)/float32(grain), (float32(y%grain)+0.5)/float32(grain)
			i1, j1 := (i+1)%side, (j+1)%side
			top := knots[j*side+i]*(1-fx) + knots[j*side+i1]*fx
			low := knots[j1*side+i]*(1-fx) + knots[j1*side+i1]*fx
			t.values[y*textureSide+x] = 1.7 * (top*(1-fy) + low*fy)
		}
	}
	return t
}

func (t texture) at(x, y int) float32 {
	return t.values[y%textureSide*textureSide+x%textureSide]
}

// develop adds what the glass and the electronics do: scratches, dirt, blur and noise.
func (s *sensor) develop(ink []float32) []byte {
	w, h := s.o.Width, s.o.Height
	for _, l := range s.scratches {
		l.draw(s.rng, w, h, func(i int, strength float32) { ink[i] *= 1 - strength })
	}
	for _, d := range s.dirt {
		d.draw(ink, w, h)
	}
	blur(ink, w, h)
	pix := make([]byte, w*h)
	for i, v := range ink {
		pix[i] = byte(clamp(s.skin+(s.ridge-s.skin)*v+s.noise*s.gauss(), 0, 255))
	}
	return pix
}

// gauss is nearly normal: the sum of four bytes, standard deviation 1.
func (s *sensor) gauss() float32 {
	u := s.rng.Uint32()
	sum := u&255 + u>>8&255 + u>>16&255 + u>>24
	return (float32(sum) - 510) / 148
}

func (d speck) draw(ink []float32, w, h int) {
	r := int(d.radius) + 1
	for y := max(int(d.y)-r, 0); y < min(int(d.y)+r+1, h); y++ {
		for x := max(int(d.x)-r, 0); x < min(int(d.x)+r+1, w); x++ {
			if sq(float64(x)-d.x)+sq(float64(y)-d.y) < d.radius*d.radius {
				ink[y*w+x] = max(ink[y*w+x], float32(d.dark))
			}
		}
	}
}

// blur is the optics: weights 1 6 1 along rows, then along columns.
func blur(img []float32, w, h int) {
	for y := range h {
		row := img[y*w : (y+1)*w]
		left := row[0]
		for x := 0; x < w-1; x++ {
			mid := row[x]
			row[x] = (left + 6*mid + row[x+1]) / 8
			left = mid
		}
	}
	above := append([]float32(nil), img[:w]...)
	for y := 0; y < h-1; y++ {
		row, next := img[y*w:(y+1)*w], img[(y+1)*w:(y+2)*w]
		for x, mid := range row {
			row[x] = (above[x] + 6*mid + next[x]) / 8
			above[x] = mid
		}
	}
}
