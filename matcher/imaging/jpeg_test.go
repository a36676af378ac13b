package imaging

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"
)

// byStandardLibrary is what image/jpeg makes of a file.
func byStandardLibrary(data []byte) (grey Grey, rgb RGB, err error) {
	img, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		return Grey{}, RGB{}, err
	}
	p := picture{img, walkJPEG(data).meta}
	greyRow, rgbRow := greyRows(img), rgbRows(img)
	if img, ok := img.(*image.YCbCr); ok {
		greyRow = func(y int, dst []byte) { copy(dst, img.Y[y*img.YStride:]) }
		rgbRow = func(y int, dst []byte) {
			for x := range len(dst) / 3 {
				c := img.YCbCrAt(x, y)
				dst[3*x], dst[3*x+1], dst[3*x+2] = color.YCbCrToRGB(c.Y, c.Cb, c.Cr)
			}
		}
	}
	grey.Width, grey.Height, grey.Pix = p.upright(1, greyRow)
	rgb.Width, rgb.Height, rgb.Pix = p.upright(3, rgbRow)
	return grey, rgb, nil
}

type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// plain is the same picture without what image/jpeg fails at: restarts in scans of one component, which the standard counts
// in blocks.
func (s jpegSpec) plain() jpegSpec {
	s.interval, s.apart = 0, false
	return s
}

// sameAsStandardLibrary wants every sample of a picture as image/jpeg has it.
func sameAsStandardLibrary(t failer, s jpegSpec) {
	t.Helper()
	data := s.bytes()
	grey, rgb, err := byStandardLibrary(s.plain().bytes())
	if err != nil {
		t.Fatalf("image/jpeg: %v", err)
	}
	gotGrey, err := DecodeGrey(data, "")
	if err != nil || gotGrey.Width != grey.Width || !bytes.Equal(gotGrey.Pix, grey.Pix) {
		t.Fatalf("grey is not that of image/jpeg (%v)", err)
	}
	gotRGB, err := DecodeRGB(data, "")
	if err != nil || gotRGB.Width != rgb.Width || !bytes.Equal(gotRGB.Pix, rgb.Pix) {
		t.Fatalf("colours are not those of image/jpeg (%v)", err)
	}
}

func TestJPEGIsThatOfTheStandardLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { sameAsStandardLibrary(t, drawJPEG(t)) })
}

func opened(t failer, data []byte) *Photo {
	t.Helper()
	p, err := Open(data, "")
	if err != nil {
		t.Fatalf("%v", err)
	}
	return p
}

// meansOfWhole wants each pixel of a view that lies wholly in the photo to be near the mean of the photo's pixels there.
func meansOfWhole(t failer, v View, whole RGB, tolerance int) {
	t.Helper()
	s := v.Scale
	for y := range v.Height {
		for x := range v.Width {
			left, top := v.Left+x*s, v.Top+y*s
			if left < 0 || top < 0 || left+s > whole.Width || top+s > whole.Height {
				continue
			}
			var sum [3]int
			for i := range s * s {
				for c, value := range whole.at(left+i%s, top+i/s) {
					sum[c] += value
				}
			}
			for c, got := range v.at(x, y) {
				if d := got - (sum[c]+s*s/2)/(s*s); d < -tolerance || d > tolerance {
					t.Fatalf("1/%d: %d at %d,%d is %d off the mean", s, got, x, y, d)
				}
			}
		}
	}
}

func TestSmallerViewsAreMeans(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := opened(t, drawJPEG(t).bytes())
		whole, err := p.Whole(1)
		if err != nil || whole.Width != p.Width || whole.Height != p.Height {
			t.Fatalf("%dx%d of %dx%d, %v", whole.Width, whole.Height, p.Width, p.Height, err)
		}
		for _, scale := range []int{2, 4, 8} {
			v, err := p.Whole(scale)
			if err != nil || v.Width != ceilDiv(p.Width, scale) || v.Height != ceilDiv(p.Height, scale) {
				t.Fatalf("1/%d of %dx%d is %dx%d, %v", scale, p.Width, p.Height, v.Width, v.Height, err)
			}
			meansOfWhole(t, v, whole.RGB, 2)
		}
	})
}

// fullOf is a photo that was decoded whole.
func fullOf(t failer, data []byte) RGB {
	t.Helper()
	_, rgb, err := byStandardLibrary(data)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return rgb
}

// drawPhoto is a photo of any orientation, coded, with its coefficients held, or decoded.
func drawPhoto(t *rapid.T) *Photo {
	s := drawJPEG(t)
	p := opened(t, s.bytes())
	if rapid.Bool().Draw(t, "decoded") {
		p.jpeg, p.full = nil, fullOf(t, s.plain().bytes())
	}
	return p
}

