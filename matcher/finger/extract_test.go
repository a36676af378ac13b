package finger

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"math"
	"math/rand/v2"
	"reflect"
	"sync"
	"testing"

	"biogate/matcher"
)

// extractPrint is extract without the times.
func extractPrint(pix []byte, width, height, dpi int, tr matcher.Trace) (Print, matcher.Quality, error) {
	c, err := extract(pix, width, height, dpi, tr)
	return c.print, c.quality, err
}

func mustExtract(t *testing.T, pix []byte, w, h, dpi int) Print {
	t.Helper()
	p, q, err := extractPrint(pix, w, h, dpi, nil)
	if err != nil {
		t.Fatal(err)
	}
	if q.Score < 1 || q.Score > 100 {
		t.Errorf("quality %d is out of range", q.Score)
	}
	return p
}

// expected is where the planted minutiae of r lie in the picture, with their directions.
func (r ridgeImage) expected() []Minutia {
	var list []Minutia
	for _, m := range r.planted {
		x, y := r.place(m.x, m.y)
		angle := -(r.direction + r.turn)
		if m.sign < 0 {
			angle += math.Pi
		}
		list = append(list, Minutia{X: int16(x), Y: int16(y), Angle: uint8(int(math.Round(angle/(2*math.Pi)*256)) & 255)})
	}
	return list
}

// found counts the minutiae of a that have one of b within 8 pixels and 28 degrees.
func found(a, b []Minutia) (n int) {
	for _, m := range a {
		for _, k := range b {
			dx, dy := int(m.X)-int(k.X), int(m.Y)-int(k.Y)
			if turn := int8(m.Angle - k.Angle); dx*dx+dy*dy <= 64 && turn >= -20 && turn <= 20 {
				n++
				break
			}
		}
	}
	return n
}

// within leaves out minutiae near the edge of a w x h picture, where the extractor may or may not trust them.
func within(list []Minutia, w, h, edge int) (kept []Minutia) {
	for _, m := range list {
		if int(m.X) >= edge && int(m.Y) >= edge && int(m.X) < w-edge && int(m.Y) < h-edge {
			kept = append(kept, m)
		}
	}
	return kept
}

func checkPlanted(t *testing.T, want, got []Minutia, w, h int) {
	t.Helper()
	want = within(want, w, h, 40)
	if n := found(want, got); float64(n) < 0.9*float64(len(want)) {
		t.Errorf("%d of %d planted minutiae found, %v in %v", n, len(want), want, got)
	}
	sure := within(got, w, h, 40)
	if n := found(sure, want); float64(n) < 0.8*float64(len(sure)) {
		t.Errorf("only %d of %d minutiae were planted", n, len(sure))
	}
}

func TestPlantedMinutiaeAreFound(t *testing.T) {
	for _, r := range []ridgeImage{
		{w: 300, h: 300, period: 9},
		{w: 300, h: 300, period: 7, direction: 0.5},
		{w: 388, h: 374, period: 12, direction: 2.5},
		{w: 321, h: 287, period: 9, direction: 1.2, noise: 40},
		{w: 300, h: 400, period: 8, direction: math.Pi / 2, noise: 20},
		{w: 300, h: 300, period: 9, turn: 0.4},
		{w: 300, h: 300, period: 9, turn: -2.2, dx: 7, dy: -5},
		{w: 300, h: 300, period: 10, turn: math.Pi, noise: 30},
		{w: 300, h: 300, period: 9, direction: 0.8, invert: true}, // light ridges: the kinds swap, nothing else
	} {
		t.Run(fmt.Sprintf("%+v", r), func(t *testing.T) {
			r.planted = scattered(r.w, r.h)
			p := mustExtract(t, r.draw(), r.w, r.h, 500)
			checkPlanted(t, r.expected(), p.Minutiae, r.w, r.h)
		})
	}
}

func TestSmallFingerOnLargeSensor(t *testing.T) {
	const w, h, side = 640, 480, 160
	r := ridgeImage{w: side, h: side, period: 9}
	for _, at := range [][2]float64{{50, 45}, {110, 55}, {80, 82}, {45, 110}, {112, 115}} {
		r.planted = append(r.planted, planted{at[0], at[1], 1})
	}
	small, pix := r.draw(), bytes.Repeat([]byte{250}, w*h)
	for y := range side {
		copy(pix[(y+250)*w+400:], small[y*side:(y+1)*side])
	}
	p := mustExtract(t, pix, w, h, 500)
	want := r.expected()
	for i := range want {
		want[i].X += 400
		want[i].Y += 250
	}
	if n := found(want, p.Minutiae); n < len(want) {
		t.Errorf("%d of %d planted minutiae found", n, len(want))
	}
}

