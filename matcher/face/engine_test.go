package face

import (
	"bytes"
	"context"
	"errors"
	"image"
	"math"
	"slices"
	"testing"

	"biogate/matcher"
	"biogate/matcher/enginetest"
	"biogate/models"
)

func TestEngineSuite(t *testing.T) {
	enginetest.Suite{
		New: func(t testing.TB) matcher.Engine { return newFake(t, fakeNets()) },
		Subjects: func(t testing.TB) [][]matcher.Sample {
			var subjects [][]matcher.Sample
			for seed := range uint64(4) {
				subjects = append(subjects, []matcher.Sample{
					picture(t, 200, 150, portrait{seed, 50, 30, 100}),
					picture(t, 320, 240, portrait{seed, 120, 60, 150}),
				})
			}
			return subjects
		},
	}.Run(t)
}

func TestManifestStatesTheContract(t *testing.T) {
	m, err := models.Load(Model)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []models.File{
		{Name: "detect", Input: models.Input{Shape: []int{1, 3, detectH, detectW}, Channels: "RGB", Mean: detectMean, Scale: detectScale}, Outputs: []string{"scores", "boxes"}},
		{Name: "landmark", Input: models.Input{Shape: []int{1, 1, landmarkSide, landmarkSide}, Channels: "grey", Scale: landmarkScale}, Outputs: []string{"output"}},
		{Name: "feature", Input: models.Input{Shape: []int{1, 3, featureSide, featureSide}, Channels: "BGR", Mean: featureMean, Scale: featureScale}, Outputs: []string{"output"}},
		{Name: "liveness", Input: models.Input{Shape: []int{1, 3, livenessSide, livenessSide}, Channels: "BGR", Scale: 1}, Outputs: []string{"output"}},
		{Name: "eye", Input: models.Input{Shape: []int{1, 1, eyeSide, eyeSide}, Channels: "grey", Scale: eyeScale}, Outputs: []string{"output"}},
	} {
		f, err := m.File(want.Name)
		if err != nil {
			t.Fatal(err)
		}
		in := f.Input
		if !slices.Equal(in.Shape, want.Input.Shape) || in.Channels != want.Input.Channels || in.Mean != want.Input.Mean ||
			in.Scale != want.Input.Scale || !slices.Equal(f.Outputs, want.Outputs) {
			t.Errorf("%s: manifest %+v %v, the code %+v %v", want.Name, in, f.Outputs, want.Input, want.Outputs)
		}
	}
	if m.Template.Bytes != payloadBytes || m.Template.Version != payloadVersion {
		t.Errorf("template %+v, the code writes version %d of %d bytes", m.Template, payloadVersion, payloadBytes)
	}
}

