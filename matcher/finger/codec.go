package finger

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	"biogate/matcher"
)

// The payload of a finger template, big-endian: format version (1), width and height in pixels at 500 dpi (2 each),
// number of minutiae (1), then six bytes a minutia as in ISO/IEC 19794-2: kind in the two high bits and x in the others
// (2), y (2), angle (1), quality (1). Minutiae are in canonical order, so that equal prints have equal payloads.
const (
	payloadVersion = 1
	payloadHeader  = 6
	minutiaBytes   = 6

	maxPrintSide     = 1<<14 - 1 // what 14 bits hold
	maxPrintMinutiae = 255       // what the count byte holds, here and in ISO/IEC 19794-2
	maxQuality       = 100
)

// AppendPayload appends the payload of p to b. It fails when p is out of the format's range.
func AppendPayload(b []byte, p Print) ([]byte, error) {
	if err := p.check(); err != nil {
		return b, err
	}
	b = append(b, payloadVersion)
	b = binary.BigEndian.AppendUint16(b, uint16(p.Width))
	b = binary.BigEndian.AppendUint16(b, uint16(p.Height))
	b = append(b, byte(len(p.Minutiae)))
	sorted := slices.Clone(p.Minutiae)
	slices.SortFunc(sorted, canonical)
	for _, m := range sorted {
		b = appendMinutia(b, m)
		b = append(b, m.Quality)
	}
	return b, nil
}

// ParsePayload reads what AppendPayload wrote and refuses everything else.
func ParsePayload(b []byte) (Print, error) {
	if len(b) < payloadHeader {
		return Print{}, malformed("finger payload of %d bytes has no header", len(b))
	}
	if b[0] != payloadVersion {
		return Print{}, malformed("finger payload version %d, this build reads %d", b[0], payloadVersion)
	}
	n := int(b[5])
	if want := payloadHeader + n*minutiaBytes; len(b) != want {
		return Print{}, malformed("%d minutiae take %d bytes, %d are there", n, want, len(b))
	}
	p := Print{
		Width:    int(binary.BigEndian.Uint16(b[1:])),
		Height:   int(binary.BigEndian.Uint16(b[3:])),
		Minutiae: make([]Minutia, n),
	}
	for i := range p.Minutiae {
		at := b[payloadHeader+i*minutiaBytes:]
		p.Minutiae[i] = readMinutia(at)
		p.Minutiae[i].Quality = at[5]
	}
	if !slices.IsSortedFunc(p.Minutiae, canonical) {
		return Print{}, malformed("minutiae are not in canonical order")
	}
	return p, p.check()
}

// check says whether every field of p fits the stored formats.
func (p Print) check() error {
	if p.Width < 1 || p.Width > maxPrintSide || p.Height < 1 || p.Height > maxPrintSide {
		return malformed("impression of %d x %d pixels is out of range 1 to %d", p.Width, p.Height, maxPrintSide)
	}
	if len(p.Minutiae) > maxPrintMinutiae {
		return malformed("%d minutiae, at most %d are allowed", len(p.Minutiae), maxPrintMinutiae)
	}
	for i, m := range p.Minutiae {
		if m.X < 0 || int(m.X) >= p.Width || m.Y < 0 || int(m.Y) >= p.Height {
			return malformed("minutia %d lies outside the impression", i)
		}
		if m.Kind > Bifurcation || m.Quality > maxQuality {
			return malformed("minutia %d has kind %d and quality %d, at most %d and %d are defined", i, m.Kind, m.Quality, Bifurcation, maxQuality)
		}
	}
	return nil
}

// canonical orders minutiae by row, column, angle, kind and quality.
func canonical(a, b Minutia) int {
	return cmp.Or(cmp.Compare(a.Y, b.Y), cmp.Compare(a.X, b.X), cmp.Compare(a.Angle, b.Angle),
		cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Quality, b.Quality))
}

// appendMinutia appends the five bytes that our payload and ISO/IEC 19794-2 share.
func appendMinutia(b []byte, m Minutia) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(m.Kind)<<14|uint16(m.X))
	b = binary.BigEndian.AppendUint16(b, uint16(m.Y))
	return append(b, m.Angle)
}

// readMinutia reads what appendMinutia wrote; b has at least five bytes. The two reserved bits of y are ignored.
func readMinutia(b []byte) Minutia {
	x, y := binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	return Minutia{X: int16(x & 0x3fff), Y: int16(y & 0x3fff), Kind: Kind(x >> 14), Angle: b[4]}
}

func malformed(format string, args ...any) error {
	return &matcher.Error{Code: matcher.CodeBadTemplate, Detail: fmt.Sprintf(format, args...)}
}
