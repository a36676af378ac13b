package models

import (
	"encoding/binary"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// Field numbers of onnx.proto.
const (
	graphNode         = 1
	nodeInput         = 1
	nodeOutput        = 2
	nodeName          = 3
	nodeOperator      = 4
	nodeAttribute     = 5
	attributeName     = 1
	attributeInteger  = 3
	attributeIntegers = 8
	attributeType     = 20
	tensorDims        = 1
	tensorName        = 8
	attributeInt      = 2 // values of attributeType
	attributeInts     = 7
)

// SplitPRelu replaces every PRelu with a slope a channel by operators that ONNX Runtime runs in its blocked layout:
//
//	PRelu(x) = x + (1-slope) * Relu(-x)
//
// with both factors as depthwise convolutions of one pixel. A PRelu of its own is run channel by channel outside that layout
// and costs two conversions besides: the embedding takes half the time without them. Results differ by rounding, some 1e-7 of
// their size. Other runtimes, which have a PRelu of their own inside the convolution, gain nothing. A PRelu
// whose slopes are not float32 weights of shape [C,1,1] stays as it is. model is not changed.
func SplitPRelu(model []byte) ([]byte, error) {
	return mapBytes(model, modelGraph, func(graph []byte) ([]byte, error) {
		slopes, err := slopesOf(graph)
		if err != nil {
			return nil, err
		}
		var weights []byte
		out, err := mapFields(graph, func(num protowire.Number, field, value []byte) ([]byte, error) {
			if num != graphNode {
				return field, nil
			}
			n, err := readNode(value)
			if err != nil {
				return nil, err
			}
			slope := n.slopes(slopes)
			if slope == nil {
				return field, nil
			}
			nodes, added := splitNode(n.inputs[0], n.outputs[0], slope)
			weights = append(weights, added...)
			return nodes, nil
		})
		return append(out, weights...), err
	})
}

// node is what SplitPRelu needs to know of an operator.
type node struct {
	operator        string
	inputs, outputs []string
}

func readNode(message []byte) (n node, err error) {
	err = eachField(message, func(num protowire.Number, typ protowire.Type, value []byte) error {
		if typ != protowire.BytesType {
			return nil
		}
		text, _ := protowire.ConsumeBytes(value)
		switch num {
		case nodeInput:
			n.inputs = append(n.inputs, string(text))
		case nodeOutput:
			n.outputs = append(n.outputs, string(text))
		case nodeOperator:
			n.operator = string(text)
		}
		return nil
	})
	return n, err
}

// slopes are those of a PRelu that can be split, nil for every other operator.
func (n node) slopes(known map[string][]float32) []float32 {
	if n.operator != "PRelu" || len(n.inputs) != 2 || len(n.outputs) != 1 {
		return nil
	}
	return known[n.inputs[1]]
}

// slopesOf are the weights of a graph that can be slopes, by their names.
func slopesOf(graph []byte) (map[string][]float32, error) {
	slopes := map[string][]float32{}
	err := eachBytes(graph, graphInitializer, func(tensor []byte) error {
		name, values, err := readSlopes(tensor)
		if values != nil {
			slopes[name] = values
		}
		return err
	})
	return slopes, err
}

// readSlopes reads a float32 tensor of shape [C,1,1]; values is nil for another.
func readSlopes(message []byte) (name string, values []float32, err error) {
	t, err := readTensor(message)
	if err != nil || !t.isFloat || len(t.dims) != 3 || t.dims[1] != 1 || t.dims[2] != 1 {
		return "", nil, err
	}
	for data := t.data; len(data) > 0; data = data[4:] {
		values = append(values, math.Float32frombits(binary.LittleEndian.Uint32(data)))
	}
	return t.name, values, nil
}

// splitNode makes the operators that take the place of PRelu from x to y, and their weights, as fields of a graph.
func splitNode(x, y string, slopes []float32) (nodes, weights []byte) {
	minus, rest := make([]float32, len(slopes)), make([]float32, len(slopes))
	for i, a := range slopes {
		minus[i], rest[i] = -1, 1-a
	}
	negated, below, scaled := y+"/negated", y+"/below", y+"/scaled"
	nodes = appendConv(nodes, x, negated, len(slopes))
	nodes = appendNode(nodes, "Relu", below, nil, negated)
	nodes = appendConv(nodes, below, scaled, len(slopes))
	nodes = appendNode(nodes, "Add", y, nil, scaled, x)
	weights = appendWeights(weights, weightsOf(negated), minus)
	weights = appendWeights(weights, weightsOf(scaled), rest)
	return nodes, weights
}

func weightsOf(output string) string { return output + "/weights" }

// appendConv adds a depthwise convolution of one pixel.
func appendConv(b []byte, x, y string, channels int) []byte {
	var attributes []byte
	attributes = appendInts(attributes, "dilations", 1, 1)
	attributes = appendInt(attributes, "group", uint64(channels))
	attributes = appendInts(attributes, "kernel_shape", 1, 1)
	attributes = appendInts(attributes, "pads", 0, 0, 0, 0)
	attributes = appendInts(attributes, "strides", 1, 1)
	return appendNode(b, "Conv", y, attributes, x, weightsOf(y))
}

func appendNode(b []byte, operator, output string, attributes []byte, inputs ...string) []byte {
	var n []byte
	for _, in := range inputs {
		n = appendText(n, nodeInput, in)
	}
	n = appendText(n, nodeOutput, output)
	n = appendText(n, nodeName, output)
	n = appendText(n, nodeOperator, operator)
	return appendMessage(b, graphNode, append(n, attributes...))
}

func appendInt(b []byte, name string, v uint64) []byte {
	a := appendText(nil, attributeName, name)
	a = protowire.AppendVarint(protowire.AppendTag(a, attributeInteger, protowire.VarintType), v)
	a = protowire.AppendVarint(protowire.AppendTag(a, attributeType, protowire.VarintType), attributeInt)
	return appendMessage(b, nodeAttribute, a)
}

func appendInts(b []byte, name string, values ...uint64) []byte {
	a := appendText(nil, attributeName, name)
	for _, v := range values {
		a = protowire.AppendVarint(protowire.AppendTag(a, attributeIntegers, protowire.VarintType), v)
	}
	a = protowire.AppendVarint(protowire.AppendTag(a, attributeType, protowire.VarintType), attributeInts)
	return appendMessage(b, nodeAttribute, a)
}

// appendWeights adds an initialiser of shape [C,1,1,1].
func appendWeights(b []byte, name string, values []float32) []byte {
	var t, raw []byte
	for _, d := range [4]int{len(values), 1, 1, 1} {
		t = protowire.AppendVarint(protowire.AppendTag(t, tensorDims, protowire.VarintType), uint64(d))
	}
	t = protowire.AppendVarint(protowire.AppendTag(t, tensorDataType, protowire.VarintType), typeFloat)
	t = appendText(t, tensorName, name)
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	return appendMessage(b, graphInitializer, appendMessage(t, tensorRawData, raw))
}

func appendText(b []byte, num protowire.Number, s string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, num, protowire.BytesType), s)
}

