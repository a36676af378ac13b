package imaging

import (
	"encoding/binary"
)

// TIFF tags that are read here (TIFF 6.0); EXIF uses the same form.
const (
	tagWidth          = 256
	tagHeight         = 257
	tagOrientation    = 274
	tagXResolution    = 282
	tagYResolution    = 283
	tagResolutionUnit = 296

	unitInch       = 2
	unitCentimetre = 3
)

// tiffWork is the most bytes a pixel that x/image/tiff holds at once: 8 for 16-bit RGBA, and while a compressed strip
// is opened up to 8 more, in a buffer that grows by doubling.
const tiffWork = 24

func checkTIFF(data []byte) (meta, error) {
	if data[2] == '+' || data[3] == '+' {
		return meta{}, refuse(CodeFormat, "BigTIFF is not supported; send TIFF, PNG, JPEG or BMP")
	}
	d := parseIFD(data)
	width, height := int(d.uint(tagWidth)), int(d.uint(tagHeight))
	if err := checkSize("TIFF", width, height, tiffWork); err != nil {
		return meta{}, err
	}
	// No bound from the compressed size beyond DEFLATE's: CCITT codes a row of any width in one bit.
	if raw := width * height / 8; raw > len(data)*maxInflate+headerSlack {
		return meta{}, refuse(CodeUndecodable, "the TIFF announces %dx%d pixels and is far too short for them", width, height)
	}
	return meta{width: width, height: height, dpi: d.dpi(), orientation: d.orientation()}, nil
}

// ifd is the first image file directory of a TIFF or EXIF block; the zero value has no entries.
type ifd struct {
	data    []byte // the whole block: offsets count from its start
	entries []byte // 12 bytes each
	order   binary.ByteOrder
}

// parseIFD finds the first directory. A broken block gives an empty one.
func parseIFD(data []byte) ifd {
	if len(data) < 8 {
		return ifd{}
	}
	var order binary.ByteOrder = binary.LittleEndian
	if data[0] == 'M' {
		order = binary.BigEndian
	}
	at := uint64(order.Uint32(data[4:]))
	if at+2 > uint64(len(data)) {
		return ifd{}
	}
	entries := data[at+2:]
	if n := int(order.Uint16(data[at:])) * 12; n < len(entries) {
		entries = entries[:n]
	}
	return ifd{data: data, entries: entries, order: order}
}

// find returns the entry of a tag, or nil.
func (d ifd) find(tag uint16) []byte {
	for e := d.entries; len(e) >= 12; e = e[12:] {
		if d.order.Uint16(e) == tag {
			return e[:12]
		}
	}
	return nil
}

// uint returns the first value of a BYTE, SHORT or LONG entry, 0 when there is none.
func (d ifd) uint(tag uint16) uint32 {
	e := d.find(tag)
	if e == nil || d.order.Uint32(e[4:]) == 0 {
		return 0
	}
	switch d.order.Uint16(e[2:]) {
	case 1:
		return uint32(e[8])
	case 3:
		return uint32(d.order.Uint16(e[8:]))
	case 4:
		return d.order.Uint32(e[8:])
	}
	return 0
}

// rational returns the value of a RATIONAL entry, 0 when there is none.
func (d ifd) rational(tag uint16) float64 {
	e := d.find(tag)
	if e == nil || d.order.Uint16(e[2:]) != 5 {
		return 0
	}
	at := uint64(d.order.Uint32(e[8:]))
	if at+8 > uint64(len(d.data)) || d.order.Uint32(d.data[at+4:]) == 0 {
		return 0
	}
	return float64(d.order.Uint32(d.data[at:])) / float64(d.order.Uint32(d.data[at+4:]))
}

func (d ifd) dpi() int {
	x, y := d.rational(tagXResolution), d.rational(tagYResolution)
	switch d.uint(tagResolutionUnit) {
	case 0, unitInch: // inch is the default
		return equalDPI(x, y)
	case unitCentimetre:
		return equalDPI(x*2.54, y*2.54)
	}
	return 0
}

func (d ifd) orientation() int {
	if o := d.uint(tagOrientation); o <= 8 {
		return int(o)
	}
	return 0
}
