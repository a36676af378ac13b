package face

import (
	"fmt"
	"math"

	"biogate/matcher"
)

// The payload of a face template: version (1 byte), quality 0 to 100 (1), the embedding as Dimensions signed bytes scaled
// so that the largest is 127 in size. -128 is not used. The scale is not kept: the cosine does not depend on it.
const (
	payloadVersion = 1
	payloadHeader  = 2
	payloadBytes   = payloadHeader + Dimensions
)

// vector is a quantised embedding.
type vector [Dimensions]int8

// quantise scales an embedding to signed bytes; ok is false when it has no direction.
func quantise(embedding []float32) (v vector, ok bool) {
	top := 0.0
	for _, x := range embedding {
		top = max(top, math.Abs(float64(x)))
	}
	if len(embedding) != Dimensions || top == 0 || math.IsInf(top, 0) || math.IsNaN(top) || !finite(embedding) {
		return v, false
	}
	for i, x := range embedding {
		v[i] = int8(math.RoundToEven(float64(x) / top * math.MaxInt8))
	}
	return v, true
}

func encodePayload(v vector, quality int) []byte {
	b := make([]byte, payloadBytes)
	b[0], b[1] = payloadVersion, byte(quality)
	for i, x := range v {
		b[payloadHeader+i] = byte(x)
	}
	return b
}

func decodePayload(b []byte) (v vector, quality int, err error) {
	switch {
	case len(b) != payloadBytes:
		return v, 0, malformed("a face payload has %d bytes, this one has %d", payloadBytes, len(b))
	case b[0] != payloadVersion:
		return v, 0, malformed("payload version %d, this build reads %d", b[0], payloadVersion)
	case b[1] > 100:
		return v, 0, malformed("quality %d, at most 100 is possible", b[1])
	}
	top := 0
	for i := range v {
		v[i] = int8(b[payloadHeader+i])
		top = max(top, int(v[i]), -int(v[i]))
	}
	if top != math.MaxInt8 {
		return v, 0, malformed("the largest element is %d in size, want %d", top, math.MaxInt8)
	}
	return v, int(b[1]), nil
}

// read checks that t is a face template of this model and returns its vector.
func read(t matcher.Template) (v vector, quality int, err error) {
	if t.Modality != matcher.Face || t.Model != Model {
		return v, 0, &matcher.Error{
			Code:   matcher.CodeModelMismatch,
			Detail: fmt.Sprintf("a %s template of model %q, this engine compares face templates of %q", t.Modality, t.Model, Model),
		}
	}
	if t.Position != matcher.Unknown {
		return v, 0, malformed("a face template with the finger position %q", t.Position)
	}
	return decodePayload(t.Payload)
}

func malformed(format string, args ...any) error {
	return &matcher.Error{Code: matcher.CodeBadTemplate, Detail: fmt.Sprintf(format, args...)}
}
