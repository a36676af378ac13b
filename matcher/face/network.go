package face

import (
	"context"
	"fmt"
	"math"
)

// Tensor is an array of float32 in row-major order.
type Tensor struct {
	Shape []int
	Data  []float32
}

// Len is the number of values that the shape asks for.
func (t Tensor) Len() int {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// Network is one neural network. Run waits for a free session while others use it, gives up with ctx, and may be called
// by many at once. The input stays the caller's; the outputs, in the order of the model's manifest, are the caller's to
// keep. Every failure is an error, none of them about the picture.
type Network interface {
	Run(ctx context.Context, in Tensor) ([]Tensor, error)
}

// Networks are what the pipeline runs; models/face-fr-1/manifest.json states the input and output of each. Liveness and
// Eye may be nil: no presentation attack detection, no judgement of the eyes.
type Networks struct {
	Detect, Landmark, Feature, Liveness, Eye Network
}

// run calls a network and holds its outputs to the numbers of values that the pipeline will read.
func run(ctx context.Context, name string, n Network, in Tensor, sizes ...int) ([][]float32, error) {
	out, err := n.Run(ctx, in)
	if err != nil {
		return nil, err
	}
	if len(out) != len(sizes) {
		return nil, fmt.Errorf("face: network %s gave %d outputs, want %d", name, len(out), len(sizes))
	}
	values := make([][]float32, len(out))
	for i, t := range out {
		if len(t.Data) != sizes[i] {
			return nil, fmt.Errorf("face: network %s gave %d values in output %d, want %d", name, len(t.Data), i, sizes[i])
		}
		if !finite(t.Data) {
			return nil, fmt.Errorf("face: network %s gave a value that is not a number", name)
		}
		values[i] = t.Data
	}
	return values, nil
}

func finite(values []float32) bool {
	for _, v := range values {
		if x := float64(v); math.IsNaN(x) || math.IsInf(x, 0) {
			return false
		}
	}
	return true
}

// softmax turns logits into probabilities.
func softmax(logits []float32) []float64 {
	top := math.Inf(-1)
	for _, v := range logits {
		top = max(top, float64(v))
	}
	p, sum := make([]float64, len(logits)), 0.0
	for i, v := range logits {
		p[i] = math.Exp(float64(v) - top)
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}
