package imaging

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"testing"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
)

// gradient is a picture without symmetry: darker to the left, a bright block at the top right.
func gradient(w, h int) *image.Gray {
	img := image.NewGray(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			img.Pix[y*w+x] = uint8(40 + 150*x/w)
			if y < h/3 && x >= w*2/3 {
				img.Pix[y*w+x] = 250
			}
		}
	}
	return img
}

func encoded(t testing.TB, media string, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	var err error
	switch media {
	case "image/png":
		err = png.Encode(&b, img)
	case "image/jpeg":
		err = jpeg.Encode(&b, img, &jpeg.Options{Quality: 98})
	case "image/bmp":
		err = bmp.Encode(&b, img)
	case "image/tiff":
		err = tiff.Encode(&b, img, &tiff.Options{Compression: tiff.Deflate, Predictor: true})
	case "image/jp2": // there is no encoder: always the same drawing
		b.Write(fromBase64(t, j2kLossless))
	case FormatFaceRecord:
		b.Write(faceRecordForm{edition: 2005, pictures: [][]byte{encoded(t, "image/jpeg", img)}}.bytes())
	case "image/x-wsq":
		b.Write(encodeWSQ(t, img.(*image.Gray), wsqOptions{filters: filters97, quant: evenBins(1)}))
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var readMedia = []string{"image/png", "image/jpeg", "image/bmp", "image/tiff", "image/x-wsq", FormatFaceRecord}

func TestGreyPicturesSurviveEveryFormat(t *testing.T) {
	img := gradient(61, 43)
	for _, media := range readMedia {
		got, err := DecodeGrey(encoded(t, media, img), media)
		if err != nil {
			t.Fatalf("%s: %v", media, err)
		}
		near(t, media, got, 61, 43, img.Pix, 3)
	}
}

func near(t *testing.T, name string, got Grey, w, h int, want []byte, tolerance int) {
	t.Helper()
	if got.Width != w || got.Height != h || len(got.Pix) != len(want) {
		t.Fatalf("%s: %dx%d with %d bytes, want %dx%d", name, got.Width, got.Height, len(got.Pix), w, h)
	}
	for i := range want {
		if d := int(got.Pix[i]) - int(want[i]); d < -tolerance || d > tolerance {
			t.Fatalf("%s: pixel %d is %d, want %d", name, i, got.Pix[i], want[i])
		}
	}
}

func codeOf(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

func TestClaims(t *testing.T) {
	img := gradient(20, 20)
	pngData, jpegData := encoded(t, "image/png", img), encoded(t, "image/jpeg", img)
	text := bytes.Repeat([]byte("hello "), 100)
	f := func(data []byte, claimed, want string) {
		t.Helper()
		if _, err := DecodeGrey(data, claimed); codeOf(err) != want {
			t.Errorf("claimed %q: got %v, want code %q", claimed, err, want)
		}
	}
	f(pngData, "", "")
	f(pngData, "image/png", "")
	f(pngData, "IMAGE/PNG; charset=binary", "")
	f(pngData, "application/octet-stream", "")
	f(jpegData, "image/jpg", "")
	f(jpegData, "image/png", CodeFormatMismatch)
	f(pngData, "image/webp", CodeFormatMismatch)
	f(text, "image/png", CodeFormatMismatch)
	f(text, "", CodeFormat)
	f(nil, "", CodeUndecodable)
	f([]byte("\xff\xa0\xff\xa4\x00\x3a"), "", CodeUndecodable)
	f([]byte("\xff\xa0\xff\xa4\x00\x3a"), "image/png", CodeFormatMismatch)
	f(encoded(t, "image/x-wsq", img), "image/wsq", "")
	f([]byte("\x00\x00\x00\x0cjP  \r\n\x87\n"), "image/jp2", CodeUndecodable)
	f([]byte("GIF89a"), "", CodeFormat)
}

func TestColourAndAlpha(t *testing.T) {
	img := image.NewNRGBA(image.Rect(0, 0, 3, 1))
	img.SetNRGBA(0, 0, color.NRGBA{255, 0, 0, 255})
	img.SetNRGBA(1, 0, color.NRGBA{0, 0, 0, 0})
	img.SetNRGBA(2, 0, color.NRGBA{0, 0, 0, 128})
	for _, media := range []string{"image/png", "image/tiff"} {
		got, err := DecodeRGB(encoded(t, media, img), "")
		if err != nil {
			t.Fatal(err)
		}
		if want := []byte{255, 0, 0, 255, 255, 255, 127, 127, 127}; !bytes.Equal(got.Pix, want) {
			t.Errorf("%s: got %v, want %v", media, got.Pix, want)
		}
	}
}
