package imaging

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"image"
	"image/color"
	"testing"
)

// A 16x16 CMYK picture of four squares: white and cyan over black and white.
const cmykJPEG = "/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwADAgIDAgIDAwMDBAMDBAUIBQUEBAUKBwcGCAwKDAwLCgsLDQ4SEA0OEQ4LCxAWEBETFBUVFQwPFxgWFBgSFBUU" +
	"/8AAFAgAEAAQBEMRAE0RAFkRAEsRAP/EABYAAQEBAAAAAAAAAAAAAAAAAAAJCv/EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAOBEMATQBZAEsAAD8AqmqmqmqmyrgNVAMq4DVQ/9k="

// A 24x16 progressive picture: red rises by 10 with x, green by 15 with y, blue is 128.
const ramps = "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAgGBgcGBQgHBwcJCQgKDBQNDAsLDBkSEw8UHRofHh0aHBwgJC4nICIsIxwcKDcpLDAxNDQ0Hyc5PTgyPC4z" +
	"NDL/2wBDAQkJCQwLDBgNDRgyIRwhMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjL/wgARCAAQABgDASIAAhEBAxEB" +
	"/8QAFwAAAwEAAAAAAAAAAAAAAAAAAAQFBv/EABYBAQEBAAAAAAAAAAAAAAAAAAQDBf/aAAwDAQACEAMQAAABzbldyxpBowu9/8QAFhAAAwAAAAAAAAAAAAAA" +
	"AAAAAAID/9oACAEBAAEFAliLEWIsRYixP//EABcRAAMBAAAAAAAAAAAAAAAAAAADBCL/2gAIAQMBAT8BlsF2ZP/EABcRAAMBAAAAAAAAAAAAAAAAAAABBAL/2gAI" +
	"AQIBAT8B3UOo/8QAFBABAAAAAAAAAAAAAAAAAAAAIP/aAAgBAQAGPwJf/8QAFRABAQAAAAAAAAAAAAAAAAAAAGH/2gAIAQEAAT8hiiiiii//2gAMAwEAAgADAAAA" +
	"EAgf/8QAFhEBAQEAAAAAAAAAAAAAAAAAIQAx/9oACAEDAQE/EMWM3//EABcRAQADAAAAAAAAAAAAAAAAAAAhMWH/2gAIAQIBAT8Q2TW//8QAFRABAQAAAAAAAAAA" +
	"AAAAAAAAADH/2gAIAQEAAT8QmTJs2bM//9k="