// A region is what the whole view has there, whichever was asked for first.
func TestRegionsArePartsOfTheWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPhoto(t)
		for range 3 {
			scale := rapid.SampledFrom([]int{1, 2, 4, 8}).Draw(t, "scale")
			r := image.Rect(rapid.IntRange(-9, 75).Draw(t, "x0"), rapid.IntRange(-9, 75).Draw(t, "y0"),
				rapid.IntRange(-9, 75).Draw(t, "x1"), rapid.IntRange(-9, 75).Draw(t, "y1"))
			part, err := p.Region(r, scale)
			if err != nil {
				t.Fatalf("%v: %v", r, err)
			}
			whole, err := p.Whole(scale)
			if err != nil {
				t.Fatalf("%v", err)
			}
			dx, dy := part.Left-whole.Left, part.Top-whole.Top
			if dx%scale != 0 || dy%scale != 0 {
				t.Fatalf("%v at 1/%d: the part is %d,%d pixels off", r, scale, dx, dy)
			}
			for y := range part.Height {
				for x := range part.Width {
					if part.at(x, y) != whole.at(x+dx/scale, y+dy/scale) {
						t.Fatalf("%v at 1/%d: pixel %d,%d is %v, not %v", r, scale, x, y, part.at(x, y), whole.at(x+dx/scale, y+dy/scale))
					}
				}
			}
			seen := r.Intersect(image.Rect(0, 0, p.Width, p.Height))
			covered := image.Rect(part.Left, part.Top, part.Left+part.Width*scale, part.Top+part.Height*scale)
			if !seen.In(covered) || !seen.Empty() && (part.Width > seen.Dx()/scale+2 || part.Height > seen.Dy()/scale+2) {
				t.Fatalf("%v at 1/%d: %v covers %v", r, scale, covered, seen)
			}
		}
	})
}

// Whatever is asked of a damaged file, it is refused or decoded, and never to other pixels than image/jpeg's.
func TestDamagedJPEGs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := drawJPEG(t).bytes()
		for range rapid.IntRange(1, 3).Draw(t, "damages") {
			data[rapid.IntRange(2, len(data)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
		}
		asStandardLibraryIfBothRead(t, data)
	})
}

func asStandardLibraryIfBothRead(t failer, data []byte) {
	t.Helper()
	if _, _, err := examine(data, "image/jpeg"); err != nil {
		return
	}
	got, err := DecodeRGB(data, "")
	if err != nil {
		if codeOf(err) == "" {
			t.Fatalf("an error without a code: %v", err)
		}
		return
	}
	grey, err := DecodeGrey(data, "")
	if err != nil || len(grey.Pix) != grey.Width*grey.Height {
		t.Fatalf("colours are read and grey is not: %v", err)
	}
	p := opened(t, data)
	for _, scale := range []int{8, 4, 2} {
		if _, err := p.Region(image.Rect(p.Width/3, p.Height/3, p.Width/2, p.Height/2), scale); err != nil {
			t.Fatalf("the whole is read and a part at 1/%d is not: %v", scale, err)
		}
	}
	wantGrey, want, err := byStandardLibrary(data)
	if err == nil && (want.Width != got.Width || !bytes.Equal(want.Pix, got.Pix) || !bytes.Equal(wantGrey.Pix, grey.Pix)) {
		t.Fatalf("pixels are not those of image/jpeg")
	}
}

// A progressive picture is decoded as far down and as finely as it was asked for.
func TestScansAreDecodedAsNeeded(t *testing.T) {
	spec := mildJPEG(64, 96, [2]int{2, 2}, true)
	p := opened(t, spec.bytes())
	begun := func() (n int) {
		for _, c := range p.jpeg.layers {
			if c.next >= c.across*c.down {
				t.Error("a scan was decoded to its end")
			}
			if c.next > 0 {
				n++
			}
		}
		return n
	}
	if n := begun(); n != 0 {
		t.Errorf("%d scans before anything was asked for", n)
	}
	top := image.Rect(0, 0, 64, 20)
	if _, err := p.Region(top, 8); err != nil {
		t.Fatal(err)
	}
	if got, want := begun(), 2+2*4; got != want { // means of luma, all of the colours, of which 1/8 shows four samples a block
		t.Errorf("%d scans at 1/8, want %d", got, want)
	}
	if _, err := p.Region(top, 1); err != nil || begun() != len(p.jpeg.layers) {
		t.Errorf("%d of %d scans at full size, %v", begun(), len(p.jpeg.layers), err)
	}
}

// What is damaged in a scan is found by who needs it, again and again.
func TestDamagedScansAreRefusedWhereNeeded(t *testing.T) {
	spec := mildJPEG(64, 96, [2]int{1, 1}, true)
	data := spec.bytes()
	p := opened(t, data)
	for _, c := range p.jpeg.layers {
		if c.from > 0 { // a restart where there are none
			copy(c.coded, []byte{0xFF, markerRST0 + 1})
		}
	}
	if _, err := p.Whole(8); err != nil {
		t.Errorf("the means are not damaged: %v", err)
	}
	for range 2 {
		if _, err := p.Region(image.Rect(0, 0, 8, 8), 2); codeOf(err) != CodeUndecodable {
			t.Errorf("got %v, want %s", err, CodeUndecodable)
		}
	}
}

