package imaging

import (
	"image"
	"image/color"
)

// greyRows returns a function that writes row y of img as luma. Pictures that hold luma already are copied.
func greyRows(img image.Image) func(y int, dst []byte) {
	switch img := img.(type) {
	case *image.Gray:
		return func(y int, dst []byte) { copy(dst, img.Pix[y*img.Stride:]) }
	case *image.Gray16:
		return func(y int, dst []byte) { narrow(dst, img.Pix[y*img.Stride:]) }
	case *j2kPicture:
		return img.greyRow
	}
	line := make([]byte, 3*img.Bounds().Dx())
	row := rgbRows(img)
	return func(y int, dst []byte) {
		row(y, line)
		lumaRow(dst, line)
	}
}

// lumaRow writes ITU-R BT.601 luma, the weights of JPEG.
func lumaRow(dst, rgb []byte) {
	for x := range dst {
		r, g, b := uint32(rgb[3*x]), uint32(rgb[3*x+1]), uint32(rgb[3*x+2])
		dst[x] = uint8((19595*r + 38470*g + 7471*b + 1<<15) >> 16)
	}
}

// rgbRows returns a function that writes row y of img as RGB on white. Decoders start at the origin and so do rows.
func rgbRows(img image.Image) func(y int, dst []byte) {
	switch img := img.(type) {
	case *image.Gray:
		return func(y int, dst []byte) { greyToRGB(dst, img.Pix[y*img.Stride:]) }
	case *image.Paletted:
		lut := paletteOnWhite(img.Palette)
		return func(y int, dst []byte) { paletteToRGB(dst, img.Pix[y*img.Stride:], lut) }
	case *image.RGBA:
		return func(y int, dst []byte) { rgbaToRGB(dst, img.Pix[y*img.Stride:]) }
	case *image.NRGBA:
		return func(y int, dst []byte) { nrgbaToRGB(dst, img.Pix[y*img.Stride:]) }
	case *image.RGBA64:
		line := make([]byte, 4*img.Rect.Dx())
		return func(y int, dst []byte) {
			narrow(line, img.Pix[y*img.Stride:])
			rgbaToRGB(dst, line)
		}
	case *image.NRGBA64:
		line := make([]byte, 4*img.Rect.Dx())
		return func(y int, dst []byte) {
			narrow(line, img.Pix[y*img.Stride:])
			nrgbaToRGB(dst, line)
		}
	case *j2kPicture:
		return img.rgbRow
	case *image.CMYK:
		return func(y int, dst []byte) { cmykToRGB(dst, img.Pix[y*img.Stride:]) }
	}
	return func(y int, dst []byte) { anyToRGB(dst, img, y) }
}

func greyToRGB(dst, src []byte) {
	for x := range len(dst) / 3 {
		v := src[x]
		dst[3*x], dst[3*x+1], dst[3*x+2] = v, v, v
	}
}

// paletteOnWhite is complete: an index past the palette's end is black.
func paletteOnWhite(p color.Palette) *[256][3]byte {
	var lut [256][3]byte
	for i, c := range p[:min(len(p), 256)] {
		lut[i] = onWhite(c)
	}
	return &lut
}

func paletteToRGB(dst, src []byte, lut *[256][3]byte) {
	for x := range len(dst) / 3 {
		copy(dst[3*x:3*x+3], lut[src[x]][:])
	}
}

func rgbaToRGB(dst, src []byte) { // premultiplied
	for x := range len(dst) / 3 {
		s := src[4*x : 4*x+4 : 4*x+4]
		white := 255 - s[3]
		dst[3*x], dst[3*x+1], dst[3*x+2] = addClamp(s[0], white), addClamp(s[1], white), addClamp(s[2], white)
	}
}

func nrgbaToRGB(dst, src []byte) {
	for x := range len(dst) / 3 {
		s := src[4*x : 4*x+4 : 4*x+4]
		dst[3*x], dst[3*x+1], dst[3*x+2] = over(s[0], s[3]), over(s[1], s[3]), over(s[2], s[3])
	}
}

func cmykToRGB(dst, src []byte) {
	for x := range len(dst) / 3 {
		s := src[4*x : 4*x+4 : 4*x+4]
		k := 255 - uint32(s[3])
		for i := range 3 {
			dst[3*x+i] = uint8((255 - uint32(s[i])) * k / 255)
		}
	}
}

// anyToRGB serves the types that decoders return rarely (Gray16 as colour, NYCbCrA).
func anyToRGB(dst []byte, img image.Image, y int) {
	for x := range len(dst) / 3 {
		c := onWhite(img.At(x, y))
		copy(dst[3*x:], c[:])
	}
}

func onWhite(c color.Color) [3]byte {
	r, g, b, a := c.RGBA()
	white := 0xffff - a
	return [3]byte{uint8((r + white) >> 8), uint8((g + white) >> 8), uint8((b + white) >> 8)}
}

// over lays one channel of alpha a on white.
func over(v, a byte) byte { return uint8((uint32(v)*uint32(a) + 255*(255-uint32(a)) + 127) / 255) }

func addClamp(v, white byte) byte { return uint8(min(uint32(v)+uint32(white), 255)) }

// narrow rounds 16-bit samples to 8 bits.
func narrow(dst, src []byte) {
	for i := range dst {
		dst[i] = uint8((uint32(src[2*i])<<8 | uint32(src[2*i+1])) * 255 / 65535)
	}
}
