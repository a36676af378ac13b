//go:build cgo

package ortnet

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	ort "github.com/yalue/onnxruntime_go"

	"biogate/matcher"
	"biogate/matcher/face"
	"biogate/models"
)

// opening guards the library, of which a process has one: it is opened once and stays, because closing it while
// anything of it lives would end the process.
var opening sync.Mutex

func open(dir string) error {
	library, known := models.RuntimeHere()
	if !known {
		return &matcher.Error{
			Code:   matcher.CodeEngineMissing,
			Detail: fmt.Sprintf("no ONNX Runtime is known for %s/%s", runtime.GOOS, runtime.GOARCH),
		}
	}
	where, err := library.Library(dir)
	if err != nil {
		return err
	}
	opening.Lock()
	defer opening.Unlock()
	if ort.IsInitialized() { // with the same library: there is one that this build knows
		return nil
	}
	ort.SetSharedLibraryPath(where)
	if err := ort.InitializeEnvironment(); err != nil {
		return fmt.Errorf("ortnet: %s cannot be opened: %w", where, err)
	}
	return nil
}

// network is a session and the places at it.
type network struct {
	name    string
	shape   []int
	session *ort.DynamicAdvancedSession
	places  int
	free    chan *place
}

// place is an input and the outputs of one caller at a time.
type place struct {
	input   *ort.Tensor[float32]
	outputs []*ort.Tensor[float32]
	pins    runtime.Pinner // ONNX Runtime keeps the address of their memory, which is Go's
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
	if weights, err = forBlocks(weights); err != nil {
		return nil, fmt.Errorf("ortnet: %s: %w", name, err)
	}
	n := &network{name: name, shape: file.Input.Shape, free: make(chan *place, sessions)}
	if err := n.fill(weights, file.Outputs, sessions); err != nil {
		return nil, errors.Join(fmt.Errorf("ortnet: %s: %w", name, err), n.close())
	}
	return n, nil
}

// fill makes the session and its places. A first run says how large the outputs are, and that the network runs at all.
func (n *network) fill(weights []byte, outputs []string, places int) (err error) {
	if n.session, err = newSession(weights, outputs); err != nil {
		return err
	}
	shapes, err := n.tryOut(len(outputs))
	if err != nil {
		return err
	}
	for range places {
		p, err := newPlace(size(n.shape), shapes)
		if err != nil {
			return err
		}
		n.places++
		n.free <- p
	}
	return nil
}

// forBlocks writes a network so that ONNX Runtime can keep its pictures in blocks of channels throughout.
func forBlocks(weights []byte) ([]byte, error) {
	wide, err := models.WidenChannels(weights)
	if err != nil {
		return nil, err
	}
	return models.SplitPRelu(wide)
}

func newSession(weights []byte, outputs []string) (*ort.DynamicAdvancedSession, error) {
	if len(outputs) == 0 { // the binding would read the first of them
		return nil, errors.New("the manifest names no output")
	}
	input, err := models.InputName(weights)
	if err != nil {
		return nil, err
	}
	options, err := ort.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	err = errors.Join(
		options.SetIntraOpNumThreads(1),
		options.SetInterOpNumThreads(1),
		options.SetGraphOptimizationLevel(ort.GraphOptimizationLevelEnableAll),
	)
	if err != nil {
		return nil, errors.Join(err, options.Destroy())
	}
	session, err := ort.NewDynamicAdvancedSessionWithONNXData(weights, []string{input}, outputs, options)
	return session, errors.Join(err, options.Destroy())
}

// tryOut runs the network on zeros and returns the shapes of its outputs.
func (n *network) tryOut(outputs int) (shapes []ort.Shape, err error) {
	input, err := ort.NewEmptyTensor[float32](size(n.shape))
	if err != nil {
		return nil, err
	}
	defer input.Destroy()
	values := make([]ort.Value, outputs)
	if err := n.session.Run([]ort.Value{input}, values); err != nil {
		return nil, err
	}
	for _, v := range values {
		if _, ok := v.(*ort.Tensor[float32]); !ok {
			err = errors.New("an output does not hold float32")
		}
		shapes = append(shapes, v.GetShape())
		err = errors.Join(err, v.Destroy())
	}
	return shapes, err
}

func newPlace(input ort.Shape, outputs []ort.Shape) (p *place, err error) {
	p = &place{}
	if p.input, err = p.tensor(input); err != nil {
		return nil, errors.Join(err, p.close())
	}
	for _, shape := range outputs {
		t, err := p.tensor(shape)
		if err != nil {
			return nil, errors.Join(err, p.close())
		}
		p.outputs = append(p.outputs, t)
	}
	return p, nil
}

func (p *place) tensor(shape ort.Shape) (*ort.Tensor[float32], error) {
	data := make([]float32, shape.FlattenedSize())
	if len(data) == 0 {
		return nil, fmt.Errorf("a shape of %v holds nothing", shape)
	}
	p.pins.Pin(&data[0])
	return ort.NewTensor(shape, data)
}

func size(shape []int) ort.Shape {
	s := make(ort.Shape, len(shape))
	for i, d := range shape {
		s[i] = int64(d)
	}
	return s
}

// Run is face.Network.
func (n *network) Run(ctx context.Context, in face.Tensor) ([]face.Tensor, error) {
	if !slices.Equal(in.Shape, n.shape) || len(in.Data) != in.Len() {
		return nil, fmt.Errorf("ortnet: %s: input of shape %v with %d values, want %v", n.name, in.Shape, len(in.Data), n.shape)
	}
	if err := ctx.Err(); err != nil { // select would choose at random
		return nil, err
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case p := <-n.free:
		defer func() { n.free <- p }()
		out, err := p.run(n.session, in.Data)
		if err != nil {
			return nil, fmt.Errorf("ortnet: %s: %w", n.name, err)
		}
		return out, nil
	}
}

func (p *place) run(session *ort.DynamicAdvancedSession, data []float32) ([]face.Tensor, error) {
	copy(p.input.GetData(), data)
	values := make([]ort.Value, len(p.outputs))
	for i, t := range p.outputs {
		values[i] = t
	}
	if err := session.Run([]ort.Value{p.input}, values); err != nil {
		return nil, err
	}
	tensors := make([]face.Tensor, len(p.outputs))
	for i, t := range p.outputs {
		tensors[i] = face.Tensor{Shape: ints(t.GetShape()), Data: slices.Clone(t.GetData())}
	}
	return tensors, nil
}

func ints(shape ort.Shape) []int {
	out := make([]int, len(shape))
	for i, d := range shape {
		out[i] = int(d)
	}
	return out
}

// close waits for every caller to leave.
func (n *network) close() error {
	var problems []error
	for range n.places {
		problems = append(problems, (<-n.free).close())
	}
	if n.session != nil {
		problems = append(problems, n.session.Destroy())
	}
	n.places, n.session = 0, nil
	return errors.Join(problems...)
}

func (p *place) close() error {
	var problems []error
	if p.input != nil {
		problems = append(problems, p.input.Destroy())
	}
	for _, t := range p.outputs {
		problems = append(problems, t.Destroy())
	}
	p.pins.Unpin()
	return errors.Join(problems...)
}