// A small sensor cuts the finger off on every side: what lies near its edge counts, and the cut lines make no minutiae.
func TestMinutiaeNearTheEdgeOfThePicture(t *testing.T) {
	const side, edge = 200, 14
	for _, direction := range []float64{0, 0.6, 1.3, 2.4} {
		r := ridgeImage{w: side, h: side, period: 9, direction: direction}
		for i, at := range []float64{35, 70, 105, 140, 170} {
			sign := float64(1 - i%2*2)
			r.planted = append(r.planted, planted{at, edge, sign}, planted{side - edge, at, -sign}, planted{at, side - edge, sign}, planted{edge, at, -sign})
		}
		want, got := r.expected(), mustExtract(t, r.draw(), side, side, 500).Minutiae
		if n := found(want, got); n < len(want)*3/5 {
			t.Errorf("direction %.1f: %d of %d minutiae %d pixels from the edge are found", direction, n, len(want), edge)
		}
		if n := found(got, want); n < len(got)*2/3 {
			t.Errorf("direction %.1f: only %d of %d minutiae were planted", direction, n, len(got))
		}
	}
}

func TestResolutionIsNormalised(t *testing.T) {
	base := ridgeImage{w: 300, h: 300, period: 9, direction: 0.3}
	base.planted = scattered(base.w, base.h)
	for _, dpi := range []int{250, 400, 490, 512, 800, 1000} {
		t.Run(fmt.Sprint(dpi), func(t *testing.T) {
			k := float64(dpi) / 500
			r := ridgeImage{w: int(300 * k), h: int(300 * k), period: 9 * k, direction: 0.3}
			for _, m := range base.planted {
				r.planted = append(r.planted, planted{m.x * k, m.y * k, m.sign})
			}
			p := mustExtract(t, r.draw(), r.w, r.h, dpi)
			if abs(p.Width-300) > 2 || abs(p.Height-300) > 2 {
				t.Errorf("%d x %d pixels at 500 dpi, want 300 x 300", p.Width, p.Height)
			}
			checkPlanted(t, base.expected(), p.Minutiae, 300, 300)
		})
	}
}

func TestExtractionRefuses(t *testing.T) {
	const w, h = 300, 320
	draw := func(f func(x, y int) float64) []byte {
		pix := make([]byte, w*h)
		for i := range pix {
			pix[i] = byte(min(max(f(i%w, i/w), 0), 255))
		}
		return pix
	}
	rng := rand.New(rand.NewPCG(5, 6))
	ridge := ridgeImage{w: w, h: h, period: 9}
	for _, c := range []struct {
		name   string
		pix    []byte
		w, h   int
		dpi    int
		code   matcher.Code
		reason string
	}{
		{"white", draw(func(_, _ int) float64 { return 255 }), w, h, 500, matcher.CodeUnusable, reasonBlank},
		{"sensor noise", draw(func(_, _ int) float64 { return 200 + 2*rng.NormFloat64() }), w, h, 500, matcher.CodeUnusable, reasonBlank},
		{"noise", draw(func(_, _ int) float64 { return 255 * rng.Float64() }), w, h, 500, matcher.CodeUnusable, reasonNoFinger},
		{"gradient", draw(func(x, _ int) float64 { return float64(x) * 255 / w }), w, h, 500, matcher.CodeUnusable, ""},
		{"checkers", draw(func(x, y int) float64 { return float64((x/16 + y/16) % 2 * 255) }), w, h, 500, matcher.CodeUnusable, ""},
		{"blob", draw(func(x, y int) float64 { return 3 * math.Hypot(float64(x-150), float64(y-150)) }), w, h, 500, matcher.CodeUnusable, ""},
		{"grating", ridge.draw(), w, h, 500, matcher.CodeUnusable, reasonFewMinutiae},
		{"tiny", make([]byte, 400), 20, 20, 500, matcher.CodeUnusable, reasonTooSmall},
		{"length", make([]byte, 10), 20, 20, 500, matcher.CodeBadParameter, ""},
		{"negative", make([]byte, 10), -2, -5, 500, matcher.CodeBadParameter, ""},
		{"overflow", make([]byte, 16), 1 << 33, 1 << 33, 500, matcher.CodeBadParameter, ""},
		{"coarse", ridge.draw(), w, h, 100, matcher.CodeBadParameter, ""},
		{"fine", ridge.draw(), w, h, 5000, matcher.CodeBadParameter, ""},
		{"huge", make([]byte, 2500*2500), 2500, 2500, 500, matcher.CodeTooLarge, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := extractPrint(c.pix, c.w, c.h, c.dpi, nil)
			var refusal *matcher.Error
			if !errors.As(err, &refusal) || refusal.Code != c.code {
				t.Fatalf("got %v, want %s", err, c.code)
			}
			if c.reason != "" && (len(refusal.Reasons) == 0 || refusal.Reasons[0] != c.reason) {
				t.Errorf("reasons %v, want %s", refusal.Reasons, c.reason)
			}
			if refusal.Detail == "" {
				t.Error("no detail")
			}
		})
	}
}

