package finger

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/png"
	"slices"
	"testing"

	"biogate/matcher"
	"biogate/matcher/enginetest"
)

func TestEngineSuite(t *testing.T) {
	enginetest.Suite{
		New:      func(testing.TB) matcher.Engine { return New() },
		Subjects: func(t testing.TB) [][]matcher.Sample { return isoSubjects(t, 4, 2) },
	}.Run(t)
}

// isoSubjects are n synthetic fingers in k impressions each, as ISO records of both editions.
func isoSubjects(t testing.TB, n, k int) [][]matcher.Sample {
	subjects := make([][]matcher.Sample, n)
	for i := range subjects {
		finger := syntheticFinger(uint64(i))
		for j := range k {
			seed := uint64(100*i + j)
			record := mustISO(t, impress(finger, usual(newRand(seed)), seed), matcher.Unknown, editions[j%2])
			subjects[i] = append(subjects[i], matcher.Sample{Modality: matcher.Finger, Format: matcher.FormatISO19794_2, Data: record})
		}
	}
	return subjects
}

func extractFrom(s matcher.Sample) (matcher.Extraction, error) {
	s.Modality = matcher.Finger
	return New().Extract(context.Background(), s, nil)
}

func TestPositions(t *testing.T) {
	p := syntheticFinger(1)
	for _, c := range []struct{ sample, record, want matcher.Position }{
		{"", "", ""},
		{"left-thumb", "", "left-thumb"},
		{"", "left-thumb", "left-thumb"},
		{"left-thumb", "left-thumb", "left-thumb"},
	} {
		x, err := extractFrom(matcher.Sample{Position: c.sample, Data: mustISO(t, p, c.record, ISO2005)})
		if err != nil || x.Template.Position != c.want {
			t.Errorf("%+v: position %q, error %v", c, x.Template.Position, err)
		}
	}
}

func flatPNG(t testing.TB, w, h int) []byte {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, w, h))
	for i := range img.Pix {
		img.Pix[i] = 255
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestExtractRefuses(t *testing.T) {
	p := syntheticFinger(1)
	iso := mustISO(t, p, "left-thumb", ISO2005)
	few := mustISO(t, Print{Width: 300, Height: 400, Minutiae: p.Minutiae[:fewestMinutiae-1]}, matcher.Unknown, ISO2005)
	none := mustISO(t, Print{Width: 300, Height: 400}, matcher.Unknown, ISO2011)
	onePlace := p
	onePlace.Minutiae = nil
	for i := range 30 {
		onePlace.Minutiae = append(onePlace.Minutiae, Minutia{X: 100, Y: 100, Angle: uint8(i), Kind: Ending})
	}
	lying := bytes.Clone(iso)
	lying[11]++
	face, err := matcher.Template{Modality: matcher.Face, Model: "face-1", Payload: []byte{1}}.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		sample matcher.Sample
		want   matcher.Code
	}{
		"contradicting position": {matcher.Sample{Position: "right-index", Data: iso}, matcher.CodeBadParameter},
		"unknown position":       {matcher.Sample{Position: "left-toe", Data: iso}, matcher.CodeBadParameter},
		"negative dpi":           {matcher.Sample{DPI: -1, Data: flatPNG(t, 300, 400)}, matcher.CodeBadParameter},
		"dpi 199":                {matcher.Sample{DPI: 199, Data: flatPNG(t, 300, 400)}, matcher.CodeBadParameter},
		"dpi 1001":               {matcher.Sample{DPI: 1001, Data: flatPNG(t, 300, 400)}, matcher.CodeBadParameter},
		"blank picture":          {matcher.Sample{Data: flatPNG(t, 300, 400)}, matcher.CodeUnusable},
		"too few minutiae":       {matcher.Sample{Data: few}, matcher.CodeUnusable},
		"no minutiae":            {matcher.Sample{Data: none}, matcher.CodeUnusable},
		"minutiae at one place":  {matcher.Sample{Data: mustISO(t, onePlace, matcher.Unknown, ISO2005)}, matcher.CodeUnusable},
		"lying length":           {matcher.Sample{Data: lying}, matcher.CodeBadTemplate},
		"face record":            {matcher.Sample{Data: []byte("FAC\x00010\x00")}, matcher.CodeFormat},
		"face template":          {matcher.Sample{Data: face}, matcher.CodeModelMismatch},
		"ISO said to be PNG":     {matcher.Sample{Format: "image/png", Data: iso}, matcher.CodeFormatMismatch},
		"PNG said to be ISO":     {matcher.Sample{Format: matcher.FormatISO19794_2, Data: flatPNG(t, 300, 400)}, matcher.CodeFormatMismatch},
		"PNG said to be JPEG":    {matcher.Sample{Format: "image/jpeg", Data: flatPNG(t, 300, 400)}, matcher.CodeFormatMismatch},
		"ISO said to be ours":    {matcher.Sample{Format: matcher.FormatTemplate, Data: iso}, matcher.CodeFormatMismatch},
		"cut PNG":                {matcher.Sample{Data: flatPNG(t, 300, 400)[:60]}, matcher.CodeUndecodable},
		"raw of another size":    {matcher.Sample{Format: matcher.FormatRawGrey, Width: 300, Height: 400, Data: make([]byte, 119_999)}, matcher.CodeBadParameter},
		"raw without size":       {matcher.Sample{Format: matcher.FormatRawGrey, Data: make([]byte, 1000)}, matcher.CodeBadParameter},
		"raw of overflowing size": {
			matcher.Sample{Format: matcher.FormatRawGrey, Width: 1 << 62, Height: 4, Data: nil}, matcher.CodeBadParameter,
		},
	} {
		_, err := extractFrom(c.sample)
		if !errors.Is(err, &matcher.Error{Code: c.want}) {
			t.Errorf("%s: error %v, want %s", name, err, c.want)
		}
	}
}