func appendMessage(b []byte, num protowire.Number, message []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, num, protowire.BytesType), message)
}

// mapBytes copies a message with each length-delimited field of a number changed.
func mapBytes(message []byte, want protowire.Number, change func([]byte) ([]byte, error)) ([]byte, error) {
	return mapFields(message, func(num protowire.Number, field, value []byte) ([]byte, error) {
		if num != want || value == nil {
			return field, nil
		}
		inner, err := change(value)
		if err != nil {
			return nil, err
		}
		return appendMessage(nil, num, inner), nil
	})
}

// mapFields copies a message with each field in another's place. change sees the whole field and, when it is length-delimited,
// its content (nil otherwise).
func mapFields(message []byte, change func(num protowire.Number, field, content []byte) ([]byte, error)) ([]byte, error) {
	out := make([]byte, 0, len(message))
	for len(message) > 0 {
		num, typ, tag := protowire.ConsumeTag(message)
		if tag < 0 {
			return nil, errNotONNX
		}
		size := protowire.ConsumeFieldValue(num, typ, message[tag:])
		if size < 0 {
			return nil, errNotONNX
		}
		var content []byte
		if typ == protowire.BytesType {
			content, _ = protowire.ConsumeBytes(message[tag:])
		}
		field, err := change(num, message[:tag+size:tag+size], content)
		if err != nil {
			return nil, err
		}
		out, message = append(out, field...), message[tag+size:]
	}
	return out, nil
}
