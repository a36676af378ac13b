package face

import (
	"crypto/rand"
	"errors"
	"math"

	"biogate/matcher"
)

// decoyQuality of a decoy, 0 to 100.
const decoyQuality = 80

var _ matcher.Decoyer = (*Engine)(nil)

// Decoy makes an embedding of random direction: each of its values is the sum of uniform ones, which is near enough to normal.
func (e *Engine) Decoy() (matcher.Template, error) {
	random := make([]byte, 8*e.form.dimensions)
	rand.Read(random)
	embedding := make([]float32, e.form.dimensions)
	for i := range embedding {
		for _, b := range random[8*i+1 : 8*i+8] {
			embedding[i] += float32(b) - math.MaxUint8/2.
		}
	}
	vector, ok := quantise(embedding)
	if !ok {
		return matcher.Template{}, errors.New("face: randomness of zeros")
	}
	clarity := 1.
	if e.form.weights != nil {
		clarity = e.form.weights.Most
	}
	return matcher.Template{Modality: matcher.Face, Model: e.form.model, Payload: e.form.encode(contents{vector, decoyQuality, clarity})}, nil
}
