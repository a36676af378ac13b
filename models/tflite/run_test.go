package tflite

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// run computes an ONNX model as ONNX defines its operators, plainly and slowly, planes one after the other.

// value is a tensor of a running model.
type value struct {
	shape []int
	data  []float32
}

// step is an operator of ONNX.
type step struct {
	operator string
	inputs   []string
	output   string
	ints     map[string][]int
	floats   map[string]float32
}

func run(model []byte, input value) (map[string]value, error) {
	values := map[string]value{}
	var steps []step
	var inputs, outputs []string
	each(model, func(num protowire.Number, _ uint64, graph []byte) {
		if num != modelGraph {
			return
		}
		each(graph, func(num protowire.Number, _ uint64, b []byte) {
			switch num {
			case graphNode:
				steps = append(steps, readStep(b))
			case graphInitializer:
				name, v := readWeights(b)
				values[name] = v
			case graphInput, graphOutput:
				each(b, func(inner protowire.Number, _ uint64, text []byte) {
					if inner == valueName && num == graphInput {
						inputs = append(inputs, string(text))
					} else if inner == valueName {
						outputs = append(outputs, string(text))
					}
				})
			}
		})
	})
	if len(inputs) != 1 {
		return nil, fmt.Errorf("inputs %q", inputs)
	}
	values[inputs[0]] = input
	for _, s := range steps {
		var in []value
		for _, name := range s.inputs {
			v, ok := values[name]
			if !ok {
				return nil, fmt.Errorf("%s: no value %q", s.operator, name)
			}
			in = append(in, v)
		}
		out, err := s.apply(in)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", s.operator, s.output, err)
		}
		values[s.output] = out
	}
	answer := map[string]value{}
	for _, name := range outputs {
		answer[name] = values[name]
	}
	return answer, nil
}

// each walks over the fields of a message.
func each(b []byte, visit func(num protowire.Number, number uint64, content []byte)) {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		b = b[n:]
		size := protowire.ConsumeFieldValue(num, typ, b)
		switch typ {
		case protowire.BytesType:
			content, _ := protowire.ConsumeBytes(b)
			visit(num, 0, content)
		case protowire.VarintType:
			v, _ := protowire.ConsumeVarint(b)
			visit(num, v, nil)
		case protowire.Fixed32Type:
			v, _ := protowire.ConsumeFixed32(b)
			visit(num, uint64(v), nil)
		}
		b = b[size:]
	}
}

func readStep(b []byte) step {
	s := step{ints: map[string][]int{}, floats: map[string]float32{}}
	each(b, func(num protowire.Number, _ uint64, content []byte) {
		switch num {
		case nodeInput:
			s.inputs = append(s.inputs, string(content))
		case nodeOutput:
			s.output = string(content)
		case nodeOperator:
			s.operator = string(content)
		case nodeAttribute:
			name := ""
			each(content, func(num protowire.Number, v uint64, text []byte) {
				switch num {
				case attributeName:
					name = string(text)
				case attributeInt, attributeInts:
					s.ints[name] = append(s.ints[name], int(v))
				case attributeFloat:
					s.floats[name] = math.Float32frombits(uint32(v))
				}
			})
		}
	})
	return s
}

func readWeights(b []byte) (name string, v value) {
	each(b, func(num protowire.Number, n uint64, content []byte) {
		switch num {
		case tensorDims:
			v.shape = append(v.shape, int(n))
		case tensorName:
			name = string(content)
		case tensorRawData:
			for ; len(content) > 0; content = content[4:] {
				v.data = append(v.data, math.Float32frombits(binary.LittleEndian.Uint32(content)))
			}
		}
	})
	return name, v
}

func (s step) apply(in []value) (value, error) {
	x := in[0]
	each := func(f func(float64) float64) (value, error) {
		y := value{x.shape, make([]float32, len(x.data))}
		for i, v := range x.data {
			y.data[i] = float32(f(float64(v)))
		}
		return y, nil
	}
	both := func(f func(a, b float64) float64) (value, error) {
		shape := make([]int, max(len(x.shape), len(in[1].shape)))
		for i := range shape {
			shape[i] = 1
			for _, v := range in[:2] {
				if k := i - (len(shape) - len(v.shape)); k >= 0 {
					shape[i] = max(shape[i], v.shape[k])
				}
			}
		}
		y := value{shape, make([]float32, product(shape))}
		for i := range y.data {
			y.data[i] = float32(f(float64(x.data[within(i, x.shape, shape)]), float64(in[1].data[within(i, in[1].shape, shape)])))
		}
		return y, nil
	}
	switch s.operator {
	case "Identity", "Cast":
		return x, nil
	case "Relu":
		return each(func(v float64) float64 { return max(v, 0) })
	case "Clip":
		return each(func(v float64) float64 { return min(max(v, float64(s.floats["min"])), float64(s.floats["max"])) })
	case "LeakyRelu":
		return each(func(v float64) float64 { return max(v, 0) + float64(s.floats["alpha"])*min(v, 0) })
	case "Neg":
		return each(func(v float64) float64 { return -v })
	case "Abs":
		return each(math.Abs)
	case "Exp":
		return each(math.Exp)
	case "Not":
		return each(func(v float64) float64 { return 1 - v })
	case "Add":
		return both(func(a, b float64) float64 { return a + b })
	case "Sub":
		return both(func(a, b float64) float64 { return a - b })
	case "Mul":
		return both(func(a, b float64) float64 { return a * b })
	case "Div":
		return both(func(a, b float64) float64 { return a / b })
	case "PRelu":
		return both(func(v, slope float64) float64 { return max(v, 0) + slope*min(v, 0) })
	case "Less":
		return both(func(a, b float64) float64 {
			if a < b {
				return 1
			}
			return 0
		})
	case "Flatten":
		return value{[]int{x.shape[0], product(x.shape[1:])}, x.data}, nil
	case "Transpose":
		return s.transpose(x)
	case "Conv":
		return s.conv(x, in[1], in[2])
	case "MaxPool", "AveragePool":
		return s.pool(x)
	case "Gemm":
		return gemm(x, in[1], in[2]), nil
	case "ReduceSum", "ReduceMax":
		return s.reduce(x), nil
	case "Concat":
		return s.concat(in)
	}
	return value{}, fmt.Errorf("not understood")
}

