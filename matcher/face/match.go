package face

import (
	"fmt"

	"biogate/matcher"
	"biogate/matcher/gallery"
)

// prepared is a template ready for comparison, as probe and as reference.
type prepared struct {
	model  string
	vector *gallery.Vector
}

func (f form) prepare(t matcher.Template) (*prepared, error) {
	c, err := f.read(t)
	if err != nil {
		return nil, err
	}
	v, err := gallery.NewWeighted(c.vector, f.weight(c.clarity))
	return &prepared{f.model, v}, err
}

// Compare returns the cosine of the angle between the embeddings times the weights of both faces, -1 to 1.
func (p *prepared) Compare(ref matcher.Reference) (float64, error) {
	r, ok := ref.(*prepared)
	if !ok || r.model != p.model {
		return 0, &matcher.Error{
			Code:   matcher.CodeModelMismatch,
			Detail: fmt.Sprintf("a reference of model %q, this probe is of %q", ref.Model(), p.model),
		}
	}
	return p.vector.Cosine(r.vector), nil
}

// Model is the id that the template was made under.
func (p *prepared) Model() string { return p.model }

// Embedding is what a gallery searches.
func (p *prepared) Embedding() *gallery.Vector { return p.vector }

// Position of a face is Unknown.
func (p *prepared) Position() matcher.Position { return matcher.Unknown }

var _ gallery.Embedded = (*prepared)(nil)
