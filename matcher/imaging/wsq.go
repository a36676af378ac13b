package imaging

import (
	"bytes"
	"encoding/binary"
	"image"
	"strconv"
	"strings"
)

// WSQ is read as the FBI's specification IAFIS-IC-0110 (V3) describes its decoder: marker segments as in JPEG, Huffman-coded
// quantizer indices, up to 64 subbands of a wavelet transform, and a linear map to grey. See docs/adr/0014-wsq.md.

// WSQ markers: the byte behind 0xFF.
const (
	wsqSOI  = 0xA0 // start of image
	wsqEOI  = 0xA1 // end of image
	wsqSOF  = 0xA2 // frame header
	wsqSOB  = 0xA3 // block header; coded data follows
	wsqDTT  = 0xA4 // transform table: the filters
	wsqDQT  = 0xA5 // quantization table
	wsqDHT  = 0xA6 // Huffman tables
	wsqDRT  = 0xA7 // restart interval
	wsqCOM  = 0xA8 // comment
	wsqRST0 = 0xB0 // restart 0 to 7, between coded data
	wsqRST7 = 0xB7
)

// wsqWork is the most bytes a pixel that decoding holds at once: a coefficient in 8, the grey picture in 1, and a strip of columns.
const wsqWork = 9.8

// wsqFrame is what a frame header says. Its black and white points and its encoder's number do not enter decoding.
type wsqFrame struct {
	width, height int
	shift, scale  float64 // grey = sample*scale + shift
}

// checkWSQ reads the segments before the first block.
func checkWSQ(data []byte) (meta, error) {
	var m meta
	var named bool // a NISTCOM was found
	s := newWSQSegments(data)
	for {
		marker, body, err := s.next()
		switch {
		case err != nil:
			return meta{}, err
		case marker == wsqSOF:
			f, err := parseWSQFrame(body)
			if err != nil {
				return meta{}, err
			}
			m.width, m.height = f.width, f.height
			if err := checkWSQSize(f, len(data)); err != nil {
				return meta{}, err
			}
		case marker == wsqCOM && !named:
			m.dpi, named = nistcomDPI(body)
		case marker == wsqSOB || marker == wsqEOI:
			if m.width == 0 {
				return meta{}, wsqBroken("it has no frame header")
			}
			return m, nil
		}
	}
}

func checkWSQSize(f wsqFrame, length int) error {
	if err := checkSize("WSQ", f.width, f.height, wsqWork); err != nil {
		return err
	}
	if f.width*f.height > wsqFreePixels+length*wsqPixelsAByte {
		return wsqBroken("it announces %dx%d pixels and is far too short for them", f.width, f.height)
	}
	return nil
}

func wsqBroken(format string, args ...any) error {
	return refuse(CodeUndecodable, "the WSQ data is broken: "+format, args...)
}

var errWSQCut = wsqBroken("it is cut off")

// wsqSegments walks a file from marker to marker.
type wsqSegments struct {
	data []byte
	at   int
	n    int // segments so far
}

func newWSQSegments(data []byte) wsqSegments { return wsqSegments{data: data, at: 2} } // behind SOI

// next returns the next marker and the parameters behind its length; EOI has none.
func (s *wsqSegments) next() (marker byte, body []byte, err error) {
	for s.at+1 < len(s.data) && s.data[s.at] == 0xFF && s.data[s.at+1] == 0xFF { // fill bytes
		s.at++
	}
	if s.n++; s.n > wsqMaxSegments {
		return 0, nil, wsqBroken("it has more than %d marker segments", wsqMaxSegments)
	}
	if s.at+1 >= len(s.data) {
		return 0, nil, errWSQCut
	}
	marker = s.data[s.at+1]
	switch {
	case s.data[s.at] != 0xFF || marker < wsqEOI || marker > wsqCOM:
		return 0, nil, wsqBroken("bytes %02X %02X stand where a marker belongs", s.data[s.at], marker)
	case marker == wsqEOI:
		s.at += 2
		return marker, nil, nil
	case s.at+4 > len(s.data):
		return 0, nil, errWSQCut
	}
	length := int(binary.BigEndian.Uint16(s.data[s.at+2:]))
	end := s.at + 2 + length
	switch {
	case length < 2:
		return 0, nil, wsqBroken("a segment states a length of %d bytes", length)
	case end > len(s.data):
		return 0, nil, errWSQCut
	}
	body, s.at = s.data[s.at+4:end], end
	return marker, body, nil
}

// coded returns the coded data up to the next marker. After a restart marker, which is consumed, more is to come.
func (s *wsqSegments) coded() (data []byte, more bool, err error) {
	start := s.at
	for {
		i := bytes.IndexByte(s.data[s.at:], 0xFF)
		if i < 0 || s.at+i+1 >= len(s.data) {
			return nil, false, errWSQCut
		}
		s.at += i
		switch b := s.data[s.at+1]; {
		case b == 0: // a stuffed byte of data
			s.at += 2
		case b >= wsqRST0 && b <= wsqRST7:
			s.at += 2
			return s.data[start : s.at-2], true, nil
		default:
			return s.data[start:s.at], false, nil
		}
	}
}

