package tflite

import (
	"fmt"
	"math"
	"slices"
)

// interpret computes a model as TensorFlow Lite defines its operators, plainly and slowly, channels side by side: what the
// conversion is held against. It shares with it only how the file is read.
func interpret(file []byte, input []float32) (outputs map[string][]float32, err error) {
	g, err := parse(file)
	if err != nil {
		return nil, err
	}
	values := map[int][]float32{}
	for i, t := range g.tensors {
		if t.constant() && t.kind != typeInt32 {
			if values[i], err = t.floats(); err != nil {
				return nil, err
			}
		}
	}
	values[g.inputs[0]] = input
	for k, o := range g.operators {
		out, err := g.apply(o, values)
		if err != nil {
			return nil, fmt.Errorf("operator %d (code %d): %w", k, o.code, err)
		}
		if n := g.tensors[o.outputs[0]].elements(); len(out) != n {
			return nil, fmt.Errorf("operator %d (code %d): %d values, want %d", k, o.code, len(out), n)
		}
		values[o.outputs[0]] = out
	}
	outputs = map[string][]float32{}
	for _, i := range g.outputs {
		outputs[g.tensors[i].name] = values[i]
	}
	return outputs, nil
}

func (g *graph) apply(o operator, values map[int][]float32) ([]float32, error) {
	r := g.reader
	x, in, out := values[o.inputs[0]], g.tensors[o.inputs[0]].shape, g.tensors[o.outputs[0]].shape
	each := func(f func(float64) float64) []float32 {
		y := make([]float32, len(x))
		for i, v := range x {
			y[i] = float32(f(float64(v)))
		}
		return y
	}
	both := func(f func(a, b float64) float64) []float32 {
		y := make([]float32, product(out))
		a, b := g.tensors[o.inputs[0]].shape, g.tensors[o.inputs[1]].shape
		for i := range y {
			y[i] = float32(f(float64(x[within(i, a, out)]), float64(values[o.inputs[1]][within(i, b, out)])))
		}
		return activation(y, r.byte(o.options, 0))
	}
	truth := func(yes bool) float64 {
		if yes {
			return 1
		}
		return 0
	}
	switch o.code {
	case opDequantize, opReshape, opStridedSlice, opCast:
		return x, nil
	case opRelu:
		return each(func(v float64) float64 { return max(v, 0) }), nil
	case opNeg:
		return each(func(v float64) float64 { return -v }), nil
	case opAbs:
		return each(math.Abs), nil
	case opExp:
		return each(math.Exp), nil
	case opLeakyRelu:
		alpha := float64(math.Float32frombits(uint32(r.int(o.options, 0, 0))))
		return each(func(v float64) float64 { return max(v, 0) + alpha*min(v, 0) }), nil
	case opAdd:
		return both(func(a, b float64) float64 { return a + b }), nil
	case opSub:
		return both(func(a, b float64) float64 { return a - b }), nil
	case opMul:
		return both(func(a, b float64) float64 { return a * b }), nil
	case opDiv:
		return both(func(a, b float64) float64 { return a / b }), nil
	case opLess:
		o.options = 0
		return both(func(a, b float64) float64 { return truth(a < b) }), nil
	case opGreaterEqual:
		o.options = 0
		return both(func(a, b float64) float64 { return truth(a >= b) }), nil
	case opConv, opDepthwiseConv:
		return g.convolve(o, values), nil
	case opAveragePool, opMaxPool:
		return g.pooled(o, x), nil
	case opDense:
		return g.connect(o, values), nil
	case opSum, opReduceMax:
		return g.reduced(o, x, in, out)
	case opConcatenation:
		return g.joined(o, values, out), nil
	}
	return nil, fmt.Errorf("not understood")
}

func activation(y []float32, code int) []float32 {
	for i, v := range y {
		switch code {
		case activationRelu:
			y[i] = max(v, 0)
		case activationRelu6:
			y[i] = min(max(v, 0), 6)
		}
	}
	return y
}

// within is the place in a value of one shape that goes with place i of out, which it is spread over.
func within(i int, shape, out []int) int {
	at, step := 0, 1
	for d := len(out) - 1; d >= 0; d-- {
		k := i % out[d]
		i /= out[d]
		if s := d - (len(out) - len(shape)); s >= 0 {
			if shape[s] > 1 {
				at += k * step
			}
			step *= shape[s]
		}
	}
	return at
}

// before is the padding in front, which "same" makes as large as needed and not larger than behind.
func before(same bool, in, out, kernel, stride, dilation int) int {
	if !same {
		return 0
	}
	return max((out-1)*stride+(kernel-1)*dilation+1-in, 0) / 2
}

