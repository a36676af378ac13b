package models

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"pgregory.net/rapid"
)

// weightField is an initialiser.
func weightField(name string, dims []uint64, values ...float32) []byte {
	t := tensor{name: name, dims: dims}
	for _, v := range values {
		t.data = binary.LittleEndian.AppendUint32(t.data, math.Float32bits(v))
	}
	return appendMessage(nil, graphInitializer, t.encode())
}

func convField(x, y string, groups int, weights ...string) []byte {
	return appendNode(nil, "Conv", y, appendInt(nil, "group", uint64(groups)), append([]string{x}, weights...)...)
}

func endField(name string) []byte {
	return appendMessage(nil, graphOutput, appendText(nil, valueName, name))
}

// numbers are weights as good as any.
func numbers(t *rapid.T, n int) []float32 {
	return rapid.SliceOfN(rapid.Float32Range(-2, 2), n, n).Draw(t, "weights")
}

// chain is a convolution to some channels, what passes them on, and one that takes them up, over and over.
func chain(t *rapid.T) (model []byte, inputs int) {
	const ends = 3
	inputs = rapid.IntRange(1, 4).Draw(t, "inputs")
	var graph [][]byte
	from, value := inputs, "x"
	for link := range rapid.IntRange(1, 3).Draw(t, "links") {
		name := func(what string) string { return what + string(rune('a'+link)) }
		channels := rapid.IntRange(1, 9).Draw(t, "channels")
		c := uint64(channels)
		graph = append(graph,
			weightField(name("w"), []uint64{c, uint64(from), 1, 1}, numbers(t, channels*from)...),
			weightField(name("b"), []uint64{c}, numbers(t, channels)...),
			convField(value, name("made"), 1, name("w"), name("b")))
		value = name("made")
		if rapid.Bool().Draw(t, "prelu") {
			graph = append(graph,
				weightField(name("s"), []uint64{c, 1, 1}, numbers(t, channels)...),
				appendNode(nil, "PRelu", name("bent"), nil, value, name("s")))
			value = name("bent")
		}
		if rapid.Bool().Draw(t, "depthwise") {
			graph = append(graph,
				weightField(name("d"), []uint64{c, 1, 1, 1}, numbers(t, channels)...),
				convField(value, name("deep"), channels, name("d")))
			value = name("deep")
		}
		from = channels
	}
	graph = append(graph,
		weightField("last", []uint64{ends, uint64(from), 1, 1}, numbers(t, ends*from)...),
		convField(value, "y", 1, "last"), endField("y"))
	return modelOf(graph...), inputs
}

// runChain runs a model of convolutions and PRelu on a picture of one pixel.
func runChain(t require, model []byte, x []float32) []float32 {
	values := map[string][]float32{"x": x}
	weights := map[string]tensor{}
	floats := func(name string) (out []float32) {
		for data := weights[name].data; len(data) > 0; data = data[4:] {
			out = append(out, math.Float32frombits(binary.LittleEndian.Uint32(data)))
		}
		return out
	}
	check(t, eachBytes(model, modelGraph, func(graph []byte) error {
		check(t, eachBytes(graph, graphInitializer, func(message []byte) error {
			w, err := readTensor(message)
			weights[w.name] = w
			return err
		}))
		return eachBytes(graph, graphNode, func(message []byte) error {
			n, err := readNode(message)
			check(t, err)
			groups, err := groupsOf(message)
			check(t, err)
			values[n.outputs[0]] = runOperator(t, n, int(groups), values[n.inputs[0]], floats)
			return nil
		})
	}))
	return values["y"]
}

func runOperator(t require, n node, groups int, in []float32, weights func(string) []float32) (out []float32) {
	w := weights(n.inputs[1])
	switch {
	case n.operator == "PRelu":
		for i, v := range in {
			out = append(out, max(v, 0)+w[i]*min(v, 0))
		}
	case groups > 1 || len(w) == 1:
		if groups != len(in) || len(w) != len(in) {
			t.Fatalf("%d groups and %d weights for %d channels", groups, len(w), len(in))
		}
		for i, v := range in {
			out = append(out, w[i]*v)
		}
	default:
		for ; len(w) > 0; w = w[len(in):] {
			sum := float32(0)
			for i, v := range in {
				sum += w[i] * v
			}
			out = append(out, sum)
		}
	}
	if len(n.inputs) == 3 {
		for i, b := range weights(n.inputs[2]) {
			out[i] += b
		}
	}
	return out
}

func TestWidenChannelsComputesTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		model, inputs := chain(t)
		before := bytes.Clone(model)
		wide, err := WidenChannels(model)
		check(t, err)
		if !bytes.Equal(model, before) {
			t.Fatalf("the model was changed")
		}
		x := rapid.SliceOfN(rapid.Float32Range(-10, 10), inputs, inputs).Draw(t, "x")
		if a, b := runChain(t, model, x), runChain(t, wide, x); !slices.Equal(a, b) {
			t.Fatalf("%v, before %v", b, a)
		}
		if again, err := WidenChannels(wide); err != nil || !bytes.Equal(again, wide) {
			t.Fatalf("a wide model is widened again (error %v)", err)
		}
	})
}

// pruned is a chain whose five channels can become eight, with more fields in its graph.
func pruned(more ...[]byte) []byte {
	return modelOf(append([][]byte{
		weightField("w", []uint64{5, 1, 1, 1}, 1, 2, 3, 4, 5),
		weightField("d", []uint64{5, 1, 1, 1}, 1, 2, 3, 4, 5),
		weightField("l", []uint64{1, 5, 1, 1}, 1, 2, 3, 4, 5),
		convField("x", "a", 1, "w"), convField("a", "b", 5, "d"), convField("b", "y", 1, "l"), endField("y"),
	}, more...)...)
}

func TestWidenChannelsWidens(t *testing.T) {
	wide, err := WidenChannels(pruned(inputField("x"), inputField("d"), appendMessage(nil, graphValueInfo, appendText(nil, valueName, "a"))))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]uint64{"w": {8, 1, 1, 1}, "d": {8, 1, 1, 1}, "l": {1, 8, 1, 1}}
	check(t, eachBytes(wide, modelGraph, func(graph []byte) error {
		return eachField(graph, func(num protowire.Number, _ protowire.Type, value []byte) error {
			content, _ := protowire.ConsumeBytes(value)
			switch num {
			case graphInitializer:
				w, err := readTensor(content)
				if !slices.Equal(w.dims, want[w.name]) || !w.isFloat {
					t.Errorf("%s has shape %v, want %v", w.name, w.dims, want[w.name])
				}
				return err
			case graphValueInfo:
				t.Error("an old shape is left")
			}
			return nil
		})
	}))
	if name, err := InputName(wide); err != nil || name != "x" {
		t.Errorf("input %q, error %v", name, err)
	}
}

func TestWidenChannelsLeavesTheRest(t *testing.T) {
	for what, model := range map[string][]byte{
		"a value with another taker": pruned(appendNode(nil, "Relu", "z", nil, "a")),
		"a value that is an output":  pruned(endField("b")),
		"weights that are shared":    pruned(convField("x", "z", 1, "l")),
		"a circle": modelOf(
			weightField("w", []uint64{5, 1, 1, 1}, 1, 2, 3, 4, 5), weightField("d", []uint64{5, 1, 1, 1}, 1, 2, 3, 4, 5),
			convField("x", "a", 1, "w"), appendNode(nil, "Conv", "a", appendInt(nil, "group", 5), "a", "d")),
		"no weights": modelOf(convField("x", "y", 1, "w")),
		"nothing":    {},
	} {
		if out, err := WidenChannels(model); err != nil || !bytes.Equal(out, model) {
			t.Errorf("%s: changed (error %v)", what, err)
		}
	}
}

func FuzzWidenChannels(f *testing.F) {
	f.Add(pruned())
	f.Add(pruned(inputField("x"), endField("b")))
	f.Add([]byte{0x3a, 0x05, 0x0a})
	f.Fuzz(func(t *testing.T, model []byte) {
		wide, err := WidenChannels(model)
		if err != nil {
			return
		}
		if again, err := WidenChannels(wide); err != nil || !bytes.Equal(again, wide) {
			t.Fatalf("a wide model is widened again (error %v)", err)
		}
	})
}
