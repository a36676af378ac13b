package face

import (
	"encoding/binary"
	"fmt"
	"math"

	"biogate/matcher"
	"biogate/matcher/kernel"
	"biogate/models"
)

// payloadHeader is what stands before the embedding in a face template: version (1 byte), quality 0 to 100 (1) and clarity
// (2, the high one first, in 1/clarityUnits).
const (
	payloadHeader = 4
	clarityUnits  = 1000
)

// form is how templates of a model are stored and how much they count: the header, then the embedding as signed bytes
// scaled so that the largest is 127 in size. -128 is not used. The scale is not kept: the cosine does not depend on it.
type form struct {
	model      string
	version    int
	dimensions int
	weights    *models.FaceWeight // nil: cosines count as they are
}

// contents are what a template holds.
type contents struct {
	vector  []int8
	quality int     // 0 to 100
	clarity float64 // length of the embedding, 0 to 65.535
}

// formOf is the stored form that a manifest states, which must be the one that this package writes.
func formOf(m models.Manifest, dimensions int) (form, error) {
	f := form{m.ID, m.Template.Version, dimensions, m.Face.Weight}
	if m.Template.Bytes != f.bytes() || f.version < 1 || f.version > math.MaxUint8 {
		return f, fmt.Errorf("face: model %s: templates of version %d and %d bytes, want a version of 1 to 255 and %d bytes",
			m.ID, m.Template.Version, m.Template.Bytes, f.bytes())
	}
	if most := float64(math.MaxUint16) / clarityUnits; f.weights != nil && f.weights.Most > most {
		return f, fmt.Errorf("face: model %s: weights up to a clarity of %g, a template states %g at most", m.ID, f.weights.Most, most)
	}
	if dimensions > kernel.MostDim8 {
		return f, fmt.Errorf("face: model %s: embeddings of %d values, at most %d can be searched", m.ID, dimensions, kernel.MostDim8)
	}
	return f, nil
}

// bytes is the length of a payload.
func (f form) bytes() int { return payloadHeader + f.dimensions }

// weight is how much a cosine with a face of some clarity counts, above 0 to 1. It stays within what was measured: no claim
// of a clarity, however low, makes a stranger much more alike.
func (f form) weight(clarity float64) float64 {
	if f.weights == nil {
		return 1
	}
	w := *f.weights
	return math.Pow(w.Least/min(max(clarity, w.Least), w.Most), w.Power)
}

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

func (f form) encode(c contents) []byte {
	b := make([]byte, f.bytes())
	b[0], b[1] = byte(f.version), byte(c.quality)
	binary.BigEndian.PutUint16(b[2:], uint16(min(math.Round(c.clarity*clarityUnits), math.MaxUint16)))
	for i, x := range c.vector {
		b[payloadHeader+i] = byte(x)
	}
	return b
}

func (f form) decode(b []byte) (contents, error) {
	switch {
	case len(b) != f.bytes():
		return contents{}, malformed("a face payload has %d bytes, this one has %d", f.bytes(), len(b))
	case int(b[0]) != f.version:
		return contents{}, malformed("payload version %d, this model's is %d", b[0], f.version)
	case b[1] > 100:
		return contents{}, malformed("quality %d, at most 100 is possible", b[1])
	}
	v, top := make([]int8, f.dimensions), 0
	for i := range v {
		v[i] = int8(b[payloadHeader+i])
		top = max(top, int(v[i]), -int(v[i]))
	}
	if top != math.MaxInt8 {
		return contents{}, malformed("the largest element is %d in size, want %d", top, math.MaxInt8)
	}
	return contents{v, int(b[1]), float64(binary.BigEndian.Uint16(b[2:])) / clarityUnits}, nil
}

// read checks that t is a face template of this model and returns what it holds.
func (f form) read(t matcher.Template) (contents, error) {
	if t.Modality != matcher.Face || t.Model != f.model {
		return contents{}, &matcher.Error{
			Code:   matcher.CodeModelMismatch,
			Detail: fmt.Sprintf("a %s template of model %q, this engine compares face templates of %q", t.Modality, t.Model, f.model),
		}
	}
	if t.Position != matcher.Unknown {
		return contents{}, malformed("a face template with the finger position %q", t.Position)
	}
	return f.decode(t.Payload)
}

func malformed(format string, args ...any) error {
	return &matcher.Error{Code: matcher.CodeBadTemplate, Detail: fmt.Sprintf(format, args...)}
}