func parseWSQFrame(body []byte) (wsqFrame, error) {
	if len(body) != 15 {
		return wsqFrame{}, wsqBroken("its frame header has %d bytes", len(body))
	}
	p := wsqParams{body[2:]}
	f := wsqFrame{height: p.uint16(), width: p.uint16()}
	var err error
	if f.shift, err = p.scaled16(); err != nil {
		return wsqFrame{}, err
	}
	f.scale, err = p.scaled16()
	return f, err
}

// nistcomDPI reads the resolution from a NISTCOM comment (NIST Biometric Image Software), lines of a name and a value of which
// the first is the comment's own; found is false for another comment.
func nistcomDPI(body []byte) (dpi int, found bool) {
	text, found := strings.CutPrefix(string(body), "NIST_COM ")
	if !found {
		return 0, false
	}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name == "PPI" {
			ppi, err := strconv.Atoi(strings.TrimSpace(value))
			if err != nil {
				return 0, true
			}
			return equalDPI(float64(ppi), float64(ppi)), true
		}
	}
	return 0, true
}

// wsqDecoder is a picture on its way from tables and blocks to samples.
type wsqDecoder struct {
	segments wsqSegments
	frame    wsqFrame
	filters  *wsqFilters
	quant    *wsqQuantizer
	huffman  [8]*wsqHuffman
	plane    wsqPlane
}

// decodeWSQ decodes one frame. A table holds for the blocks behind it, until another takes its place.
func decodeWSQ(data []byte) (image.Image, error) {
	d := wsqDecoder{segments: newWSQSegments(data)}
	for {
		marker, body, err := d.segments.next()
		if err != nil {
			return nil, err
		}
		if marker == wsqEOI {
			return d.picture()
		}
		if err := d.segment(marker, body); err != nil {
			return nil, err
		}
	}
}

func (d *wsqDecoder) segment(marker byte, body []byte) (err error) {
	switch marker {
	case wsqSOF:
		err = d.start(body)
	case wsqDTT:
		d.filters, err = parseWSQFilters(body)
	case wsqDQT:
		err = d.requantize(body)
	case wsqDHT:
		err = parseWSQHuffman(body, &d.huffman)
	case wsqSOB:
		err = d.block(body)
	case wsqDRT:
		if len(body) != 2 {
			err = wsqBroken("its restart interval has %d bytes", len(body))
		}
	}
	return err
}

func (d *wsqDecoder) start(body []byte) (err error) {
	if d.plane.bands != nil {
		return wsqBroken("it has a second frame header")
	}
	if d.frame, err = parseWSQFrame(body); err == nil {
		d.plane = newWSQPlane(d.frame.width, d.frame.height)
	}
	return err
}

func (d *wsqDecoder) requantize(body []byte) (err error) {
	if d.plane.within() {
		return wsqBroken("its quantization table changes within a subband")
	}
	d.quant, err = parseWSQQuantizer(body)
	return err
}

// block decodes the coded data behind a block header, restart by restart.
func (d *wsqDecoder) block(body []byte) error {
	switch {
	case d.plane.bands == nil:
		return wsqBroken("a block comes before the frame header")
	case d.quant == nil:
		return wsqBroken("a block comes before the quantization table")
	case len(body) != 1 || int(body[0]) >= len(d.huffman) || d.huffman[body[0]] == nil:
		return wsqBroken("a block names no Huffman table")
	}
	for {
		data, more, err := d.segments.coded()
		if err != nil {
			return err
		}
		if err := d.huffman[body[0]].decode(data, &d.plane, d.quant); err != nil {
			return err
		}
		if !more {
			return nil
		}
	}
}

// picture turns the subbands into grey once all are there.
func (d *wsqDecoder) picture() (image.Image, error) {
	switch {
	case d.plane.bands == nil:
		return nil, wsqBroken("it has no frame header")
	case d.quant == nil || d.filters == nil:
		return nil, wsqBroken("it lacks a quantization or transform table")
	case !d.plane.complete(d.quant):
		return nil, wsqBroken("it ends before its last subband does")
	}
	img := image.NewGray(image.Rect(0, 0, d.frame.width, d.frame.height))
	if samples := d.plane.synthesize(d.filters); samples != nil {
		d.frame.greys(img.Pix, samples)
	} else {
		fill(img.Pix, d.frame.grey(0))
	}
	return img, nil
}

func (f wsqFrame) greys(dst []byte, samples []float64) {
	for i, v := range samples {
		dst[i] = f.grey(v)
	}
}

// grey rounds half up and clips.
func (f wsqFrame) grey(sample float64) byte {
	v := sample*f.scale + f.shift + 0.5
	switch {
	case v < 1:
		return 0
	case v >= 255:
		return 255
	}
	return byte(v)
}

func fill(dst []byte, v byte) {
	for i := range dst {
		dst[i] = v
	}
}