func fromBase64(t testing.TB, s string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func progressiveJPEG(t testing.TB) []byte { return fromBase64(t, ramps) }

func (p RGB) at(x, y int) [3]int {
	i := 3 * (y*p.Width + x)
	return [3]int{int(p.Pix[i]), int(p.Pix[i+1]), int(p.Pix[i+2])}
}

func wantRGB(t *testing.T, p RGB, x, y int, want [3]int, tolerance int) {
	t.Helper()
	got := p.at(x, y)
	for c := range 3 {
		if d := got[c] - want[c]; d < -tolerance || d > tolerance {
			t.Errorf("pixel %d,%d is %v, want %v", x, y, got, want)
			return
		}
	}
}

func TestCMYK(t *testing.T) {
	p, err := DecodeRGB(fromBase64(t, cmykJPEG), "image/jpeg")
	if err != nil {
		t.Fatal(err)
	}
	wantRGB(t, p, 3, 3, [3]int{255, 255, 255}, 4)
	wantRGB(t, p, 12, 3, [3]int{0, 255, 255}, 4)
	wantRGB(t, p, 3, 12, [3]int{0, 0, 0}, 4)
	wantRGB(t, p, 12, 12, [3]int{255, 255, 255}, 4)
}

func TestProgressive(t *testing.T) {
	p, err := DecodeRGB(progressiveJPEG(t), "image/jpeg")
	if err != nil {
		t.Fatal(err)
	}
	wantRGB(t, p, 4, 8, [3]int{40, 120, 128}, 16)
	wantRGB(t, p, 20, 12, [3]int{200, 180, 128}, 16)
}

func TestSixteenBits(t *testing.T) {
	grey := image.NewGray16(image.Rect(0, 0, 3, 1))
	colour := image.NewNRGBA64(image.Rect(0, 0, 3, 1))
	for x, v := range []uint16{0, 0x8000, 0xffff} {
		grey.SetGray16(x, 0, color.Gray16{Y: v})
		colour.SetNRGBA64(x, 0, color.NRGBA64{v, v, v, 0xffff})
	}
	for _, media := range []string{"image/png", "image/tiff"} {
		for _, img := range []image.Image{grey, colour} {
			data := encoded(t, media, img)
			got, err := DecodeGrey(data, "")
			if err != nil {
				t.Fatal(err)
			}
			near(t, media, got, 3, 1, []byte{0, 127, 255}, 1)
			rgb, err := DecodeRGB(data, "")
			if err != nil {
				t.Fatal(err)
			}
			wantRGB(t, rgb, 1, 0, [3]int{127, 127, 127}, 1)
		}
	}
}

func TestPalette(t *testing.T) {
	img := image.NewPaletted(image.Rect(0, 0, 3, 1), color.Palette{color.RGBA{255, 0, 0, 255}, color.Transparent, color.Black})
	copy(img.Pix, []byte{0, 1, 2})
	p, err := DecodeRGB(encoded(t, "image/png", img), "")
	if err != nil {
		t.Fatal(err)
	}
	for x, want := range [][3]int{{255, 0, 0}, {255, 255, 255}, {0, 0, 0}} {
		wantRGB(t, p, x, 0, want, 0)
	}
}

func exifBlock(order binary.AppendByteOrder, name string, orientation uint16) []byte {
	b := order.AppendUint16([]byte(name), 42)
	b = order.AppendUint32(b, 8)
	b = order.AppendUint16(b, 1)
	b = order.AppendUint16(order.AppendUint16(b, tagOrientation), 3)
	b = order.AppendUint32(b, 1)
	b = order.AppendUint16(order.AppendUint16(b, orientation), 0)
	return order.AppendUint32(b, 0)
}

func withEXIF(jpegData, block []byte) []byte {
	body := append([]byte("Exif\x00\x00"), block...)
	seg := binary.BigEndian.AppendUint16([]byte{0xFF, 0xD8, 0xFF, 0xE1}, uint16(len(body)+2))
	return append(append(seg, body...), jpegData[2:]...)
}

// TestOrientation stores a picture as each of the eight EXIF values says a camera would, and wants it back upright.
func TestOrientation(t *testing.T) {
	const w, h = 48, 32
	upright := gradient(w, h)
	// where a stored pixel x,y of a picture of sw x sh belongs when upright
	place := map[int]func(x, y, sw, sh int) (int, int){
		1: func(x, y, _, _ int) (int, int) { return x, y },
		2: func(x, y, sw, _ int) (int, int) { return sw - 1 - x, y },
		3: func(x, y, sw, sh int) (int, int) { return sw - 1 - x, sh - 1 - y },
		4: func(x, y, _, sh int) (int, int) { return x, sh - 1 - y },
		5: func(x, y, _, _ int) (int, int) { return y, x },
		6: func(x, y, _, sh int) (int, int) { return sh - 1 - y, x },
		7: func(x, y, sw, sh int) (int, int) { return sh - 1 - y, sw - 1 - x },
		8: func(x, y, sw, _ int) (int, int) { return y, sw - 1 - x },
	}
	for o := 1; o <= 8; o++ {
		sw, sh := w, h
		if o >= 5 {
			sw, sh = h, w
		}
		stored := image.NewGray(image.Rect(0, 0, sw, sh))
		for y := range sh {
			for x := range sw {
				ux, uy := place[o](x, y, sw, sh)
				stored.SetGray(x, y, upright.GrayAt(ux, uy))
			}
		}
		data := encoded(t, "image/jpeg", stored)
		for _, block := range [][]byte{exifBlock(binary.LittleEndian, "II", uint16(o)), exifBlock(binary.BigEndian, "MM", uint16(o))} {
			got, err := DecodeGrey(withEXIF(data, block), "")
			if err != nil {
				t.Fatal(err)
			}
			near(t, "orientation", got, w, h, upright.Pix, 6)
			rgb, err := DecodeRGB(withEXIF(data, block), "")
			if err != nil || rgb.Width != w || rgb.Height != h {
				t.Fatalf("orientation %d: %dx%d, %v", o, rgb.Width, rgb.Height, err)
			}
			wantRGB(t, rgb, 44, 2, [3]int{250, 250, 250}, 6)
		}
		got, err := DecodeGrey(turnedTIFF(stored, uint32(o)), "image/tiff")
		if err != nil {
			t.Fatal(err)
		}
		near(t, "TIFF", got, w, h, upright.Pix, 0)
	}
}

// turnedTIFF stores a picture uncompressed, with an orientation.
func turnedTIFF(img *image.Gray, orientation uint32) []byte {
	w, h := uint32(img.Rect.Dx()), uint32(img.Rect.Dy())
	const entries = 9
	return rawTIFF(img.Pix,
		tiffEntry{256, 4, 1, w}, tiffEntry{257, 4, 1, h}, tiffEntry{258, 3, 1, 8}, tiffEntry{259, 3, 1, 1}, tiffEntry{262, 3, 1, 1},
		tiffEntry{273, 4, 1, 8 + 2 + 12*entries + 4}, tiffEntry{tagOrientation, 3, 1, orientation}, tiffEntry{278, 4, 1, h}, tiffEntry{279, 4, 1, w * h})
}

func TestDPI(t *testing.T) {
	f := func(name string, data []byte, want int) {
		t.Helper()
		got, err := DecodeGrey(data, "")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got.DPI != want {
			t.Errorf("%s: %d dpi, want %d", name, got.DPI, want)
		}
	}
	phys := func(x, y uint32, unit byte) []byte {
		return chunk("pHYs", append(binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, x), y), unit))
	}
	f("png none", rawPNG(4, 4, 8, 0, 0, 20), 0)
	f("png 500", rawPNG(4, 4, 8, 0, 0, 20, phys(19685, 19685, 1)), 500)
	f("png aspect alone", rawPNG(4, 4, 8, 0, 0, 20, phys(1, 1, 0)), 0)
	f("png unequal", rawPNG(4, 4, 8, 0, 0, 20, phys(19685, 10000, 1)), 0)

	jfif := func(unit byte, x, y uint16) []byte {
		seg := append([]byte("\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x02"), unit)
		seg = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(seg, x), y)
		return append(append(seg, 0, 0), encoded(t, "image/jpeg", gradient(8, 8))[2:]...)
	}
	f("jpeg dpi", jfif(1, 500, 500), 500)
	f("jpeg dots a cm", jfif(2, 197, 197), 500)
	f("jpeg aspect alone", jfif(0, 1, 1), 0)

	bmpData := encoded(t, "image/bmp", gradient(8, 8))
	binary.LittleEndian.PutUint32(bmpData[38:], 39370)
	binary.LittleEndian.PutUint32(bmpData[42:], 39370)
	f("bmp 1000", bmpData, 1000)

	pixelsAt := uint32(8 + 2 + 11*12 + 4)
	tail := append(binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, 5120), 10), make([]byte, 16)...)
	f("tiff 512", rawTIFF(tail,
		tiffEntry{256, 4, 1, 4}, tiffEntry{257, 4, 1, 4}, tiffEntry{258, 3, 1, 8}, tiffEntry{259, 3, 1, 1}, tiffEntry{262, 3, 1, 1},
		tiffEntry{273, 4, 1, pixelsAt + 8}, tiffEntry{278, 4, 1, 4}, tiffEntry{279, 4, 1, 16},
		tiffEntry{282, 5, 1, pixelsAt}, tiffEntry{283, 5, 1, pixelsAt}, tiffEntry{296, 3, 1, 2}), 512)

	wsq := func(comments ...string) []byte {
		data := encoded(t, "image/x-wsq", gradient(8, 8))
		f := newWSQFile()
		for _, c := range comments {
			f = f.segment(wsqCOM, []byte(c))
		}
		return append(f, data[2:]...)
	}
	f("wsq none", wsq(), 0)
	f("wsq 500", wsq("NIST_COM 9\nPIX_WIDTH 8\nPIX_HEIGHT 8\nPIX_DEPTH 8\nPPI 500\nLOSSY 1\nCOLORSPACE GRAY\n"), 500)
	f("wsq behind another comment", wsq("scanned at PPI 1000", "NIST_COM 2\r\nPPI  1000 \r\n"), 1000)
	f("wsq unknown", wsq("NIST_COM 2\nPPI -1\n"), 0)
	f("wsq no number", wsq("NIST_COM 2\nPPI 5e2\n"), 0)
	f("wsq two", wsq("NIST_COM 2\nPPI 500\n", "NIST_COM 2\nPPI 1000\n"), 500)
	f("wsq other words", wsq("PPI 500\n"), 0)
}

func TestGreyIsLumaOfColour(t *testing.T) {
	img := image.NewNRGBA(image.Rect(0, 0, 3, 1))
	img.SetNRGBA(0, 0, color.NRGBA{255, 0, 0, 255})
	img.SetNRGBA(1, 0, color.NRGBA{0, 255, 0, 255})
	img.SetNRGBA(2, 0, color.NRGBA{0, 0, 255, 255})
	got, err := DecodeGrey(encoded(t, "image/png", img), "")
	if err != nil {
		t.Fatal(err)
	}
	if want := []byte{76, 150, 29}; !bytes.Equal(got.Pix, want) {
		t.Errorf("got %v, want %v", got.Pix, want)
	}
}
