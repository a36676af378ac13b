package face

import (
	"context"
	"math"
)

// embed returns the direction of an aligned face's feature vector, which says who it is, and its length, which says how
// clear the face is: of all measures the one that tells best how well it will be recognised.
func (e *Engine) embed(ctx context.Context, f alignedFace) (v vector, clarity float64, err error) {
	p := f.pixels
	in := tensor(featureSide, featureSide, featureMean, featureScale, p.b, p.g, p.r)
	out, err := run(ctx, "feature", e.nets.Feature, in, Dimensions)
	if err != nil {
		return v, 0, err
	}
	v, ok := quantise(out[0])
	if !ok {
		return v, 0, unusable("no-face", "the face has no features")
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
