// Package imaging turns encoded pictures into plain arrays of pixels, and resizes them.
//
// PNG, JPEG, BMP and TIFF are read; WSQ, JPEG 2000 and other common formats are recognised and refused by name. A
// picture's header is checked against the limits of limits.go before any pixel is allocated. Transparent pictures are
// laid on white and an EXIF or TIFF orientation is applied, so that row 0 is the top as the camera was held.
package imaging

// Grey is an 8-bit picture, row by row, 0 black, 255 white.
type Grey struct {
	Width, Height int
	Pix           []byte // Width*Height bytes
	DPI           int    // resolution that the file states, in dots per inch; 0: none, or unequal for x and y
}

// RGB is an 8-bit sRGB picture, row by row.
type RGB struct {
	Width, Height int
	Pix           []byte // 3*Width*Height bytes: red, green, blue
}

// DecodeGrey decodes a picture to its luma (ITU-R BT.601). claimed is the media type that the sender stated, or empty;
// the format is read from the bytes and a claim that contradicts them is refused. Errors are *Error.
func DecodeGrey(data []byte, claimed string) (Grey, error) {
	p, err := decode(data, claimed)
	if err != nil {
		return Grey{}, err
	}
	w, h, pix := oriented(p.grey(), p.width(), p.height(), 1, p.orientation)
	return Grey{Width: w, Height: h, Pix: pix, DPI: p.dpi}, nil
}

// DecodeRGB decodes a picture to red, green and blue; see DecodeGrey.
func DecodeRGB(data []byte, claimed string) (RGB, error) {
	p, err := decode(data, claimed)
	if err != nil {
		return RGB{}, err
	}
	w, h, pix := oriented(p.rgb(), p.width(), p.height(), 3, p.orientation)
	return RGB{Width: w, Height: h, Pix: pix}, nil
}
