package tflite

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"pgregory.net/rapid"
)

// draw makes random numbers for weights and pictures.
type draw struct{ t *rapid.T }

func (d draw) int(name string, lo, hi int) int { return rapid.IntRange(lo, hi).Draw(d.t, name) }

func (d draw) floats(n int) []float32 {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) float32 {
		return float32(rapid.IntRange(-200, 200).Draw(t, "v")) / 100
	}), n, n).Draw(d.t, "values")
}

// agree converts a file and holds what the model computes of a random picture against what the file says.
func agree(t *rapid.T, file []byte, shape []int32) {
	t.Helper()
	size := 1
	for _, d := range shape[1:] {
		size *= int(d)
	}
	hold(t, file, draw{t}.floats(size))
}

// hold does so for one picture, channels side by side, as often as the file's batch wants it.
func hold(t rapid.TB, file []byte, one []float32) {
	t.Helper()
	g, err := parse(file)
	if err != nil {
		t.Fatal(err)
	}
	shape := g.tensors[g.inputs[0]].shape
	want, err := interpret(file, slices.Repeat(one, shape[0]))
	if err != nil {
		t.Fatal(err)
	}
	model, err := ONNX(file)
	if err != nil {
		t.Fatal(err)
	}
	again, err := ONNX(file)
	if err != nil || !bytes.Equal(model, again) {
		t.Fatalf("another model the second time, error %v", err)
	}
	in := value{[]int{1, shape[len(shape)-1]}, one}
	if len(shape) == 4 {
		in = value{planar([]int{1, shape[1], shape[2], shape[3]}), planes(one, 1, shape[1]*shape[2], shape[3])}
	}
	got, err := run(model, in)
	if err != nil {
		t.Fatal(err)
	}
	for name, w := range want {
		g := got[name]
		data := g.data
		if len(g.shape) == 4 { // back to channels side by side
			data = planes(data, 1, g.shape[1], g.shape[2]*g.shape[3])
		}
		if len(data)*shape[0] != len(w) {
			t.Fatalf("output %s: %d values, want %d", name, len(data)*shape[0], len(w))
		}
		for i, v := range data {
			if math.Abs(float64(v-w[i])) > 1e-4*(1+math.Abs(float64(w[i]))) {
				t.Fatalf("output %s: value %d is %v, want %v", name, i, v, w[i])
			}
		}
	}
}

// after is the size of a picture after a window has gone over it.
func after(size, kernel, stride, dilation int32, padding byte) int32 {
	if padding == paddingSame {
		return (size + stride - 1) / stride
	}
	return (size-(kernel-1)*dilation-1)/stride + 1
}

func anyActivation(d draw) byte {
	return []byte{activationNone, activationRelu, activationRelu6}[d.int("activation", 0, 2)]
}

func TestConvolutionsAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := draw{t}
		shape := []int32{int32(d.int("batch", 1, 2)), int32(d.int("h", 5, 8)), int32(d.int("w", 5, 8)), int32(d.int("in", 1, 3))}
		kh, kw := int32(d.int("kh", 1, 3)), int32(d.int("kw", 1, 3))
		sy, sx, dy, dx := int32(d.int("sy", 1, 2)), int32(d.int("sx", 1, 2)), int32(d.int("dy", 1, 2)), int32(d.int("dx", 1, 2))
		padding, act := byte(d.int("padding", 0, 1)), anyActivation(d)
		n := newNet(shape...)
		code, options := opConv, fields{padding, sx, sy, act, dx, dy}
		ch := int32(d.int("out", 1, 3))
		weights := []int32{ch, kh, kw, shape[3]}
		if rapid.Bool().Draw(t, "depthwise") {
			code, options = opDepthwiseConv, fields{padding, sx, sy, ch, act, dx, dy}
			ch *= shape[3]
			weights = []int32{1, kh, kw, ch}
		}
		w := n.constant(weights, d.floats(int(weights[0]*kh*kw*weights[3]))...)
		b := int32(-1)
		if rapid.Bool().Draw(t, "bias") {
			b = n.constant([]int32{ch}, d.floats(int(ch))...)
		}
		out := []int32{shape[0], after(shape[1], kh, sy, dy, padding), after(shape[2], kw, sx, dx, padding), ch}
		agree(t, n.built(n.op(code, options, out, 0, w, b)), shape)
	})
}

