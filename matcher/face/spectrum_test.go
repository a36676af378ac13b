package face

import (
	"math"
	"math/cmplx"
	"math/rand/v2"
	"testing"

	"biogate/matcher/imaging"
)

// texture is a picture of noise with the falling spectrum of photographs, and a wave of amplitude, in levels, over it.
func texture(side int, amplitude, fx, fy float64) imaging.RGB {
	rng := rand.New(rand.NewPCG(3, 4))
	p := imaging.RGB{Width: side, Height: side, Pix: make([]byte, 3*side*side)}
	row := make([]float64, side)
	for y := range side {
		left := 0.0
		for x := range side {
			left = 0.8*left + 6*rng.NormFloat64()
			row[x] = 0.8*row[x] + 0.6*left
			level := 128 + row[x] + amplitude*math.Cos(2*math.Pi*(fx*float64(x)+fy*float64(y)))
			for c := range 3 {
				p.Pix[3*(y*side+x)+c] = byte(min(max(level, 0), 255))
			}
		}
	}
	return p
}

func TestSpectralPeakSeesRegularPatternsAlone(t *testing.T) {
	plain := spectralPeak(texture(160, 0, 0, 0))
	if plain > peakMost-1 {
		t.Errorf("noise has a peak of %.2f", plain)
	}
	for _, f := range [][2]float64{{0.3, 0.21}, {0.21, 0.3}, {-0.3, 0.21}, {0.43, 0.05}, {0.04, 0.29}} {
		if peak := spectralPeak(texture(160, 6, f[0], f[1])); peak < peakMost {
			t.Errorf("a wave of %v cycles a pixel has a peak of %.2f, noise one of %.2f", f, peak, plain)
		}
	}
	// Where a face has features of its own, and where JPEG has its blocks.
	for _, f := range [][2]float64{{0.04, 0.06}, {0.125, 0.25}, {0.25, 0}} {
		if peak := spectralPeak(texture(160, 6, f[0], f[1])); peak > peakMost {
			t.Errorf("a wave of %v cycles a pixel has a peak of %.2f", f, peak)
		}
	}
	flat := imaging.RGB{Width: 80, Height: 80, Pix: make([]byte, 3*80*80)}
	if peak := spectralPeak(flat); peak > 1e-9 {
		t.Errorf("a black picture has a peak of %v", peak)
	}
}

// Wherever a face is said to be, only what the photo shows is looked at; a tiny photo has no spectrum.
func TestSightingStaysInThePhoto(t *testing.T) {
	for _, side := range []int{tileSide - 1, tileSide, 90, 300} {
		src, err := open(picture(t, side, side, portrait{1, 0, 0, side}))
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range []box{{-50, 40, 10, 100, 1}, {0, 0, 1, 1, 1}, {5, 5, 5000, 9000, 1}} {
			peak, err := src.spectralPeak(b)
			if err != nil || math.IsNaN(peak) != (side < tileSide) {
				t.Errorf("side %d, box %v: %v, error %v", side, b, peak, err)
			}
		}
		for _, eyes := range [][2]point{{{10, 10}, {20, 10}}, {{-500, 10}, {-400, 80}}, {{0, 0}, {float64(side), float64(side)}}} {
			light, err := src.colours(eyes[0], eyes[1])
			if err != nil {
				t.Errorf("side %d, eyes %v: %v", side, eyes, err)
			}
			for _, rgb := range light {
				for _, v := range rgb {
					if !math.IsNaN(v) && !(v > 0 && v <= 1) {
						t.Errorf("side %d, eyes %v: light %v", side, eyes, light)
					}
				}
			}
		}
	}
}

func TestTransformIsTheDefinition(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var a, want [tileSide]complex128
	for i := range a {
		a[i] = complex(rng.NormFloat64(), rng.NormFloat64())
	}
	for k := range want {
		for i, v := range a {
			want[k] += v * cmplx.Rect(1, -2*math.Pi*float64(i*k)/tileSide)
		}
	}
	transform(a[:], 1)
	for k := range a {
		if cmplx.Abs(a[k]-want[k]) > 1e-9 {
			t.Fatalf("bin %d: %v, want %v", k, a[k], want[k])
		}
	}
}

func BenchmarkSpectralPeak(b *testing.B) {
	p := texture(160, 0, 0, 0)
	for b.Loop() {
		spectralPeak(p)
	}
}
