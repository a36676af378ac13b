package finger

import (
	"bytes"
	"encoding/binary"
	"testing"

	"biogate/matcher"
)

var editions = []Edition{ISO2005, ISO2011}

func mustISO(t testing.TB, p Print, position matcher.Position, edition Edition) []byte {
	t.Helper()
	b, err := AppendISO19794(nil, p, position, edition)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestISORoundTrip(t *testing.T) {
	for _, edition := range editions {
		for seed := range uint64(30) {
			rng := newRand(seed)
			p := randomPrint(rng, 1+rng.IntN(900), 1+rng.IntN(900), rng.IntN(256))
			for i := range p.Minutiae {
				p.Minutiae[i].Quality = uint8(rng.IntN(101))
			}
			code := byte(rng.IntN(11))
			want, _ := matcher.PositionOf(code)
			got, position, err := ReadISO19794(mustISO(t, p, want, edition))
			if err != nil || position != want || !equalPrints(got, p) {
				t.Fatalf("edition %d seed %d: came back changed, position %q, error %v", edition, seed, position, err)
			}
		}
	}
}

// record2005 is ISO/IEC 19794-2:2005 written out by hand: one left-ring ending at (100, 200), 45 degrees, quality 77,
// one bifurcation without quality, and one block of extended data.
var record2005 = []byte{
	'F', 'M', 'R', 0, ' ', '2', '0', 0, // format, version
	0, 0, 0, 48, // length
	0x12, 0x34, // capture equipment
	1, 0x2c, 1, 0x90, // 300 x 400 pixels
	0, 197, 0, 197, // per cm
	1, 0, // views, reserved
	9, 0x00, 80, 2, // left ring, view 0 live-scan plain, quality, minutiae
	0x40, 100, 0, 200, 32, 77,
	0x80, 101, 1, 44, 200, 0,
	0, 6, 0, 9, 0, 6, 1, 2, // extended data: one block of type 9
}

// record2011 says the same in ISO/IEC 19794-2:2011, with a quality block, two certification blocks and minutiae of
// five bytes.
var record2011 = []byte{
	'F', 'M', 'R', 0, '0', '3', '0', 0,
	0, 0, 0, 75, // length
	0, 1, // representations
	1,           // certification blocks present
	0, 0, 0, 60, // representation length
	7, 0xdb, 12, 31, 23, 59, 58, 3, 0xe7, // capture time
	1, 0, 2, 0, 3, // device technology, vendor, type
	1, 90, 0, 5, 0, 6, // one quality block
	2, 0, 1, 1, 0, 2, 2, // two certification blocks
	9, 0, // left ring, representation 0
	0, 197, 0, 197,
	0,                // live-scan plain
	1, 0x2c, 1, 0x90, // 300 x 400 pixels
	5 << 4, 2, // five bytes a minutia, two of them
	0x40, 100, 0, 200, 32,
	0x80, 101, 1, 44, 200,
	0, 4, 0, 1, 0, 4, // extended data: one empty block
}

func TestISORecordsByHand(t *testing.T) {
	want := Print{Width: 300, Height: 400, Minutiae: []Minutia{
		{X: 100, Y: 200, Angle: 32, Kind: Ending, Quality: 77},
		{X: 101, Y: 300, Angle: 200, Kind: Bifurcation},
	}}
	for name, record := range map[string][]byte{"2005": record2005, "2011": record2011} {
		p, position, err := ReadISO19794(record)
		if err != nil || position != "left-ring" {
			t.Fatalf("%s: position %q, error %v", name, position, err)
		}
		if name == "2011" {
			want.Minutiae[0].Quality = 0
		} else {
			want.Minutiae[0].Quality = 77
		}
		if !equalPrints(p, want) {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

func TestISOResolutionIsNormalised(t *testing.T) {
	record := bytes.Clone(record2005)
	record[19], record[21] = 99, 99 // pixels per cm: 251 dpi
	p, _, err := ReadISO19794(record)
	if err == nil {
		m := p.Minutiae[0]
		if p.Width != 597 || m.X != 198 || m.Y != 397 || m.Angle != 32 {
			t.Errorf("width %d, minutia %+v", p.Width, m)
		}
	} else {
		t.Error(err)
	}
	record[19] = 198 // twice as dense in x: 45 degrees become steeper
	if p, _, err = ReadISO19794(record); err != nil || p.Minutiae[0].Angle != 45 {
		t.Errorf("%+v, error %v", p, err)
	}
}

func TestISORefuses(t *testing.T) {
	change := func(record []byte, at int, to byte) []byte {
		b := bytes.Clone(record)
		b[at] = to
		return b
	}
	for name, b := range map[string][]byte{
		"empty":                        {},
		"magic alone":                  record2005[:4],
		"another version":              change(record2005, 5, '1'),
		"length too high":              change(record2005, 11, 49),
		"length too low":               change(record2005, 11, 47),
		"huge length":                  change(record2005, 8, 0xff),
		"ANSI 378 length of two bytes": change(record2005, 9, 48),
		"two views":                    change(record2005, 22, 2),
		"no view":                      change(record2005, 22, 0),
		"density 0":                    change(record2005, 19, 0),
		"density of 1,300 dpi":         change(record2005, 18, 2),
		"position 11":                  change(record2005, 24, 11),
		"more minutiae than bytes":     change(record2005, 27, 200),
		"fewer minutiae than bytes":    change(record2005, 27, 1),
		"minutia beside the picture":   change(record2005, 28, 0x41),
		"undefined kind":               change(record2005, 28, 0xc0),
		"undefined quality":            change(record2005, 33, 101),
		"picture without width":        append(append(bytes.Clone(record2005[:14]), 0, 0), record2005[16:]...),
		"extended data too long":       change(record2005, 41, 7),
		"extended block too long":      change(record2005, 45, 7),
		"extended block too short":     change(record2005, 45, 3),
		"two representations":          change(record2011, 13, 2),
		"representation too long":      change(record2011, 18, 61),
		"representation too short":     change(record2011, 18, 59),
		"no certification blocks":      change(record2011, 14, 0),
		"too many quality blocks":      change(record2011, 33, 255),
		"minutiae of seven bytes":      change(record2011, 57, 7<<4),
		"trailing byte":                lengthened(record2005),
		"trailing byte of 2011":        lengthened(record2011),
		"oversized":                    oversized(),
	} {
		if _, _, err := ReadISO19794(b); err == nil {
			t.Errorf("%s: accepted", name)
		} else {
			mustBeBadTemplate(t, err)
		}
	}
}

// lengthened is a record with a byte more than its blocks take, and a total length that admits it.
func lengthened(record []byte) []byte {
	b := append(bytes.Clone(record), 0)
	binary.BigEndian.PutUint32(b[8:], uint32(len(b)))
	return b
}

func oversized() []byte {
	b := append(bytes.Clone(record2005), make([]byte, maxISOBytes)...)
	binary.BigEndian.PutUint32(b[8:], uint32(len(b)))
	return b
}

func TestISOTruncationIsRefused(t *testing.T) {
	for _, record := range [][]byte{record2005, record2011} {
		for n := range record {
			b := bytes.Clone(record[:n])
			if n >= 12 {
				binary.BigEndian.PutUint32(b[8:], uint32(n)) // the total length admits the cut
			}
			if _, _, err := ReadISO19794(b); err == nil {
				t.Errorf("%q cut after %d bytes: accepted", record[4:7], n)
			}
		}
	}
}

func TestAppendISORefuses(t *testing.T) {
	p := randomPrint(newRand(5), 300, 400, 20)
	if _, err := AppendISO19794(nil, p, "left-toe", ISO2005); err == nil {
		t.Error("wrote an unknown position")
	}
	if _, err := AppendISO19794(nil, p, matcher.Unknown, 1999); err == nil {
		t.Error("wrote an unknown edition")
	}
	p.Width = 0
	if _, err := AppendISO19794(nil, p, matcher.Unknown, ISO2011); err == nil {
		t.Error("wrote an impossible print")
	}
}

func FuzzISO19794(f *testing.F) {
	f.Add(record2005)
	f.Add(record2011)
	f.Fuzz(func(t *testing.T, b []byte) {
		p, position, err := ReadISO19794(b)
		if err != nil {
			mustBeBadTemplate(t, err)
			return
		}
		for _, edition := range editions {
			again, q, err := ReadISO19794(mustISO(t, p, position, edition))
			if err != nil || q != position || !equalPrints(again, p) {
				t.Fatalf("edition %d: came back changed, error %v", edition, err)
			}
		}
	})
}
