//go:build cgo && !noopencv

package facenets

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"biogate/matcher/face"
	"biogate/matcher/face/networktest"
	"biogate/models"
)

// withoutLibrary is a folder with the prepared networks and no library to run them.
func withoutLibrary(t *testing.T, m models.Manifest, dir string) string {
	t.Helper()
	bare := t.TempDir()
	if err := os.Symlink(filepath.Join(dir, m.ID), filepath.Join(bare, m.ID)); err != nil {
		t.Fatal(err)
	}
	return bare
}

func load(t *testing.T, choice string, m models.Manifest, dir string) (Networks, error) {
	t.Helper()
	n, err := Load(choice, m, dir, 1)
	if err == nil {
		t.Cleanup(n.Close)
		if _, err := face.New(m, n.Networks); err != nil {
			t.Error(err)
		}
	}
	return n, err
}

func TestAutoTakesTheFasterAndSaysWhyNot(t *testing.T) {
	m, dir := networktest.Prepared(t)
	n, err := load(t, Auto, m, withoutLibrary(t, m, dir))
	if err != nil || n.Runtime != "OpenCV" || n.Instead == nil || !strings.Contains(n.Instead.Error(), "make models") {
		t.Errorf("without the library: %q instead of the other for %v, error %v", n.Runtime, n.Instead, err)
	}
	library, known := models.RuntimeHere()
	if _, err := library.Library(dir); !known || err != nil {
		t.Skipf("needs ONNX Runtime: %v", err)
	}
	for _, choice := range []string{Auto, ""} {
		n, err := load(t, choice, m, dir)
		if err != nil || n.Runtime != "ONNX Runtime" || n.Instead != nil {
			t.Errorf("with the library: %q instead of the other for %v, error %v", n.Runtime, n.Instead, err)
		}
	}
}

func TestWhatWasAskedForIsTakenOrNothing(t *testing.T) {
	m, dir := networktest.Prepared(t)
	if n, err := load(t, OpenCV, m, dir); err != nil || n.Runtime != "OpenCV" || n.Instead != nil {
		t.Errorf("%q, error %v", n.Runtime, err)
	}
	if _, err := load(t, ORT, m, withoutLibrary(t, m, dir)); err == nil || !strings.Contains(err.Error(), "make models") {
		t.Errorf("error %v", err)
	}
	if _, err := load(t, "cuda", m, dir); err == nil || !strings.Contains(err.Error(), "cuda") {
		t.Errorf("error %v", err)
	}
}

func TestNeitherNamesBoth(t *testing.T) {
	m, err := models.Active(models.DefaultFace)
	if err != nil {
		t.Fatal(err)
	}
	_, err = load(t, Auto, m, t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "onnxruntime") || !strings.Contains(err.Error(), m.ID) {
		t.Errorf("error %v, want what each of them lacks", err)
	}
}
