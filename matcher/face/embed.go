package face

import (
	"context"
	"math"

	"biogate/matcher/imaging"
)

// aligned draws the face as the embedding wants it: 112x112, eyes, nose and mouth in their usual places.
func aligned(src imaging.RGB, toTemplate similarity) planes {
	return sample(src, toTemplate.inverse(), featureSide, featureSide, repeatEdge)
}

// embed returns the aligned face's feature vector, of unit length.
func (e *Engine) embed(ctx context.Context, p planes) ([]float32, error) {
	in := tensor(featureSide, featureSide, featureMean, featureScale, p.b, p.g, p.r)
	out, err := run(ctx, "feature", e.nets.Feature, in, Dimensions)
	if err != nil {
		return nil, err
	}
	return out[0], nil
}

// length is the Euclidean norm.
func length(v []float32) float64 {
	sum := 0.0
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	return math.Sqrt(sum)
}
