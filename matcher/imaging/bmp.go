package imaging

import (
	"encoding/binary"
)

// checkBMP reads the BITMAPINFOHEADER. Rows are not compressed in what is read, so the file must hold them all.
func checkBMP(data []byte) (meta, error) {
	const headerEnd = 14 + 40
	if len(data) < headerEnd {
		return meta{}, refuse(CodeUndecodable, "the BMP is cut off in its header")
	}
	le := binary.LittleEndian
	width, height := int(int32(le.Uint32(data[18:]))), int(int32(le.Uint32(data[22:])))
	if height < 0 { // rows run from the top
		height = -height
	}
	if err := checkSize("BMP", width, height, 4); err != nil {
		return meta{}, err
	}
	bits, compression := int(le.Uint16(data[28:])), le.Uint32(data[30:])
	if rows := (width*bits + 31) / 32 * 4 * height; compression == 0 && rows > len(data) {
		return meta{}, refuse(CodeUndecodable, "the BMP announces %dx%d pixels and is cut off", width, height)
	}
	dpi := equalDPI(float64(int32(le.Uint32(data[38:])))*inchPerMetre, float64(int32(le.Uint32(data[42:])))*inchPerMetre)
	return meta{width: width, height: height, dpi: dpi}, nil
}
