package tflite

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// Values of options.
const (
	paddingSame  = 0
	paddingValid = 1

	activationNone  = 0
	activationRelu  = 1
	activationRelu6 = 3
)

// operator writes what stands for operator k of the file.
func (c *converter) operator(k int, o operator) error {
	if p, ok := c.prelus[k]; ok {
		return c.prelu(o, p)
	}
	switch o.code {
	case opConv, opDepthwiseConv:
		return c.conv(o)
	case opAveragePool:
		return c.pool("AveragePool", o)
	case opMaxPool:
		return c.pool("MaxPool", o)
	case opDense:
		return c.dense(o)
	case opAdd:
		return c.binary("Add", o)
	case opSub:
		return c.binary("Sub", o)
	case opMul:
		return c.binary("Mul", o)
	case opDiv:
		return c.binary("Div", o)
	case opLess, opGreaterEqual:
		return c.compare(o)
	case opRelu:
		return c.unary("Relu", o)
	case opExp:
		return c.unary("Exp", o)
	case opNeg:
		return c.unary("Neg", o)
	case opAbs:
		return c.unary("Abs", o)
	case opCast:
		return c.cast(o)
	case opLeakyRelu:
		return c.unary("LeakyRelu", o, attribute{"alpha", math.Float32frombits(uint32(c.reader.int(o.options, 0, 0)))})
	case opSum:
		return c.reduce("ReduceSum", o)
	case opReduceMax:
		return c.reduce("ReduceMax", o)
	case opReshape:
		return c.flatten(o)
	case opStridedSlice:
		return c.slice(o)
	case opConcatenation:
		return c.concatenation(o)
	}
	return errors.New("not understood")
}

// operands checks that an operator has so many inputs, and returns the first one's and the output's shape in the model.
func (c *converter) operands(o operator, n int) (in, out []int, err error) {
	if len(o.inputs) != n || o.inputs[0] < 0 {
		return nil, nil, fmt.Errorf("%d inputs, want %d", len(o.inputs), n)
	}
	if in, err = c.planar(o.inputs[0]); err != nil {
		return nil, nil, err
	}
	out, err = c.planar(o.outputs[0])
	return in, out, err
}

// picture is operands for an operator on pictures.
func (c *converter) picture(o operator, n int) (in, out []int, err error) {
	in, out, err = c.operands(o, n)
	if err == nil && (len(in) != 4 || len(out) != 4) {
		err = fmt.Errorf("shapes %v and %v, want pictures", in, out)
	}
	return in, out, err
}

// activated writes an operator and the activation that it has in its options.
func (c *converter) activated(activation int, operator string, o operator, inputs []string, attributes ...attribute) error {
	out := c.name(o.outputs[0])
	linear := out
	if activation != activationNone {
		linear += "/linear"
	}
	if err := c.emit(operator, linear, inputs, attributes...); err != nil {
		return err
	}
	switch activation {
	case activationNone:
		return nil
	case activationRelu:
		return c.emit("Relu", out, []string{linear})
	case activationRelu6:
		return c.emit("Clip", out, []string{linear}, attribute{"min", float32(0)}, attribute{"max", float32(6)})
	}
	return fmt.Errorf("activation %d is not understood", activation)
}

// window is how a convolution or pooling goes over a picture, height before width.
type window struct{ kernel, stride, dilation [2]int }

// pads returns the attribute for the padding, top, left, bottom, right, and checks the output's size.
func (w window) pads(padding int, in, out []int) (attribute, error) {
	pads := make([]int, 4)
	for i := range 2 {
		k, s, d, size := w.kernel[i], w.stride[i], w.dilation[i], in[2+i]
		if k < 1 || s < 1 || d < 1 || k > maxDim || s > maxDim || d > maxDim {
			return attribute{}, fmt.Errorf("window %v", w)
		}
		reach := (k-1)*d + 1
		want := 0
		switch padding {
		case paddingSame:
			want = (size + s - 1) / s
			total := max((want-1)*s+reach-size, 0)
			pads[i], pads[2+i] = total/2, total-total/2
		case paddingValid:
			want = (size-reach)/s + 1
		default:
			return attribute{}, fmt.Errorf("padding %d is not understood", padding)
		}
		if want != out[2+i] || size < reach && padding == paddingValid {
			return attribute{}, fmt.Errorf("shape %v of %v by %v", out, in, w)
		}
	}
	return attribute{"pads", pads}, nil
}

