package models

import (
	"bytes"
	"math"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"pgregory.net/rapid"
)

// slopeTensor is an initialiser of float32 with some shape.
func slopeTensor(name string, values []float32, dims ...uint64) []byte {
	var t []byte
	for _, d := range dims {
		t = protowire.AppendVarint(protowire.AppendTag(t, tensorDims, protowire.VarintType), d)
	}
	t = protowire.AppendVarint(protowire.AppendTag(t, tensorDataType, protowire.VarintType), typeFloat)
	t = appendText(t, tensorName, name)
	var raw []byte
	for _, v := range values {
		raw = protowire.AppendFixed32(raw, math.Float32bits(v))
	}
	return appendMessage(nil, graphInitializer, appendMessage(t, tensorRawData, raw))
}

func modelOf(graph ...[]byte) []byte {
	version := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 4)
	return append(version, appendMessage(nil, modelGraph, bytes.Join(graph, nil))...)
}

// runSplit runs the operators that SplitPRelu may put into a graph, for one value a channel.
func runSplit(t require, model []byte, x []float32) []float32 {
	values := map[string][]float32{"x": x}
	weights := map[string][]float32{}
	check(t, eachBytes(model, modelGraph, func(graph []byte) error {
		check(t, eachBytes(graph, graphInitializer, func(tensor []byte) error {
			if name, v := readWeights(t, tensor); name != "" {
				weights[name] = v
			}
			return nil
		}))
		return eachBytes(graph, graphNode, func(message []byte) error {
			n, err := readNode(message)
			check(t, err)
			in := values[n.inputs[0]]
			out := make([]float32, len(in))
			for i, v := range in {
				switch n.operator {
				case "Conv":
					out[i] = v * weights[n.inputs[1]][i]
				case "Relu":
					out[i] = max(v, 0)
				case "Add":
					out[i] = v + values[n.inputs[1]][i]
				default:
					t.Fatalf("an operator %s is left", n.operator)
				}
			}
			values[n.outputs[0]] = out
			return nil
		})
	}))
	return values["y"]
}

type require interface{ Fatalf(string, ...any) }

func check(t require, err error) {
	if err != nil {
		t.Fatalf("%v", err)
	}
}

// readWeights reads a tensor of shape [C,1,1,1] by what makes it one of [C,1,1].
func readWeights(t require, tensor []byte) (string, []float32) {
	ones := 0
	three, err := mapFields(tensor, func(num protowire.Number, field, _ []byte) ([]byte, error) {
		if num == tensorDims {
			if ones++; ones == 4 {
				return nil, nil
			}
		}
		return field, nil
	})
	check(t, err)
	if ones != 4 {
		return "", nil
	}
	name, values, err := readSlopes(three)
	check(t, err)
	return name, values
}

func TestSplitPReluComputesThePRelu(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 20).Draw(t, "channels")
		slopes := rapid.SliceOfN(rapid.Float32Range(-2, 2), n, n).Draw(t, "slopes")
		x := rapid.SliceOfN(rapid.Float32Range(-1e3, 1e3), n, n).Draw(t, "x")
		model := modelOf(slopeTensor("s", slopes, uint64(n), 1, 1), appendNode(nil, "PRelu", "y", nil, "x", "s"))
		before := bytes.Clone(model)
		split, err := SplitPRelu(model)
		check(t, err)
		if !bytes.Equal(model, before) {
			t.Fatalf("the model was changed")
		}
		y := runSplit(t, split, x)
		for i := range x {
			want := x[i]
			if want < 0 {
				want *= slopes[i]
			}
			if math.Abs(float64(y[i]-want)) > 4e-7*math.Abs(float64(x[i])) {
				t.Fatalf("PRelu of %g with slope %g gives %g, want %g", x[i], slopes[i], y[i], want)
			}
		}
	})
}

func TestSplitPReluLeavesTheRest(t *testing.T) {
	prelu := appendNode(nil, "PRelu", "y", nil, "x", "s")
	for name, model := range map[string][]byte{
		"another operator":     modelOf(slopeTensor("s", []float32{1, 2}, 2, 1, 1), appendNode(nil, "Relu", "y", nil, "x")),
		"slopes are no weight": modelOf(prelu),
		"one slope for all":    modelOf(slopeTensor("s", []float32{1}, 1), prelu),
		"a slope a pixel":      modelOf(slopeTensor("s", []float32{1, 2, 3, 4}, 2, 2, 1), prelu),
		"fewer than the shape": modelOf(slopeTensor("s", []float32{1}, 2, 1, 1), prelu),
		"three inputs":         modelOf(slopeTensor("s", []float32{1, 2}, 2, 1, 1), appendNode(nil, "PRelu", "y", nil, "x", "s", "z")),
		"empty":                {},
	} {
		if got, err := SplitPRelu(model); err != nil || !bytes.Equal(got, model) {
			t.Errorf("%s: changed (error %v)", name, err)
		}
	}
}

func FuzzSplitPRelu(f *testing.F) {
	f.Add(modelOf(slopeTensor("s", []float32{-.5, 2}, 2, 1, 1), appendNode(nil, "PRelu", "y", nil, "x", "s")))
	f.Add(tinyNet(1, 1e-30))
	f.Add([]byte{0x3a, 0x05, 0x0a})
	f.Fuzz(func(t *testing.T, model []byte) {
		split, err := SplitPRelu(model)
		if err != nil {
			return
		}
		again, err := SplitPRelu(split)
		if err != nil || !bytes.Equal(again, split) {
			t.Fatalf("a split model is split again (error %v)", err)
		}
	})
}
