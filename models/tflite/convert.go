// Package tflite turns networks of TensorFlow Lite into ONNX, so that the runtimes that we have can run them.
//
// It understands networks of convolutions and what usually stands between them, in 32-bit floating point (weights also in
// 16 bits), and refuses every file that holds anything else. Pictures are laid out as ONNX has them: planes one after the
// other, where TensorFlow Lite has the channels of a pixel side by side. The batch becomes 1, whatever it was.
package tflite

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// MaxBytes bounds the file that is read.
const MaxBytes = 64 << 20

// ONNX converts a model. Inputs and outputs keep their names. The same file gives the same bytes.
func ONNX(file []byte) ([]byte, error) {
	model, err := convert(file)
	if err != nil {
		return nil, fmt.Errorf("tflite: %w", err)
	}
	return model, nil
}

func convert(file []byte) ([]byte, error) {
	if len(file) > MaxBytes {
		return nil, fmt.Errorf("%d bytes, at most %d are read", len(file), MaxBytes)
	}
	g, err := parse(file)
	if err != nil {
		return nil, err
	}
	c := &converter{graph: g, batch: 1, room: 4*len(file) + 1<<12, named: map[string]bool{}}
	if shape := g.tensors[g.inputs[0]].shape; len(shape) > 0 {
		c.batch = shape[0]
	}
	c.widen()
	c.fuse()
	live := c.live()
	for k, o := range c.operators {
		if !live[k] {
			continue
		}
		if err := c.operator(k, o); err != nil {
			return nil, fmt.Errorf("operator %d (code %d): %w", k, o.code, err)
		}
	}
	return c.finish()
}

// converter writes the operators of a graph one after the other.
type converter struct {
	*graph
	batch int // of the file
	room  int // bytes of weights that may still be written: no file makes more than a few times its own size
	named map[string]bool

	// prelus are the additions that stand for x where it is positive and slope*x elsewhere, by number of operator.
	prelus map[int]prelu

	nodes, weights message
}

// prelu is what several operators compute together.
type prelu struct {
	x      int
	slope  int // constant tensor
	factor float32
}

// widen makes constants of what is computed from constants by a change of type alone.
func (c *converter) widen() {
	for _, o := range c.operators {
		if from := c.tensors[o.inputs[0]]; o.code == opDequantize && from.constant() && from.kind == typeFloat16 {
			to := &c.tensors[o.outputs[0]]
			if same(from.shape, to.shape) {
				to.kind, to.data = from.kind, from.data
			}
		}
	}
}

// fuse finds the two ways in which PRelu is written out:
// Relu(x) + a * (x - |x|), slope 2a, and Relu(x) + a * -Relu(-x), slope a.
func (c *converter) fuse() {
	makers := map[int]operator{}
	for _, o := range c.operators {
		makers[o.outputs[0]] = o
	}
	// made is the only operand of an operator with a code that computes t, or its two.
	made := func(t, code int) []int {
		if o, ok := makers[t]; ok && o.code == code && c.plain(o) {
			return o.inputs
		}
		return nil
	}
	below := func(t int) (x int, factor float32, ok bool) {
		if in := made(t, opSub); len(in) == 2 {
			if of := made(in[1], opAbs); len(of) == 1 && of[0] == in[0] {
				return in[0], 2, true
			}
		}
		if in := made(t, opNeg); len(in) == 1 {
			if relu := made(in[0], opRelu); len(relu) == 1 {
				if of := made(relu[0], opNeg); len(of) == 1 {
					return of[0], 1, true
				}
			}
		}
		return 0, 0, false
	}
	c.prelus = map[int]prelu{}
	for k, o := range c.operators {
		if o.code != opAdd || len(o.inputs) != 2 || !c.plain(o) {
			continue
		}
		for i := range 2 {
			above, scaled := made(o.inputs[i], opRelu), made(o.inputs[1-i], opMul)
			if len(above) != 1 || len(scaled) != 2 {
				continue
			}
			for j := range 2 {
				slope := scaled[j]
				x, factor, ok := below(scaled[1-j])
				if ok && x == above[0] && c.slopes(slope, x) {
					c.prelus[k] = prelu{x, slope, factor}
				}
			}
		}
	}
}

