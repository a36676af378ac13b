package face

import (
	"context"
	"math"
)

// embed returns the direction of an aligned face's feature vector, which says who it is, and its length, which says how
// clear the face is: of all measures the one that tells best how well it will be recognised.
func (e *Engine) embed(ctx context.Context, f alignedFace) (v []int8, clarity float64, err error) {
	out, err := e.feature.see(ctx, f.pixels)
	if err != nil {
		return nil, 0, err
	}
	v, ok := quantise(out[0])
	if !ok {
		return nil, 0, unusable("no-face", "the face has no features")
	}
	return v, length(out[0]), nil
}

// length is the Euclidean norm.
func length(v []float32) float64 {
	sum := 0.0
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	return math.Sqrt(sum)
}