// Files without some of their scans are read as others read them.
func TestMissingScans(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawJPEG(t)
		s.progressive, s.interval, s.apart = true, 0, false
		data := s.bytes()
		at := bytes.Index(data, []byte{0xFF, markerSOS})
		kept := bytes.Clone(data[:at])
		for data[at+1] == markerSOS {
			header := 2 + int(data[at+2])<<8 + int(data[at+3])
			end := at + header + entropyCoded(data[at+header:])
			if rapid.IntRange(0, 3).Draw(t, "scan") > 0 {
				kept = append(kept, data[at:end]...)
			}
			at = end
		}
		asStandardLibraryIfBothRead(t, append(kept, data[at:]...))
	})
}

func TestTruncatedVarietiesAreRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := drawJPEG(t).bytes()
		cut := data[:rapid.IntRange(0, len(data)-2).Draw(t, "length")]
		if _, err := DecodeRGB(cut, ""); codeOf(err) == "" {
			t.Fatalf("%d of %d bytes: %v", len(cut), len(data), err)
		}
		closed := append(bytes.Clone(cut), 0xFF, markerEOI)
		if p, err := Open(closed, ""); err == nil {
			if _, err := p.Region(image.Rect(0, 0, 1, 1), 8); err == nil && len(cut) < len(data)-40 && p.jpeg.stream != nil {
				t.Fatalf("%d of %d bytes, closed, show their corner", len(cut), len(data))
			}
		}
	})
}

// The test pictures of the standard library, where its sources are at hand.
func TestJPEGsOfTheStandardLibrary(t *testing.T) {
	root, _ := exec.Command("go", "env", "GOROOT").Output()
	files, _ := filepath.Glob(filepath.Join(string(bytes.TrimSpace(root)), "src/image/testdata/*.jpeg"))
	if len(files) == 0 {
		t.Skip("the standard library's test pictures are not installed")
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		asStandardLibraryIfBothRead(t, data)
	}
}

// Files of libjpeg-turbo, where its programs are at hand.
func TestJPEGsOfLibjpeg(t *testing.T) {
	cjpeg, err := exec.LookPath("cjpeg")
	if err != nil {
		t.Skip("cjpeg is not installed (Debian's libjpeg-turbo-progs)")
	}
	for _, options := range [][]string{
		{"-sample", "2x2"},
		{"-sample", "1x1"},
		{"-sample", "2x1", "-restart", "1"},
		{"-sample", "1x2"},
		{"-sample", "4x1"},
		{"-sample", "2x2", "-progressive"},
		{"-sample", "4x2", "-progressive", "-restart", "3B"},
		{"-grayscale", "-progressive"},
		{"-quality", "100", "-sample", "1x1"},
		{"-quality", "20", "-optimize"},
		{"-rgb"},
	} {
		cmd := exec.Command(cjpeg, options...)
		cmd.Stdin = bytes.NewReader(wavesPPM(203, 149))
		data, err := cmd.Output()
		if err != nil {
			t.Fatalf("cjpeg %v: %v", options, err)
		}
		asStandardLibraryIfBothRead(t, data)
		p := opened(t, data)
		whole, err := p.Whole(1)
		if err != nil {
			t.Fatal(err)
		}
		for _, scale := range []int{2, 4, 8} {
			v, err := p.Whole(scale)
			if err != nil {
				t.Fatal(err)
			}
			meansOfWhole(t, v, whole.RGB, 3)
		}
	}
}

// wavesPPM is a colour picture with detail at every scale.
func wavesPPM(w, h int) []byte {
	b := []byte("P6\n203 149\n255\n")
	for y := range h {
		for x := range w {
			b = append(b, byte(70+x/2), byte(60+y/2+x*y%7*8), byte(90+(x*x+y*y)/16%80))
		}
	}
	return b
}

func TestYCCIsThatOfTheStandardLibrary(t *testing.T) {
	for cb := range 256 {
		for cr := 0; cr < 256; cr += 1 + cb%3 {
			for y := range 256 {
				r, g, b := color.YCbCrToRGB(byte(y), byte(cb), byte(cr))
				v, cb, cr := int32(y)*0x10101, int32(cb)-128, int32(cr)-128
				if upperByte(v+91881*cr) != r || upperByte(v-22554*cb-46802*cr) != g || upperByte(v+116130*cb) != b {
					t.Fatalf("%d %d %d", y, cb, cr)
				}
			}
		}
	}
}

func TestScales(t *testing.T) {
	p := opened(t, encoded(t, "image/jpeg", gradient(20, 10)))
	for _, scale := range []int{-1, 0, 3, 16} {
		if _, err := p.Whole(scale); err == nil {
			t.Errorf("a scale of 1/%d was taken", scale)
		}
	}
}

func FuzzJPEGAgainstStandardLibrary(f *testing.F) {
	f.Add(progressiveJPEG(f))
	f.Add(fromBase64(f, cmykJPEG))
	f.Add(encoded(f, "image/jpeg", gradient(40, 30)))
	f.Fuzz(func(t *testing.T, data []byte) {
		if h := walkJPEG(data); Sniff(data) == "image/jpeg" && h.width*h.height <= 1<<20 {
			asStandardLibraryIfBothRead(t, data)
		}
	})
}