func TestPoolingAgrees(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := draw{t}
		shape := []int32{1, int32(d.int("h", 3, 8)), int32(d.int("w", 3, 8)), int32(d.int("in", 1, 3))}
		kh, kw, sy, sx := int32(d.int("kh", 1, 3)), int32(d.int("kw", 1, 3)), int32(d.int("sy", 1, 2)), int32(d.int("sx", 1, 2))
		padding := byte(d.int("padding", 0, 1))
		out := []int32{1, after(shape[1], kh, sy, 1, padding), after(shape[2], kw, sx, 1, padding), shape[3]}
		n := newNet(shape...)
		options := fields{padding, sx, sy, kw, kh, anyActivation(d)}
		agree(t, n.built(n.op(opMaxPool, options, out, 0), n.op(opAveragePool, options, out, 0)), shape)
	})
}

// Both ways to write PRelu, after a picture and after a row of numbers, and a dense layer after each.
func TestActivationsAndDenseLayersAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := draw{t}
		batch, ch := int32(d.int("batch", 1, 2)), int32(d.int("channels", 1, 3))
		picture := []int32{batch, int32(d.int("h", 1, 3)), int32(d.int("w", 1, 3)), ch}
		n := newNet(picture...)
		prelu := func(x int32, shape []int32) int32 {
			slope := n.constant(shape[len(shape)-1:], d.floats(int(shape[len(shape)-1]))...)
			above := n.op(opRelu, nil, shape, x)
			below := int32(0)
			if rapid.Bool().Draw(t, "by |x|") {
				below = n.op(opSub, fields{byte(0)}, shape, x, n.op(opAbs, nil, shape, x))
			} else {
				below = n.op(opNeg, nil, shape, n.op(opRelu, nil, shape, n.op(opNeg, nil, shape, x)))
			}
			return n.op(opAdd, fields{byte(0)}, shape, above, n.op(opMul, fields{byte(0)}, shape, slope, below))
		}
		bent := prelu(0, picture)
		size := picture[1] * picture[2] * ch
		row := []int32{batch, int32(d.int("row", 1, 4))}
		dense := n.op(opDense, fields{anyActivation(d), byte(0), byte(0)}, row, bent,
			n.constant([]int32{row[1], size}, d.floats(int(row[1]*size))...), n.constant(row[1:], d.floats(int(row[1]))...))
		flat := n.op(opReshape, nil, []int32{batch, size}, bent, n.integers(batch, size))
		leaky := n.op(opLeakyRelu, fields{float32(0.2)}, []int32{batch, size}, flat)
		agree(t, n.built(prelu(dense, row), leaky), picture)
	})
}

func TestSumsOfPartsAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := draw{t}
		shape := []int32{1, int32(d.int("h", 1, 3)), int32(d.int("w", 1, 3)), int32(d.int("channels", 1, 3))}
		if rapid.Bool().Draw(t, "row") {
			shape = []int32{1, int32(d.int("channels", 1, 5))}
		}
		n := newNet(shape...)
		last := int32(len(shape) - 1)
		if rapid.Bool().Draw(t, "from the end") {
			last = -1
		}
		thin := append(append([]int32{}, shape[:len(shape)-1]...), 1)
		top := n.op(opReduceMax, fields{byte(1)}, thin, 0, n.integers(last))
		e := n.op(opExp, nil, shape, n.op(opSub, fields{byte(0)}, shape, 0, top))
		soft := n.op(opDiv, fields{byte(0)}, shape, e, n.op(opSum, fields{byte(1)}, thin, e, n.integers(last)))
		per := n.constant(shape[len(shape)-1:], d.floats(int(shape[len(shape)-1]))...)
		scaled := n.op(opMul, fields{anyActivation(d)}, shape, per, soft)
		places := make([]int32, len(shape))
		copy(places, shape)
		size := 1
		for _, s := range shape {
			size *= int(s)
		}
		moved := n.op(opSub, fields{byte(0)}, shape, n.constant(places, d.floats(size)...), scaled)
		number := n.constant([]int32{}, 0.25)
		less := n.typed(opLess, nil, shape, typeBool, moved, number)
		more := n.typed(opGreaterEqual, nil, shape, typeBool, moved, number)
		both := append([]int32{}, shape...)
		both[len(both)-1] *= 2
		joined := n.op(opConcatenation, fields{last, byte(0)}, both, n.op(opCast, nil, shape, less), n.op(opCast, nil, shape, more))
		ones := make([]int32, len(shape))
		for i := range ones {
			ones[i] = 1
		}
		all := int32(1<<len(shape) - 1)
		whole := n.op(opStridedSlice, fields{all, all}, shape, moved, n.integers(ones...), n.integers(ones...), n.integers(ones...))
		agree(t, n.built(soft, joined, whole), shape)
	})
}

