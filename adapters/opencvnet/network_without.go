//go:build !cgo || noopencv

package opencvnet

import (
	"context"

	"biogate/matcher"
	"biogate/matcher/face"
	"biogate/models"
)

func available() error {
	return &matcher.Error{
		Code:   matcher.CodeEngineMissing,
		Detail: "this build has no OpenCV: build with cgo (CGO_ENABLED=1), libopencv-dev installed, and without the tag noopencv",
	}
}

// network is never made: available refuses first.
type network struct{}

func load(models.Manifest, string, string, int) (*network, error) { return nil, available() }

// Run is face.Network.
func (*network) Run(context.Context, face.Tensor) ([]face.Tensor, error) { return nil, available() }

func (*network) close() {}
