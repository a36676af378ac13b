package imaging

import (
	"encoding/binary"
)

// jpegFile is a JPEG taken apart: baseline, extended sequential or progressive, Huffman-coded, of 8 bits (ITU-T T.81).
// A picture of one sequential scan, as cameras write it, stays coded, and any part of it can be decoded at any scale; of
// others the coefficients are held, as far down and as finely as they were asked for.
type jpegFile struct {
	width, height int
	baseline      bool
	progressive   bool
	jfif          bool
	adobe         int  // colour transform that an Adobe segment states, -1 without one
	scans         int  // that the picture has
	held          bool // it has to be decoded into coefficients
	components    []jpegComponent
	hMax, vMax    int // largest sampling factors
	across, down  int // minimum coded units of all components

	steps    [4]*block // quantisers, row by row
	codes    [2][4]*jpegCode
	interval int // minimum coded units between restarts, 0: none

	stream *jpegStream  // nil: the components hold coefficients
	layers []*collector // the scans of others, in the order of the file
}

// jpegComponent is one plane of samples.
type jpegComponent struct {
	id    byte
	h, v  int // sampling factors
	step  byte
	steps *block // the quantiser that was in force at its scan
	coded bool   // in some scan
	// Held coefficients, one DC and 63 AC a block, blocks row by row, as many as whole units need; nil before they are asked
	// for. filled tells by zigzag index which AC coefficients of a block may be other than zero.
	means   []int16
	details []int16
	filled  []uint64
	across  int // blocks in a row
}

// parseJPEG takes a file apart whose header was checked. Nothing is decoded: damage to coded data is found by who asks for it.
func parseJPEG(data []byte, h jpegHeader) (*jpegFile, error) {
	f := &jpegFile{adobe: -1, scans: h.scans, held: h.held()}
	at := 2
	for {
		marker, next, ok := nextMarker(data, at)
		if !ok {
			return nil, broken("it is cut off")
		}
		at = next
		switch {
		case marker == markerEOI:
			return f, f.finish(h)
		case marker >= markerRST0 && marker <= markerRST7:
			continue // one behind the last unit is a harmless mistake of some encoders
		case at+2 > len(data):
			return nil, broken("it is cut off")
		}
		length := int(binary.BigEndian.Uint16(data[at:]))
		if length < 2 || at+length > len(data) {
			return nil, broken("it is cut off")
		}
		body := data[at+2 : at+length]
		at += length
		if marker == markerSOS {
			coded := entropyCoded(data[at:])
			if err := f.scan(body, data[at:at+coded]); err != nil {
				return nil, err
			}
			at += coded
			continue
		}
		if err := f.segment(marker, body); err != nil {
			return nil, err
		}
	}
}

// nextMarker finds the marker at or after a place, and where it ends. Bytes that belong to nothing are passed over, as all
// decoders do.
func nextMarker(data []byte, at int) (marker byte, next int, ok bool) {
	for ; at+1 < len(data); at++ {
		if data[at] == 0xFF && data[at+1] != 0 && data[at+1] != 0xFF {
			return data[at+1], at + 2, true
		}
	}
	return 0, 0, false
}

func (f *jpegFile) segment(marker byte, body []byte) error {
	switch {
	case marker >= markerSOF0 && marker <= markerSOF0+2:
		return f.frame(marker, body)
	case marker == markerDHT:
		return f.defineCodes(body)
	case marker == markerDQT:
		return f.defineSteps(body)
	case marker == markerDRI:
		if len(body) != 2 {
			return broken("a restart interval has %d bytes", len(body))
		}
		f.interval = int(binary.BigEndian.Uint16(body))
	case marker == markerAPP0:
		f.jfif = len(body) >= 5 && string(body[:5]) == "JFIF\x00"
	case marker == markerAPP14:
		if len(body) >= 12 && string(body[:5]) == "Adobe" {
			f.adobe = int(body[11])
		}
	case marker >= markerAPP0 && marker <= markerAPP15 || marker == markerCOM:
	case marker < markerSOF0:
		return broken("marker %#x is unknown", marker)
	default:
		return unread("marker %#x", marker)
	}
	return nil
}

