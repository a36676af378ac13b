package imaging

import (
	"testing"
)

// fuzz decodes whatever comes: no panic, no picture beyond the limits, and an error always has a code.
func fuzz(f *testing.F, media string) {
	f.Add(encoded(f, media, gradient(17, 9)))
	f.Add(encoded(f, media, gradient(17, 9))[:60])
	for _, c := range hostile() {
		if Sniff(c.data) == media {
			f.Add(c.data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if Sniff(data) != media {
			return
		}
		grey, err := DecodeGrey(data, "")
		if err != nil {
			if codeOf(err) == "" {
				t.Fatalf("error without a code: %v", err)
			}
			return
		}
		if len(grey.Pix) != grey.Width*grey.Height || grey.Width*grey.Height > MaxPixels || grey.Width == 0 {
			t.Fatalf("%dx%d with %d bytes", grey.Width, grey.Height, len(grey.Pix))
		}
		rgb, err := DecodeRGB(data, "")
		if media == "image/jpeg" && codeOf(err) == CodeUndecodable {
			return // the grey picture does without the scans of colour, which are broken
		}
		if err != nil || rgb.Width != grey.Width || len(rgb.Pix) != 3*len(grey.Pix) {
			t.Fatalf("grey is sound and colour is not: %dx%d, %v", rgb.Width, rgb.Height, err)
		}
	})
}

func FuzzPNG(f *testing.F) { fuzz(f, "image/png") }
func FuzzBMP(f *testing.F) { fuzz(f, "image/bmp") }
func FuzzTIFF(f *testing.F) {
	f.Add(twoSizesTIFF)
	fuzz(f, "image/tiff")
}

// twoSizesTIFF states its width as a list of eight numbers: read inline it is 8, read where it stands 16 million.
var twoSizesTIFF = []byte("II*\x00\b\x00\x00\x00\b\x00\x00\x01\x04\x00\b\x00\x00\x00\b\x00\x00\x00\x01\x01\x04\x00\x01\x00\x00\x00\xb8\v\x00\x00\x02\x01\x03\x00\x01\x00\x00\x00\b\x00\x00\x00\x03\x01\x03\x00\x01\x00\x00\x00\x01\x00\x00\x00\x06\x01\x03\x00\x01\x00\x00\x00\x01\x00\x00\x00\x11\x01\x04\x00\x01\x00\x00\x00\xc8\x00\x00\x00\x16\x01\x04\x00\x01\x00\x00\x00\xb8\v\x00\x00\x17\x01\x04\x00\x01\x00\x00\x00\n\x00\x00\x00\x00\x00\x00\x00")

func TestTwoSizesInOneHeader(t *testing.T) {
	if _, err := DecodeGrey(twoSizesTIFF, ""); codeOf(err) != CodeUndecodable {
		t.Errorf("%v", err)
	}
}

func FuzzJPEG(f *testing.F) {
	f.Add(progressiveJPEG(f))
	f.Add(fromBase64(f, cmykJPEG))
	fuzz(f, "image/jpeg")
}

func FuzzWSQ(f *testing.F) {
	for _, filters := range []analysis{filters97, filters88, haar} {
		f.Add(encodeWSQ(f, waves(21, 34), wsqOptions{filters: filters, quant: evenBins(8), comment: "NIST_COM 2\nPPI 500\n", restart: 40}))
	}
	fuzz(f, "image/x-wsq")
}

func FuzzClaim(f *testing.F) {
	f.Add("image/jpeg; q=1")
	f.Add("; ;=")
	data := encoded(f, "image/png", gradient(3, 3))
	f.Fuzz(func(t *testing.T, claimed string) {
		if _, err := DecodeGrey(data, claimed); err != nil && codeOf(err) != CodeFormatMismatch {
			t.Fatalf("claim %q: %v", claimed, err)
		}
	})
}
