package finger

import (
	"encoding/binary"
	"math"

	"biogate/matcher"
)

// Edition is an edition of ISO/IEC 19794-2.
type Edition int

// The editions that this package reads and writes.
const (
	ISO2005 Edition = 2005 // version " 20"
	ISO2011 Edition = 2011 // version "030"
)

const (
	isoMagic       = "FMR\x00"
	isoVersion2005 = " 20\x00"
	isoVersion2011 = "030\x00"

	maxISOBytes   = 64 << 10 // far above any record with one view
	iso500        = 197      // pixels per cm that mean 500 dpi
	minISODensity = 78       // 200 dpi
	maxISODensity = 394      // 1,000 dpi

	isoQualityNotReported = 254 // edition 2011; 255 is "failed to compute"
)

// IsISO19794 says whether b begins like a finger minutiae record.
func IsISO19794(b []byte) bool {
	return len(b) >= len(isoMagic) && string(b[:len(isoMagic)]) == isoMagic
}

// ReadISO19794 reads an ISO/IEC 19794-2 record (2005 or 2011) that holds exactly one finger view and normalises it to
// 500 dpi. Extended data is checked for length and passed over. Every error is a CodeBadTemplate.
func ReadISO19794(b []byte) (Print, matcher.Position, error) {
	if !IsISO19794(b) || len(b) < 12 {
		return Print{}, matcher.Unknown, malformed("no ISO/IEC 19794-2 header")
	}
	if len(b) > maxISOBytes {
		return Print{}, matcher.Unknown, malformed("record of %d bytes, at most %d are allowed", len(b), maxISOBytes)
	}
	if n := binary.BigEndian.Uint32(b[8:]); uint64(n) != uint64(len(b)) {
		return Print{}, matcher.Unknown, malformed("record says %d bytes, %d are there", n, len(b))
	}
	r := &isoReader{b: b, at: 12}
	var view isoView
	switch version := string(b[4:8]); version {
	case isoVersion2005:
		view = r.view2005()
	case isoVersion2011:
		view = r.view2011()
	default:
		return Print{}, matcher.Unknown, malformed("version %q, this build reads %q and %q", version, isoVersion2005, isoVersion2011)
	}
	if r.err == nil && r.at != len(b) {
		r.fail("%d bytes follow the last block", len(b)-r.at)
	}
	if r.err != nil {
		return Print{}, matcher.Unknown, r.err
	}
	return view.normalise()
}

// AppendISO19794 appends p, the impression of one finger, to b as a record of the given edition at 500 dpi.
func AppendISO19794(b []byte, p Print, position matcher.Position, edition Edition) ([]byte, error) {
	code, ok := position.Code()
	if !ok {
		return b, malformed("%q is no finger position", position)
	}
	if err := p.check(); err != nil {
		return b, err
	}
	switch edition {
	case ISO2005:
		return append2005(b, p, code), nil
	case ISO2011:
		return append2011(b, p, code), nil
	}
	return b, malformed("edition %d, this build writes %d and %d", edition, ISO2005, ISO2011)
}

func append2005(b []byte, p Print, position byte) []byte {
	const header, view, extended = 24, 4, 2
	be := binary.BigEndian
	b = append(b, isoMagic+isoVersion2005...)
	b = be.AppendUint32(b, uint32(header+view+minutiaBytes*len(p.Minutiae)+extended))
	b = be.AppendUint16(b, 0) // capture equipment not stated
	b = be.AppendUint16(b, uint16(p.Width))
	b = be.AppendUint16(b, uint16(p.Height))
	b = be.AppendUint16(b, iso500)
	b = be.AppendUint16(b, iso500)
	b = append(b, 1, 0)                                                     // one view, reserved
	b = append(b, position, 0, byte(meanQuality(p)), byte(len(p.Minutiae))) // view 0, live-scan plain
	for _, m := range p.Minutiae {
		b = append(appendMinutia(b, m), m.Quality)
	}
	return be.AppendUint16(b, 0) // no extended data
}

func append2011(b []byte, p Print, position byte) []byte {
	const header, representation = 15, 32
	be := binary.BigEndian
	length := representation + minutiaBytes*len(p.Minutiae) + 2
	b = append(b, isoMagic+isoVersion2011...)
	b = be.AppendUint32(b, uint32(header+length))
	b = be.AppendUint16(b, 1) // one representation
	b = append(b, 0)          // no certification blocks
	b = be.AppendUint32(b, uint32(length))
	b = append(b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff) // capture time not stated
	b = append(b, 0, 0, 0, 0, 0)                                        // device technology, vendor, type not stated
	b = append(b, 0)                                                    // no quality blocks
	b = append(b, position, 0)                                          // representation 0
	b = be.AppendUint16(b, iso500)
	b = be.AppendUint16(b, iso500)
	b = append(b, 0) // live-scan plain
	b = be.AppendUint16(b, uint16(p.Width))
	b = be.AppendUint16(b, uint16(p.Height))
	b = append(b, minutiaBytes<<4, byte(len(p.Minutiae)))
	for _, m := range p.Minutiae {
		quality := m.Quality
		if quality == 0 {
			quality = isoQualityNotReported
		}
		b = append(appendMinutia(b, m), quality)
	}
	return be.AppendUint16(b, 0)
}

// isoView is one finger view as the record states it.
type isoView struct {
	position           byte
	width, height      int
	densityX, densityY int // pixels per cm
	minutiae           []Minutia
}

