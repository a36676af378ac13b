package face

import (
	"cmp"
	"math"
	"slices"

	"biogate/matcher"
)

var _ matcher.Fuser = (*Engine)(nil)

// Fuse makes one template of all templates that show one face. Its embedding is the mean of their directions; clarity and
// quality are those of the best of them, so that false matches stay as rare as with one capture. The two groups most
// alike are joined until no two score what the model asks of one person (models.Face.SamePerson); of equal templates one counts.
//
// Of 3,978 genuine comparisons of LFW's tuning people with one capture 3.3 % fail at the threshold for FMR 1e-4, with two
// captures fused 1.2 %, at the same FMR. The better of two comparisons does as well and matches twice as many strangers.
//
// Results of most templates come first. The order of the templates does not change who is joined.
func (e *Engine) Fuse(templates []matcher.Template) ([]matcher.FusedTemplate, error) {
	groups, err := e.distinct(templates)
	if err != nil {
		return nil, err
	}
	for {
		a, b, score := e.mostAlike(groups)
		if score < e.contract.SamePerson {
			break
		}
		groups[a].join(groups[b])
		groups = slices.Delete(groups, b, b+1)
	}
	slices.SortStableFunc(groups, func(a, b *group) int { return cmp.Compare(len(b.of), len(a.of)) })
	out := make([]matcher.FusedTemplate, len(groups))
	for i, g := range groups {
		out[i] = matcher.FusedTemplate{Template: templates[g.of[0]], Of: g.of}
		if len(g.of) > 1 {
			out[i].Template.Payload = e.form.encode(g.contents())
		}
	}
	return out, nil
}

// group is templates that show one face.
type group struct {
	of      []int     // ascending
	first   []int8    // vector of the first of them
	sum     []float64 // of their directions
	quality int
	clarity float64
}

// distinct makes a group of every template, one of equal embeddings.
func (e *Engine) distinct(templates []matcher.Template) ([]*group, error) {
	var groups []*group
	for i, t := range templates {
		if t.Position != matcher.Unknown {
			return nil, parameter("a face has no finger position, a template of %q was given", t.Position)
		}
		c, err := e.form.read(t)
		if err != nil {
			return nil, err
		}
		g := &group{[]int{i}, c.vector, direction(c.vector), c.quality, c.clarity}
		same := slices.IndexFunc(groups, func(h *group) bool { return slices.Equal(h.first, c.vector) })
		if same < 0 {
			groups = append(groups, g)
			continue
		}
		clear(g.sum)
		groups[same].join(g)
	}
	return groups, nil
}

// direction is a vector of length 1.
func direction(v []int8) []float64 {
	d, square := make([]float64, len(v)), 0.0
	for _, x := range v {
		square += float64(x) * float64(x)
	}
	for i, x := range v {
		d[i] = float64(x) / math.Sqrt(square)
	}
	return d
}

// mostAlike are the two groups with the highest score, a before b; it is below -1 when there are no two.
func (e *Engine) mostAlike(groups []*group) (a, b int, score float64) {
	score = math.Inf(-1)
	for j, h := range groups {
		for i, g := range groups[:j] {
			cosine := dot(g.sum, h.sum) / math.Sqrt(dot(g.sum, g.sum)*dot(h.sum, h.sum))
			if s := cosine * e.form.weight(g.clarity) * e.form.weight(h.clarity); s > score {
				a, b, score = i, j, s
			}
		}
	}
	return a, b, score
}

func dot(a, b []float64) (sum float64) {
	for i, x := range a {
		sum += x * b[i]
	}
	return sum
}

// join takes h into g.
func (g *group) join(h *group) {
	g.of = append(g.of, h.of...)
	slices.Sort(g.of)
	for i, x := range h.sum {
		g.sum[i] += x
	}
	g.quality, g.clarity = max(g.quality, h.quality), max(g.clarity, h.clarity)
}

// contents are those of the fused template.
func (g *group) contents() contents {
	mean := make([]float32, len(g.sum))
	for i, x := range g.sum {
		mean[i] = float32(x)
	}
	v, _ := quantise(mean) // the directions are alike, so they do not cancel
	return contents{v, g.quality, g.clarity}
}
