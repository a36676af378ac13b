package imaging

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"runtime"
	"testing"
)

func chunk(kind string, body []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	b = append(append(b, kind...), body...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
}

// rawPNG announces any size and holds n zero bytes of pixels.
func rawPNG(width, height uint32, depth, colour, interlace byte, n int, extra ...[]byte) []byte {
	head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, width), height)
	var z bytes.Buffer
	w := zlib.NewWriter(&z)
	w.Write(make([]byte, n))
	w.Close()
	b := []byte("\x89PNG\r\n\x1a\n")
	b = append(b, chunk("IHDR", append(head, depth, colour, 0, 0, interlace))...)
	for _, e := range extra {
		b = append(b, e...)
	}
	b = append(b, chunk("IDAT", z.Bytes())...)
	return append(b, chunk("IEND", nil)...)
}

// jpegHead is SOI, a frame header and the start of a scan, with no more than filler behind it.
func jpegHead(sof byte, width, height uint16, components byte, filler int) []byte {
	b := []byte{0xFF, 0xD8, 0xFF, sof, 0, 8 + 3*components, 8}
	b = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(b, height), width)
	b = append(b, components)
	for c := range components {
		b = append(b, c+1, 0x11, 0)
	}
	return append(b, make([]byte, filler)...)
}

func bmpHead(width, height int32, bits uint16, filler int) []byte {
	b := make([]byte, 54+filler)
	copy(b, "BM")
	le := binary.LittleEndian
	le.PutUint32(b[10:], 54)
	le.PutUint32(b[14:], 40)
	le.PutUint32(b[18:], uint32(width))
	le.PutUint32(b[22:], uint32(height))
	le.PutUint16(b[26:], 1)
	le.PutUint16(b[28:], bits)
	return b
}

type tiffEntry struct {
	tag, kind    uint16
	count, value uint32
}

// rawTIFF is a little-endian file of one directory and a tail of filler bytes behind it.
func rawTIFF(filler []byte, entries ...tiffEntry) []byte {
	le := binary.LittleEndian
	b := []byte("II*\x00\x08\x00\x00\x00")
	b = le.AppendUint16(b, uint16(len(entries)))
	for _, e := range entries {
		b = le.AppendUint16(le.AppendUint16(b, e.tag), e.kind)
		b = le.AppendUint32(le.AppendUint32(b, e.count), e.value)
	}
	return append(le.AppendUint32(b, 0), filler...)
}

func greyTIFF(width, height, rowsPerStrip, offset, count uint32, filler []byte) []byte {
	return rawTIFF(filler,
		tiffEntry{256, 4, 1, width}, tiffEntry{257, 4, 1, height}, tiffEntry{258, 3, 1, 8}, tiffEntry{259, 3, 1, 1},
		tiffEntry{262, 3, 1, 1}, tiffEntry{273, 4, 1, offset}, tiffEntry{278, 4, 1, rowsPerStrip}, tiffEntry{279, 4, 1, count})
}

// hostile is every file that lies, with the code that it must earn.
func hostile() map[string]struct {
	data []byte
	code string
} {
	type row = struct {
		data []byte
		code string
	}
	files := map[string]row{
		"png bomb 65000":             {rawPNG(65000, 65000, 8, 0, 0, 1000), CodeTooLarge},
		"png sides that overflow":    {rawPNG(1<<31-1, 1<<31-1, 8, 0, 0, 10), CodeTooLarge},
		"png sides as negative":      {rawPNG(1<<32-1, 1<<32-1, 8, 0, 0, 10), CodeTooLarge},
		"png without width":          {rawPNG(0, 10, 8, 0, 0, 10), CodeUndecodable},
		"png long and thin":          {rawPNG(16385, 1, 8, 0, 0, 10), CodeTooLarge},
		"png 35 MP of nothing":       {rawPNG(7000, 5000, 8, 2, 0, 10), CodeUndecodable},
		"png 8-bit 48 MP":            {rawPNG(8000, 6000, 8, 2, 0, 10), CodeTooLarge},
		"png 16-bit 49 MP":           {rawPNG(7000, 7000, 16, 6, 0, 10), CodeTooLarge},
		"png 16-bit interlaced 45MP": {rawPNG(9000, 5000, 16, 6, 1, 10), CodeTooLarge},
		"png header cut":             {rawPNG(10, 10, 8, 0, 0, 110)[:25], CodeUndecodable},
		"png bad colour type":        {rawPNG(10, 10, 8, 5, 0, 110), CodeFormat},
		"png short of pixels":        {rawPNG(10, 10, 8, 0, 0, 50), CodeUndecodable},
		"jpeg bomb":                  {jpegHead(0xC0, 65000, 65000, 3, 100), CodeTooLarge},
		"jpeg 36 MP of nothing":      {jpegHead(0xC0, 6000, 6000, 3, 100), CodeUndecodable},
		"jpeg 51 MP":                 {jpegHead(0xC0, 8200, 6200, 3, 100), CodeTooLarge},
		"jpeg CMYK 25 MP of nothing": {jpegHead(0xC0, 5000, 5000, 4, 100), CodeUndecodable},
		"jpeg progressive 49 MP":     {jpegHead(0xC2, 7000, 7000, 3, 100), CodeTooLarge},
		"jpeg without a frame":       {[]byte("\xff\xd8\xff\xe0\x00\x04ab\xff\xd9"), CodeUndecodable},
		"jpeg start alone":           {[]byte("\xff\xd8\xff"), CodeUndecodable},
		"jpeg lossless":              {jpegHead(0xC3, 16, 16, 1, 100), CodeFormat},
		"bmp bomb":                   {bmpHead(65000, 65000, 24, 100), CodeTooLarge},
		"bmp height -2^31":           {bmpHead(10, -1<<31, 24, 100), CodeTooLarge},
		"bmp negative width":         {bmpHead(-10, 10, 24, 1000), CodeUndecodable},
		"bmp lying":                  {bmpHead(4000, 4000, 24, 100), CodeUndecodable},
		"bmp odd depth":              {bmpHead(4, 4, 17, 100), CodeFormat},
		"tiff bomb":                  {greyTIFF(65000, 65000, 65000, 200, 10, nil), CodeTooLarge},
		"tiff 9 MP of nothing":       {greyTIFF(3000, 3000, 3000, 200, 10, nil), CodeUndecodable},
		"tiff strip past the end":    {greyTIFF(10, 10, 10, 4_000_000_000, 100, nil), CodeUndecodable},
		"tiff strip too short":       {greyTIFF(10, 10, 10, 8, 50, make([]byte, 100)), CodeUndecodable},
		"tiff of many strips, none":  {greyTIFF(10, 10, 1, 8, 10, nil), CodeUndecodable},
		"tiff directory past end":    {[]byte("II*\x00\xff\xff\xff\xff"), CodeUndecodable},
		"tiff header alone":          {[]byte("MM\x00*"), CodeUndecodable},
		"bigtiff":                    {[]byte("II+\x00\x08\x00\x00\x00\x10\x00\x00\x00\x00\x00\x00\x00"), CodeFormat},
	}
	for name, c := range hostileWSQ() {
		files["wsq "+name] = row{c.data, CodeUndecodable}
	}
	files["wsq bomb"] = row{newWSQFile().frame(65000, 65000, 0, 0).end(), CodeTooLarge}
	files["wsq 25 MP"] = row{newWSQFile().frame(5000, 5000, 0, 0).end(), CodeTooLarge}
	return files
}

