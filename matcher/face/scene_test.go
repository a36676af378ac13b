package face

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"testing"

	"pgregory.net/rapid"

	"biogate/matcher"
)

// jpegOf is a picture as a camera sends it, held as an EXIF orientation says.
func jpegOf(t testing.TB, img image.Image, orientation uint16) matcher.Sample {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 97}); err != nil {
		t.Fatal(err)
	}
	exif := append([]byte("Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01"), byte(orientation>>8), byte(orientation), 0, 0, 0, 0, 0, 0)
	segment := binary.BigEndian.AppendUint16([]byte{0xFF, 0xD8, 0xFF, 0xE1}, uint16(len(exif)+2))
	data := append(append(segment, exif...), b.Bytes()[2:]...)
	return matcher.Sample{Modality: matcher.Face, Data: data}
}

// plain is a large picture whose red grows with x and whose green grows with y.
func plain(w, h int) image.Image {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			img.SetRGBA(x, y, color.RGBA{byte(20 + 200*x/w), byte(20 + 200*y/h), 100, 255})
		}
	}
	return img
}

// At whatever scale a photo is looked at, its pixels are where they are.
func TestLookingLargerOrSmallerMovesNothing(t *testing.T) {
	const w, h = 1403, 1001
	img := plain(w, h)
	for _, orientation := range []uint16{1, 3, 6} {
		sample := jpegOf(t, img, orientation)
		rapid.Check(t, func(t *rapid.T) {
			s, err := open(sample)
			if err != nil {
				t.Fatal(err)
			}
			if len(s.views) != 0 {
				t.Fatal("the whole photo was decoded")
			}
			for range 4 {
				scale := math.Exp(rapid.Float64Range(-0.5, 3).Draw(t, "scale"))
				turn := rapid.Float64Range(-0.6, 0.6).Draw(t, "turn")
				middle := point{rapid.Float64Range(200, float64(s.Width-200)).Draw(t, "x"), rapid.Float64Range(200, float64(s.Height-200)).Draw(t, "y")}
				const n = 9
				from := similarity{scale * math.Cos(turn), scale * math.Sin(turn), 0, 0}
				shift := from.apply(point{(n - 1) / 2, (n - 1) / 2})
				from.tx, from.ty = middle.x-shift.x, middle.y-shift.y
				got, err := s.sample(from, n, n, repeatEdge)
				if err != nil {
					t.Fatal(err)
				}
				for i := range got.r {
					p := stored(from.apply(point{float64(i % n), float64(i / n)}), orientation, w, h)
					red, green := 20+200*p.x/w, 20+200*p.y/h
					if math.Abs(float64(got.r[i])-red) > 3.5 || math.Abs(float64(got.g[i])-green) > 3.5 {
						t.Fatalf("orientation %d, 1/%.1f: (%.0f, %.0f) is red %.1f and green %.1f, not %.1f and %.1f",
							orientation, scale, p.x, p.y, got.r[i], got.g[i], red, green)
					}
				}
			}
		})
	}
}

// stored is where a point of the upright photo was stored.
func stored(p point, orientation uint16, w, h float64) point {
	switch orientation {
	case 3:
		return point{w - 1 - p.x, h - 1 - p.y}
	case 6:
		return point{p.y, h - 1 - p.x}
	}
	return p
}

func TestCutsAreNoSmallerThanAsked(t *testing.T) {
	const w, h = 1403, 1001
	sample := jpegOf(t, plain(w, h), 1)
	rapid.Check(t, func(t *rapid.T) {
		s, err := open(sample)
		if err != nil {
			t.Fatal(err)
		}
		x, y := rapid.IntRange(0, w-10).Draw(t, "x"), rapid.IntRange(0, h-10).Draw(t, "y")
		part := image.Rect(x, y, rapid.IntRange(x+1, w).Draw(t, "x1"), rapid.IntRange(y+1, h).Draw(t, "y1"))
		least := rapid.IntRange(1, 200).Draw(t, "least")
		cut, err := s.cut(part, least, least)
		if err != nil {
			t.Fatal(err)
		}
		if cut.Width < min(least, part.Dx()) || cut.Height < min(least, part.Dy()) || len(cut.Pix) != 3*cut.Width*cut.Height {
			t.Fatalf("%v in at least %d: %dx%d, %d bytes", part, least, cut.Width, cut.Height, len(cut.Pix))
		}
		middle := cut.Pix[3*(cut.Height/2*cut.Width+cut.Width/2):]
		red, green := 20+200*(part.Min.X+part.Max.X)/2/w, 20+200*(part.Min.Y+part.Max.Y)/2/h
		if math.Abs(float64(int(middle[0])-red)) > 5 || math.Abs(float64(int(middle[1])-green)) > 5 {
			t.Fatalf("%v: the middle is %v, want %d and %d", part, middle[:2], red, green)
		}
	})
}

// A photo that is decoded in parts gives the template of the same photo decoded whole: as a PNG always is.
func TestLargePhotosGiveTheSameTemplate(t *testing.T) {
	e := newFake(t, fakeNets())
	// The fake detector's boxes are whole pixels of its input, 9 of the photo: a twentieth of the smallest face.
	for side, least := range map[int]float64{1100: 0.98, 500: 0.98, 200: 0.9} {
		img := drawn(2400, 1800, portrait{3, 700, 300, side})
		whole, parts := matcher.Sample{Modality: matcher.Face, Data: encoded(t, img)}, jpegOf(t, img, 1)
		a, b := extract(t, e, whole), extract(t, e, parts)
		if s := score(t, e, a.Template, b.Template); s < least {
			t.Errorf("a face of %d: %.3f", side, s)
		}
		if d := a.Quality.Score - b.Quality.Score; d < -10 || d > 10 {
			t.Errorf("a face of %d: quality %d and %d", side, a.Quality.Score, b.Quality.Score)
		}
	}
}

// Small photos are decoded at once: nothing depends on how they are looked at.
func TestSmallPhotosAreDecodedWhole(t *testing.T) {
	s, err := open(jpegOf(t, plain(640, 480), 6))
	if err != nil || len(s.views) != 1 || s.views[0].Width != 480 || s.views[0].Scale != 1 {
		t.Errorf("%d views, %v", len(s.views), err)
	}
}

// What a large photo costs beyond reading its codes is what is decoded of it: not much more than of a small one, however the
// face lies in it.
func TestLittleOfALargePhotoIsDecoded(t *testing.T) {
	e := newFake(t, fakeNets())
	const w, h = 4000, 3000
	for name, side := range map[string]int{"fills it": 2400, "a third": 1000, "a twelfth": 250} {
		s, err := open(jpegOf(t, drawn(w, h, portrait{5, 900, 300, side}), 1))
		if err != nil {
			t.Fatal(err)
		}
		b, err := e.find(t.Context(), s, nil, nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		f, err := e.align(t.Context(), s, b, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.judge(t.Context(), s, f, 3, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := e.attack(t.Context(), s, b, f); err != nil {
			t.Fatal(err)
		}
		pixels := 0
		for _, v := range s.views {
			pixels += v.Width * v.Height
		}
		if pixels > 640*480*3/2 {
			t.Errorf("a face that is %s of the photo: %d pixels were decoded in %d views", name, pixels, len(s.views))
		}
	}
}
