package synth

import (
	"math"
	"math/rand/v2"
)

// FacesVersion names the generator of faces, as Version does that of fingers.
const FacesVersion = "synth-faces-1"

// The statistics of faces, fitted to those of model face-fr-2 on LFW pictures (1,646 people): cosines of genuine pairs have the
// mean 0.65, deviation 0.14 and 5 % quantile 0.43; those of impostors mean 0.02 and deviation 0.10, and one in 1,000,
// 10,000 and 100,000 is above 0.36, 0.43 and 0.50. faces_test.go holds what is made with 512 elements against these
// figures; fewer leave more to chance. Nothing else was taken from anybody.
const (
	// Embeddings do not fill their space: the energy of direction i falls as (1 + i/faceDecay)^-facePower.
	faceDecay = 12.0
	facePower = 1.2
	// faceNoise is the median energy of what differs between captures, of an identity's 1; its logarithm varies by
	// faceNoiseSpread, so some captures are much poorer than others.
	faceNoise       = 0.47
	faceNoiseSpread = 0.85
	// Of an identity's energy, faceKinShare is shared by its kin, one of faceKin: who resembles each other.
	faceKin      = 40
	faceKinShare = 0.28
	// faceCommon is the energy that all embeddings share, of 1.
	faceCommon = 0.02
)

// Faces are embeddings of people that do not exist, for galleries of any size. Only statistics of scores are like those of
// a face network; there is no picture to them. The same seed gives the same embeddings with the same build.
type Faces struct {
	seed   uint64
	scales []float32 // of each direction
	common float32   // along the last direction, where the others are weakest
	kin    [][]float32
}

// facesBlock is how many directions are turned into each other.
const facesBlock = 64

// NewFaces makes a population of embeddings with dims elements, a multiple of 64; it panics otherwise.
func NewFaces(seed uint64, dims int) *Faces {
	if dims <= 0 || dims%facesBlock != 0 {
		panic("synth: dimensions of faces are no multiple of 64")
	}
	f := &Faces{seed: seed, scales: make([]float32, dims), kin: make([][]float32, faceKin)}
	total := 0.0
	for i := range dims {
		total += faceEnergy(i)
	}
	for i := range f.scales {
		f.scales[i] = float32(math.Sqrt(faceEnergy(i) / total))
	}
	f.common = float32(math.Sqrt(faceCommon))
	for i := range f.kin {
		f.kin[i] = draw(rand.New(rand.NewPCG(seed, uint64(i))), make([]float32, dims))
	}
	return f
}

func faceEnergy(i int) float64 { return math.Pow(1+float64(i)/faceDecay, -facePower) }

func draw(rng *rand.Rand, v []float32) []float32 {
	for i := range v {
		v[i] = float32(rng.NormFloat64())
	}
	return v
}

// Streams of random numbers, apart from each other for every subject and capture.
const (
	faceSubjects = 0x6b79c1d2a4e5f317
	faceCaptures = 0x1d8e4e27c47d124f
)

// Capture is the embedding of a subject's k-th capture, quantised as templates are: the largest element is 127 in size.
func (f *Faces) Capture(subject, k int) []int8 {
	who := rand.New(rand.NewPCG(f.seed^faceSubjects, uint64(subject)))
	kin := f.kin[who.IntN(len(f.kin))]
	how := rand.New(rand.NewPCG(f.seed^faceCaptures, uint64(subject)<<16|uint64(k)))
	noise := math.Sqrt(faceNoise * math.Exp(faceNoiseSpread*how.NormFloat64()))
	var (
		v      = make([]float32, len(f.scales))
		shared = float32(math.Sqrt(faceKinShare))
		own    = float32(math.Sqrt(1 - faceKinShare))
		other  = float32(noise)
	)
	for i, scale := range f.scales {
		v[i] = scale * (shared*kin[i] + own*float32(who.NormFloat64()) + other*float32(how.NormFloat64()))
	}
	v[len(v)-1] += f.common * float32(math.Sqrt(1+noise*noise))
	turn(v)
	return quantise(v)
}

// turn spreads strong and weak directions evenly over the elements, as networks do: a Walsh-Hadamard transform of every 64
// elements that lie equally far apart. Angles stay, but for the scale.
func turn(v []float32) {
	apart := len(v) / facesBlock
	for step := apart; step < len(v); step *= 2 {
		for from := 0; from < len(v); from += 2 * step {
			a, b := v[from:][:step], v[from+step:][:step]
			for i := range a {
				a[i], b[i] = a[i]+b[i], a[i]-b[i]
			}
		}
	}
}

func quantise(v []float32) []int8 {
	top := float32(0)
	for _, x := range v {
		top = max(top, x, -x)
	}
	out := make([]int8, len(v))
	for i, x := range v {
		out[i] = int8(math.RoundToEven(float64(x / top * math.MaxInt8)))
	}
	return out
}
