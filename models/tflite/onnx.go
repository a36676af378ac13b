package tflite

import (
	"encoding/binary"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// Numbers of onnx.proto.
const (
	irVersion = 4
	opset     = 9

	modelIRVersion = 1
	modelProducer  = 2
	modelGraph     = 7
	modelOpset     = 8
	opsetVersion   = 2

	graphNode        = 1
	graphName        = 2
	graphInitializer = 5
	graphInput       = 11
	graphOutput      = 12

	nodeInput     = 1
	nodeOutput    = 2
	nodeName      = 3
	nodeOperator  = 4
	nodeAttribute = 5

	attributeName     = 1
	attributeFloat    = 2
	attributeInt      = 3
	attributeInts     = 8
	attributeType     = 20
	attributeIsFloat  = 1
	attributeIsInt    = 2
	attributeIsInts   = 7
	tensorDims        = 1
	tensorType        = 2
	tensorName        = 8
	tensorRawData     = 9
	elementFloat      = 1
	valueName         = 1
	valueType         = 2
	typeTensor        = 1
	tensorTypeElement = 1
	tensorTypeShape   = 2
	shapeDim          = 1
	dimValue          = 1
)

// attribute is a setting of an operator: an int, a float32 or a list of ints.
type attribute struct {
	name  string
	value any
}

// message is a protobuf message that grows.
type message []byte

func (m message) varint(num protowire.Number, v int) message {
	return protowire.AppendVarint(protowire.AppendTag(m, num, protowire.VarintType), uint64(v))
}

func (m message) bytes(num protowire.Number, b []byte) message {
	return protowire.AppendBytes(protowire.AppendTag(m, num, protowire.BytesType), b)
}

func (m message) text(num protowire.Number, s string) message { return m.bytes(num, []byte(s)) }

func encodeNode(operator, output string, inputs []string, attributes []attribute) message {
	var n message
	for _, in := range inputs {
		n = n.text(nodeInput, in)
	}
	n = n.text(nodeOutput, output).text(nodeName, output).text(nodeOperator, operator)
	for _, a := range attributes {
		n = n.bytes(nodeAttribute, a.encode())
	}
	return n
}

func (a attribute) encode() message {
	m := message(nil).text(attributeName, a.name)
	switch v := a.value.(type) {
	case float32:
		m = protowire.AppendFixed32(protowire.AppendTag(m, attributeFloat, protowire.Fixed32Type), math.Float32bits(v))
		return m.varint(attributeType, attributeIsFloat)
	case []int:
		for _, x := range v {
			m = m.varint(attributeInts, x)
		}
		return m.varint(attributeType, attributeIsInts)
	default:
		return m.varint(attributeInt, v.(int)).varint(attributeType, attributeIsInt)
	}
}

func encodeWeights(name string, shape []int, values []float32) message {
	var t message
	for _, d := range shape {
		t = t.varint(tensorDims, d)
	}
	raw := make([]byte, 0, 4*len(values))
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	return t.varint(tensorType, elementFloat).text(tensorName, name).bytes(tensorRawData, raw)
}

func encodeValue(name string, shape []int) message {
	var dims message
	for _, d := range shape {
		dims = dims.bytes(shapeDim, message(nil).varint(dimValue, d))
	}
	kind := message(nil).varint(tensorTypeElement, elementFloat).bytes(tensorTypeShape, dims)
	return message(nil).text(valueName, name).bytes(valueType, message(nil).bytes(typeTensor, kind))
}

func encodeModel(graph message) []byte {
	m := message(nil).varint(modelIRVersion, irVersion).text(modelProducer, "biogate").bytes(modelGraph, graph)
	return m.bytes(modelOpset, message(nil).varint(opsetVersion, opset))
}
