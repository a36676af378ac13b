package finger

import (
	"image"
	_ "image/jpeg"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// TestPhotographsAreRefused sends photographs of faces and of scenes as fingers: a few, or all when accuracy is measured.
func TestPhotographsAreRefused(t *testing.T) {
	faces := filepath.Join(dataDir(t), "../face")
	files, _ := filepath.Glob(filepath.Join(faces, "lfw_tuning/V*/*.jpg"))
	if os.Getenv("BIOGATE_ACCURACY") != "" {
		files, _ = filepath.Glob(filepath.Join(faces, "lfw_tuning/*/*.jpg"))
		scenes, _ := filepath.Glob(filepath.Join(faces, "scenes/*.jpg"))
		files = append(files, scenes...)
	}
	if len(files) == 0 {
		t.Skip("no photographs at ../shared/data/face beside the repository")
	}
	var passed, seen atomic.Int32
	var group sync.WaitGroup
	work := make(chan string)
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for file := range work {
				img := photograph(file)
				if img == nil {
					continue
				}
				seen.Add(1)
				if p, q, err := extractPrint(img.Pix, img.Rect.Dx(), img.Rect.Dy(), 0, nil); err == nil {
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
	if part := float64(passed.Load()) / float64(seen.Load()); part > 0.005 {
		t.Errorf("%d of %d photographs pass as fingers", passed.Load(), seen.Load())
	}
	t.Logf("%d of %d photographs pass as fingers", passed.Load(), seen.Load())
}

// photograph is nil for what the standard decoders do not read.
func photograph(file string) *image.Gray {
	f, err := os.Open(file)
	if err != nil {
		return nil
	}
	defer f.Close()
	img, _, err := image.Decode(f)
	if err != nil {
		return nil
	}
	return toGray(img)
}