func TestHostileFilesEarnTheirCode(t *testing.T) {
	for name, c := range hostile() {
		if _, err := DecodeGrey(c.data, ""); codeOf(err) != c.code {
			t.Errorf("%s: grey: got %v, want %s", name, err, c.code)
		}
		if _, err := DecodeRGB(c.data, ""); codeOf(err) != c.code {
			t.Errorf("%s: rgb: got %v, want %s", name, err, c.code)
		}
	}
}

func TestHostileFilesCostNoMemory(t *testing.T) {
	files := hostile()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, c := range files {
		DecodeGrey(c.data, "")
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 4<<20 {
		t.Errorf("refusing %d files took %d bytes, want under 4 MiB", len(files), got)
	}
}

func TestEveryTruncationIsRefused(t *testing.T) {
	img := gradient(64, 48)
	for _, media := range readMedia {
		data := encoded(t, media, img)
		for n := 0; n < len(data); n += 1 + len(data)/300 {
			if media == "image/tiff" && n > len(data)*9/10 {
				break // what is missing then may be metadata that a decoder does not need
			}
			if media == "image/png" && n > len(data)-14 {
				break // all pixels and their checksum are there
			}
			if _, err := DecodeGrey(data[:n], ""); codeOf(err) == "" {
				t.Errorf("%s: %d of %d bytes: got %v, want a refusal", media, n, len(data), err)
			}
		}
	}
}

func TestProgressiveTruncationIsRefused(t *testing.T) {
	data := progressiveJPEG(t)
	for n := range len(data) - 2 {
		if _, err := DecodeRGB(data[:n], ""); codeOf(err) == "" {
			t.Errorf("%d of %d bytes: got %v, want a refusal", n, len(data), err)
		}
	}
}

func TestTrailingBytesAreIgnored(t *testing.T) {
	img := gradient(32, 24)
	for _, media := range readMedia {
		data := append(encoded(t, media, img), bytes.Repeat([]byte{0xFF, 0xDA, 'x'}, 1000)...)
		got, err := DecodeGrey(data, "")
		if err != nil {
			t.Fatalf("%s: %v", media, err)
		}
		near(t, media, got, 32, 24, img.Pix, 3)
	}
}

func TestTooManyScansAreRefused(t *testing.T) {
	data := progressiveJPEG(t)
	scan := bytes.LastIndex(data, []byte{0xFF, 0xDA})
	many := append([]byte{}, data[:len(data)-2]...)
	for range MaxScans {
		many = append(many, data[scan:len(data)-2]...)
	}
	if _, err := DecodeGrey(append(many, 0xFF, 0xD9), ""); codeOf(err) != CodeTooLarge {
		t.Errorf("got %v, want %s", err, CodeTooLarge)
	}
}

func TestHonestCompressionBombIsDecoded(t *testing.T) {
	const side = 4000
	got, err := DecodeGrey(rawPNG(side, side, 8, 0, 0, side*(side+1)), "image/png")
	if err != nil || got.Width != side || got.Height != side {
		t.Fatalf("%dx%d, %v", got.Width, got.Height, err)
	}
}

func TestPaletteIndexPastItsEndIsBlack(t *testing.T) {
	img := image.NewPaletted(image.Rect(0, 0, 2, 1), color.Palette{color.White})
	img.Pix[1] = 200
	if _, _, got := (picture{Image: img}).upright(1, greyRows(img)); got[0] != 255 || got[1] != 0 {
		t.Errorf("got %v, want [255 0]", got)
	}
}