func TestExtractionIsDeterministicAndConcurrent(t *testing.T) {
	var pictures []ridgeImage
	var drawn [][]byte
	var want []Print
	for i := range 6 {
		r := ridgeImage{w: 200 + 30*i, h: 260 - 15*i, period: 8 + float64(i%3), direction: 0.5 * float64(i)}
		r.planted = scattered(r.w, r.h)
		pictures, drawn = append(pictures, r), append(drawn, r.draw())
		want = append(want, mustExtract(t, drawn[i], r.w, r.h, 500))
	}
	var group sync.WaitGroup
	for worker := range 4 {
		group.Go(func() {
			for i := range pictures {
				i = (i + worker) % len(pictures)
				r := pictures[i]
				p, _, err := extractPrint(drawn[i], r.w, r.h, 500, nil)
				if err != nil || !reflect.DeepEqual(p, want[i]) {
					t.Errorf("picture %d differs: %v", i, err)
				}
			}
		})
	}
	group.Wait()
}

func TestExtractionTraces(t *testing.T) {
	r := ridgeImage{w: 250, h: 250, period: 9, planted: scattered(250, 250)}
	seen := map[string]bool{}
	p, _, err := extractPrint(r.draw(), r.w, r.h, 500, func(name string, v any) {
		seen[name] = true
		if img, ok := v.(image.Image); ok && img.Bounds().Empty() {
			t.Errorf("%s is empty", name)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		traceNormalised, traceOrientation, traceCoherence, traceFrequency, tracePurity, traceMask, traceEnhanced,
		traceRidgeSkeleton, traceValleySkeleton, traceMinutiae, traceFrame, tracedPrint,
	} {
		if !seen[name] {
			t.Errorf("%s is missing", name)
		}
	}
	if again := mustExtract(t, r.draw(), r.w, r.h, 500); !reflect.DeepEqual(p, again) {
		t.Error("tracing changes the result")
	}
}

// TestAnySize walks the sizes around blocks, words and limits.
func TestAnySize(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	sizes := [][2]int{{1, 1}, {1, 2000}, {2000, 1}, {48, 48}, {49, 47}, {64, 64}, {65, 127}, {128, 63}, {2000, 2000}}
	for range 20 {
		sizes = append(sizes, [2]int{1 + rng.IntN(180), 1 + rng.IntN(180)})
	}
	for _, s := range sizes {
		w, h := s[0], s[1]
		for _, dpi := range []int{0, 200, 500, 517, 1000} {
			if w*h > 1<<20 && dpi != 500 {
				continue
			}
			r := ridgeImage{w: w, h: h, period: 6 + 4*rng.Float64(), direction: rng.Float64(), noise: 30}
			p, _, err := extractPrint(r.draw(), w, h, dpi, nil)
			checkPrint(t, p, err)
		}
	}
}

func checkPrint(t *testing.T, p Print, err error) {
	t.Helper()
	var refusal *matcher.Error
	if err != nil && !errors.As(err, &refusal) {
		t.Fatalf("error without a code: %v", err)
	}
	if len(p.Minutiae) > mostMinutiae {
		t.Fatalf("%d minutiae", len(p.Minutiae))
	}
	for _, m := range p.Minutiae {
		if m.X < 0 || m.Y < 0 || int(m.X) > p.Width || int(m.Y) > p.Height || m.Quality < 1 || m.Quality > 100 {
			t.Fatalf("minutia %v in %d x %d", m, p.Width, p.Height)
		}
	}
}

func FuzzExtractPixels(f *testing.F) {
	r := ridgeImage{w: 80, h: 80, period: 8}
	f.Add(r.draw(), uint16(80), uint16(500))
	f.Add([]byte{0, 255, 0, 255}, uint16(2), uint16(0))
	f.Fuzz(func(t *testing.T, pix []byte, width, dpi uint16) {
		w := int(width)
		p, _, err := extractPrint(pix, w, len(pix)/max(w, 1), int(dpi), nil)
		checkPrint(t, p, err)
	})
}
