package imaging

import (
	"encoding/binary"
	"math"
)

// checkPNG reads the IHDR chunk and those before the pixels (pHYs, eXIf).
func checkPNG(data []byte) (meta, error) {
	const headerEnd = 8 + 8 + 13 // signature, chunk head, IHDR
	if len(data) < headerEnd || string(data[12:16]) != "IHDR" {
		return meta{}, refuse(CodeUndecodable, "the PNG is cut off in its header")
	}
	width, height := int(binary.BigEndian.Uint32(data[16:])), int(binary.BigEndian.Uint32(data[20:]))
	depth, interlaced := int(data[24]), data[28] != 0
	channels := map[byte]int{0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[data[25]]
	if err := checkSize("PNG", width, height, pngWork(depth, interlaced)); err != nil {
		return meta{}, err
	}
	if raw := width * height * channels * depth / 8; raw > len(data)*maxInflate+headerSlack {
		return meta{}, refuse(CodeUndecodable, "the PNG announces %dx%d pixels and is far too short for them", width, height)
	}
	m := pngMeta(data[8:])
	m.width, m.height = width, height
	return m, nil
}

// pngWork is the most bytes a pixel that image/png holds at once: it widens to at most RGBA, and an interlaced picture
// is assembled from passes of which the last holds half of it.
func pngWork(depth int, interlaced bool) float64 {
	work := 4.0
	if depth == 16 {
		work = 8
	}
	if interlaced {
		work *= 2
	}
	return work
}

// pngMeta walks the chunks that come before the pixels.
func pngMeta(chunks []byte) (m meta) {
	for len(chunks) >= 12 {
		n := uint64(binary.BigEndian.Uint32(chunks))
		if n > uint64(len(chunks)-12) {
			return m
		}
		body := chunks[8 : 8+n]
		switch string(chunks[4:8]) {
		case "pHYs":
			if len(body) == 9 && body[8] == 1 {
				m.dpi = equalDPI(float64(binary.BigEndian.Uint32(body))*inchPerMetre, float64(binary.BigEndian.Uint32(body[4:]))*inchPerMetre)
			}
		case "eXIf":
			m.orientation = parseIFD(body).orientation()
		case "IDAT":
			return m
		}
		chunks = chunks[12+n:]
	}
	return m
}

const inchPerMetre = 0.0254

// equalDPI rounds a resolution that is the same, within 1 %, in both directions; anything else is 0.
func equalDPI(x, y float64) int {
	const least, most = 1, 20_000
	if !(x >= least && x <= most) || math.Abs(x-y) > 0.01*x {
		return 0
	}
	return int(math.Round(x))
}