// slopes says whether a constant has one value for each channel of x.
func (c *converter) slopes(i, x int) bool {
	if i < 0 || x < 0 {
		return false
	}
	t, shape := c.tensors[i], c.tensors[x].shape
	return t.constant() && len(t.shape) == 1 && len(shape) > 1 && t.shape[0] == shape[len(shape)-1]
}

// plain says whether an operator of two operands has no activation of its own, and has its operands.
func (c *converter) plain(o operator) bool {
	if slices.Contains(o.inputs, -1) {
		return false
	}
	switch o.code {
	case opAdd, opMul, opSub, opDiv:
		return c.reader.byte(o.options, 0) == 0
	}
	return true
}

// live are the operators that an output depends on.
func (c *converter) live() []bool {
	live, wanted := make([]bool, len(c.operators)), make([]bool, len(c.tensors))
	for _, i := range c.outputs {
		wanted[i] = true
	}
	for k, o := range slices.Backward(c.operators) {
		if live[k] = wanted[o.outputs[0]] && !c.tensors[o.outputs[0]].constant(); !live[k] {
			continue
		}
		if p, ok := c.prelus[k]; ok {
			wanted[p.x] = true
			continue
		}
		for _, i := range o.inputs {
			if i >= 0 {
				wanted[i] = true
			}
		}
	}
	return live
}

// finish puts the model together.
func (c *converter) finish() ([]byte, error) {
	if c.reader.err != nil {
		return nil, c.reader.err
	}
	g := append(slices.Clone(c.nodes), message(nil).text(graphName, "converted")...)
	g = append(g, c.weights...)
	for _, end := range []struct {
		list []int
		num  int
	}{{c.inputs, graphInput}, {c.outputs, graphOutput}} {
		for _, i := range end.list {
			if c.tensors[i].kind != typeFloat32 {
				return nil, errors.New("an input or output that is not of 32-bit floating point")
			}
			shape, err := c.planar(i)
			if err != nil {
				return nil, err
			}
			if end.num == graphInput && !c.claim(c.name(i)) {
				return nil, errors.New("two values of one name")
			}
			if end.num == graphInput {
				g = g.bytes(graphInput, encodeValue(c.name(i), shape))
			} else {
				g = g.bytes(graphOutput, encodeValue(c.name(i), shape))
			}
		}
	}
	return encodeModel(g), nil
}

// name of a value in the model: the file's for inputs and outputs.
func (c *converter) name(i int) string {
	if slices.Contains(c.inputs, i) || slices.Contains(c.outputs, i) {
		return c.tensors[i].name
	}
	return fmt.Sprintf("t%d", i)
}

// claim takes a name, once.
func (c *converter) claim(name string) bool {
	if name == "" || c.named[name] {
		return false
	}
	c.named[name] = true
	return true
}

// planar is a computed value's shape in the model: batch 1, and channels before height and width.
func (c *converter) planar(i int) ([]int, error) {
	t := c.tensors[i]
	if t.constant() {
		return nil, errors.New("a constant where a computed value is wanted")
	}
	if len(t.shape) != 2 && len(t.shape) != 4 || t.shape[0] != c.batch {
		return nil, fmt.Errorf("a value of shape %v, want 2 or 4 dimensions and batch %d", t.shape, c.batch)
	}
	return planar(append([]int{1}, t.shape[1:]...)), nil
}

// planar moves the last of four dimensions behind the first.
func planar(shape []int) []int {
	if len(shape) != 4 {
		return shape
	}
	return []int{shape[0], shape[3], shape[1], shape[2]}
}

// emit writes an operator.
func (c *converter) emit(operator, output string, inputs []string, attributes ...attribute) error {
	if !c.claim(output) {
		return errors.New("two values of one name")
	}
	c.nodes = c.nodes.bytes(graphNode, encodeNode(operator, output, inputs, attributes))
	return nil
}

// constant writes weights under a name.
func (c *converter) weight(name string, shape []int, values []float32) (string, error) {
	if c.room -= 4 * len(values); c.room < 0 {
		return "", errors.New("weights used more often than any network uses them")
	}
	if !c.claim(name) {
		return "", errors.New("two values of one name")
	}
	for _, v := range values {
		if x := float64(v); math.IsNaN(x) || math.IsInf(x, 0) {
			return "", errors.New("a weight that is no number")
		}
	}
	c.weights = c.weights.bytes(graphInitializer, encodeWeights(name, shape, values))
	return name, nil
}
