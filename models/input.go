package models

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// Field numbers of onnx.proto.
const (
	graphInput = 11
	valueName  = 1
)

// InputName is what an ONNX model calls its one input. Older models list their weights among the inputs, too.
func InputName(model []byte) (string, error) {
	var inputs []string
	weights := map[string]bool{}
	err := eachBytes(model, modelGraph, func(graph []byte) error {
		err := eachBytes(graph, graphInput, func(input []byte) error {
			name, err := textOf(input, valueName)
			inputs = append(inputs, name)
			return err
		})
		if err != nil {
			return err
		}
		return eachBytes(graph, graphInitializer, func(tensor []byte) error {
			name, err := textOf(tensor, tensorName)
			weights[name] = true
			return err
		})
	})
	if err != nil {
		return "", err
	}
	var found []string
	for _, name := range inputs {
		if !weights[name] {
			found = append(found, name)
		}
	}
	if len(found) != 1 {
		return "", fmt.Errorf("the network has %d inputs, want 1", len(found))
	}
	return found[0], nil
}

// textOf is the last value of a message's field of text.
func textOf(message []byte, which protowire.Number) (text string, err error) {
	err = eachBytes(message, which, func(value []byte) error {
		text = string(value)
		return nil
	})
	return text, err
}
