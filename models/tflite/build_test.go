package tflite

import (
	"encoding/binary"
	"math"
)

// fields are a flatbuffer's table: nil for one left out, else byte, int32, float32, string, []byte, []int32, fields or
// []fields.
type fields []any

// writer builds a flatbuffer front to back, children behind their parents.
type writer struct{ file []byte }

func (w *writer) uint32(v uint32) { w.file = binary.LittleEndian.AppendUint32(w.file, v) }

// refer makes the four bytes at a place point to what is written next.
func (w *writer) refer(at int) {
	for len(w.file)%4 != 0 {
		w.file = append(w.file, 0)
	}
	binary.LittleEndian.PutUint32(w.file[at:], uint32(len(w.file)-at))
}

func (w *writer) table(at int, f fields) {
	for len(w.file)%4 != 0 {
		w.file = append(w.file, 0)
	}
	vtable := len(w.file)
	w.file = binary.LittleEndian.AppendUint16(w.file, uint16(4+2*len(f)))
	w.file = binary.LittleEndian.AppendUint16(w.file, uint16(4+4*len(f)))
	for i, v := range f {
		place := uint16(0)
		if v != nil {
			place = uint16(4 + 4*i)
		}
		w.file = binary.LittleEndian.AppendUint16(w.file, place)
	}
	w.refer(at)
	start := len(w.file)
	w.uint32(uint32(start - vtable))
	for _, v := range f {
		switch v := v.(type) {
		case byte:
			w.uint32(uint32(v))
		case int32:
			w.uint32(uint32(v))
		case float32:
			w.uint32(math.Float32bits(v))
		default:
			w.uint32(0)
		}
	}
	for i, v := range f {
		w.child(start+4+4*i, v)
	}
}

func (w *writer) child(at int, v any) {
	switch v := v.(type) {
	case string:
		w.child(at, []byte(v))
	case []byte:
		w.refer(at)
		w.uint32(uint32(len(v)))
		w.file = append(w.file, v...)
	case []int32:
		w.refer(at)
		w.uint32(uint32(len(v)))
		for _, x := range v {
			w.uint32(uint32(x))
		}
	case fields:
		w.table(at, v)
	case []fields:
		w.refer(at)
		w.uint32(uint32(len(v)))
		first := len(w.file)
		w.file = append(w.file, make([]byte, 4*len(v))...)
		for i, f := range v {
			w.table(first+4*i, f)
		}
	}
}

// net is a model to build. The first tensor is its input.
type net struct {
	tensors, buffers, operators, codes []fields
}

func newNet(input ...int32) *net {
	n := &net{buffers: []fields{{nil}}}
	n.tensors = append(n.tensors, fields{input, byte(typeFloat32), int32(0), "in"})
	return n
}

// constant adds a constant of 32-bit floating point.
func (n *net) constant(shape []int32, values ...float32) int32 {
	var data []byte
	for _, v := range values {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
	}
	return n.raw(shape, typeFloat32, data)
}

func (n *net) integers(values ...int32) int32 {
	var data []byte
	for _, v := range values {
		data = binary.LittleEndian.AppendUint32(data, uint32(v))
	}
	return n.raw([]int32{int32(len(values))}, typeInt32, data)
}

func (n *net) raw(shape []int32, kind byte, data []byte) int32 {
	n.buffers = append(n.buffers, fields{data})
	n.tensors = append(n.tensors, fields{shape, kind, int32(len(n.buffers) - 1), ""})
	return int32(len(n.tensors) - 1)
}

// op adds an operator and the value that it computes.
func (n *net) op(code int, options fields, shape []int32, inputs ...int32) int32 {
	return n.typed(code, options, shape, typeFloat32, inputs...)
}

func (n *net) typed(code int, options fields, shape []int32, kind byte, inputs ...int32) int32 {
	n.tensors = append(n.tensors, fields{shape, kind, int32(0), ""})
	out := int32(len(n.tensors) - 1)
	n.codes = append(n.codes, fields{byte(min(code, 127)), nil, nil, int32(code)})
	var opts any
	if options != nil {
		opts = options
	}
	n.operators = append(n.operators, fields{int32(len(n.codes) - 1), inputs, []int32{out}, byte(1), opts})
	return out
}

// built is the file, with these outputs.
func (n *net) built(outputs ...int32) []byte {
	for i, o := range outputs {
		n.tensors[o][3] = string(rune('a' + i))
	}
	graph := fields{n.tensors, []int32{0}, outputs, n.operators}
	w := &writer{file: append(make([]byte, 4), identifier...)}
	w.table(0, fields{int32(version), n.codes, []fields{graph}, nil, n.buffers})
	return w.file
}
