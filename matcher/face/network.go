package face

import (
	"context"
	"fmt"
	"math"

	"biogate/models"
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
// by many at once. The input stays the caller's, who writes it again once Run has returned; the outputs, in the order of the model's manifest, are the caller's to
// keep. Every failure is an error, none of them about the picture.
type Network interface {
	Run(ctx context.Context, in Tensor) ([]Tensor, error)
}

// Networks are what the pipeline runs; the model's manifest states the input and output of each. Liveness and Eye may be
// nil: no presentation attack detection, no judgement of the eyes.
type Networks struct {
	Detect, Landmark, Feature, Liveness, Eye Network
}

// Set puts a network into the place that its file in a manifest is named for.
func (n *Networks) Set(name string, network Network) error {
	for _, place := range []struct {
		name    string
		network *Network
	}{{"detect", &n.Detect}, {"landmark", &n.Landmark}, {"feature", &n.Feature}, {"liveness", &n.Liveness}, {"eye", &n.Eye}} {
		if place.name == name {
			*place.network = network
			return nil
		}
	}
	return fmt.Errorf("face: the pipeline has no place for a network %q", name)
}

// trained is a network with what its model's manifest says of its input and outputs.
type trained struct {
	Network
	models.File
}

// see shows a picture of the input's size to the network, and holds its outputs to what the manifest states.
func (n trained) see(ctx context.Context, p planes) ([][]float32, error) {
	in := tensor(p, n.Input)
	out, err := n.Run(ctx, in)
	rooms.give(in.Data)
	if err != nil {
		return nil, err
	}
	if len(out) != len(n.Values) {
		return nil, fmt.Errorf("face: network %s gave %d outputs, want %d", n.Name, len(out), len(n.Values))
	}
	values := make([][]float32, len(out))
	for i, t := range out {
		if len(t.Data) != n.Values[i] {
			return nil, fmt.Errorf("face: network %s gave %d values in output %d, want %d", n.Name, len(t.Data), i, n.Values[i])
		}
		if !finite(t.Data) {
			return nil, fmt.Errorf("face: network %s gave a value that is not a number", n.Name)
		}
		values[i] = t.Data
	}
	return values, nil
}

// tensor makes a network's input: (pixel - mean) / scale, one plane after the other.
func tensor(p planes, in models.Input) Tensor {
	channels := p.channels(in.Channels)
	data := rooms.take(p.w * p.h * len(channels))
	for i, plane := range channels {
		normalise(data[i*len(plane):], plane, in.Mean, in.Scale)
	}
	return Tensor{Shape: []int{1, len(channels), p.h, p.w}, Data: data}
}

func normalise(dst, plane []float32, mean, scale float32) {
	dst = dst[:len(plane)]
	if fraction, _ := math.Frexp(float64(scale)); fraction == 0.5 { // of powers of two the reciprocal is exact
		factor := 1 / scale
		for i, v := range plane {
			dst[i] = (v - mean) * factor
		}
		return
	}
	for i, v := range plane {
		dst[i] = (v - mean) / scale
	}
}

// channels are the planes in the order that a manifest names.
func (p planes) channels(order string) [][]float32 {
	switch order {
	case "RGB":
		return [][]float32{p.r, p.g, p.b}
	case "BGR":
		return [][]float32{p.b, p.g, p.r}
	}
	return [][]float32{p.luma()}
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
