package imaging

import (
	"bytes"
	"errors"
	"image"
	"image/png"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
)

// picture is a decoded file: the pixels as the decoder left them and what the file says about them.
type picture struct {
	image.Image
	meta meta
}

// meta is what a header says beside the pixels.
type meta struct {
	width, height int // pixels, as stored
	dpi           int // 0: not stated
	orientation   int // EXIF 1..8; 0: not stated
}

func (p picture) width() int  { return p.Bounds().Dx() }
func (p picture) height() int { return p.Bounds().Dy() }

// examine does all that needs no pixels.
func examine(data []byte, claimed string) (*format, meta, error) {
	f, err := identify(data, claimed)
	if err != nil {
		return nil, meta{}, err
	}
	m, err := f.check(data)
	return f, m, err
}

// guarded runs a decoder on bytes that may be hostile: a panic in it is a broken file, not a crash.
func guarded(name string, decode func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = refuse(CodeUndecodable, "the %s data is broken: %v", name, r)
		}
	}()
	return decode()
}

// decodePixels decodes a whole picture. The limits hold for the size that check read; a file of which the decoder reads
// another size is refused before it allocates.
func decodePixels(f *format, m meta, data []byte) (image.Image, error) {
	if f.config != nil {
		cfg, err := f.config(bytes.NewReader(data))
		if err != nil {
			return nil, decodeError(f.name, err)
		}
		if cfg.Width != m.width || cfg.Height != m.height {
			return nil, refuse(CodeUndecodable, "the %s header states two sizes", f.name)
		}
	}
	img, err := f.decode(data)
	if err != nil {
		return nil, decodeError(f.name, err)
	}
	return img, nil
}

// decodeError tells a variety that is not read from a broken file.
func decodeError(name string, err error) error {
	var (
		own *Error
		p   png.UnsupportedError
		t   tiff.UnsupportedError
	)
	if errors.As(err, &own) {
		return err
	}
	if errors.As(err, &p) || errors.As(err, &t) || errors.Is(err, bmp.ErrUnsupported) {
		return refuse(CodeFormat, "this variety of %s is not supported: %v", name, err)
	}
	return refuse(CodeUndecodable, "the %s data is broken or cut off: %v", name, err)
}

// identify finds the format of data and refuses what is not read or not what was claimed.
func identify(data []byte, claimed string) (*format, error) {
	claim := normalClaim(claimed)
	f := sniff(data)
	switch {
	case len(data) == 0:
		return nil, refuse(CodeUndecodable, "the picture is empty")
	case f == nil && claim == "":
		return nil, refuse(CodeFormat, "the bytes are no picture format that is known here; send PNG, JPEG, JPEG 2000, BMP, TIFF or WSQ")
	case f == nil:
		return nil, refuse(CodeFormatMismatch, "the bytes are not %s, nor any known picture format", claim)
	case claim != "" && claim != f.media:
		return nil, refuse(CodeFormatMismatch, "the bytes are %s, not %s as claimed", f.media, claim)
	case f.decode == nil && f.coded == nil:
		return nil, refuse(CodeFormat, "%s is not supported yet; send PNG, JPEG, JPEG 2000, BMP, TIFF or WSQ", f.name)
	}
	return f, nil
}

// Sniff returns the media type of the picture format that data begins with, or "" when it is none that is known.
func Sniff(data []byte) string {
	if f := sniff(data); f != nil {
		return f.media
	}
	return ""
}

func sniff(data []byte) *format {
	for i := range formats {
		if formats[i].begins(data) {
			return &formats[i]
		}
	}
	return nil
}