func (f *jpegFile) frame(marker byte, body []byte) error {
	if f.components != nil {
		return broken("it has two frame headers")
	}
	n := 0
	if len(body) >= 6 {
		n = int(body[5])
	}
	switch {
	case len(body) != 6+3*n:
		return broken("its frame header has %d bytes", len(body))
	case body[0] != 8:
		return unread("%d bits a sample", body[0])
	case n != 1 && n != 3 && n != 4:
		return unread("%d components", n)
	}
	f.baseline, f.progressive = marker == markerSOF0, marker == markerSOF0+2
	if f.progressive && !f.held {
		return broken("its header states two modes")
	}
	f.height, f.width = int(binary.BigEndian.Uint16(body[1:])), int(binary.BigEndian.Uint16(body[3:]))
	for i := range n {
		if err := f.addComponent(body[6+3*i:], n == 1); err != nil {
			return err
		}
	}
	f.across, f.down = ceilDiv(f.width, 8*f.hMax), ceilDiv(f.height, 8*f.vMax)
	return nil
}

func (f *jpegFile) addComponent(c []byte, alone bool) error {
	h, v := int(c[1]>>4), int(c[1]&15)
	switch {
	case h < 1 || h > 4 || v < 1 || v > 4:
		return broken("a component is sampled %dx%d", h, v)
	case h == 3 || v == 3:
		return unread("components sampled %dx%d", h, v)
	case c[2] > 3:
		return broken("it refers to quantisation table %d", c[2])
	}
	for _, other := range f.components {
		if other.id == c[0] {
			return broken("it has two components of one name")
		}
	}
	if alone { // nothing to be sampled against: one block is a unit (A.2.2)
		h, v = 1, 1
	}
	f.components = append(f.components, jpegComponent{id: c[0], h: h, v: v, step: c[2]})
	f.hMax, f.vMax = max(f.hMax, h), max(f.vMax, v)
	return nil
}

func (f *jpegFile) defineCodes(body []byte) error {
	for len(body) > 0 {
		class, slot := body[0]>>4, body[0]&15
		if class > 1 || slot > 3 || f.baseline && slot > 1 {
			return broken("it defines Huffman code %#x", body[0])
		}
		code, rest, ok := newJPEGCode(body[1:])
		if !ok {
			return broken("a Huffman code is none")
		}
		f.codes[class][slot], body = code, rest
	}
	return nil
}

func (f *jpegFile) defineSteps(body []byte) error {
	for len(body) > 0 {
		wide, slot := int(body[0]>>4), body[0]&15
		if wide > 1 || slot > 3 || len(body) < 1+64*(1+wide) {
			return broken("a quantisation table is none")
		}
		body = body[1:]
		f.steps[slot] = new(block)
		for _, i := range unzigzag {
			if wide == 1 {
				f.steps[slot][i] = int32(binary.BigEndian.Uint16(body))
			} else {
				f.steps[slot][i] = int32(body[0])
			}
			body = body[1+wide:]
		}
	}
	return nil
}

// finish holds the end of a file against what its header promised.
func (f *jpegFile) finish(h jpegHeader) error {
	if f.components == nil || f.width != h.width || f.height != h.height {
		return broken("its header states two sizes")
	}
	for i := range f.components {
		c := &f.components[i]
		if !c.coded {
			return broken("a component has no data")
		}
		if f.progressive { // steps may come as late as the last scan
			c.steps = f.steps[c.step]
		}
		if c.steps == nil {
			return broken("a quantisation table is missing")
		}
	}
	if len(f.components) == 4 && f.adobe < 0 {
		return unread("four components without a word on their colours")
	}
	return nil
}

// isRGB: the components are red, green and blue. All readers go by these signs, as image/jpeg and libjpeg do.
func (f *jpegFile) isRGB() bool {
	c := f.components
	return len(c) == 3 && !f.jfif && (f.adobe == 0 || c[0].id == 'R' && c[1].id == 'G' && c[2].id == 'B')
}

func broken(format string, args ...any) error {
	return refuse(CodeUndecodable, "the JPEG data is broken: "+format, args...)
}

func unread(format string, args ...any) error {
	return refuse(CodeFormat, "this variety of JPEG is not supported: "+format, args...)
}