func (c *converter) conv(o operator) error {
	in, out, err := c.picture(o, 3)
	if err != nil {
		return err
	}
	r, depthwise := c.reader, o.code == opDepthwiseConv
	next := 0 // a depthwise convolution has one more option in between
	if depthwise {
		next = 1
	}
	w := window{
		stride:   [2]int{r.int(o.options, 2, 0), r.int(o.options, 1, 0)},
		dilation: [2]int{r.int(o.options, 5+next, 1), r.int(o.options, 4+next, 1)},
	}
	activation := r.byte(o.options, 3+next)
	weights, err := c.given(o, 1)
	if err != nil {
		return err
	}
	values, err := weights.floats()
	if err != nil {
		return err
	}
	if len(weights.shape) != 4 {
		return fmt.Errorf("weights of shape %v", weights.shape)
	}
	w.kernel = [2]int{weights.shape[1], weights.shape[2]}
	pads, err := w.pads(r.byte(o.options, 0), in, out)
	if err != nil {
		return err
	}
	// Weights are output, height, width, input; of a depthwise convolution 1, height, width, output.
	group, shape := 1, planar(weights.shape)
	if depthwise {
		group, shape = in[1], []int{shape[1], 1, shape[2], shape[3]}
		values = planes(values, 1, weights.shape[1]*weights.shape[2], weights.shape[3])
	} else {
		values = planes(values, weights.shape[0], weights.shape[1]*weights.shape[2], weights.shape[3])
	}
	if shape[0] != out[1] || shape[1]*group != in[1] || depthwise && (weights.shape[0] != 1 || out[1]%in[1] != 0) {
		return fmt.Errorf("weights of shape %v from %v to %v", weights.shape, in, out)
	}
	name, err := c.weight(c.name(o.outputs[0])+"/weights", shape, values)
	if err != nil {
		return err
	}
	bias, err := c.bias(o, out[1])
	if err != nil {
		return err
	}
	return c.activated(activation, "Conv", o, []string{c.name(o.inputs[0]), name, bias},
		attribute{"dilations", w.dilation[:]}, attribute{"group", group}, attribute{"kernel_shape", w.kernel[:]},
		pads, attribute{"strides", w.stride[:]})
}

// planes brings n pictures of so many pixels from channels side by side to planes one after the other.
func planes(values []float32, n, pixels, channels int) []float32 {
	moved := make([]float32, len(values))
	for i := range n {
		from, to := values[i*pixels*channels:][:pixels*channels], moved[i*pixels*channels:][:pixels*channels]
		for p := range pixels {
			for ch := range channels {
				to[ch*pixels+p] = from[p*channels+ch]
			}
		}
	}
	return moved
}

// given is an operator's input i, which must be there.
func (c *converter) given(o operator, i int) (tensor, error) {
	if o.inputs[i] < 0 {
		return tensor{}, fmt.Errorf("input %d is left out", i)
	}
	return c.tensors[o.inputs[i]], nil
}

// bias writes the third input, n numbers that may be left out for zeros.
func (c *converter) bias(o operator, n int) (string, error) {
	values := make([]float32, n)
	if i := o.inputs[2]; i >= 0 {
		given, err := c.tensors[i].floats()
		if err != nil {
			return "", err
		}
		if len(given) != n {
			return "", fmt.Errorf("%d biases for %d outputs", len(given), n)
		}
		values = given
	}
	return c.weight(c.name(o.outputs[0])+"/bias", []int{n}, values)
}

func (c *converter) pool(operator string, o operator) error {
	in, out, err := c.picture(o, 1)
	if err != nil {
		return err
	}
	r := c.reader
	w := window{
		kernel: [2]int{r.int(o.options, 4, 0), r.int(o.options, 3, 0)},
		stride: [2]int{r.int(o.options, 2, 0), r.int(o.options, 1, 0)}, dilation: [2]int{1, 1},
	}
	pads, err := w.pads(r.byte(o.options, 0), in, out)
	if err != nil {
		return err
	}
	if in[1] != out[1] {
		return fmt.Errorf("%d channels become %d", in[1], out[1])
	}
	return c.activated(r.byte(o.options, 5), operator, o, []string{c.name(o.inputs[0])},
		attribute{"kernel_shape", w.kernel[:]}, pads, attribute{"strides", w.stride[:]})
}

