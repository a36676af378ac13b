package finger

import (
	_ "image/jpeg"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

// TestFacesAreRefused sends every photograph of the face set as a finger.
func TestFacesAreRefused(t *testing.T) {
	if os.Getenv("BIOGATE_ACCURACY") == "" {
		t.Skip("set BIOGATE_ACCURACY=1 to send all photographs as fingers")
	}
	files, _ := filepath.Glob(filepath.Join(dataDir(t), "../face/lfw_tuning/*/*.jpg"))
	var passed atomic.Int32
	var group sync.WaitGroup
	work := make(chan string)
	for range 2 {
		group.Go(func() {
			for file := range work {
				img := greyOf(t, file)
				p, q, err := extract(img.Pix, img.Rect.Dx(), img.Rect.Dy(), 0, nil)
				if err == nil {
					passed.Add(1)
					t.Logf("passed: %s with %d minutiae, quality %d", filepath.Base(file), len(p.Minutiae), q.Score)
				}
			}
		})
	}
	for _, file := range files {
		work <- file
	}
	close(work)
	group.Wait()
	if part := float64(passed.Load()) / float64(len(files)); part > 0.005 {
		t.Errorf("%d of %d photographs of faces pass as fingers", passed.Load(), len(files))
	}
}
