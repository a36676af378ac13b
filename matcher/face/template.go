package face

import (
	"fmt"
	"math"

	"biogate/matcher"
	"biogate/models"
)

// payloadHeader is what stands before the embedding in a face template: version (1 byte) and quality 0 to 100 (1).
const payloadHeader = 2

// form is how templates of a model are stored: the header, then the embedding as signed bytes scaled so that the largest is
// 127 in size. -128 is not used. The scale is not kept: the cosine does not depend on it.
type form struct {
	model      string
	version    int
	dimensions int
}

// formOf is the stored form that a manifest states, which must be the one that this package writes.
func formOf(m models.Manifest, dimensions int) (form, error) {
	f := form{m.ID, m.Template.Version, dimensions}
	if m.Template.Bytes != f.bytes() || f.version < 1 || f.version > math.MaxUint8 {
		return f, fmt.Errorf("face: model %s: templates of version %d and %d bytes, want a version of 1 to 255 and %d bytes",
			m.ID, m.Template.Version, m.Template.Bytes, f.bytes())
	}
	return f, nil
}

// bytes is the length of a payload.
func (f form) bytes() int { return payloadHeader + f.dimensions }

// quantise scales an embedding to signed bytes; ok is false when it has no direction.
func quantise(embedding []float32) (v []int8, ok bool) {
	top := 0.0
	for _, x := range embedding {
		top = max(top, math.Abs(float64(x)))
	}
	if top == 0 || !finite(embedding) {
		return nil, false
	}
	v = make([]int8, len(embedding))
	for i, x := range embedding {
		v[i] = int8(math.RoundToEven(float64(x) / top * math.MaxInt8))
	}
	return v, true
}

func (f form) encode(v []int8, quality int) []byte {
	b := make([]byte, f.bytes())
	b[0], b[1] = byte(f.version), byte(quality)
	for i, x := range v {
		b[payloadHeader+i] = byte(x)
	}
	return b
}

func (f form) decode(b []byte) (v []int8, quality int, err error) {
	switch {
	case len(b) != f.bytes():
		return nil, 0, malformed("a face payload has %d bytes, this one has %d", f.bytes(), len(b))
	case int(b[0]) != f.version:
		return nil, 0, malformed("payload version %d, this model's is %d", b[0], f.version)
	case b[1] > 100:
		return nil, 0, malformed("quality %d, at most 100 is possible", b[1])
	}
	v, top := make([]int8, f.dimensions), 0
	for i := range v {
		v[i] = int8(b[payloadHeader+i])
		top = max(top, int(v[i]), -int(v[i]))
	}
	if top != math.MaxInt8 {
		return nil, 0, malformed("the largest element is %d in size, want %d", top, math.MaxInt8)
	}
	return v, int(b[1]), nil
}

// read checks that t is a face template of this model and returns its vector.
func (f form) read(t matcher.Template) (v []int8, quality int, err error) {
	if t.Modality != matcher.Face || t.Model != f.model {
		return nil, 0, &matcher.Error{
			Code:   matcher.CodeModelMismatch,
			Detail: fmt.Sprintf("a %s template of model %q, this engine compares face templates of %q", t.Modality, t.Model, f.model),
		}
	}
	if t.Position != matcher.Unknown {
		return nil, 0, malformed("a face template with the finger position %q", t.Position)
	}
	return f.decode(t.Payload)
}

func malformed(format string, args ...any) error {
	return &matcher.Error{Code: matcher.CodeBadTemplate, Detail: fmt.Sprintf(format, args...)}
}