func TestStoredEmptyTemplateIsRefused(t *testing.T) {
	payload := mustPayload(t, Print{Width: 300, Height: 400})
	tpl := matcher.Template{Modality: matcher.Finger, Model: Model, Payload: payload}
	if _, err := New().Probe(tpl); !errors.Is(err, &matcher.Error{Code: matcher.CodeUnusable}) {
		t.Errorf("probe: error %v", err)
	}
	if _, err := New().Reference(tpl); !errors.Is(err, &matcher.Error{Code: matcher.CodeUnusable}) {
		t.Errorf("reference: error %v", err)
	}
}

// ridgePNG is a sound picture.
func ridgePNG(t testing.TB) []byte {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, 300, 300))
	img.Pix = ridgeImage{w: 300, h: 300, period: 9, planted: scattered(300, 300)}.draw()
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func stageNames(x matcher.Extraction) (names []string) {
	for _, s := range x.Stages {
		names = append(names, s.Name)
	}
	slices.Sort(names)
	return names
}

func TestStages(t *testing.T) {
	noise := make([]byte, 300*300)
	rng := newRand(3)
	for i := range noise {
		noise[i] = byte(rng.IntN(256))
	}
	iso := mustISO(t, syntheticFinger(1), matcher.Unknown, ISO2005)
	for name, c := range map[string]struct {
		sample matcher.Sample
		want   []string
	}{
		"picture":    {matcher.Sample{Data: ridgePNG(t)}, []string{"decode", "extract", "quality"}},
		"blank":      {matcher.Sample{Data: flatPNG(t, 300, 400)}, []string{"decode", "extract"}},
		"noise":      {matcher.Sample{Format: matcher.FormatRawGrey, Width: 300, Height: 300, Data: noise}, []string{"extract", "quality"}},
		"cut":        {matcher.Sample{Data: flatPNG(t, 300, 400)[:60]}, []string{"decode"}},
		"ISO record": {matcher.Sample{Data: iso}, []string{"decode"}},
	} {
		x, _ := extractFrom(c.sample)
		if got := stageNames(x); !slices.Equal(got, c.want) {
			t.Errorf("%s: stages %v, want %v", name, got, c.want)
		}
	}
}