// normalise brings a view to 500 dpi and checks it against its own picture.
func (v isoView) normalise() (Print, matcher.Position, error) {
	position, ok := matcher.PositionOf(v.position)
	if !ok {
		return Print{}, matcher.Unknown, malformed("finger position %d is not defined", v.position)
	}
	if min(v.densityX, v.densityY) < minISODensity || max(v.densityX, v.densityY) > maxISODensity {
		return Print{}, matcher.Unknown, malformed("resolution of %d x %d pixels per cm is out of range %d to %d",
			v.densityX, v.densityY, minISODensity, maxISODensity)
	}
	p := Print{Width: v.width, Height: v.height, Minutiae: v.minutiae}
	if err := p.check(); err != nil {
		return Print{}, matcher.Unknown, err
	}
	if v.densityX == iso500 && v.densityY == iso500 {
		return p, position, nil
	}
	p.scale(float64(iso500)/float64(v.densityX), float64(iso500)/float64(v.densityY))
	return p, position, p.check()
}

// scale stretches p by sx and sy, directions included.
func (p *Print) scale(sx, sy float64) {
	p.Width, p.Height = int(math.Ceil(float64(p.Width)*sx)), int(math.Ceil(float64(p.Height)*sy))
	for i := range p.Minutiae {
		m := &p.Minutiae[i]
		m.X, m.Y = int16(float64(m.X)*sx), int16(float64(m.Y)*sy)
		if sx != sy {
			sin, cos := math.Sincos(float64(m.Angle) * (2 * math.Pi / 256))
			m.Angle = turn256(math.Atan2(sin*sy, cos*sx))
		}
	}
}

// turn256 rounds an angle in radians to 1/256 turn.
func turn256(radians float64) uint8 {
	return uint8(int(math.Round(radians*(256/(2*math.Pi)))) & 255)
}

// meanQuality is the mean quality of the minutiae that state one; 0 when none does.
func meanQuality(p Print) int {
	sum, n := 0, 0
	for _, m := range p.Minutiae {
		if m.Quality > 0 {
			sum, n = sum+int(m.Quality), n+1
		}
	}
	return sum / max(n, 1)
}

// isoReader walks a record; after the first failure it reads zeros and keeps the error.
type isoReader struct {
	b   []byte
	at  int
	err error
}

func (r *isoReader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = malformed(format, args...)
	}
}

// take returns the next n bytes, or nil and a failure.
func (r *isoReader) take(n int) []byte {
	if r.err != nil || n > len(r.b)-r.at {
		r.fail("record is cut off at byte %d", len(r.b))
		return nil
	}
	r.at += n
	return r.b[r.at-n : r.at]
}

func (r *isoReader) u8() int {
	if b := r.take(1); b != nil {
		return int(b[0])
	}
	return 0
}

func (r *isoReader) u16() int {
	if b := r.take(2); b != nil {
		return int(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (r *isoReader) u32() int64 {
	if b := r.take(4); b != nil {
		return int64(binary.BigEndian.Uint32(b))
	}
	return 0
}

// view2005 reads the rest of the record header and its only view (ISO/IEC 19794-2:2005, 7.3 to 7.5).
func (r *isoReader) view2005() isoView {
	var v isoView
	r.take(2) // capture equipment
	v.width, v.height = r.u16(), r.u16()
	v.densityX, v.densityY = r.u16(), r.u16()
	r.oneView(r.u8())
	r.take(1) // reserved
	v.position = byte(r.u8())
	r.take(2) // view number and impression type, quality of the finger
	v.minutiae = r.minutiae(r.u8(), minutiaBytes)
	r.extended()
	return v
}

// view2011 reads the rest of the record header and its only representation (ISO/IEC 19794-2:2011, 8.3 to 8.5).
func (r *isoReader) view2011() isoView {
	var v isoView
	r.oneView(r.u16())
	certified := r.u8()
	start := r.at
	length := r.u32()
	r.take(9)          // capture time
	r.take(5)          // device technology, vendor, type
	r.take(5 * r.u8()) // quality blocks
	if certified != 0 {
		r.take(3 * r.u8()) // certification blocks
	}
	v.position = byte(r.u8())
	r.take(1) // representation number
	v.densityX, v.densityY = r.u16(), r.u16()
	r.take(1) // impression type
	v.width, v.height = r.u16(), r.u16()
	size := r.u8() >> 4
	if r.err == nil && size != 5 && size != 6 {
		r.fail("minutiae of %d bytes, 5 and 6 are defined", size)
	}
	v.minutiae = r.minutiae(r.u8(), size)
	r.extended()
	if r.err == nil && length != int64(r.at-start) {
		r.fail("representation says %d bytes, it has %d", length, r.at-start)
	}
	return v
}

func (r *isoReader) oneView(n int) {
	if r.err == nil && n != 1 {
		r.fail("record holds %d finger views, exactly one is expected", n)
	}
}

// minutiae reads n minutiae of size bytes, the sixth one being the quality.
func (r *isoReader) minutiae(n, size int) []Minutia {
	b := r.take(n * size)
	if b == nil {
		return nil
	}
	list := make([]Minutia, n)
	for i := range list {
		list[i] = readMinutia(b[i*size:])
		if size == minutiaBytes {
			list[i].Quality = isoQuality(b[i*size+5])
		}
	}
	return list
}

// isoQuality maps "not reported" and "failed" to 0; values that the standard leaves undefined stay and fail the check.
func isoQuality(q byte) uint8 {
	if q >= isoQualityNotReported {
		return 0
	}
	return q
}

// extended passes over the extended data: its length, then blocks of type (2), length with header (2), data.
func (r *isoReader) extended() {
	end := r.u16() + r.at
	for r.err == nil && r.at < end {
		r.take(2)
		n := r.u16()
		if n < 4 {
			r.fail("extended data block of %d bytes is shorter than its header", n)
			return
		}
		r.take(n - 4)
	}
	if r.err == nil && r.at != end {
		r.fail("extended data blocks overrun their area by %d bytes", r.at-end)
	}
}
