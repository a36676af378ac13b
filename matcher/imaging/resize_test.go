package imaging

import (
	"math"
	"testing"
)

func TestResizeKeepsFlatPicturesFlat(t *testing.T) {
	for _, v := range []byte{0, 1, 127, 255} {
		src := Grey{Width: 37, Height: 23, Pix: make([]byte, 37*23)}
		for i := range src.Pix {
			src.Pix[i] = v
		}
		for _, to := range [][2]int{{1, 1}, {5, 40}, {36, 22}, {38, 24}, {111, 7}, {500, 500}} {
			got := ResizeGrey(src, to[0], to[1])
			if got.Width != to[0] || got.Height != to[1] || len(got.Pix) != to[0]*to[1] {
				t.Fatalf("%v: %dx%d, %d bytes", to, got.Width, got.Height, len(got.Pix))
			}
			for i, p := range got.Pix {
				if p != v {
					t.Fatalf("%v: pixel %d is %d, want %d", to, i, p, v)
				}
			}
		}
	}
}

// A ramp keeps its values at the same relative place, whatever the size.
func TestResizeKeepsPositions(t *testing.T) {
	const w, h = 101, 53
	src := Grey{Width: w, Height: h, Pix: make([]byte, w*h)}
	rgb := RGB{Width: w, Height: h, Pix: make([]byte, 3*w*h)}
	for y := range h {
		for x := range w {
			src.Pix[y*w+x] = byte(2 * x)
			i := 3 * (y*w + x)
			rgb.Pix[i], rgb.Pix[i+1], rgb.Pix[i+2] = byte(2*x), byte(4*y), 9
		}
	}
	for _, to := range [][2]int{{50, 26}, {33, 90}, {202, 106}, {100, 52}} {
		got, col := ResizeGrey(src, to[0], to[1]), ResizeRGB(rgb, to[0], to[1])
		for y := 2; y < to[1]-2; y++ {
			for x := 2; x < to[0]-2; x++ {
				wantX := 2 * ((float64(x)+0.5)*w/float64(to[0]) - 0.5)
				wantY := 4 * ((float64(y)+0.5)*h/float64(to[1]) - 0.5)
				p := col.at(x, y)
				if math.Abs(float64(got.Pix[y*to[0]+x])-wantX) > 1.6 || math.Abs(float64(p[0])-wantX) > 1.6 || math.Abs(float64(p[1])-wantY) > 1.6 || p[2] != 9 {
					t.Fatalf("%v at %d,%d: grey %d, rgb %v, want %.1f and %.1f", to, x, y, got.Pix[y*to[0]+x], p, wantX, wantY)
				}
			}
		}
	}
}

func TestShrinkingAveragesEveryPixel(t *testing.T) {
	src := Grey{Width: 400, Height: 400, Pix: make([]byte, 400*400)}
	for y := range 400 {
		for x := range 400 {
			src.Pix[y*400+x] = byte((x + y) % 2 * 200)
		}
	}
	for _, p := range ResizeGrey(src, 50, 50).Pix {
		if p < 99 || p > 101 {
			t.Fatalf("a checkerboard of 0 and 200 became %d, want 100", p)
		}
	}
}

func TestResampleDPI(t *testing.T) {
	src := Grey{Width: 300, Height: 200, Pix: make([]byte, 300*200), DPI: 1000}
	got := ResampleDPI(src, 1000, 500)
	if got.Width != 150 || got.Height != 100 || got.DPI != 500 {
		t.Errorf("%dx%d at %d dpi", got.Width, got.Height, got.DPI)
	}
	if same := ResampleDPI(src, 0, 500); same.Width != 300 {
		t.Errorf("an unknown resolution was resampled")
	}
}