func (g *graph) convolve(o operator, values map[int][]float32) []float32 {
	r, x, w := g.reader, values[o.inputs[0]], values[o.inputs[1]]
	in, out, shape := g.tensors[o.inputs[0]].shape, g.tensors[o.outputs[0]].shape, g.tensors[o.inputs[1]].shape
	padded, sx, sy := r.byte(o.options, 0) == paddingSame, r.int(o.options, 1, 0), r.int(o.options, 2, 0)
	depthwise, next := o.code == opDepthwiseConv, 0
	if depthwise {
		next = 1
	}
	dx, dy := r.int(o.options, 4+next, 1), r.int(o.options, 5+next, 1)
	top, left := before(padded, in[1], out[1], shape[1], sy, dy), before(padded, in[2], out[2], shape[2], sx, dx)
	y := make([]float32, 0, product(out))
	for n := range out[0] {
		for row := range out[1] {
			for col := range out[2] {
				for ch := range out[3] {
					sum := 0.0
					if o.inputs[2] >= 0 {
						sum = float64(values[o.inputs[2]][ch])
					}
					for i := range shape[1] {
						for j := range shape[2] {
							v, u := row*sy-top+i*dy, col*sx-left+j*dx
							if v < 0 || u < 0 || v >= in[1] || u >= in[2] {
								continue
							}
							at := ((n*in[1]+v)*in[2] + u) * in[3]
							if depthwise {
								sum += float64(x[at+ch/(out[3]/in[3])]) * float64(w[(i*shape[2]+j)*shape[3]+ch])
								continue
							}
							for k := range in[3] {
								sum += float64(x[at+k]) * float64(w[((ch*shape[1]+i)*shape[2]+j)*shape[3]+k])
							}
						}
					}
					y = append(y, float32(sum))
				}
			}
		}
	}
	return activation(y, r.byte(o.options, 3+next))
}

func (g *graph) pooled(o operator, x []float32) []float32 {
	r, in, out := g.reader, g.tensors[o.inputs[0]].shape, g.tensors[o.outputs[0]].shape
	padded, sx, sy := r.byte(o.options, 0) == paddingSame, r.int(o.options, 1, 0), r.int(o.options, 2, 0)
	kx, ky := r.int(o.options, 3, 0), r.int(o.options, 4, 0)
	top, left := before(padded, in[1], out[1], ky, sy, 1), before(padded, in[2], out[2], kx, sx, 1)
	var y []float32
	for n := range out[0] {
		for row := range out[1] {
			for col := range out[2] {
				for ch := range out[3] {
					var seen []float64
					for i := range ky {
						for j := range kx {
							if v, u := row*sy-top+i, col*sx-left+j; v >= 0 && u >= 0 && v < in[1] && u < in[2] {
								seen = append(seen, float64(x[((n*in[1]+v)*in[2]+u)*in[3]+ch]))
							}
						}
					}
					if o.code == opMaxPool {
						y = append(y, float32(slices.Max(seen)))
						continue
					}
					sum := 0.0
					for _, v := range seen {
						sum += v
					}
					y = append(y, float32(sum/float64(len(seen))))
				}
			}
		}
	}
	return activation(y, r.byte(o.options, 5))
}

func (g *graph) connect(o operator, values map[int][]float32) []float32 {
	x, w := values[o.inputs[0]], values[o.inputs[1]]
	shape := g.tensors[o.inputs[1]].shape
	var y []float32
	for n := range len(x) / shape[1] {
		for k := range shape[0] {
			sum := 0.0
			if o.inputs[2] >= 0 {
				sum = float64(values[o.inputs[2]][k])
			}
			for i := range shape[1] {
				sum += float64(x[n*shape[1]+i]) * float64(w[k*shape[1]+i])
			}
			y = append(y, float32(sum))
		}
	}
	return activation(y, g.reader.byte(o.options, 0))
}

func (g *graph) reduced(o operator, x []float32, in, out []int) ([]float32, error) {
	start := 0.0
	if o.code == opReduceMax {
		start = math.Inf(-1)
	}
	sums := slices.Repeat([]float64{start}, product(out))
	for i, v := range x {
		at := within(i, out, in)
		if o.code == opSum {
			sums[at] += float64(v)
		} else {
			sums[at] = max(sums[at], float64(v))
		}
	}
	var y []float32
	for _, v := range sums {
		y = append(y, float32(v))
	}
	return y, nil
}

func (g *graph) joined(o operator, values map[int][]float32, out []int) []float32 {
	axis := g.reader.int(o.options, 0, 0)
	if axis < 0 {
		axis += len(out)
	}
	var y []float32
	for n := range product(out[:axis]) {
		for _, i := range o.inputs {
			run := product(g.tensors[i].shape[axis:])
			y = append(y, values[i][n*run:(n+1)*run]...)
		}
	}
	return activation(y, g.reader.byte(o.options, 1))
}
