package gallery

import (
	"math"

	"biogate/matcher"
	"biogate/matcher/kernel"
)

// Vector is an embedding of signed bytes that is compared by the cosine of the angle to another. It does not change.
type Vector struct {
	elements []int8
	square   int32   // of the length, over that of the weight
	inverse  float64 // weight / length
}

// leastWeight bounds what a square over a weight's can come to.
const leastWeight = 0.5

// NewVector makes a vector of up to kernel.MostDim8 elements, which it keeps. It refuses one without a direction
// (CodeBadTemplate).
func NewVector(elements []int8) (*Vector, error) { return NewWeighted(elements, 1) }

// NewWeighted makes a vector whose cosines count only so much, 0.5 to 1, to some 1e-5 of that. It is otherwise as NewVector.
func NewWeighted(elements []int8, weight float64) (*Vector, error) {
	if len(elements) > kernel.MostDim8 {
		return nil, &matcher.Error{Code: matcher.CodeBadTemplate, Detail: "an embedding of too many elements"}
	}
	if !(weight >= leastWeight && weight <= 1) {
		return nil, &matcher.Error{Code: matcher.CodeBadParameter, Detail: "an embedding of a weight beyond 0.5 to 1"}
	}
	square := math.Round(float64(kernel.Dot8(elements, elements)) / (weight * weight))
	switch {
	case square == 0:
		return nil, &matcher.Error{Code: matcher.CodeBadTemplate, Detail: "an embedding without a direction"}
	case square > math.MaxInt32:
		return nil, &matcher.Error{Code: matcher.CodeBadTemplate, Detail: "an embedding too long for its weight"}
	}
	return &Vector{elements, int32(square), inverseLength(int32(square))}, nil
}

// Cosine is that of the angle between two vectors of one dimension, times the weights of both: -1 to 1.
func (v *Vector) Cosine(w *Vector) float64 {
	return cosine(kernel.Dot8(v.elements, w.elements), v.inverse, w.inverse)
}

// Dims is the number of elements.
func (v *Vector) Dims() int { return len(v.elements) }

func inverseLength(square int32) float64 { return 1 / math.Sqrt(float64(square)) }

// cosine is the one place that says how a score comes from an inner product: index and comparison agree to the last bit.
func cosine(dot int32, inverse, other float64) float64 { return float64(dot) * (inverse * other) }

// Embedded is what the probes and references in Vectors are, beside matcher.Probe and matcher.Reference.
type Embedded interface {
	Model() string
	Embedding() *Vector
}
