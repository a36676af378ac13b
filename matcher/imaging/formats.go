package imaging

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/png"
	"io"
	"mime"
	"strings"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
)

// format is one row of what is recognised.
type format struct {
	name   string
	media  string
	begins func(data []byte) bool
	check  func(data []byte) (meta, error)        // reads the header only and holds it against the limits
	config func(io.Reader) (image.Config, error)  // what the decoder itself reads of the header; nil: check is the decoder's own
	decode func(data []byte) (image.Image, error) // nil with coded: recognised, not read
	coded  func(data []byte) (*jpegFile, error)   // instead of decode, for what is decoded by parts
}

var formats = [...]format{
	{"PNG", "image/png", magic(0, "\x89PNG\r\n\x1a\n"), checkPNG, png.DecodeConfig, reading(png.Decode), nil},
	{"JPEG", "image/jpeg", magic(0, "\xff\xd8\xff"), checkJPEG, nil, nil, codedJPEG},
	{"BMP", "image/bmp", beginsBMP, checkBMP, bmp.DecodeConfig, reading(bmp.Decode), nil},
	{"TIFF", "image/tiff", beginsTIFF, checkTIFF, tiff.DecodeConfig, reading(tiff.Decode), nil},
	{"WSQ", "image/x-wsq", magic(0, "\xff\xa0\xff"), checkWSQ, nil, decodeWSQ, nil},
	{"JPEG 2000", mediaJP2, magic(4, "jP  \r\n\x87\n"), checkJP2, nil, decodeJP2, nil},
	{"JPEG 2000", mediaJP2, magic(0, "\xff\x4f\xff\x51"), checkJP2, nil, decodeJP2, nil},
	{name: "a face record", media: FormatFaceRecord, begins: beginsFaceRecord}, // unwrapped before
	{name: "JPEG XL", media: "image/jxl", begins: magic(0, "\xff\x0a")},
	{name: "GIF", media: "image/gif", begins: magic(0, "GIF8")},
	{name: "WebP", media: "image/webp", begins: magic(8, "WEBP")},
	{name: "AVIF", media: "image/avif", begins: magic(4, "ftypavif")},
	{name: "HEIC", media: "image/heic", begins: magic(4, "ftyphei")},
	{name: "HEIC", media: "image/heic", begins: magic(4, "ftypmif1")},
}

// aliases are other names in use for a media type.
var aliases = map[string]string{
	"application/octet-stream": "", "image/*": "", "*/*": "",
	"image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg",
	"image/x-png":    "image/png",
	"image/x-ms-bmp": "image/bmp", "image/x-bmp": "image/bmp",
	"image/tif": "image/tiff", "image/x-tiff": "image/tiff",
	"image/wsq": "image/x-wsq", "image/jpx": "image/jp2", "image/j2k": "image/jp2", "image/j2c": "image/jp2", "image/jpeg2000": "image/jp2",
	"image/heif": "image/heic",
}

// normalClaim brings a claimed media type to the name used in formats; "" when it claims nothing.
func normalClaim(claimed string) string {
	media, _, err := mime.ParseMediaType(claimed)
	if err != nil {
		media = strings.ToLower(strings.TrimSpace(claimed))
	}
	if known, ok := aliases[media]; ok {
		return known
	}
	return media
}

func magic(at int, bytes string) func([]byte) bool {
	return func(data []byte) bool {
		return len(data) >= at+len(bytes) && string(data[at:at+len(bytes)]) == bytes
	}
}

func beginsBMP(data []byte) bool {
	return len(data) >= 18 && string(data[:2]) == "BM" && binary.LittleEndian.Uint32(data[14:]) <= 124
}

func beginsTIFF(data []byte) bool {
	return magic(0, "II*\x00")(data) || magic(0, "MM\x00*")(data) || magic(0, "II+\x00")(data) || magic(0, "MM\x00+")(data)
}

func reading(decode func(io.Reader) (image.Image, error)) func([]byte) (image.Image, error) {
	return func(data []byte) (image.Image, error) { return decode(bytes.NewReader(data)) }
}
