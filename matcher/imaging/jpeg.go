package imaging

import (
	"bytes"
	"encoding/binary"
)

// JPEG markers (ITU-T T.81 table B.1).
const (
	markerSOF0  = 0xC0
	markerDHT   = 0xC4
	markerJPG   = 0xC8
	markerDAC   = 0xCC
	markerRST0  = 0xD0
	markerRST7  = 0xD7
	markerSOI   = 0xD8
	markerEOI   = 0xD9
	markerSOS   = 0xDA
	markerDQT   = 0xDB
	markerDRI   = 0xDD
	markerAPP0  = 0xE0
	markerAPP1  = 0xE1
	markerAPP14 = 0xEE
	markerAPP15 = 0xEF
	markerCOM   = 0xFE
	markerTEM   = 0x01
)

// jpegHeader is what a walk over the markers finds.
type jpegHeader struct {
	components  int
	samples     float64 // of all components, per pixel
	progressive bool
	scans       int
	meta
}

func codedJPEG(data []byte) (*jpegFile, error) { return parseJPEG(data, walkJPEG(data)) }

func checkJPEG(data []byte) (meta, error) {
	h := walkJPEG(data)
	if h.components == 0 {
		return meta{}, refuse(CodeUndecodable, "the JPEG has no frame header or is cut off before it")
	}
	if err := checkSize("JPEG", h.width, h.height, h.work()); err != nil {
		return meta{}, err
	}
	if h.scans > MaxScans {
		return meta{}, refuse(CodeTooLarge, "the JPEG has %d scans, at most %d are allowed", h.scans, MaxScans)
	}
	if h.width*h.height > len(data)*jpegPixelsAByte+headerSlack {
		return meta{}, refuse(CodeUndecodable, "the JPEG announces %dx%d pixels and is far too short for them", h.width, h.height)
	}
	return h.meta, nil
}

// held: the picture can only be decoded from all its coefficients; one of a single sequential scan stays coded.
func (h jpegHeader) held() bool { return h.progressive || h.scans > 1 }

// work is the most bytes a pixel that decoding holds at once beside the file and a copy of its coded data: coefficients in 2
// bytes each and a bit that tells them from zero.
func (h jpegHeader) work() float64 {
	if h.held() {
		return 2.125 * h.samples
	}
	return 0
}

// samplesPerPixel adds up the components of a frame header, each by its subsampling (ITU-T T.81 A.1.1).
func samplesPerPixel(components []byte) float64 {
	sum, widest, tallest := 0, 1, 1
	for c := components; len(c) >= 3; c = c[3:] {
		across, down := int(c[1]>>4), int(c[1]&15)
		sum += across * down
		widest, tallest = max(widest, across), max(tallest, down)
	}
	return float64(sum) / float64(widest*tallest)
}

// walkJPEG goes over all segments, and over the compressed data between them, to the end of the picture. It stops at
// the first thing that it does not understand, which the decoder will then name.
func walkJPEG(data []byte) (h jpegHeader) {
	at := 2
	for at+4 <= len(data) {
		if data[at] != 0xFF {
			next := bytes.IndexByte(data[at:], 0xFF)
			if next < 0 {
				return h
			}
			at += next
			continue
		}
		marker := data[at+1]
		switch {
		case marker == 0xFF:
			at++
			continue
		case marker == 0 || marker == markerTEM || marker == markerSOI || marker >= markerRST0 && marker <= markerRST7:
			at += 2
			continue
		case marker == markerEOI:
			return h
		}
		length := int(binary.BigEndian.Uint16(data[at+2:]))
		if length < 2 || at+2+length > len(data) {
			return h
		}
		h.segment(marker, data[at+4:at+2+length])
		at += 2 + length
	}
	return h
}

func (h *jpegHeader) segment(marker byte, body []byte) {
	switch {
	case marker == markerSOS:
		h.scans++
	case marker == markerAPP0 && len(body) >= 12 && string(body[:5]) == "JFIF\x00":
		h.dpi = jfifDPI(body)
	case marker == markerAPP1 && bytes.HasPrefix(body, []byte("Exif\x00\x00")):
		h.orientation = parseIFD(body[6:]).orientation()
	case isSOF(marker) && len(body) >= 6 && h.components == 0:
		h.height, h.width = int(binary.BigEndian.Uint16(body[1:])), int(binary.BigEndian.Uint16(body[3:]))
		h.components = int(body[5])
		list := body[6:min(len(body), 6+3*h.components)]
		h.samples = samplesPerPixel(list)
		h.progressive = marker == markerSOF0+2
	}
}

func isSOF(marker byte) bool {
	return marker >= markerSOF0 && marker <= markerSOF0+15 &&
		marker != markerDHT && marker != markerJPG && marker != markerDAC
}

func jfifDPI(body []byte) int {
	x, y := float64(binary.BigEndian.Uint16(body[8:])), float64(binary.BigEndian.Uint16(body[10:]))
	switch body[7] {
	case 1:
		return equalDPI(x, y)
	case 2:
		return equalDPI(x*2.54, y*2.54)
	}
	return 0
}
