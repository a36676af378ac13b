package face

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"biogate/matcher"
	"biogate/models"
)

// tested is the form of the templates in these tests.
var tested = form{models.DefaultFace, 2, dimensions, &models.FaceWeight{Least: 2, Most: 5, Power: 0.3}}

func randomEmbedding(rng *rand.Rand) []float32 {
	v := make([]float32, dimensions)
	for i := range v {
		v[i] = float32(rng.NormFloat64())
	}
	return v
}

func asTemplate(t testing.TB, embedding []float32) matcher.Template {
	t.Helper()
	v, ok := quantise(embedding)
	if !ok {
		t.Fatal("no direction")
	}
	return matcher.Template{Modality: matcher.Face, Model: tested.model, Payload: tested.encode(contents{v, 50, 2})}
}

func cosine(a, b []float32) float64 {
	dot := 0.0
	for i := range a {
		dot += float64(a[i]) * float64(b[i])
	}
	return dot / length(a) / length(b)
}

func TestScoreIsTheCosine(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	e := newFake(t, fakeNets())
	e.form = tested
	for range 200 {
		a, b := randomEmbedding(rng), randomEmbedding(rng)
		mix := rng.Float32()
		for i := range b {
			b[i] = mix*a[i] + (1-mix)*b[i]
		}
		x, y := asTemplate(t, a), asTemplate(t, b)
		got := score(t, e, x, y)
		if want := cosine(a, b); !near(got, want, 0.005) {
			t.Errorf("score %.4f, the embeddings' cosine is %.4f", got, want)
		}
		if back := score(t, e, y, x); back != got {
			t.Errorf("%v one way, %v the other", got, back)
		}
		if self := score(t, e, x, x); !near(self, 1, 1e-9) {
			t.Errorf("scores %v with itself", self)
		}
	}
}

// A face that is less clear gets more for the same cosine, but only within what the model states.
func TestScoreRisesAsClarityFalls(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := make([]int8, dimensions)
		for i := range v {
			v[i] = int8(rapid.IntRange(-127, 126).Draw(t, "x"))
		}
		v[0] = 127
		other := rapid.Float64Range(0, 9).Draw(t, "clarity of the other")
		clarities := rapid.SliceOfN(rapid.Float64Range(0, 9), 2, 2).Draw(t, "clarities")
		slices.Sort(clarities)
		scoreAt := func(clarity float64) float64 {
			at := func(c float64) *prepared {
				p, err := tested.prepare(matcher.Template{Modality: matcher.Face, Model: tested.model, Payload: tested.encode(contents{v, 50, c})})
				if err != nil {
					t.Fatal(err)
				}
				return p
			}
			s, err := at(clarity).Compare(at(other))
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		low, high := scoreAt(clarities[0]), scoreAt(clarities[1])
		most, least := tested.weight(0)*tested.weight(other), tested.weight(99)*tested.weight(other)
		if low < high || low > most+1e-4 || high < least-1e-4 {
			t.Errorf("clarity %g scores %g, %g scores %g, want %g to %g", clarities[0], low, clarities[1], high, least, most)
		}
	})
}

func TestPayloadComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := make([]int8, dimensions)
		for i := range v {
			v[i] = int8(rapid.IntRange(-127, 127).Draw(t, "x"))
		}
		v[rapid.IntRange(0, dimensions-1).Draw(t, "top")] = 127
		quality := rapid.IntRange(0, 100).Draw(t, "quality")
		clarity := rapid.Float64Range(0, 70).Draw(t, "clarity")
		got, err := tested.decode(tested.encode(contents{v, quality, clarity}))
		if err != nil || !slices.Equal(got.vector, v) || got.quality != quality || !near(got.clarity, min(clarity, 65.535), 0.0005001) {
			t.Errorf("quality %d, clarity %g of %g, error %v, or another vector", got.quality, got.clarity, clarity, err)
		}
	})
}

func TestPayloadRefuses(t *testing.T) {
	sound := asTemplate(t, randomEmbedding(rand.New(rand.NewPCG(1, 1)))).Payload
	for name, change := range map[string]func([]byte) []byte{
		"empty":           func([]byte) []byte { return nil },
		"short":           func(b []byte) []byte { return b[:len(b)-1] },
		"long":            func(b []byte) []byte { return append(b, 0) },
		"another version": func(b []byte) []byte { b[0]++; return b },
		"quality":         func(b []byte) []byte { b[1] = 101; return b },
		"zero vector":     func(b []byte) []byte { clear(b[payloadHeader:]); return b },
		"tiny vector":     func(b []byte) []byte { clear(b[payloadHeader:]); b[9] = 1; return b },
		"-128":            func(b []byte) []byte { b[9] = 0x80; return b },
	} {
		_, err := tested.decode(change(append([]byte(nil), sound...)))
		if !errors.Is(err, &matcher.Error{Code: matcher.CodeBadTemplate}) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestQuantiseRefuses(t *testing.T) {
	for name, x := range map[string]float32{"zero": 0, "not a number": float32(math.NaN()), "infinite": float32(math.Inf(-1))} {
		v := make([]float32, dimensions)
		v[7] = x
		if _, ok := quantise(v); ok {
			t.Errorf("%s was taken", name)
		}
	}
}

func TestFingerPositionIsRefused(t *testing.T) {
	tpl := asTemplate(t, randomEmbedding(rand.New(rand.NewPCG(1, 1))))
	tpl.Position = "left-thumb"
	if _, err := tested.prepare(tpl); !errors.Is(err, &matcher.Error{Code: matcher.CodeBadTemplate}) {
		t.Errorf("error %v", err)
	}
}

func FuzzDecodePayload(f *testing.F) {
	sound := asTemplate(f, randomEmbedding(rand.New(rand.NewPCG(1, 1)))).Payload
	f.Add(sound)
	f.Add(sound[:100])
	f.Add(make([]byte, tested.bytes()))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := tested.decode(data)
		if err != nil {
			if !errors.Is(err, &matcher.Error{Code: matcher.CodeBadTemplate}) {
				t.Errorf("error %v", err)
			}
			return
		}
		if string(tested.encode(c)) != string(data) {
			t.Error("another payload came back")
		}
		p, err := tested.prepare(matcher.Template{Modality: matcher.Face, Model: tested.model, Payload: data})
		if err != nil {
			t.Fatal(err)
		}
		weight := tested.weight(c.clarity)
		if s, err := p.Compare(p); err != nil || !near(s, weight*weight, 1e-4) || weight > 1 || weight < 0.75 {
			t.Errorf("scores %v with itself at a weight of %v, error %v", s, weight, err)
		}
	})
}

func BenchmarkCompare(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	p, err := tested.prepare(asTemplate(b, randomEmbedding(rng)))
	if err != nil {
		b.Fatal(err)
	}
	r, err := tested.prepare(asTemplate(b, randomEmbedding(rng)))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Compare(r); err != nil {
			b.Fatal(err)
		}
	}
}