// halves are numbers that 16 bits hold exactly.
func TestWeightsOf16Bits(t *testing.T) {
	for bits, want := range map[uint16]float64{
		0: 0, 0x3c00: 1, 0xc000: -2, 0x3555: 0.333251953125, 0x7bff: 65504, 1: 5.9604644775390625e-8, 0x0400: 6.103515625e-5,
		0x7c00: math.Inf(1), 0xfc00: math.Inf(-1),
	} {
		if got := half(bits); float64(got) != want {
			t.Errorf("%#04x is %v, want %v", bits, got, want)
		}
	}
	if !math.IsNaN(float64(half(0x7e00))) {
		t.Error("no number was made one")
	}
	rapid.Check(t, func(t *rapid.T) {
		n := newNet(1, 2)
		var data []byte
		for _, bits := range []uint16{0x3c00, 0xc000, 0x3555, 0} {
			data = binary.LittleEndian.AppendUint16(data, bits)
		}
		wide := n.op(opDequantize, nil, []int32{2, 2}, n.raw([]int32{2, 2}, typeFloat16, data))
		agree(t, n.built(n.op(opDense, nil, []int32{1, 2}, 0, wide, -1)), []int32{1, 2})
	})
}

func TestWhatIsRefused(t *testing.T) {
	shape := []int32{1, 4, 4, 2}
	one := func(code int, options fields, out []int32, more ...int32) []byte {
		n := newNet(shape...)
		return n.built(n.op(code, options, out, append([]int32{0}, more...)...))
	}
	weights := func(change func(n *net, w, b int32) int32) []byte {
		n := newNet(shape...)
		return n.built(change(n, n.constant([]int32{1, 1, 1, 2}, 1, 2), n.constant([]int32{1}, 1)))
	}
	conv := fields{byte(paddingSame), int32(1), int32(1)}
	for name, c := range map[string]struct {
		file []byte
		want string
	}{
		"nothing":                   {nil, "not a TensorFlow Lite model"},
		"another version":           {bytes.Replace(one(opRelu, nil, shape), []byte{version, 0, 0, 0}, []byte{7, 0, 0, 0}, 1), "schema version 7"},
		"an unknown operator":       {one(99, nil, shape), "not understood"},
		"another shape":             {one(opRelu, nil, []int32{1, 4, 4, 3}), "becomes"},
		"three dimensions":          {one(opRelu, nil, []int32{1, 4, 8}), "2 or 4 dimensions"},
		"another batch":             {one(opRelu, nil, []int32{2, 4, 4, 2}), "batch 1"},
		"no dimension":              {one(opRelu, nil, []int32{1, 0, 4, 2}), "shape"},
		"too many elements":         {one(opRelu, nil, []int32{1, 65536, 65536, 2}), "shape"},
		"an operand too few":        {one(opAdd, fields{byte(0)}, shape), "inputs"},
		"an unknown activation":     {one(opAdd, fields{byte(4)}, shape, 0), "activation 4"},
		"a reshape of another kind": {one(opReshape, nil, []int32{1, 2, 4, 4}), "becomes"},
		"a tensor from nowhere":     {one(opAdd, fields{byte(0)}, shape, 7), "nothing gives"},
		"a loop":                    {one(opAdd, fields{byte(0)}, shape, 1), "nothing gives"},
		"a window beyond": {weights(func(n *net, w, b int32) int32 {
			return n.op(opConv, fields{byte(paddingValid), int32(9), int32(1)}, []int32{1, 4, 4, 1}, 0, w, b)
		}), "shape"},
		"an unknown padding": {weights(func(n *net, w, b int32) int32 {
			return n.op(opConv, fields{byte(2), int32(1), int32(1)}, []int32{1, 4, 4, 1}, 0, w, b)
		}), "padding 2"},
		"no stride": {weights(func(n *net, w, b int32) int32 { return n.op(opConv, fields{byte(0)}, []int32{1, 4, 4, 1}, 0, w, b) }), "window"},
		"weights of other channels": {weights(func(n *net, w, b int32) int32 {
			return n.op(opConv, conv, []int32{1, 4, 4, 2}, 0, w, b)
		}), "weights of shape"},
		"weights that are computed": {weights(func(n *net, w, b int32) int32 { return n.op(opConv, conv, []int32{1, 4, 4, 2}, 0, 0, b) }), "constant is wanted"},
		"weights that are no number": {weights(func(n *net, w, b int32) int32 {
			return n.op(opConv, conv, []int32{1, 4, 4, 1}, 0, n.constant([]int32{1, 1, 1, 2}, 1, float32(math.NaN())), b)
		}), "no number"},
		"a bias too long": {weights(func(n *net, w, b int32) int32 { return n.op(opConv, conv, []int32{1, 4, 4, 1}, 0, w, w) }), "biases"},
		"a part of a slice": {weights(func(n *net, w, b int32) int32 {
			i := n.integers(1, 1, 1, 1)
			return n.op(opStridedSlice, fields{int32(15), int32(7)}, shape, 0, i, i, i)
		}), "slice of a part"},
		"a sum that drops a dimension": {weights(func(n *net, w, b int32) int32 {
			return n.op(opSum, fields{byte(0)}, []int32{1, 4, 4, 1}, 0, n.integers(3))
		}), "becomes"},
		"weights used by many": {weights(func(n *net, w, b int32) int32 {
			x, big := int32(0), n.constant([]int32{2, 32, 32, 2}, make([]float32, 4096)...)
			for range 10 {
				x = n.op(opConv, conv, shape, x, big, -1)
			}
			return x
		}), "more often"},
	} {
		if _, err := ONNX(c.file); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q in it", name, err, c.want)
		}
	}
}

