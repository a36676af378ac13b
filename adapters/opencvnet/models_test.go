//go:build cgo && !noopencv

package opencvnet

import (
	"context"
	"testing"

	"biogate/matcher"
	"biogate/matcher/face"
	"biogate/matcher/face/networktest"
	"biogate/models"
)

// Of people with two pictures, the second one's best match must be the first: with every model, by its manifest alone.
func TestEveryModelRecognises(t *testing.T) {
	files := people(t, 15)
	networktest.EveryModel(t, func(t *testing.T, m models.Manifest, dir string) {
		nets, err := Load(m, dir, 1)
		if err != nil {
			t.Fatal(err)
		}
		defer nets.Close()
		e, err := face.New(m, nets.Networks)
		if err != nil {
			t.Fatal(err)
		}
		if right := rankOne(t, e, files); right < len(files)-1 {
			t.Errorf("%d of %d people are found", right, len(files))
		}
	})
}

// rankOne counts the people whose second picture scores highest with their first.
func rankOne(t *testing.T, e *face.Engine, files [][]string) (right int) {
	t.Helper()
	template := func(file string) matcher.Template {
		x, err := e.Extract(context.Background(), sample(t, file), nil)
		if err != nil {
			t.Fatal(err)
		}
		return x.Template
	}
	var references []matcher.Reference
	for _, f := range files {
		r, err := e.Reference(template(f[0]))
		if err != nil {
			t.Fatal(err)
		}
		references = append(references, r)
	}
	for i, f := range files {
		p, err := e.Probe(template(f[1]))
		if err != nil {
			t.Fatal(err)
		}
		best, top := -1, -1.0
		for k, r := range references {
			score, err := p.Compare(r)
			if err != nil {
				t.Fatal(err)
			}
			if score > top {
				best, top = k, score
			}
		}
		if best == i {
			right++
		}
	}
	return right
}
