//go:build cgo && !noopencv

package opencvnet

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/draw"
	"image/jpeg"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"biogate/matcher"
	"biogate/matcher/enginetest"
	"biogate/matcher/face"
	"biogate/matcher/face/networktest"
	"biogate/models"
)

// These tests run the whole face pipeline on real pictures, which are not part of the project.

func engine(t testing.TB, sessions int) *face.Engine {
	t.Helper()
	m, err := models.Active(models.DefaultFace)
	if err != nil {
		t.Fatal(err)
	}
	e, err := face.New(m, loaded(t, sessions).Networks)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// people returns the pictures of n people who have two or more.
func people(t testing.TB, n int) [][]string {
	t.Helper()
	dir := filepath.Join(networktest.Root(t), "..", "shared", "data", "face", "lfw_tuning")
	folders, err := os.ReadDir(dir)
	if err != nil {
		t.Skip("needs the face pictures in ../shared/data/face/lfw_tuning")
	}
	var found [][]string
	for _, f := range folders {
		pictures, err := filepath.Glob(filepath.Join(dir, f.Name(), "*.jpg"))
		if err != nil {
			t.Fatal(err)
		}
		if len(pictures) >= 2 && len(found) < n {
			found = append(found, pictures[:2])
		}
	}
	return found
}

func sample(t testing.TB, file string) matcher.Sample {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return matcher.Sample{Modality: matcher.Face, Data: data}
}

func TestEngineSuiteOnPictures(t *testing.T) {
	e := engine(t, 2)
	enginetest.Suite{
		New: func(testing.TB) matcher.Engine { return e },
		Subjects: func(t testing.TB) [][]matcher.Sample {
			var subjects [][]matcher.Sample
			for _, files := range people(t, 3) {
				subjects = append(subjects, []matcher.Sample{sample(t, files[0]), sample(t, files[1])})
			}
			return subjects
		},
	}.Run(t)
}

func TestPeopleAreToldApart(t *testing.T) {
	const threshold = 0.35 // FMR 1e-4, about
	e := engine(t, 1)
	files := people(t, 12)
	var probes []matcher.Probe
	var references []matcher.Reference
	for _, f := range files {
		for i, name := range f {
			x, err := e.Extract(context.Background(), sample(t, name), nil)
			if err != nil {
				t.Fatal(err)
			}
			p, err := e.Probe(x.Template)
			if err != nil {
				t.Fatal(err)
			}
			r, err := e.Reference(x.Template)
			if err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				probes = append(probes, p)
			} else {
				references = append(references, r)
			}
		}
	}
	accepted := 0
	for i, p := range probes {
		for k, r := range references {
			score, err := p.Compare(r)
			if err != nil {
				t.Fatal(err)
			}
			if i == k && score >= threshold {
				accepted++
			}
			if i != k && score >= threshold {
				t.Errorf("two people score %.3f", score)
			}
		}
	}
	if accepted < len(probes)*8/10 {
		t.Errorf("%d of %d people recognised", accepted, len(probes))
	}
}

// abreast puts pictures side by side.
func abreast(t testing.TB, files ...string) matcher.Sample {
	t.Helper()
	const side = 350
	all := image.NewRGBA(image.Rect(0, 0, side*len(files), side))
	for i, name := range files {
		img, _, err := image.Decode(bytes.NewReader(sample(t, name).Data))
		if err != nil {
			t.Fatal(err)
		}
		draw.Draw(all, image.Rect(i*side, 0, (i+1)*side, side), img, image.Point{}, draw.Src)
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, all, nil); err != nil {
		t.Fatal(err)
	}
	return matcher.Sample{Modality: matcher.Face, Data: b.Bytes()}
}

func TestThreeFacesAreRefusedUnlessOneIsNamed(t *testing.T) {
	e := engine(t, 1)
	files := people(t, 3)
	three := abreast(t, files[0][0], files[1][0], files[2][0])
	_, err := e.Extract(context.Background(), three, nil)
	wantReason(t, "three faces", err, "several-faces")
	three.At = &matcher.Point{X: 525, Y: 175}
	x, err := e.Extract(context.Background(), three, nil)
	if err != nil {
		t.Fatal(err)
	}
	alone, err := e.Extract(context.Background(), sample(t, files[1][0]), nil)
	if err != nil {
		t.Fatal(err)
	}
	p, err := e.Probe(x.Template)
	if err != nil {
		t.Fatal(err)
	}
	r, err := e.Reference(alone.Template)
	if err != nil {
		t.Fatal(err)
	}
	if score, err := p.Compare(r); err != nil || score < 0.65 {
		t.Errorf("the named face scores %.3f with itself, error %v", score, err)
	}
}

func TestFingerprintsAreNoFaces(t *testing.T) {
	e := engine(t, 1)
	prints, err := filepath.Glob(filepath.Join(networktest.Root(t), "..", "shared", "data", "finger", "*", "*_1.png"))
	if err != nil || len(prints) == 0 {
		t.Skip("needs the fingerprints in ../shared/data/finger")
	}
	for _, name := range prints {
		_, err := e.Extract(context.Background(), sample(t, name), nil)
		wantReason(t, filepath.Base(name), err, "no-face")
	}
}

func wantReason(t *testing.T, what string, err error, reason string) {
	t.Helper()
	var refused *matcher.Error
	if !errors.As(err, &refused) || refused.Code != matcher.CodeUnusable || len(refused.Reasons) == 0 || refused.Reasons[0] != reason {
		t.Errorf("%s: error %v, want %s", what, err, reason)
	}
}

// cpu is the processor time that this process has used.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkExtract(b *testing.B) {
	e := engine(b, 1)
	s := sample(b, people(b, 1)[0][0])
	stages := map[string]time.Duration{}
	start, n := cpu(b), 0
	for b.Loop() {
		x, err := e.Extract(context.Background(), s, nil)
		if err != nil {
			b.Fatal(err)
		}
		for _, stage := range x.Stages {
			stages[stage.Name] += stage.Took
		}
		n++
	}
	b.ReportMetric(float64(cpu(b)-start)/float64(n)/1e6, "cpu-ms/op")
	for name, took := range stages {
		b.ReportMetric(float64(took)/float64(n)/1e6, name+"-ms")
	}
}
