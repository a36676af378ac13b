package tflite

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// Codes of the operators that are understood (BuiltinOperator of TensorFlow Lite's schema, version 3).
const (
	opAdd           = 0
	opAveragePool   = 1
	opConcatenation = 2
	opConv          = 3
	opDepthwiseConv = 4
	opDequantize    = 6
	opDense         = 9 // FULLY_CONNECTED
	opMaxPool       = 17
	opMul           = 18
	opRelu          = 19
	opReshape       = 22
	opSub           = 41
	opDiv           = 42
	opStridedSlice  = 45
	opExp           = 47
	opCast          = 53
	opLess          = 58
	opNeg           = 59
	opGreaterEqual  = 62
	opSum           = 74
	opReduceMax     = 82
	opLeakyRelu     = 98
	opAbs           = 101
)

// Element types of tensors.
const (
	typeFloat32 = 0
	typeFloat16 = 1
	typeInt32   = 2
	typeBool    = 6
)

const (
	identifier  = "TFL3"
	version     = 3
	maxTensors  = 1 << 14
	maxDim      = 1 << 16
	maxElements = 1 << 28 // of one tensor
)

// tensor is a constant, or a value that an operator computes. Shapes are those of the file: batch, height, width, channels.
type tensor struct {
	name  string
	shape []int
	kind  int
	data  []byte // of a constant; nil for others
}

func (t tensor) constant() bool { return t.data != nil }

func (t tensor) elements() int { return product(t.shape) }