func (s step) transpose(x value) (value, error) {
	if !slices.Equal(s.ints["perm"], []int{0, 2, 3, 1}) {
		return value{}, fmt.Errorf("perm %v", s.ints["perm"])
	}
	n, c, h, w := x.shape[0], x.shape[1], x.shape[2], x.shape[3]
	y := value{[]int{n, h, w, c}, nil}
	for i := range n {
		for p := range h * w {
			for ch := range c {
				y.data = append(y.data, x.data[(i*c+ch)*h*w+p])
			}
		}
	}
	return y, nil
}

func (s step) conv(x, w, b value) (value, error) {
	group, pads, strides, dilations := s.ints["group"][0], s.ints["pads"], s.ints["strides"], s.ints["dilations"]
	if !slices.Equal(s.ints["kernel_shape"], w.shape[2:]) || w.shape[1]*group != x.shape[1] {
		return value{}, fmt.Errorf("kernel %v, weights %v, input %v", s.ints["kernel_shape"], w.shape, x.shape)
	}
	size := func(i int) int {
		return (x.shape[2+i]+pads[i]+pads[2+i]-(w.shape[2+i]-1)*dilations[i]-1)/strides[i] + 1
	}
	y := value{shape: []int{x.shape[0], w.shape[0], size(0), size(1)}}
	for range x.shape[0] {
		for o := range w.shape[0] {
			first := o / (w.shape[0] / group) * w.shape[1]
			for row := range y.shape[2] {
				for col := range y.shape[3] {
					sum := float64(b.data[o])
					for c := range w.shape[1] {
						for i := range w.shape[2] {
							for j := range w.shape[3] {
								v, u := row*strides[0]-pads[0]+i*dilations[0], col*strides[1]-pads[1]+j*dilations[1]
								if v >= 0 && u >= 0 && v < x.shape[2] && u < x.shape[3] {
									sum += float64(x.data[((first+c)*x.shape[2]+v)*x.shape[3]+u]) *
										float64(w.data[((o*w.shape[1]+c)*w.shape[2]+i)*w.shape[3]+j])
								}
							}
						}
					}
					y.data = append(y.data, float32(sum))
				}
			}
		}
	}
	return y, nil
}

func (s step) pool(x value) (value, error) {
	kernel, pads, strides := s.ints["kernel_shape"], s.ints["pads"], s.ints["strides"]
	size := func(i int) int { return (x.shape[2+i]+pads[i]+pads[2+i]-kernel[i])/strides[i] + 1 }
	y := value{shape: []int{x.shape[0], x.shape[1], size(0), size(1)}}
	for c := range x.shape[1] {
		for row := range y.shape[2] {
			for col := range y.shape[3] {
				top, sum, n := math.Inf(-1), 0.0, 0.0
				for i := range kernel[0] {
					for j := range kernel[1] {
						v, u := row*strides[0]-pads[0]+i, col*strides[1]-pads[1]+j
						if v >= 0 && u >= 0 && v < x.shape[2] && u < x.shape[3] {
							at := float64(x.data[(c*x.shape[2]+v)*x.shape[3]+u])
							top, sum, n = max(top, at), sum+at, n+1
						}
					}
				}
				if s.operator == "AveragePool" {
					top = sum / n
				}
				y.data = append(y.data, float32(top))
			}
		}
	}
	return y, nil
}

func gemm(x, w, b value) value {
	y := value{shape: []int{x.shape[0], w.shape[0]}}
	for o := range w.shape[0] {
		sum := float64(b.data[o])
		for i, v := range x.data {
			sum += float64(v) * float64(w.data[o*w.shape[1]+i])
		}
		y.data = append(y.data, float32(sum))
	}
	return y
}

func (s step) reduce(x value) value {
	shape := slices.Clone(x.shape)
	for _, a := range s.ints["axes"] {
		shape[a] = 1
	}
	y := value{shape, make([]float32, product(shape))}
	for i := range y.data {
		if s.operator == "ReduceMax" {
			y.data[i] = float32(math.Inf(-1))
		}
	}
	for i, v := range x.data {
		at := within(i, shape, x.shape)
		if s.operator == "ReduceMax" {
			y.data[at] = max(y.data[at], v)
		} else {
			y.data[at] += v
		}
	}
	return y
}

func (s step) concat(in []value) (value, error) {
	axis := s.ints["axis"][0]
	y := value{shape: slices.Clone(in[0].shape)}
	y.shape[axis] = 0
	for _, v := range in {
		y.shape[axis] += v.shape[axis]
	}
	for n := range product(y.shape[:axis]) {
		for _, v := range in {
			run := product(v.shape[axis:])
			y.data = append(y.data, v.data[n*run:(n+1)*run]...)
		}
	}
	return y, nil
}