func extract(t testing.TB, e *Engine, s matcher.Sample) matcher.Extraction {
	t.Helper()
	x, err := e.Extract(context.Background(), s, nil)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func score(t testing.TB, e *Engine, a, b matcher.Template) float64 {
	t.Helper()
	p, err := e.Probe(a)
	if err != nil {
		t.Fatal(err)
	}
	r, err := e.Reference(b)
	if err != nil {
		t.Fatal(err)
	}
	s, err := p.Compare(r)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestHowManyFaces(t *testing.T) {
	e := newFake(t, fakeNets())
	one, two, three := portrait{1, 40, 40, 150}, portrait{2, 240, 40, 140}, portrait{3, 440, 50, 130}
	passerBy := portrait{4, 300, 200, 50}
	for _, c := range []struct {
		name   string
		sample matcher.Sample
		at     *matcher.Point
		reason string // empty: taken
	}{
		{"none", picture(t, 600, 400), nil, "no-face"},
		{"one", picture(t, 600, 400, one), nil, ""},
		{"two", picture(t, 600, 400, one, two), nil, "several-faces"},
		{"three", picture(t, 600, 400, one, two, three), nil, "several-faces"},
		{"three, the second named", picture(t, 600, 400, one, two, three), &matcher.Point{X: 310, Y: 110}, ""},
		{"three, none named", picture(t, 600, 400, one, two, three), &matcher.Point{X: 10, Y: 390}, "no-face"},
		{"one and somebody behind", picture(t, 600, 400, one, passerBy), nil, ""},
		{"somebody behind named", picture(t, 600, 400, one, passerBy), &matcher.Point{X: 325, Y: 225}, ""},
	} {
		c.sample.At = c.at
		_, err := e.Extract(context.Background(), c.sample, nil)
		if c.reason == "" && err == nil {
			continue
		}
		var refused *matcher.Error
		if !errors.As(err, &refused) || refused.Code != matcher.CodeUnusable || len(refused.Reasons) == 0 || refused.Reasons[0] != c.reason {
			t.Errorf("%s: error %v, want %q", c.name, err, c.reason)
		}
	}
}

func TestThePointSaysWhichFace(t *testing.T) {
	e := newFake(t, fakeNets())
	one, two := portrait{1, 40, 40, 160}, portrait{2, 300, 40, 160}
	alone := extract(t, e, picture(t, 600, 400, two)).Template
	both := picture(t, 600, 400, one, two)
	both.At = &matcher.Point{X: 380, Y: 120}
	if s := score(t, e, alone, extract(t, e, both).Template); s < 0.99 {
		t.Errorf("the named face scores %.3f with itself", s)
	}
	both.At = &matcher.Point{X: 120, Y: 120}
	if s := score(t, e, alone, extract(t, e, both).Template); s > 0.8 {
		t.Errorf("the other face scores %.3f", s)
	}
}

func TestBadPoints(t *testing.T) {
	e := newFake(t, fakeNets())
	for _, p := range []matcher.Point{{X: math.NaN()}, {Y: math.Inf(1)}} {
		s := picture(t, 300, 300, portrait{1, 50, 50, 150})
		s.At = &p
		_, err := e.Extract(context.Background(), s, nil)
		if !errors.Is(err, &matcher.Error{Code: matcher.CodeBadParameter}) {
			t.Errorf("point %v: error %v", p, err)
		}
	}
}

func TestFacesThatTheFirstLookMisses(t *testing.T) {
	nets := fakeNets()
	nets.Detect = fakeDetect(14, 0.7) // like the real one: faces that fill its view are missed, and small ones
	e := newFake(t, nets)
	for name, s := range map[string]matcher.Sample{
		"fills the picture":         picture(t, 350, 350, portrait{1, 5, 5, 340}),
		"tiny in a large picture":   picture(t, 1600, 1200, portrait{1, 1300, 900, 70}),
		"tiny, across a view's cut": picture(t, 1600, 1200, portrait{1, 370, 270, 70}),
	} {
		x := extract(t, e, s)
		same := extract(t, e, picture(t, 600, 400, portrait{1, 200, 100, 200}))
		if got := score(t, e, x.Template, same.Template); got < 0.7 {
			t.Errorf("%s: scores %.3f with the same face", name, got)
		}
	}
}

func TestWhatIsRefused(t *testing.T) {
	e := newFake(t, fakeNets())
	good := picture(t, 300, 300, portrait{1, 50, 50, 150})
	for _, c := range []struct {
		name   string
		change func(*matcher.Sample)
		want   matcher.Code
	}{
		{"a finger", func(s *matcher.Sample) { s.Modality = matcher.Finger }, matcher.CodeBadParameter},
		{"a finger's position", func(s *matcher.Sample) { s.Position = "right-index" }, matcher.CodeBadParameter},
		{"cut off", func(s *matcher.Sample) { s.Data = s.Data[:len(s.Data)/2] }, matcher.CodeUndecodable},
		{"a false claim", func(s *matcher.Sample) { s.Format = "image/jpeg" }, matcher.CodeFormatMismatch},
		{"text", func(s *matcher.Sample) { s.Data = []byte("hello, hello, hello") }, matcher.CodeFormat},
		{"a claimed template", func(s *matcher.Sample) { s.Format = matcher.FormatTemplate }, matcher.CodeFormatMismatch},
	} {
		s := good
		c.change(&s)
		if _, err := e.Extract(context.Background(), s, nil); !errors.Is(err, &matcher.Error{Code: c.want}) {
			t.Errorf("%s: error %v, want %s", c.name, err, c.want)
		}
	}
}

// A network that fails or lies is a fault of the machine, never of the sample, and never a panic.
func TestFaultyNetworks(t *testing.T) {
	broken := errors.New("broken")
	sample := picture(t, 300, 300, portrait{1, 50, 50, 150})
	nan := float32(math.NaN())
	for name, f := range map[string]fake{
		"fails":         func(Tensor) ([]Tensor, error) { return nil, broken },
		"gives nothing": func(Tensor) ([]Tensor, error) { return nil, nil },
		"gives too few": constant(1),
		"gives no number": func(Tensor) ([]Tensor, error) {
			return []Tensor{{Data: []float32{nan, nan}}, {Data: []float32{nan}}}, nil
		},
	} {
		for _, replace := range []func(*Networks){
			func(n *Networks) { n.Detect = f },
			func(n *Networks) { n.Landmark = f },
			func(n *Networks) { n.Feature = f },
			func(n *Networks) { n.Liveness = f },
			func(n *Networks) { n.Eye = f },
		} {
			nets := fakeNets()
			replace(&nets)
			_, err := newFake(t, nets).Extract(context.Background(), sample, nil)
			var refused *matcher.Error
			if err == nil || errors.As(err, &refused) {
				t.Errorf("a network that %s: error %v", name, err)
			}
		}
	}
}

func TestFacesThatAreNone(t *testing.T) {
	sample := picture(t, 300, 300, portrait{1, 50, 50, 150})
	onePoint := make([]float32, 2*landmarkCount)
	for name, replace := range map[string]func(*Networks){
		"landmarks in one point": func(n *Networks) { n.Landmark = constant(onePoint...) },
		"no features":            func(n *Networks) { n.Feature = constant(make([]float32, Dimensions)...) },
	} {
		nets := fakeNets()
		replace(&nets)
		_, err := newFake(t, nets).Extract(context.Background(), sample, nil)
		if !errors.Is(err, &matcher.Error{Code: matcher.CodeUnusable}) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestOptionalNetworks(t *testing.T) {
	if _, err := New(Networks{}); err == nil {
		t.Error("an engine without networks was made")
	}
	sample := picture(t, 300, 300, portrait{1, 50, 50, 150})
	with := extract(t, newFake(t, fakeNets()), sample)
	if with.PAD == nil || !with.PAD.Advisory || with.PAD.Suspect || with.PAD.Score < 0.5 {
		t.Errorf("PAD %+v", with.PAD)
	}
	nets := fakeNets()
	nets.Liveness, nets.Eye = nil, nil
	without := extract(t, newFake(t, nets), sample)
	if without.PAD != nil || !bytes.Equal(with.Template.Payload[payloadHeader:], without.Template.Payload[payloadHeader:]) {
		t.Errorf("PAD %+v, or another template", without.PAD)
	}
}

func TestTrace(t *testing.T) {
	seen := map[string]any{}
	_, err := newFake(t, fakeNets()).Extract(context.Background(), picture(t, 300, 300, portrait{1, 50, 50, 150}),
		func(name string, value any) { seen[name] = value })
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"face/boxes", "face/landmarks", "face/quality", "face/aligned"} {
		if seen[name] == nil {
			t.Errorf("no %s", name)
		}
	}
	if img, ok := seen["face/aligned"].(image.Image); !ok || img.Bounds().Dx() != featureSide {
		t.Errorf("face/aligned is a %T", seen["face/aligned"])
	}
}