// dense is a layer in which every output depends on every input. A picture in front of it is flattened, and the weights
// brought into the order of its planes.
func (c *converter) dense(o operator) error {
	in, out, err := c.operands(o, 3)
	if err != nil {
		return err
	}
	if c.reader.byte(o.options, 1) != 0 || c.reader.byte(o.options, 2) != 0 || len(out) != 2 {
		return errors.New("a dense layer of another form")
	}
	weights, err := c.given(o, 1)
	if err != nil {
		return err
	}
	values, err := weights.floats()
	if err != nil {
		return err
	}
	if n := product(in); !same(weights.shape, []int{out[1], n}) {
		return fmt.Errorf("weights of shape %v from %v to %v", weights.shape, in, out)
	}
	y := c.name(o.outputs[0])
	x := c.name(o.inputs[0])
	if len(in) == 4 {
		values = planes(values, out[1], in[2]*in[3], in[1])
		if err := c.emit("Flatten", y+"/flat", []string{x}, attribute{"axis", 1}); err != nil {
			return err
		}
		x = y + "/flat"
	}
	name, err := c.weight(y+"/weights", weights.shape, values)
	if err != nil {
		return err
	}
	bias, err := c.bias(o, out[1])
	if err != nil {
		return err
	}
	return c.activated(c.reader.byte(o.options, 0), "Gemm", o, []string{x, name, bias}, attribute{"transB", 1})
}

func (c *converter) prelu(o operator, p prelu) error {
	in, err := c.planar(p.x)
	if err != nil {
		return err
	}
	values, err := c.tensors[p.slope].floats()
	if err != nil {
		return err
	}
	for i := range values {
		values[i] *= p.factor
	}
	shape := []int{len(values)}
	if len(in) == 4 {
		shape = []int{len(values), 1, 1}
	}
	y := c.name(o.outputs[0])
	slope, err := c.weight(y+"/slope", shape, values)
	if err != nil {
		return err
	}
	return c.emit("PRelu", y, []string{c.name(p.x), slope})
}

func (c *converter) unary(operator string, o operator, attributes ...attribute) error {
	in, out, err := c.operands(o, 1)
	if err != nil {
		return err
	}
	if !same(in, out) {
		return fmt.Errorf("%v becomes %v", in, out)
	}
	return c.emit(operator, c.name(o.outputs[0]), []string{c.name(o.inputs[0])}, attributes...)
}

// cast is from yes and no to 1 and 0.
func (c *converter) cast(o operator) error {
	if c.tensors[o.outputs[0]].kind != typeFloat32 {
		return errors.New("a change to another type than 32-bit floating point")
	}
	return c.unary("Cast", o, attribute{"to", elementFloat})
}

// binary is an operator of two operands, of which one may be constant.
func (c *converter) binary(operator string, o operator) error {
	inputs, err := c.pair(o)
	if err != nil {
		return err
	}
	return c.activated(c.reader.byte(o.options, 0), operator, o, inputs)
}

// compare writes a comparison: in this version of ONNX "not less" stands for "greater or equal".
func (c *converter) compare(o operator) error {
	inputs, err := c.pair(o)
	if err != nil {
		return err
	}
	out := c.name(o.outputs[0])
	if o.code == opLess {
		return c.emit("Less", out, inputs)
	}
	if err := c.emit("Less", out+"/less", inputs); err != nil {
		return err
	}
	return c.emit("Not", out, []string{out + "/less"})
}

// pair names both operands of an operator. Each must have the output's shape, or be spread over it.
func (c *converter) pair(o operator) (names []string, err error) {
	out, err := c.planar(o.outputs[0])
	if err != nil {
		return nil, err
	}
	if len(o.inputs) != 2 || slices.Contains(o.inputs, -1) {
		return nil, fmt.Errorf("%d inputs, want 2", len(o.inputs))
	}
	for side, i := range o.inputs {
		if c.tensors[i].constant() {
			name, err := c.spread(fmt.Sprintf("%s/%d", c.name(o.outputs[0]), side), c.tensors[i], out)
			if err != nil {
				return nil, err
			}
			names = append(names, name)
			continue
		}
		shape, err := c.planar(i)
		if err != nil {
			return nil, err
		}
		if !spreads(shape, out) || len(shape) != len(out) {
			return nil, fmt.Errorf("shape %v in %v", shape, out)
		}
		names = append(names, c.name(i))
	}
	return names, nil
}

// spread writes a constant that goes with every place of a value: a number, one for each channel, or one for each place.
func (c *converter) spread(name string, t tensor, out []int) (string, error) {
	values, err := t.floats()
	if err != nil {
		return "", err
	}
	shape := t.shape
	if len(out) == 4 {
		switch len(shape) {
		case 0:
		case 1:
			shape = []int{shape[0], 1, 1}
		case 4:
			values = planes(values, shape[0], shape[1]*shape[2], shape[3])
			shape = planar(shape)
		default:
			return "", fmt.Errorf("constant of shape %v", t.shape)
		}
	}
	if !spreads(shape, out) {
		return "", fmt.Errorf("constant of shape %v in %v", t.shape, out)
	}
	return c.weight(name, shape, values)
}

