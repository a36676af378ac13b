// Package imaging turns encoded pictures into plain arrays of pixels, and resizes them.
//
// PNG, JPEG, JPEG 2000, BMP, TIFF and WSQ are read, and the pictures in face records (ISO/IEC 19794-5); other common
// formats are recognised and refused by name. A picture's header is checked against the limits of limits.go before any
// pixel is allocated. Transparent pictures are laid on white and an EXIF or TIFF orientation is applied, so that row 0 is
// the top as the camera was held.
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

// Header is what a picture says of itself before any pixel is read.
type Header struct {
	Width, Height int // as stored: an orientation may swap them
	DPI           int // see Grey
}

// ReadHeader reads the header alone and checks it as DecodeGrey does, so that a caller with a closer limit than MaxPixels
// can refuse before memory is spent. Errors are *Error.
func ReadHeader(data []byte, claimed string) (Header, error) {
	data, claimed, err := unwrapped(data, claimed)
	if err != nil {
		return Header{}, err
	}
	_, m, err := examine(data, claimed)
	if err != nil {
		return Header{}, err
	}
	return Header{Width: m.width, Height: m.height, DPI: m.dpi}, nil
}

// DecodeGrey decodes a picture to its luma (ITU-R BT.601). claimed is the media type that the sender stated, or empty;
// the format is read from the bytes and a claim that contradicts them is refused. Errors are *Error.
func DecodeGrey(data []byte, claimed string) (Grey, error) {
	p, err := Open(data, claimed)
	if err != nil {
		return Grey{}, err
	}
	w, h, pix, err := p.grey()
	if err != nil {
		return Grey{}, err
	}
	return Grey{Width: w, Height: h, Pix: pix, DPI: p.DPI}, nil
}

// DecodeRGB decodes a picture to red, green and blue; see DecodeGrey.
func DecodeRGB(data []byte, claimed string) (RGB, error) {
	p, err := Open(data, claimed)
	if err != nil {
		return RGB{}, err
	}
	v, err := p.Whole(1)
	return v.RGB, err
}
