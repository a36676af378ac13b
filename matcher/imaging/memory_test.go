package imaging

import (
	"image"
	"runtime"
	"testing"
)

// sampled420 is the header of a camera's JPEG with enough filler to be believed.
func sampled420(sof byte, width, height uint16) []byte {
	b := jpegHead(sof, width, height, 3, int(width)*int(height)/jpegPixelsAByte)
	b[13] = 0x22 // sampling of the first component
	return b
}

func TestCameraPicturesFit(t *testing.T) {
	for name, data := range map[string][]byte{
		"50 MP":             sampled420(0xC0, 8160, 6120),
		"24 MP progressive": sampled420(0xC2, 6000, 4000),
	} {
		if h, err := ReadHeader(data, "image/jpeg"); err != nil || h.Width*h.Height < 24_000_000 {
			t.Errorf("%s: %+v, %v", name, h, err)
		}
	}
	if _, err := ReadHeader(sampled420(0xC2, 8160, 6120), ""); codeOf(err) != CodeTooLarge {
		t.Errorf("50 MP progressive: %v", err)
	}
}

func TestHeaderIsWhatTheDecoderFinds(t *testing.T) {
	img := gradient(32, 24)
	for _, media := range readMedia {
		data := encoded(t, media, img)
		h, err := ReadHeader(data, media)
		if err != nil || h.Width != 32 || h.Height != 24 {
			t.Errorf("%s: %+v, %v", media, h, err)
		}
	}
	if _, err := ReadHeader([]byte("hello"), ""); codeOf(err) != CodeFormat {
		t.Errorf("no picture: %v", err)
	}
}

// All that decoding allocates, garbage included, stays within the estimate that the limit is checked with.
func TestDecodingHoldsNoMoreThanEstimated(t *testing.T) {
	const w, h = 1600, 1000
	turned := chunk("eXIf", rawTIFF(nil, tiffEntry{tagOrientation, 3, 1, 6}))
	grey, rgba := image.NewGray(image.Rect(0, 0, w, h)), image.NewRGBA(image.Rect(0, 0, w, h))
	for name, data := range map[string][]byte{
		"PNG RGB":                rawPNG(w, h, 8, 2, 0, (3*w+1)*h),
		"PNG RGB turned":         rawPNG(w, h, 8, 2, 0, (3*w+1)*h, turned),
		"PNG 16-bit RGBA":        rawPNG(w, h, 16, 6, 0, (8*w+1)*h),
		"PNG 16-bit interlaced":  rawPNG(w, h, 16, 6, 1, 8*w*h+15*h/8),
		"JPEG grey":              encoded(t, "image/jpeg", grey),
		"JPEG":                   encoded(t, "image/jpeg", rgba),
		"JPEG progressive":       mildJPEG(w, h, [2]int{2, 2}, true).bytes(),
		"JPEG progressive 4:4:4": mildJPEG(w, h, [2]int{1, 1}, true).bytes(),
		"BMP":                    encoded(t, "image/bmp", rgba),
		"TIFF":                   encoded(t, "image/tiff", rgba),
		"WSQ":                    oneCoefficientWSQ(haar, w, h, 63, 7),
	} {
		f, _, err := examine(data, "")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		most := map[string]float64{"PNG": pngWork(int(data[24]), data[28] != 0), "JPEG": walkJPEG(data).work(), "BMP": 4, "TIFF": tiffWork, "WSQ": wsqWork}[f.name]
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		p, err := DecodeRGB(data, "")
		runtime.ReadMemStats(&after)
		if err != nil || len(p.Pix) != 3*w*h {
			t.Fatalf("%s: %d bytes, %v", name, len(p.Pix), err)
		}
		if f.name == "JPEG" { // a copy of the coded data comes on top
			most += float64(len(data)) / (w * h)
		}
		if got := float64(after.TotalAlloc-before.TotalAlloc) / (w * h); got > 1.05*(most+resultBytes)+0.1 {
			t.Errorf("%s: %.2f bytes a pixel, estimated %.2f", name, got, most+resultBytes)
		}
	}
}
