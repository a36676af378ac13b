package face

import (
	"bytes"
	"context"
	"errors"
	"image"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"biogate/matcher"
	"biogate/matcher/enginetest"
	"biogate/matcher/kernel"
	"biogate/models"
)

func TestEngineSuite(t *testing.T) {
	enginetest.Suite{
		New: func(t testing.TB) matcher.Engine {
			m := manifest(t)
			contract := *m.Face
			contract.Landmark.Zooms = []float64{1} // the fakes' landmarks fill any square
			contract.SamePerson = 0.64             // and their faces are clear and much alike: 0.67 is a cosine of 1
			m.Face = &contract
			e, err := New(m, fakeNets())
			if err != nil {
				t.Fatal(err)
			}
			return e
		},
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
	onePoint := make([]float32, 2*models.FaceLandmarks)
	for name, replace := range map[string]func(*Networks){
		"landmarks in one point": func(n *Networks) { n.Landmark = constant(onePoint...) },
		"no features":            func(n *Networks) { n.Feature = constant(make([]float32, dimensions)...) },
	} {
		nets := fakeNets()
		replace(&nets)
		_, err := newFake(t, nets).Extract(context.Background(), sample, nil)
		if !errors.Is(err, &matcher.Error{Code: matcher.CodeUnusable}) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// evidence is that of one method.
func evidence(pad *matcher.PAD, name string) (matcher.PADEvidence, bool) {
	if pad == nil {
		return matcher.PADEvidence{}, false
	}
	i := slices.IndexFunc(pad.Evidence, func(ev matcher.PADEvidence) bool { return ev.Name == name })
	if i < 0 {
		return matcher.PADEvidence{}, false
	}
	return pad.Evidence[i], true
}

func TestOptionalNetworks(t *testing.T) {
	if _, err := New(manifest(t), Networks{}); err == nil {
		t.Error("an engine without networks was made")
	}
	sample := picture(t, 300, 300, portrait{1, 50, 50, 150})
	with := extract(t, newFake(t, fakeNets()), sample)
	if ev, ok := evidence(with.PAD, "network"); !ok || !ev.Advisory || ev.Suspect || ev.Score < 0.5 {
		t.Errorf("PAD %+v", with.PAD)
	}
	sample.SkipPAD = true
	if x := extract(t, newFake(t, fakeNets()), sample); x.PAD != nil || x.Seen != nil || !bytes.Equal(x.Template.Payload, with.Template.Payload) {
		t.Errorf("unasked: PAD %+v, or another template", x.PAD)
	}
	sample.SkipPAD = false
	nets := fakeNets()
	nets.Liveness, nets.Eye = nil, nil
	without := extract(t, newFake(t, nets), sample)
	if _, ok := evidence(without.PAD, "network"); ok || !bytes.Equal(with.Template.Payload[payloadHeader:], without.Template.Payload[payloadHeader:]) {
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

// another is a model that differs from the default one in everything that a manifest states.
func another(t testing.TB) models.Manifest {
	t.Helper()
	m := manifest(t)
	m.ID = "face-another-7"
	m.Template = models.Template{Format: m.Template.Format, Version: 9, Bytes: payloadHeader + 192}
	files, contract := slices.Clone(m.Files), *m.Face
	for i := range files {
		switch f := &files[i]; f.Name {
		case "detect":
			f.Input = models.Input{Shape: []int{1, 3, 120, 160}, Channels: "BGR", Mean: 100, Scale: 50}
			f.Values = []int{2 * 10, 4 * 10}
		case "landmark":
			f.Input = models.Input{Shape: []int{1, 3, 32, 32}, Channels: "RGB", Scale: 1}
		case "feature":
			f.Input = models.Input{Shape: []int{1, 1, 96, 80}, Channels: "grey", Mean: 10, Scale: 2}
			f.Values = []int{192}
		case "liveness":
			f.Input = models.Input{Shape: []int{1, 3, 40, 40}, Channels: "RGB", Mean: 1, Scale: 3}
			f.Values = []int{2}
		case "eye":
			f.Input = models.Input{Shape: []int{1, 3, 20, 20}, Channels: "BGR", Scale: 255}
			f.Values = []int{4}
		}
	}
	contract.Align = models.FaceAlign{Points: [5][2]float64{{24, 40}, {56, 40}, {40, 55}, {28, 75}, {52, 75}}, Looks: []models.FaceLook{{Closer: 1}}}
	contract.Landmark = models.FaceLandmark{Zooms: []float64{2}, Shift: 0.5}
	contract.Clarity = nil
	contract.Liveness = models.FaceLiveness{Zoom: 1, BonaFide: 1, Least: 0.9}
	contract.Eye = models.FaceEye{Zoom: 2, Open: 3}
	m.Files, m.Face = files, &contract
	return m
}

// The embedding is the mean over the looks that the manifest asks for, each drawn as it says.
func TestEmbeddingIsTheMeanOfItsLooks(t *testing.T) {
	m := manifest(t)
	contract := *m.Face
	contract.Align.Looks = []models.FaceLook{{Closer: 1}, {Closer: 1, Mirrored: true}, {Closer: 2}}
	m.Face = &contract
	var seen, felt [][]float32
	nets := fakeNets()
	nets.Feature = fake(func(in Tensor) ([]Tensor, error) {
		out, err := fakeFeature(in)
		for i := range out[0].Data {
			out[0].Data[i] /= 1000 // within what a template states of its clarity
		}
		seen, felt = append(seen, slices.Clone(in.Data)), append(felt, out[0].Data)
		return out, err
	})
	e, err := New(m, nets)
	if err != nil {
		t.Fatal(err)
	}
	x := extract(t, e, picture(t, 320, 240, portrait{1, 80, 60, 160}))
	if len(seen) != 3 {
		t.Fatalf("%d looks, want 3", len(seen))
	}
	mean := make([]float32, dimensions)
	for _, out := range felt {
		for i, v := range out {
			mean[i] += v / 3
		}
	}
	got, err := e.form.read(x.Template)
	if want, _ := quantise(mean); err != nil || !slices.Equal(got.vector, want) || !near(got.clarity, length(mean), 0.001) {
		t.Errorf("error %v, clarity %g of %g, or not the mean", err, got.clarity, length(mean))
	}
	const n = featureSide
	for y := range n {
		for x := range n {
			if a, b := seen[0][y*n+x], seen[1][y*n+n-1-x]; a != b {
				t.Fatalf("at %d, %d: %v, and %v in the mirror image", x, y, a, b)
			}
			// Around the middle twice as large shows at a place what the plain look shows half as far from the middle.
			dx, dy := float64(x)-contract.Align.Middle[0], float64(y)-contract.Align.Middle[1]
			u, v := contract.Align.Middle[0]+dx/2, contract.Align.Middle[1]+dy/2
			if u == math.Trunc(u) && v == math.Trunc(v) && !near(float64(seen[2][y*n+x]), float64(seen[0][int(v)*n+int(u)]), 0.01) {
				t.Fatalf("at %d, %d: %v twice as large, %v in the plain look", x, y, seen[2][y*n+x], seen[0][int(v)*n+int(u)])
			}
		}
	}
}

// Landmarks are the means of those found in all squares that the manifest asks for.
func TestLandmarksAreMeans(t *testing.T) {
	e := newFake(t, fakeNets())
	b := box{x0: 100, y0: 60, x1: 180, y1: 160}
	marksAt := func(zooms ...float64) landmarks {
		e.contract.Landmark.Zooms = zooms
		src, err := open(picture(t, 320, 240, portrait{1, 80, 60, 160}))
		if err != nil {
			t.Fatal(err)
		}
		l, err := e.findLandmarks(context.Background(), src, b)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	near1, near2, both := marksAt(1), marksAt(1.5), marksAt(1, 1.5)
	for i := range both {
		if want := mean(near1[i], near2[i]); !near(both[i].x, want.x, 1e-6) || !near(both[i].y, want.y, 1e-6) || near1[i] == near2[i] {
			t.Fatalf("point %d at %v, want %v between %v and %v", i, both[i], want, near1[i], near2[i])
		}
	}
}

// A network is replaced by a manifest and nothing else: what each one sees and how its answers are read follow.
func TestEverythingFollowsTheManifest(t *testing.T) {
	m := another(t)
	seen := map[string]Tensor{}
	note := func(name string, answer fake) fake {
		return func(in Tensor) ([]Tensor, error) {
			seen[name] = in
			return answer(in)
		}
	}
	scores, boxes := make([]float32, 20), make([]float32, 40)
	scores[7], boxes[12], boxes[13], boxes[14], boxes[15] = 0.9, 0.25, 0.25, 0.75, 0.75 // the fourth anchor
	marks := make([]float32, 0, 2*models.FaceLandmarks)
	for _, p := range fakeMarks() {
		marks = append(marks, float32(0.25+p.x/2), float32(0.25+p.y/2)) // the box is the middle of its surroundings
	}
	embedding := make([]float32, 192)
	embedding[3], embedding[5] = 0.01, -0.02
	e, err := New(m, Networks{
		Detect:   note("detect", func(Tensor) ([]Tensor, error) { return []Tensor{{Data: scores}, {Data: boxes}}, nil }),
		Landmark: note("landmark", constant(marks...)), Feature: note("feature", constant(embedding...)),
		Liveness: note("liveness", constant(0, 2)), Eye: note("eye", constant(0, 0, 0, 9)),
	})
	if err != nil {
		t.Fatal(err)
	}
	x := extract(t, e, picture(t, 320, 240, portrait{1, 80, 60, 160}))
	for _, f := range m.Files {
		if in := seen[f.Name]; !slices.Equal(in.Shape, f.Input.Shape) || in.Len() != len(in.Data) {
			t.Errorf("%s: saw %v, want %v", f.Name, in.Shape, f.Input.Shape)
		}
	}
	// The portrait's frame is of colour 230, 20, 20 on white ground, and the detector's margin neutral.
	if in := seen["detect"].Data; in[0] != 0 || !near(float64(in[60*160+50]), (20-100)/50., 0.01) || !near(float64(in[(2*120+60)*160+50]), (230-100)/50., 0.01) {
		t.Errorf("detect saw %v, %v and %v", in[0], in[60*160+50], in[(2*120+60)*160+50])
	}
	if in := seen["landmark"].Data; in[0] != 255 || !near(float64(in[16*32+8]), 230, 8) {
		t.Errorf("landmark saw %v and %v", in[0], in[16*32+8])
	}
	if len(x.Template.Payload) != 196 || x.Template.Payload[0] != 9 || x.Template.Model != m.ID || e.Model() != m.ID {
		t.Errorf("template of %s: %d bytes of version %d", x.Template.Model, len(x.Template.Payload), x.Template.Payload[0])
	}
	if v := x.Template.Payload[payloadHeader:]; int8(v[3]) != 64 || int8(v[5]) != -127 {
		t.Errorf("an embedding of %d and %d", int8(v[3]), int8(v[5]))
	}
	if p := softmax([]float32{0, 2})[1]; !slices.Contains(x.PAD.Evidence, matcher.PADEvidence{Name: "network", Score: p, Suspect: true, Advisory: true, Reason: "looks-like-a-recapture"}) {
		t.Errorf("PAD %+v, want a score of %v, below the 0.9 asked for", x.PAD, p)
	}
	if slices.Contains(x.Quality.Reasons, "indistinct") || slices.Contains(x.Quality.Reasons, "eyes-closed") {
		t.Errorf("reasons %v", x.Quality.Reasons)
	}
	theirs := newFake(t, fakeNets())
	if _, err := theirs.Probe(x.Template); !errors.Is(err, &matcher.Error{Code: matcher.CodeModelMismatch}) {
		t.Errorf("another model's template: error %v", err)
	}
	p, err := e.Probe(x.Template)
	if err != nil {
		t.Fatal(err)
	}
	r, err := theirs.Reference(asTemplate(t, randomEmbedding(rand.New(rand.NewPCG(1, 1)))))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Compare(r); !errors.Is(err, &matcher.Error{Code: matcher.CodeModelMismatch}) {
		t.Errorf("another model's reference: error %v", err)
	}
}

func TestModelsThatAreRefused(t *testing.T) {
	earlier, err := models.Load("face-fr-1")
	if err != nil {
		t.Fatal(err)
	}
	finger, err := models.Load("finger-minutiae-2")
	if err != nil {
		t.Fatal(err)
	}
	short, bare, long, coarse, clear := manifest(t), manifest(t), manifest(t), manifest(t), manifest(t)
	feature := slices.IndexFunc(long.Files, func(f models.File) bool { return f.Name == "feature" })
	long.Files[feature].Values = []int{kernel.MostDim8 + 1}
	coarse.Files[feature].Input.Shape = []int{1, 3, 4, 4}
	long.Template.Bytes = payloadHeader + kernel.MostDim8 + 1
	contract := *clear.Face
	contract.Weight = &models.FaceWeight{Least: 60, Most: 70, Power: 1}
	clear.Face = &contract
	short.Template.Bytes--
	bare.Files = bare.Files[:2]
	for name, c := range map[string]struct {
		m    models.Manifest
		want string
	}{
		"of an earlier pipeline":    {earlier, "face-fr-2 took its place"},
		"of fingers":                {finger, "not one of the face pipeline"},
		"with other templates":      {short, "515 bytes"},
		"of few pixels":             {coarse, "less than 28 pixels"},
		"of too many values":        {long, "at most 65536"},
		"of too large a clarity":    {clear, "a template states 65.535"},
		"without a feature network": {bare, `no file "feature"`},
	} {
		if _, err := New(c.m, fakeNets()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("a model %s: error %v, want %q in it", name, err, c.want)
		}
	}
	if err := new(Networks).Set("nose", constant(1)); err == nil {
		t.Error("a network of no place was taken")
	}
}
