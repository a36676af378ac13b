package face

import (
	"fmt"
	"math"

	"biogate/matcher"
	"biogate/matcher/kernel"
)

// prepared is a template ready for comparison, as probe and as reference.
type prepared struct {
	model   string
	vector  []int8
	inverse float64 // 1 / length
}

func (f form) prepare(t matcher.Template) (*prepared, error) {
	v, _, err := f.read(t)
	if err != nil {
		return nil, err
	}
	return &prepared{f.model, v, 1 / math.Sqrt(float64(kernel.Dot8(v, v)))}, nil
}

// Compare returns the cosine of the angle between the embeddings, -1 to 1.
func (p *prepared) Compare(ref matcher.Reference) (float64, error) {
	r, ok := ref.(*prepared)
	if !ok || r.model != p.model {
		return 0, &matcher.Error{
			Code:   matcher.CodeModelMismatch,
			Detail: fmt.Sprintf("a reference of model %q, this probe is of %q", ref.Model(), p.model),
		}
	}
	return float64(kernel.Dot8(p.vector, r.vector)) * (p.inverse * r.inverse), nil
}

// Model is the id that the template was made under.
func (p *prepared) Model() string { return p.model }

// Position of a face is Unknown.
func (p *prepared) Position() matcher.Position { return matcher.Unknown }
