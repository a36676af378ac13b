//go:build !cgo

package ortnet

import (
	"context"

	"biogate/matcher"
	"biogate/matcher/face"
	"biogate/models"
)

func open(string) error {
	return &matcher.Error{
		Code:   matcher.CodeEngineMissing,
		Detail: "this build cannot open ONNX Runtime and reads no face pictures: build with cgo (CGO_ENABLED=1)",
	}
}

// network is never made: open refuses first.
type network struct{}

func load(models.Manifest, string, string, int) (*network, error) { return nil, open("") }

// Run is face.Network.
func (*network) Run(context.Context, face.Tensor) ([]face.Tensor, error) { return nil, open("") }

func (*network) close() error { return nil }
