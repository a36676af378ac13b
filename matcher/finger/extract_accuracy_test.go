package finger

import (
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"biogate/matcher"
)

// greyOf reads an 8-bit grey picture.
func greyOf(t testing.TB, file string) *image.Gray {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, _, err := image.Decode(f)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return toGray(img)
}

func toGray(img image.Image) *image.Gray {
	grey := image.NewGray(image.Rect(0, 0, img.Bounds().Dx(), img.Bounds().Dy()))
	draw.Draw(grey, grey.Rect, img, img.Bounds().Min, draw.Src)
	return grey
}

// shifted cuts dx columns and dy rows off the top left corner.
func shifted(img *image.Gray, dx, dy int) *image.Gray {
	if dx == 0 && dy == 0 {
		return img
	}
	return toGray(img.SubImage(image.Rect(dx, dy, img.Rect.Dx(), img.Rect.Dy())))
}

// likeness counts the minutiae of a with a partner in b, 10 pixels and 30 degrees away at most, under the shift that
// suits most of them: the records beside the sets were made of cropped pictures.
func likeness(a, b []Minutia) (hits int) {
	votes := map[[2]int]int{}
	eachAlike(a, b, func(_, dx, dy int) {
		for i := range 9 {
			votes[[2]int{dx/6 + i%3 - 1, dy/6 + i/3 - 1}]++
		}
	})
	var shift [2]int
	for k, v := range votes {
		if n := votes[shift]; v > n || v == n && (k[0] < shift[0] || k[0] == shift[0] && k[1] < shift[1]) {
			shift = k
		}
	}
	hit := map[int]bool{}
	eachAlike(a, b, func(i, dx, dy int) {
		if dx, dy = dx-6*shift[0], dy-6*shift[1]; dx*dx+dy*dy <= 100 {
			hit[i] = true
		}
	})
	return len(hit)
}

func eachAlike(a, b []Minutia, visit func(i, dx, dy int)) {
	for i, m := range a {
		for _, k := range b {
			if turn := int8(m.Angle - k.Angle); turn <= 21 && turn >= -21 {
				visit(i, int(m.X)-int(k.X), int(m.Y)-int(k.Y))
			}
		}
	}
}

func TestAccuracyExtraction(t *testing.T) {
	if os.Getenv("BIOGATE_ACCURACY") == "" {
		t.Skip("set BIOGATE_ACCURACY=1 to measure protocol full")
	}
	dump := os.Getenv("BIOGATE_TRACE")                     // folder for the intermediate pictures of a few impressions
	jitter, _ := strconv.Atoi(os.Getenv("BIOGATE_JITTER")) // pixels cut off: shows how much of a difference is chance
	var line string
	var mean, mean3, zero float64
	for _, set := range tuningSets {
		files, _ := filepath.Glob(filepath.Join(dataDir(t), set, "*.png"))
		slices.Sort(files)
		var list []impression
		var count, precision, recall, quality, refused float64
		var took []time.Duration
		for _, file := range files {
			img := greyOf(t, file)
			name := strings.TrimSuffix(filepath.Base(file), ".png")
			var tr matcher.Trace
			if dump != "" && strings.HasSuffix(name, "_3") {
				tr = func(stage string, v any) {
					if m, ok := v.(image.Image); ok {
						f, _ := os.Create(filepath.Join(dump, set+"_"+name+"_"+filepath.Base(stage)+".png"))
						_ = png.Encode(f, m)
						f.Close()
					}
				}
			}
			img = shifted(img, jitter, jitter)
			start := time.Now()
			p, q, err := extractPrint(img.Pix, img.Rect.Dx(), img.Rect.Dy(), 500, tr)
			took = append(took, time.Since(start))
			if err != nil {
				t.Logf("%s %s: %v %d", set, name, err, q.Score)
				refused++
			}
			raw, _ := os.ReadFile(strings.TrimSuffix(file, ".png") + ".iso")
			other, _, _ := ReadISO19794(raw)
			count += float64(len(p.Minutiae))
			precision += float64(likeness(p.Minutiae, other.Minutiae)) / math.Max(1, float64(len(p.Minutiae)))
			recall += float64(likeness(other.Minutiae, p.Minutiae)) / math.Max(1, float64(len(other.Minutiae)))
			quality += float64(q.Score)
			finger, _, _ := strings.Cut(name, "_")
			list = append(list, prepared(finger, name, p))
		}
		n := math.Max(1, float64(len(list)))
		slices.Sort(took)
		g, i := protocolFull(list)
		eer, fmr3, z := 100*equalErrorRate(g, i), 100*missRate(g, i, 1e-3), 100*missRate(g, i, 0)
		t.Logf("%s: EER %.2f FMR1000 %.1f Zero %.1f  minutiae %.0f precision %.2f recall %.2f quality %.0f refused %.0f  %v",
			set, eer, fmr3, z, count/n, precision/n, recall/n, quality/n, refused, took[len(took)/2].Round(10*time.Microsecond))
		line += fmt.Sprintf(" %6.2f/%5.1f/%5.1f", eer, fmr3, z)
		mean, mean3, zero = mean+eer/4, mean3+fmr3/4, zero+z/4
	}
	t.Logf("EER/FMR1000/Zero %% %s  mean %.2f / %.2f / %.2f", line, mean, mean3, zero)
}