func product(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// operator is one step of the network. Tensors are numbered; -1 is an input that is left out.
type operator struct {
	code            int
	inputs, outputs []int
	options         table
}

// graph is a network as the file has it.
type graph struct {
	reader          *reader
	tensors         []tensor
	operators       []operator
	inputs, outputs []int
}

// parse reads a file whose networks are of one graph.
func parse(file []byte) (*graph, error) {
	if len(file) < 8 || string(file[4:8]) != identifier {
		return nil, fmt.Errorf("not a TensorFlow Lite model: no %s after its first four bytes", identifier)
	}
	r := &reader{file: file}
	root := table(r.ahead(0))
	if v := r.int(root, 0, 0); r.err == nil && v != version {
		return nil, fmt.Errorf("schema version %d, want %d", v, version)
	}
	graphs, buffers := r.tables(root, 2), r.tables(root, 4)
	if r.err == nil && len(graphs) != 1 {
		return nil, fmt.Errorf("%d graphs, want 1", len(graphs))
	}
	if r.err != nil {
		return nil, r.err
	}
	g := &graph{reader: r, inputs: r.ints(graphs[0], 1), outputs: r.ints(graphs[0], 2)}
	if err := g.readTensors(r.tables(graphs[0], 0), buffers); err != nil {
		return nil, err
	}
	if err := g.readOperators(r.tables(graphs[0], 3), r.tables(root, 1)); err != nil {
		return nil, err
	}
	return g, g.check()
}

func (g *graph) readTensors(list, buffers []table) error {
	r := g.reader
	if len(list) > maxTensors {
		return fmt.Errorf("%d tensors, at most %d are read", len(list), maxTensors)
	}
	for i, t := range list {
		read := tensor{name: string(r.data(t, 3)), shape: r.ints(t, 0), kind: r.byte(t, 1)}
		if buffer := r.int(t, 2, 0); buffer >= 0 && buffer < len(buffers) {
			if data := r.data(buffers[buffer], 0); len(data) > 0 {
				read.data = data
			}
		}
		if r.err != nil {
			return r.err
		}
		if err := read.check(); err != nil {
			return fmt.Errorf("tensor %d: %w", i, err)
		}
		g.tensors = append(g.tensors, read)
	}
	return nil
}

func (t tensor) check() error {
	n := 1
	for _, d := range t.shape {
		if d < 1 || d > maxDim || n > maxElements/d {
			return fmt.Errorf("shape %v", t.shape)
		}
		n *= d
	}
	size := map[int]int{typeFloat32: 4, typeFloat16: 2, typeInt32: 4, typeBool: 1}[t.kind]
	if size == 0 {
		return fmt.Errorf("elements of type %d are not understood", t.kind)
	}
	if t.constant() && len(t.data) != n*size {
		return fmt.Errorf("shape %v with %d bytes", t.shape, len(t.data))
	}
	return nil
}

func (g *graph) readOperators(list, codes []table) error {
	r := g.reader
	for _, o := range list {
		k := r.int(o, 0, 0)
		if r.err != nil || k < 0 || k >= len(codes) {
			return errDamaged
		}
		// Codes above 127 are in field 3; older files have all of theirs in field 0 alone.
		code := max(r.byte(codes[k], 0), r.int(codes[k], 3, 0))
		g.operators = append(g.operators, operator{code, r.ints(o, 1), r.ints(o, 2), r.table(o, 4)})
	}
	return r.err
}

// check makes sure that every reference is to a tensor, and that operators stand after what they need.
func (g *graph) check() error {
	if len(g.inputs) != 1 || len(g.outputs) < 1 {
		return fmt.Errorf("%d inputs and %d outputs, want 1 and some", len(g.inputs), len(g.outputs))
	}
	known := make([]bool, len(g.tensors))
	for i, t := range g.tensors {
		known[i] = t.constant()
	}
	if i := g.inputs[0]; i < 0 || i >= len(known) || known[i] {
		return errDamaged
	}
	known[g.inputs[0]] = true
	for _, o := range g.operators {
		for _, i := range o.inputs {
			if i != -1 && (i < 0 || i >= len(known) || !known[i]) {
				return fmt.Errorf("operator %d uses a tensor that nothing gives", o.code)
			}
		}
		if len(o.inputs) < 1 || len(o.outputs) != 1 {
			return fmt.Errorf("operator %d: %d inputs and %d outputs, want some and 1", o.code, len(o.inputs), len(o.outputs))
		}
		i := o.outputs[0]
		if i < 0 || i >= len(known) || known[i] {
			return fmt.Errorf("operator %d gives a tensor that is given already", o.code)
		}
		known[i] = true
	}
	for _, i := range g.outputs {
		if i < 0 || i >= len(known) || !known[i] || g.tensors[i].constant() {
			return fmt.Errorf("an output that nothing gives")
		}
	}
	return nil
}

// floats are the values of a constant of 32 or 16 bits.
func (t tensor) floats() ([]float32, error) {
	if !t.constant() {
		return nil, fmt.Errorf("a constant is wanted, %q is computed", t.name)
	}
	switch t.kind {
	case typeFloat32:
		values := make([]float32, len(t.data)/4)
		for i := range values {
			values[i] = math.Float32frombits(binary.LittleEndian.Uint32(t.data[4*i:]))
		}
		return values, nil
	case typeFloat16:
		values := make([]float32, len(t.data)/2)
		for i := range values {
			values[i] = half(binary.LittleEndian.Uint16(t.data[2*i:]))
		}
		return values, nil
	}
	return nil, fmt.Errorf("numbers are wanted, %q has elements of type %d", t.name, t.kind)
}

// integers are the values of a constant of whole numbers.
func (t tensor) integers() ([]int, error) {
	if !t.constant() || t.kind != typeInt32 {
		return nil, fmt.Errorf("constant whole numbers are wanted, not %q", t.name)
	}
	values := make([]int, len(t.data)/4)
	for i := range values {
		values[i] = int(int32(binary.LittleEndian.Uint32(t.data[4*i:])))
	}
	return values, nil
}

// half is the value of an IEEE 754 number of 16 bits.
func half(bits uint16) float32 {
	sign, exponent, fraction := float64(1), int(bits>>10&31), float64(bits&1023)
	if bits>>15 == 1 {
		sign = -1
	}
	switch exponent {
	case 0:
		return float32(sign * math.Ldexp(fraction, -24))
	case 31:
		if fraction > 0 {
			return float32(math.NaN())
		}
		return float32(math.Inf(int(sign)))
	}
	return float32(sign * math.Ldexp(1024+fraction, exponent-25))
}

// same says whether two shapes are one.
func same(a, b []int) bool { return slices.Equal(a, b) }