// spreads says whether a shape, counted from the last dimension, is that of out or 1 everywhere.
func spreads(shape, out []int) bool {
	if len(shape) > len(out) {
		return false
	}
	for i, d := range shape {
		if d != 1 && d != out[len(out)-len(shape)+i] {
			return false
		}
	}
	return true
}

// reduce goes over some dimensions and keeps each as one of size 1.
func (c *converter) reduce(operator string, o operator) error {
	in, out, err := c.operands(o, 2)
	if err != nil {
		return err
	}
	over, err := c.given(o, 1)
	if err != nil {
		return err
	}
	axes, err := over.integers()
	if err != nil {
		return err
	}
	want := slices.Clone(in)
	for i, axis := range axes {
		if axis < 0 {
			axis += len(in)
		}
		if axis < 1 || axis >= len(in) {
			return fmt.Errorf("axis %d of %v", axes[i], in)
		}
		axes[i] = moved(axis, len(in))
		want[axes[i]] = 1
	}
	if c.reader.byte(o.options, 0) == 0 || !same(want, out) {
		return fmt.Errorf("%v becomes %v", in, out)
	}
	return c.emit(operator, c.name(o.outputs[0]), []string{c.name(o.inputs[0])}, attribute{"axes", axes}, attribute{"keepdims", 1})
}

// moved is where a dimension of the file stands in the model.
func moved(axis, dims int) int {
	if dims == 4 {
		return []int{0, 2, 3, 1}[axis]
	}
	return axis
}

// flatten is the only change of shape that is understood: everything of one picture in a row.
func (c *converter) flatten(o operator) error {
	if len(o.inputs) > 1 {
		o.inputs = o.inputs[:1] // the shape is that of the output, once more
	}
	in, out, err := c.operands(o, 1)
	if err != nil {
		return err
	}
	if !same(out, []int{1, product(in)}) {
		return fmt.Errorf("%v becomes %v", in, out)
	}
	x, y := c.name(o.inputs[0]), c.name(o.outputs[0])
	if len(in) == 4 && in[2]*in[3] > 1 {
		if err := c.emit("Transpose", y+"/pixels", []string{x}, attribute{"perm", []int{0, 2, 3, 1}}); err != nil {
			return err
		}
		x = y + "/pixels"
	}
	return c.emit("Flatten", y, []string{x}, attribute{"axis", 1})
}

// slice takes only slices of everything.
func (c *converter) slice(o operator) error {
	if len(o.inputs) != 4 {
		return fmt.Errorf("%d inputs, want 4", len(o.inputs))
	}
	steps, err := c.given(o, 3)
	if err != nil {
		return err
	}
	strides, err := steps.integers()
	if err != nil {
		return err
	}
	all := 1<<len(strides) - 1
	r := c.reader
	whole := r.int(o.options, 0, 0) == all && r.int(o.options, 1, 0) == all
	for field := 2; field <= 4; field++ {
		whole = whole && r.int(o.options, field, 0) == 0
	}
	for _, s := range strides {
		whole = whole && s == 1
	}
	if !whole || len(strides) > 8 {
		return errors.New("a slice of a part")
	}
	return c.unary("Identity", operator{o.code, o.inputs[:1], o.outputs, o.options})
}

func (c *converter) concatenation(o operator) error {
	out, err := c.planar(o.outputs[0])
	if err != nil {
		return err
	}
	axis := c.reader.int(o.options, 0, 0)
	if axis < 0 {
		axis += len(out)
	}
	if axis < 1 || axis >= len(out) {
		return fmt.Errorf("axis %d of %v", axis, out)
	}
	axis = moved(axis, len(out))
	var names []string
	total := 0
	for _, i := range o.inputs {
		if i < 0 {
			return errors.New("an input is left out")
		}
		shape, err := c.planar(i)
		if err != nil {
			return err
		}
		want := slices.Clone(out)
		if len(shape) != len(out) {
			return fmt.Errorf("%v in %v", shape, out)
		}
		want[axis] = shape[axis]
		if !same(shape, want) {
			return fmt.Errorf("%v in %v", shape, out)
		}
		total += shape[axis]
		names = append(names, c.name(i))
	}
	if total != out[axis] {
		return fmt.Errorf("%d parts of %v", len(names), out)
	}
	return c.activated(c.reader.byte(o.options, 1), "Concat", o, names, attribute{"axis", axis})
}
