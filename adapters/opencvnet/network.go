//go:build cgo && !noopencv

package opencvnet

/*
#cgo pkg-config: opencv4
void biogate_opencv_single_thread(void);
*/
import "C"

import (
	"context"
	"fmt"
	"slices"

	"gocv.io/x/gocv"

	"biogate/matcher/face"
	"biogate/models"
)

func available() error {
	C.biogate_opencv_single_thread()
	return nil
}

// network is a pool of equal sessions.
type network struct {
	name    string
	shape   []int
	outputs []string
	made    int
	free    chan *session
}

// session is one net with its input. It serves one caller at a time.
type session struct {
	net   gocv.Net
	input gocv.Mat
	pixel []float32 // the input's memory
}

func load(m models.Manifest, dir, name string, sessions int) (*network, error) {
	file, err := m.File(name)
	if err != nil {
		return nil, err
	}
	weights, err := m.Weights(dir, name)
	if err != nil {
		return nil, err
	}
	n := &network{name: name, shape: file.Input.Shape, outputs: file.Outputs, free: make(chan *session, sessions)}
	for range sessions {
		s, err := newSession(weights, n.shape)
		if err != nil {
			n.close()
			return nil, fmt.Errorf("opencvnet: %s: %w", name, err)
		}
		n.made++
		n.free <- s
	}
	return n, nil
}

func newSession(weights []byte, shape []int) (*session, error) {
	net, err := gocv.ReadNetFromONNXBytes(weights)
	if err != nil {
		return nil, err
	}
	input := gocv.NewMatWithSizes(shape, gocv.MatTypeCV32F)
	pixel, err := input.DataPtrFloat32()
	if err == nil && net.Empty() {
		err = fmt.Errorf("OpenCV read an empty net")
	}
	if err != nil {
		return nil, fmt.Errorf("%w (closing: %v, %v)", err, input.Close(), net.Close())
	}
	return &session{net, input, pixel}, nil
}

// Run is face.Network.
func (n *network) Run(ctx context.Context, in face.Tensor) ([]face.Tensor, error) {
	if !slices.Equal(in.Shape, n.shape) || len(in.Data) != in.Len() {
		return nil, fmt.Errorf("opencvnet: %s: input of shape %v with %d values, want %v", n.name, in.Shape, len(in.Data), n.shape)
	}
	if err := ctx.Err(); err != nil { // select would choose at random
		return nil, err
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case s := <-n.free:
		defer func() { n.free <- s }()
		out, err := s.run(in.Data, n.outputs)
		if err != nil {
			return nil, fmt.Errorf("opencvnet: %s: %w", n.name, err)
		}
		return out, nil
	}
}

func (s *session) run(data []float32, outputs []string) ([]face.Tensor, error) {
	copy(s.pixel, data)
	s.net.SetInput(s.input, "")
	mats := s.net.ForwardLayers(outputs)
	defer func() {
		for i := range mats {
			mats[i].Close()
		}
	}()
	tensors := make([]face.Tensor, len(mats))
	for i := range mats {
		values, err := mats[i].DataPtrFloat32()
		if err != nil {
			return nil, fmt.Errorf("output %s: %w", outputs[i], err)
		}
		tensors[i] = face.Tensor{Shape: mats[i].Size(), Data: slices.Clone(values)}
	}
	return tensors, nil
}

// close waits for every session to come back.
func (n *network) close() {
	for range n.made {
		s := <-n.free
		s.input.Close()
		s.net.Close()
	}
}
