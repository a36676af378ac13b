package finger

import (
	"encoding/binary"
	"sync"
)

// extractor holds the arrays of one extraction; they are reused, so that extraction hardly allocates.
type extractor struct {
	w, h   int     // working picture, pixels
	gw, gh int     // grid, blocks
	stride int     // of the framed pictures below
	origin int     // index of pixel (0, 0) in them
	scale  float64 // pixels at 500 dpi in a working pixel

	norm   plane // contrast-normalised picture
	smooth plane // the same smoothed along the ridges
	ridges plane // enhanced picture: above zero on ridges

	reference        float32 // deviation of good ridges in this picture, grey levels
	whole            blockSums
	mean, spread     []float32 // grey level and deviation, per block
	tensors          [3]tensor // gradient tensor at three scales, per block
	cosine, sine     []float32 // of the doubled ridge direction, y down, per block
	coherence        []float32 // 0 to 1, per block
	period           []float32 // ridge period, pixels, per block
	band             []uint8   // index of the filter for that period, per block
	purity           []float32 // part of the energy at that period, 0 to 1, per block
	mask             []bool    // finger or not, per block
	depth            []uint8   // blocks to the nearest one outside the mask, per block
	nodes            nodeGrid
	fa, fb           []float32 // grid scratch
	low, diff        []byte    // gradient scratch: two bytes a pixel
	resampler        resampler
	ridgeBits        bitmap
	valleyBits       bitmap
	thinRow, thinOld []uint64
	thinned          [2][]bool // rows that lost pixels in the last two subiterations
	skel             skeleton
	filters          laidOut
	cells            []uint8 // filter direction of every cell
	labels, stack    []int32 // components scratch
}

// plane is a framed picture of values -128 to 127, kept 128 higher as two bytes a pixel, so that one 64-bit word holds
// four pixels and one multiplication weighs them all.
type plane []byte

// zeros is four pixels of value 0.
const zeros = 0x0080_0080_0080_0080

func (p plane) at(i int) int32     { return int32(binary.LittleEndian.Uint16(p[2*i:])) - 128 }
func (p plane) set(i int, v int32) { binary.LittleEndian.PutUint16(p[2*i:], uint16(v+128)) }

// clear makes all pixels 0; the number of pixels is a multiple of four.
func (p plane) clear() {
	binary.LittleEndian.PutUint64(p, zeros)
	for n := 8; n < len(p); n *= 2 {
		copy(p[n:], p[:n])
	}
}

// tensor is the structure tensor of a grid in vector form: (gxx-gyy, 2 gxy) and the energy gxx+gyy.
type tensor struct{ re, im, energy []float32 }

var extractors = sync.Pool{New: func() any { return new(extractor) }}

// reset sizes every array for a w x h picture and blanks the pictures; the rest keeps arbitrary contents.
func (x *extractor) reset(w, h int) {
	x.resetGrid(w, h)
	x.stride = x.gw*block + 2*margin
	x.origin = margin*x.stride + margin
	framed := x.stride * (x.gh*block + 2*margin)
	for _, a := range []*plane{&x.norm, &x.smooth, &x.ridges} {
		*a = sized(*a, 2*framed)
		a.clear()
	}
	x.cells = sized(x.cells, x.gw*x.gh*cellsPerBlock*cellsPerBlock)
}

// resetGrid sizes what is kept by block.
func (x *extractor) resetGrid(w, h int) {
	x.w, x.h = w, h
	x.gw, x.gh = (w+block-1)/block, (h+block-1)/block
	grid := x.gw * x.gh
	for _, a := range []*[]float32{&x.mean, &x.spread, &x.cosine, &x.sine, &x.coherence, &x.period, &x.purity, &x.fa, &x.fb} {
		*a = sized(*a, grid)
	}
	for i := range x.tensors {
		t := &x.tensors[i]
		t.re, t.im, t.energy = sized(t.re, grid), sized(t.im, grid), sized(t.energy, grid)
	}
	x.mask, x.depth, x.band = sized(x.mask, grid), sized(x.depth, grid), sized(x.band, grid)
}

// sized returns a slice of n elements, s itself when it is large enough. Its contents are arbitrary.
func sized[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
