package finger

import "sync"

// extractor holds the arrays of one extraction; they are reused, so that extraction hardly allocates.
type extractor struct {
	w, h   int // working picture, pixels
	gw, gh int // grid, blocks
	stride int // of the framed pictures below
	origin int // index of pixel (0, 0) in them

	norm   []int16 // contrast-normalised picture, framed
	smooth []int16 // the same smoothed along the ridges, framed
	ridges []int16 // enhanced picture: positive on ridges, framed

	mean, spread     []float32 // grey level and deviation, per block
	tensors          [3]tensor // gradient tensor at three scales, per block
	theta            []float32 // ridge direction in [0, pi), y down, per block
	cosine, sine     []float32 // of the doubled direction, per block
	coherence        []float32 // 0 to 1, per block
	period           []float32 // ridge period, pixels, per block
	purity           []float32 // part of the energy at that period, 0 to 1, per block
	mask             []bool    // finger or not, per block
	depth            []uint8   // blocks to the nearest one outside the mask, per block
	nodes            nodeGrid
	fa, fb           []float32 // grid scratch
	rows             []int32   // gradient scratch
	ridgeBits        bitmap
	valleyBits       bitmap
	thinRow, thinOld []uint64
	skel             skeleton
}

// tensor is the structure tensor of a grid in vector form: (gxx-gyy, 2 gxy) and the energy gxx+gyy.
type tensor struct{ re, im, energy []float32 }

var extractors = sync.Pool{New: func() any { return new(extractor) }}

// reset sizes every array for a w x h picture. Only what says so is cleared.
func (x *extractor) reset(w, h int) {
	x.w, x.h = w, h
	x.gw, x.gh = (w+block-1)/block, (h+block-1)/block
	x.stride = x.gw*block + 2*margin
	x.origin = margin*x.stride + margin
	framed, grid := x.stride*(x.gh*block+2*margin), x.gw*x.gh
	for _, a := range []*[]int16{&x.norm, &x.smooth, &x.ridges} {
		*a = sized(*a, framed)
		clear(*a)
	}
	for _, a := range []*[]float32{&x.mean, &x.spread, &x.theta, &x.cosine, &x.sine, &x.coherence, &x.period, &x.purity, &x.fa, &x.fb} {
		*a = sized(*a, grid)
	}
	for i := range x.tensors {
		t := &x.tensors[i]
		t.re, t.im, t.energy = sized(t.re, grid), sized(t.im, grid), sized(t.energy, grid)
	}
	x.mask, x.depth = sized(x.mask, grid), sized(x.depth, grid)
	x.nodes.reset(x.gw, x.gh)
}

// sized returns a slice of n elements, s itself when it is large enough. Its contents are arbitrary.
func sized[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
