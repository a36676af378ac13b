package face

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"biogate/matcher"
)

// likenesses are templates of some people: person i has counts[i] of them, each its embedding with some noise.
func likenesses(t testing.TB, rng *rand.Rand, noise float64, counts ...int) (templates []matcher.Template, person []int, truth [][]float32) {
	t.Helper()
	for p, n := range counts {
		mean := randomEmbedding(rng)
		truth = append(truth, mean)
		for range n {
			v := slices.Clone(mean)
			for i := range v {
				v[i] += float32(noise * rng.NormFloat64())
			}
			templates, person = append(templates, asTemplate(t, v)), append(person, p)
		}
	}
	return templates, person, truth
}

func TestFuseJoinsOneFaceAndNoOther(t *testing.T) {
	e := newFake(t, fakeNets())
	rapid.Check(t, func(rt *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))
		counts := rapid.SliceOfN(rapid.IntRange(0, 4), 1, 4).Draw(rt, "counts")
		templates, person, truth := likenesses(t, rng, 0.8, counts...) // two of one person have a cosine of 0.61 or so
		order := rng.Perm(len(templates))
		shuffled := make([]matcher.Template, len(order))
		for k, i := range order {
			shuffled[k] = templates[i]
		}
		fused, err := e.Fuse(shuffled)
		if err != nil {
			rt.Fatal(err)
		}
		seen := 0
		for _, f := range fused {
			p := person[order[f.Of[0]]]
			seen += len(f.Of)
			if len(f.Of) != counts[p] || !slices.IsSorted(f.Of) {
				rt.Fatalf("%v of person %d, who has %d", f.Of, p, counts[p])
			}
			for _, k := range f.Of {
				if person[order[k]] != p {
					rt.Fatalf("person %d was fused with %d", p, person[order[k]])
				}
			}
			if len(f.Of) == 1 && !bytes.Equal(f.Template.Payload, shuffled[f.Of[0]].Payload) {
				rt.Fatal("a template alone was changed")
			}
			if len(f.Of) > 1 {
				ideal, single := asTemplate(t, truth[p]), shuffled[f.Of[0]]
				if together, alone := score(t, e, ideal, f.Template), score(t, e, ideal, single); together <= alone {
					rt.Fatalf("%d fused score %.3f with the person, one alone %.3f", len(f.Of), together, alone)
				}
			}
		}
		if seen != len(templates) {
			rt.Fatalf("%d templates of %d in the results", seen, len(templates))
		}
		if !slices.IsSortedFunc(fused, func(a, b matcher.FusedTemplate) int { return len(b.Of) - len(a.Of) }) {
			rt.Fatal("results of fewer templates come first")
		}
	})
}

func TestFuseDoesNotDependOnTheOrder(t *testing.T) {
	e := newFake(t, fakeNets())
	rng := rand.New(rand.NewPCG(5, 6))
	templates, _, _ := likenesses(t, rng, 1, 4, 3)
	want := map[string]bool{}
	for round := range 20 {
		fused, err := e.Fuse(templates)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range fused {
			if round > 0 && !want[string(f.Template.Payload)] {
				t.Fatalf("another template of %d comes out in another order", len(f.Of))
			}
			want[string(f.Template.Payload)] = true
		}
		rng.Shuffle(len(templates), func(i, j int) { templates[i], templates[j] = templates[j], templates[i] })
	}
}

func TestFuseCountsEqualTemplatesOnce(t *testing.T) {
	e := newFake(t, fakeNets())
	templates, _, _ := likenesses(t, rand.New(rand.NewPCG(7, 8)), 0.8, 2)
	twice, err := e.Fuse([]matcher.Template{templates[0], templates[1]})
	if err != nil {
		t.Fatal(err)
	}
	thrice, err := e.Fuse([]matcher.Template{templates[0], templates[1], templates[0], templates[0]})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(thrice[0].Of, []int{0, 1, 2, 3}) || !bytes.Equal(twice[0].Template.Payload, thrice[0].Template.Payload) {
		t.Errorf("%v makes another template than %v", thrice[0].Of, twice[0].Of)
	}
	same, err := e.Fuse([]matcher.Template{templates[0], templates[0]})
	if err != nil || len(same) != 1 || !bytes.Equal(same[0].Template.Payload, templates[0].Payload) {
		t.Errorf("twice the same makes something else (error %v)", err)
	}
}

func TestFuseTakesTheBestClarityAndQuality(t *testing.T) {
	e := newFake(t, fakeNets())
	templates, _, _ := likenesses(t, rand.New(rand.NewPCG(9, 10)), 0.8, 3)
	for i, c := range []contents{{quality: 40, clarity: 2.5}, {quality: 90, clarity: 3}, {quality: 60, clarity: 4.125}} {
		of, err := e.form.read(templates[i])
		if err != nil {
			t.Fatal(err)
		}
		c.vector = of.vector
		templates[i].Payload = e.form.encode(c)
	}
	fused, err := e.Fuse(templates)
	if err != nil || len(fused) != 1 {
		t.Fatalf("%d results, error %v", len(fused), err)
	}
	if got, err := e.form.read(fused[0].Template); err != nil || got.quality != 90 || got.clarity != 4.125 {
		t.Errorf("quality %d, clarity %g, error %v", got.quality, got.clarity, err)
	}
}

func TestFuseRefuses(t *testing.T) {
	e := newFake(t, fakeNets())
	sound := asTemplate(t, randomEmbedding(rand.New(rand.NewPCG(1, 1))))
	foreign, placed, broken := sound, sound, sound
	foreign.Model = "face-of-another"
	placed.Position = "left-thumb"
	broken.Payload = broken.Payload[1:]
	for name, c := range map[string]struct {
		t    matcher.Template
		code matcher.Code
	}{
		"of another model": {foreign, matcher.CodeModelMismatch},
		"of a finger":      {placed, matcher.CodeBadParameter},
		"cut short":        {broken, matcher.CodeBadTemplate},
	} {
		if _, err := e.Fuse([]matcher.Template{sound, c.t}); !errors.Is(err, &matcher.Error{Code: c.code}) {
			t.Errorf("a template %s: error %v", name, err)
		}
	}
	if fused, err := e.Fuse(nil); err != nil || len(fused) != 0 {
		t.Errorf("of nothing came %d templates, error %v", len(fused), err)
	}
}
