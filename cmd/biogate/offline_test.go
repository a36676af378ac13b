package main

import (
	"bytes"
	"context"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"biogate/matcher"
	"biogate/matcher/finger"
)

// portraits is an engine for faces that takes everything.
type portraits struct{ matcher.Engine }

func (portraits) Modality() matcher.Modality { return matcher.Face }

func (portraits) Extract(context.Context, matcher.Sample, matcher.Trace) (matcher.Extraction, error) {
	return matcher.Extraction{Template: matcher.Template{Modality: matcher.Face}}, nil
}

// A file whose modality nobody stated is shown to every engine that it may be for.
func TestWhatIsNoFingerMayBeAFace(t *testing.T) {
	picture := func(w, h int) []byte {
		var b bytes.Buffer
		if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, w, h))); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	record := []byte("FAC\x00010\x00\x00\x00\x00\x0e\x00\x01")
	for name, c := range map[string]struct {
		data   []byte
		passed bool
	}{
		"a blank picture":        {picture(300, 300), true},
		"a photograph":           {picture(4000, 3000), true},
		"a face record":          {record, true},
		"a picture that is torn": {picture(300, 300)[:100], false},
	} {
		file := filepath.Join(t.TempDir(), "capture")
		if err := os.WriteFile(file, c.data, 0o600); err != nil {
			t.Fatal(err)
		}
		both := offline{engines: engines{list: []matcher.Engine{finger.New(), portraits{}}}}
		if sample, x, err := both.extract(t.Context(), file, nil); (err == nil) != c.passed || c.passed && (x.Template.Modality != matcher.Face || sample.Modality != matcher.Face) {
			t.Errorf("%s: %s, %v", name, sample.Modality, err)
		}
		alone := offline{engines: engines{list: []matcher.Engine{finger.New()}, missing: map[matcher.Modality]error{matcher.Face: os.ErrNotExist}}}
		if _, _, err := alone.extract(t.Context(), file, nil); err == nil || strings.Contains(err.Error(), "not tried") != c.passed {
			t.Errorf("%s without an engine for faces: %v", name, err)
		}
	}
}
