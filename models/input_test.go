package models

import (
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// inputField lists a value among a graph's inputs.
func inputField(name string) []byte {
	return appendMessage(nil, graphInput, appendText(nil, valueName, name))
}

func TestInputNameIsThatWhichIsNoWeight(t *testing.T) {
	weight := slopeTensor("w", []float32{1, 2}, 2, 1, 1)
	for _, model := range [][]byte{
		modelOf(inputField("picture"), weight),
		modelOf(inputField("w"), inputField("picture"), weight),
		modelOf(weight, inputField("picture"), inputField("w")),
	} {
		if name, err := InputName(model); err != nil || name != "picture" {
			t.Errorf("%q, error %v", name, err)
		}
	}
}

func TestInputNameRefuses(t *testing.T) {
	for what, model := range map[string][]byte{
		"no input":   modelOf(),
		"two inputs": modelOf(inputField("a"), inputField("b")),
		"nothing":    {},
		"text":       []byte("no model"),
		"a cut":      modelOf(inputField("a"))[:8],
	} {
		if name, err := InputName(model); err == nil {
			t.Errorf("%s: %q", what, name)
		}
	}
}

func FuzzInputName(f *testing.F) {
	f.Add(modelOf(inputField("picture")))
	f.Add(modelOf(inputField("w"), slopeTensor("w", []float32{1, 2}, 2, 1, 1)))
	f.Add(protowire.AppendTag(nil, modelGraph, protowire.BytesType))
	f.Fuzz(func(t *testing.T, model []byte) {
		if name, err := InputName(model); err != nil && name != "" {
			t.Errorf("%q and an error", name)
		}
	})
}