// seeds are small models that hold every operator.
func seeds() [][]byte {
	picture, row := []int32{1, 3, 3, 2}, []int32{1, 2}
	n := newNet(picture...)
	x := n.op(opConv, fields{byte(0), int32(1), int32(1), byte(1)}, picture, 0, n.constant([]int32{2, 1, 1, 2}, 1, 2, 3, 4), n.constant(row[1:], 0, 1))
	x = n.op(opDepthwiseConv, fields{byte(1), int32(2), int32(2), int32(1), byte(3)}, []int32{1, 1, 1, 2}, x, n.constant([]int32{1, 3, 3, 2}, make([]float32, 18)...), -1)
	y := n.op(opAveragePool, fields{byte(0), int32(3), int32(3), int32(3), int32(3)}, []int32{1, 1, 1, 2}, 0)
	z := n.op(opAdd, fields{byte(0)}, []int32{1, 1, 1, 2}, x, y)
	r := n.op(opReshape, nil, row, z, n.integers(1, 2))
	r = n.op(opDense, fields{byte(0)}, row, r, n.constant([]int32{2, 2}, 1, 2, 3, 4), -1)
	p := n.op(opAdd, fields{byte(0)}, row, n.op(opRelu, nil, row, r),
		n.op(opMul, fields{byte(0)}, row, n.constant(row[1:], 1, 2), n.op(opSub, fields{byte(0)}, row, r, n.op(opAbs, nil, row, r))))
	s := n.op(opDiv, fields{byte(0)}, row, p, n.op(opSum, fields{byte(1)}, []int32{1, 1}, n.op(opExp, nil, row, p), n.integers(-1)))
	return [][]byte{n.built(s), n.built(z, s)}
}

// Whatever the bytes: no panic, no model much larger than the file, and what is converted can be read.
func FuzzONNX(f *testing.F) {
	for _, s := range seeds() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		model, err := ONNX(file)
		if err != nil {
			return
		}
		if len(model) > 64*len(file)+1<<16 {
			t.Errorf("%d bytes of %d", len(model), len(file))
		}
		each(model, func(num protowire.Number, _ uint64, graph []byte) {})
	})
}

// BIOGATE_TFLITE=DIR go test -run Folder ./models/tflite converts every DIR/*.tflite to DIR/*.onnx and holds what the models
// compute against what the files say, which takes minutes.
func TestFolder(t *testing.T) {
	dir := os.Getenv("BIOGATE_TFLITE")
	if dir == "" {
		t.Skip("converts the files of a folder: BIOGATE_TFLITE=DIR")
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.tflite"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files in %s (%v)", dir, err)
	}
	for _, name := range files {
		file, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		model, err := ONNX(file)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := os.WriteFile(strings.TrimSuffix(name, ".tflite")+".onnx", model, 0o644); err != nil {
			t.Fatal(err)
		}
		g, err := parse(file)
		if err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(1, 2))
		picture := make([]float32, product(g.tensors[g.inputs[0]].shape[1:]))
		for i := range picture {
			picture[i] = 2*rng.Float32() - 1
		}
		t.Run(filepath.Base(name), func(t *testing.T) { hold(t, file, picture) })
	}
}
