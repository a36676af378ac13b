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
var tested = form{models.DefaultFace, 1, dimensions}

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
	return matcher.Template{Modality: matcher.Face, Model: tested.model, Payload: tested.encode(v, 50)}
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

func TestPayloadComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := make([]int8, dimensions)
		for i := range v {
			v[i] = int8(rapid.IntRange(-127, 127).Draw(t, "x"))
		}
		v[rapid.IntRange(0, dimensions-1).Draw(t, "top")] = 127
		quality := rapid.IntRange(0, 100).Draw(t, "quality")
		got, q, err := tested.decode(tested.encode(v, quality))
		if err != nil || !slices.Equal(got, v) || q != quality {
			t.Errorf("quality %d, error %v, or another vector", q, err)
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
		_, _, err := tested.decode(change(append([]byte(nil), sound...)))
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
	if _, err := newFake(t, fakeNets()).Probe(tpl); !errors.Is(err, &matcher.Error{Code: matcher.CodeBadTemplate}) {
		t.Errorf("error %v", err)
	}
}

func FuzzDecodePayload(f *testing.F) {
	sound := asTemplate(f, randomEmbedding(rand.New(rand.NewPCG(1, 1)))).Payload
	f.Add(sound)
	f.Add(sound[:100])
	f.Add(make([]byte, tested.bytes()))
	f.Fuzz(func(t *testing.T, data []byte) {
		v, quality, err := tested.decode(data)
		if err != nil {
			if !errors.Is(err, &matcher.Error{Code: matcher.CodeBadTemplate}) {
				t.Errorf("error %v", err)
			}
			return
		}
		if string(tested.encode(v, quality)) != string(data) {
			t.Error("another payload came back")
		}
		p, err := tested.prepare(matcher.Template{Modality: matcher.Face, Model: tested.model, Payload: data})
		if err != nil {
			t.Fatal(err)
		}
		if s, err := p.Compare(p); err != nil || !near(s, 1, 1e-9) {
			t.Errorf("scores %v with itself, error %v", s, err)
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