// A header is enough to refuse: the pixels behind these are missing, and nobody looks for them.
func TestMoreThanAFingerIsRefusedUndecoded(t *testing.T) {
	for name, c := range map[string]struct {
		w, h, dpi int
		want      matcher.Code
	}{
		"a face":                    {4000, 3000, 0, matcher.CodeTooLarge},
		"four fingers":              {1600, 1500, 500, matcher.CodeTooLarge},
		"unstated 1000 dpi":         {1600, 1500, 0, matcher.CodeTooLarge},
		"largest sensor":            {800, 750, 500, matcher.CodeUndecodable},
		"largest sensor, 1000 dpi":  {1600, 1500, 1000, matcher.CodeUndecodable},
		"finger on a tenprint card": {832, 768, 0, matcher.CodeUndecodable},
		"too small":                 {40, 300, 0, matcher.CodeUnusable},
	} {
		cut := flatPNG(t, c.w, c.h)
		cut = cut[:len(cut)-30]
		if _, err := extractFrom(matcher.Sample{Data: cut, DPI: c.dpi}); !errors.Is(err, &matcher.Error{Code: c.want}) {
			t.Errorf("%s: error %v, want %s", name, err, c.want)
		}
	}
}

func TestTemplateIsSmall(t *testing.T) {
	stored, err := matcher.Template{Modality: matcher.Finger, Model: Model, Payload: mustPayload(t, syntheticFinger(1))}.AppendBinary(nil)
	if err != nil || len(stored) > 300 {
		t.Errorf("40 minutiae take %d bytes, error %v", len(stored), err)
	}
}

func FuzzExtract(f *testing.F) {
	f.Add("", mustISO(f, syntheticFinger(1), matcher.Unknown, ISO2005), 0, 0)
	f.Add(matcher.FormatISO19794_2, mustISO(f, syntheticFinger(2), "left-thumb", ISO2011), 0, 0)
	f.Add("image/png", flatPNG(f, 80, 80), 0, 0)
	f.Add(matcher.FormatRawGrey, make([]byte, 6400), 80, 80)
	stored, err := matcher.Template{Modality: matcher.Finger, Model: Model, Payload: mustPayload(f, syntheticFinger(3))}.AppendBinary(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add("", stored, 0, 0)
	e := New()
	f.Fuzz(func(t *testing.T, format string, data []byte, width, height int) {
		if len(data) > 1<<16 {
			return
		}
		x, err := e.Extract(context.Background(), matcher.Sample{Format: format, Data: data, Width: width, Height: height}, nil)
		if err != nil {
			if _, ok := err.(*matcher.Error); !ok {
				t.Fatalf("error %v is no *matcher.Error", err)
			}
			return
		}
		p, err := e.Probe(x.Template)
		if err != nil {
			t.Fatalf("accepted, but no probe: %v", err)
		}
		r, err := e.Reference(x.Template)
		if err != nil {
			t.Fatalf("accepted, but no reference: %v", err)
		}
		if s, err := p.Compare(r); err != nil || s != s {
			t.Fatalf("score %v, error %v", s, err)
		}
	})
}

// A template is stored in 500 bytes, whatever came in.
func TestTemplatesAreSmall(t *testing.T) {
	p := randomPrint(newRand(4), 600, 600, 255)
	record, err := AppendISO19794(nil, p, matcher.Unknown, ISO2005)
	if err != nil {
		t.Fatal(err)
	}
	x, err := extractFrom(matcher.Sample{Data: record})
	if err != nil {
		t.Fatal(err)
	}
	stored, err := x.Template.AppendBinary(nil)
	if err != nil || len(stored) > 500 {
		t.Errorf("255 minutiae are stored in %d bytes, error %v", len(stored), err)
	}
}
