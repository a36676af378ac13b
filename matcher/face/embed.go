package face

import (
	"context"
	"math"
)

// embed returns the direction of an aligned face's feature vector, the mean over its looks, which says who it is, and its
// length, which says how clear the face is: of all measures the one that tells best how well it will be recognised.
func (e *Engine) embed(ctx context.Context, f alignedFace) (v []int8, clarity float64, err error) {
	mean := make([]float32, e.form.dimensions)
	for _, pixels := range append([]planes{f.pixels}, f.others...) {
		out, err := e.feature.see(ctx, pixels)
		if err != nil {
			return nil, 0, err
		}
		for i, x := range out[0] {
			mean[i] += x / float32(len(e.looks))
		}
	}
	v, ok := quantise(mean)
	if !ok {
		return nil, 0, unusable("no-face", "the face has no features")
	}
	return v, length(mean), nil
}

// length is the Euclidean norm.
func length(v []float32) float64 {
	sum := 0.0
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	return math.Sqrt(sum)
}
