package models

import (
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// channelStep is what ONNX Runtime wants the channels of a picture to be a multiple of before it keeps them in blocks.
const channelStep = 4

const (
	graphOutput    = 12
	graphValueInfo = 13
)

// WidenChannels adds channels of zeros where the channels that lie between convolutions are not a multiple of four, as
// pruning leaves them: ONNX Runtime then runs these convolutions in its blocked layout, which takes half the time. The
// zeros take part in sums alone, so results are the same but for the order of summation.
//
// Channels are widened where a convolution makes them, PRelu and depthwise convolutions pass them on one after the other,
// and a convolution takes them up again; everything else stays as it is. model is not changed.
func WidenChannels(model []byte) ([]byte, error) {
	return mapBytes(model, modelGraph, func(graph []byte) ([]byte, error) {
		w, err := readWiring(graph)
		if err != nil {
			return nil, err
		}
		for i := range w.operators {
			w.widen(i)
		}
		if len(w.target) == 0 {
			return graph, nil
		}
		return mapFields(graph, w.rewrite)
	})
}

// wiring is who makes and takes the values of a graph, and what is to become wider.
type wiring struct {
	operators []operator
	takers    map[string][]int    // of a value or weights: indices of operators
	ends      map[string]bool     // values that leave the graph
	dims      map[string][]uint64 // of the weights
	target    map[string][]uint64 // of the weights that become wider
	groups    map[string]uint64   // of depthwise convolutions that do, by their output
}

// operator is a node and how many groups it has, if it is a convolution.
type operator struct {
	node
	groups uint64
}

func readWiring(graph []byte) (*wiring, error) {
	w := &wiring{
		takers: map[string][]int{}, ends: map[string]bool{}, dims: map[string][]uint64{},
		target: map[string][]uint64{}, groups: map[string]uint64{},
	}
	err := eachField(graph, func(num protowire.Number, typ protowire.Type, value []byte) error {
		if typ != protowire.BytesType {
			return nil
		}
		content, _ := protowire.ConsumeBytes(value)
		switch num {
		case graphNode:
			return w.addOperator(content)
		case graphInitializer:
			t, err := readTensor(content)
			if t.isFloat {
				w.dims[t.name] = t.dims
			}
			return err
		case graphOutput:
			name, err := textOf(content, valueName)
			w.ends[name] = true
			return err
		}
		return nil
	})
	return w, err
}

func (w *wiring) addOperator(message []byte) error {
	n, err := readNode(message)
	if err != nil {
		return err
	}
	for _, in := range n.inputs {
		w.takers[in] = append(w.takers[in], len(w.operators))
	}
	groups, err := groupsOf(message)
	w.operators = append(w.operators, operator{n, groups})
	return err
}

// widen makes the channels that operator i makes a multiple of four, if it can be done all the way to where they end.
func (w *wiring) widen(i int) {
	maker := w.operators[i]
	channels := w.channelsMade(maker)
	if channels%channelStep == 0 || maker.groups != 1 {
		return
	}
	wide := (channels/channelStep + 1) * channelStep
	target, groups := map[string][]uint64{}, map[string]uint64{}
	if !w.change(target, maker.inputs[1:], 0, channels, wide) {
		return
	}
	for value := maker.outputs[0]; ; {
		if w.ends[value] || len(w.takers[value]) != 1 {
			return
		}
		o := w.operators[w.takers[value][0]]
		switch {
		case o.operator == "PRelu" && len(o.inputs) == 2 && o.inputs[0] == value && len(o.outputs) == 1:
		case w.channelsMade(o) == channels && o.groups == channels && o.inputs[0] == value && w.dims[o.inputs[1]][1] == 1:
			groups[o.outputs[0]] = wide
		case w.channelsMade(o) > 0 && o.groups == 1 && o.inputs[0] == value:
			if w.change(target, o.inputs[1:2], 1, channels, wide) {
				w.adopt(target, groups)
			}
			return
		default:
			return
		}
		if !w.change(target, o.inputs[1:], 0, channels, wide) {
			return
		}
		value = o.outputs[0]
	}
}

// channelsMade are those of a convolution of pictures whose weights are constant; 0 for every other operator.
func (w *wiring) channelsMade(o operator) uint64 {
	if o.operator != "Conv" || len(o.inputs) < 2 || len(o.inputs) > 3 || len(o.outputs) != 1 || len(w.dims[o.inputs[1]]) != 4 {
		return 0
	}
	return w.dims[o.inputs[1]][0]
}

// change notes that weights become wider in one dimension; false where one of them is not what only one operator uses.
func (w *wiring) change(target map[string][]uint64, weights []string, axis int, from, to uint64) bool {
	for _, name := range weights {
		dims := w.target[name]
		if dims == nil {
			dims = w.dims[name]
		}
		if len(dims) <= axis || dims[axis] != from || len(w.takers[name]) != 1 || target[name] != nil { // nil unless they go in a circle
			return false
		}
		dims = slices.Clone(dims)
		dims[axis] = to
		target[name] = dims
	}
	return true
}

func (w *wiring) adopt(target map[string][]uint64, groups map[string]uint64) {
	for name, dims := range target {
		w.target[name] = dims
	}
	for output, n := range groups {
		w.groups[output] = n
	}
}

// rewrite is what takes the place of one field of the graph. What says the old shapes is left out: it may be.
func (w *wiring) rewrite(num protowire.Number, field, content []byte) ([]byte, error) {
	switch num {
	case graphInitializer:
		t, err := readTensor(content)
		if err != nil || w.target[t.name] == nil {
			return field, err
		}
		return appendMessage(nil, graphInitializer, t.widened(w.target[t.name]).encode()), nil
	case graphNode:
		n, err := readNode(content)
		if err != nil || len(n.outputs) == 0 || w.groups[n.outputs[0]] == 0 {
			return field, err
		}
		changed, err := withGroups(content, w.groups[n.outputs[0]])
		return appendMessage(nil, graphNode, changed), err
	case graphInput:
		name, err := textOf(content, valueName)
		if w.target[name] != nil {
			return nil, err
		}
		return field, err
	case graphValueInfo:
		return nil, nil
	}
	return field, nil
}

// groupsOf is the attribute "group" of an operator, 1 without one.
func groupsOf(message []byte) (groups uint64, err error) {
	groups = 1
	err = eachBytes(message, nodeAttribute, func(attribute []byte) error {
		name, err := textOf(attribute, attributeName)
		if err != nil || name != "group" {
			return err
		}
		return eachField(attribute, func(num protowire.Number, typ protowire.Type, value []byte) error {
			if num == attributeInteger && typ == protowire.VarintType {
				groups, _ = protowire.ConsumeVarint(value)
			}
			return nil
		})
	})
	return groups, err
}

func withGroups(message []byte, groups uint64) ([]byte, error) {
	return mapFields(message, func(num protowire.Number, field, content []byte) ([]byte, error) {
		if num != nodeAttribute {
			return field, nil
		}
		name, err := textOf(content, attributeName)
		if err != nil || name != "group" {
			return field, err
		}
		return appendInt(nil, "group", groups), nil
	})
}

// tensor is a graph's constant weights of float32.
type tensor struct {
	name    string
	dims    []uint64
	data    []byte // values, four bytes each
	isFloat bool   // and as many as dims say
}

func readTensor(message []byte) (t tensor, err error) {
	var kind uint64
	err = eachField(message, func(num protowire.Number, typ protowire.Type, value []byte) error {
		switch {
		case num == tensorDims && typ == protowire.VarintType:
			v, _ := protowire.ConsumeVarint(value)
			t.dims = append(t.dims, v)
		case num == tensorDims && typ == protowire.BytesType:
			packed, _ := protowire.ConsumeBytes(value)
			return t.appendDims(packed)
		case num == tensorDataType && typ == protowire.VarintType:
			kind, _ = protowire.ConsumeVarint(value)
		case num == tensorName && typ == protowire.BytesType:
			text, _ := protowire.ConsumeBytes(value)
			t.name = string(text)
		case (num == tensorRawData || num == tensorFloatData) && typ == protowire.BytesType:
			t.data, _ = protowire.ConsumeBytes(value)
		}
		return nil
	})
	t.isFloat = kind == typeFloat && len(t.data) > 0 && volume(t.dims) == uint64(len(t.data))/4 && len(t.data)%4 == 0
	return t, err
}

func (t *tensor) appendDims(packed []byte) error {
	for len(packed) > 0 {
		v, n := protowire.ConsumeVarint(packed)
		if n < 0 {
			return errNotONNX
		}
		t.dims, packed = append(t.dims, v), packed[n:]
	}
	return nil
}

// volume is the product of dimensions; 0 for one that no file can have.
func volume(dims []uint64) uint64 {
	n := uint64(1)
	for _, d := range dims {
		if d == 0 || d > maxFileBytes || n*d > maxFileBytes {
			return 0
		}
		n *= d
	}
	return n
}

// widened are the weights in a larger shape, zeros where there was nothing. Only the first two dimensions may differ.
func (t tensor) widened(dims []uint64) tensor {
	rows, columns := pairOf(t.dims)
	wideRows, wideColumns := pairOf(dims)
	inner := 4 * volume(dims) / (wideRows * wideColumns)
	wide := tensor{name: t.name, dims: dims, data: make([]byte, wideRows*wideColumns*inner), isFloat: true}
	for r := range rows {
		copy(wide.data[r*wideColumns*inner:], t.data[r*columns*inner:(r+1)*columns*inner])
	}
	return wide
}

// pairOf are the first two dimensions.
func pairOf(dims []uint64) (rows, columns uint64) {
	if len(dims) == 1 {
		return dims[0], 1
	}
	return dims[0], dims[1]
}

func (t tensor) encode() []byte {
	var b []byte
	for _, d := range t.dims {
		b = protowire.AppendVarint(protowire.AppendTag(b, tensorDims, protowire.VarintType), d)
	}
	b = protowire.AppendVarint(protowire.AppendTag(b, tensorDataType, protowire.VarintType), typeFloat)
	return appendMessage(appendText(b, tensorName, t.name), tensorRawData, t.data)
}
