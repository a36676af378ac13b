package synth

import (
	"math"
	"math/rand/v2"
)

// Streams of random numbers that one seed gives; each purpose has its own, so that more of one changes no other.
const (
	streamShape uint64 = iota + 1
	streamRidges
	streamSkin
	streamImpression
	streamPrints
	streamPresses
	streamRecapture
	streamPresentation
)

// source is a generator of one purpose. PCG is specified, so the same seed gives the same numbers everywhere.
func source(seed, stream, index uint64) *rand.Rand {
	return rand.New(rand.NewPCG(mix(seed), mix(stream<<32^index)))
}

// mix spreads neighbouring seeds (the finaliser of SplitMix64).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func poisson(rng *rand.Rand, mean float64) int {
	n, p := 0, rng.Float64()
	for limit := math.Exp(-mean); p > limit; n++ {
		p *= rng.Float64()
	}
	return n
}

// smooth is random terrain with standard deviation of about 1 and a given length, read anywhere by interpolation.
type smooth struct {
	cell  float64
	w     int
	knots []float32
}

func newSmooth(rng *rand.Rand, width, height, length float64) smooth {
	w, h := int(width/length)+4, int(height/length)+4
	s := smooth{cell: length, w: w, knots: make([]float32, w*h)}
	for i := range s.knots {
		s.knots[i] = float32(1.5 * rng.NormFloat64()) // interpolation takes a third of the spread away
	}
	return s
}

// at reads the terrain with smoothstep interpolation; x and y from -length/2 to the size that it was made for.
func (s smooth) at(x, y float64) float64 {
	x, y = x/s.cell+1, y/s.cell+1
	i, j := int(x), int(y)
	fx, fy := float32(ease(x-float64(i))), float32(ease(y-float64(j)))
	i, j = min(max(i, 0), s.w-2), min(max(j, 0), len(s.knots)/s.w-2)
	k := s.knots[j*s.w+i:]
	top, low := k[0]+(k[1]-k[0])*fx, k[s.w]+(k[s.w+1]-k[s.w])*fx
	return float64(top + (low-top)*fy)
}

func ease(t float64) float64 { return t * t * (3 - 2*t) }

func clamp[T int | float32 | float64](v, lo, hi T) T { return min(max(v, lo), hi) }
