package imaging

import (
	"encoding/binary"
	"slices"
	"testing"
)

// faceRecordForm is a record to be written, for tests.
type faceRecordForm struct {
	edition   int // 2005 or 2011
	kind      byte
	pictures  [][]byte
	points    int
	qualities int
	certified bool
	behind    []byte // three-dimensional data behind a picture, in the edition of 2011
}

func sized(n int, v int) []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(v))[8-n:]
}

func (r faceRecordForm) bytes() []byte {
	var body []byte
	for _, picture := range r.pictures {
		block := r.block2005(picture)
		if r.edition == 2011 {
			block = r.block2011(picture)
		}
		body = slices.Concat(body, sized(4, 4+len(block)), block)
	}
	head := sized(2, len(r.pictures))
	version := "010\x00"
	if r.edition == 2011 {
		version = "030\x00"
		certified := byte(0)
		if r.certified {
			certified = 1
		}
		head = append(head, certified, 0, 0)
	}
	return slices.Concat([]byte("FAC\x00"+version), sized(4, 12+len(head)+len(body)), head, body)
}

func (r faceRecordForm) block2005(picture []byte) []byte {
	info := append([]byte{1, r.kind}, make([]byte, 10)...)
	return slices.Concat(sized(2, r.points), make([]byte, 14+8*r.points), info, picture)
}

func (r faceRecordForm) block2011(picture []byte) []byte {
	head := append(make([]byte, 14), byte(r.qualities))
	head = append(head, make([]byte, 5*r.qualities)...)
	if r.certified {
		head = append(head, 2, 0, 0, 0, 0, 0, 0)
	}
	info := append([]byte{1, r.kind}, make([]byte, 9)...)
	return slices.Concat(head, sized(2, r.points), make([]byte, 15+8*r.points), info, sized(4, len(picture)), picture, r.behind)
}

// faceRecords are records of every make around gradient(48, 64).
func faceRecords(t testing.TB) map[string][]byte {
	jpegData, pngData := encoded(t, "image/jpeg", gradient(48, 64)), encoded(t, "image/png", gradient(48, 64))
	other := encoded(t, "image/jpeg", gradient(8, 8))
	return map[string][]byte{
		"2005":                faceRecordForm{edition: 2005, pictures: [][]byte{jpegData}}.bytes(),
		"2005, points":        faceRecordForm{edition: 2005, pictures: [][]byte{jpegData}, points: 20}.bytes(),
		"2005, two":           faceRecordForm{edition: 2005, pictures: [][]byte{jpegData, other}}.bytes(),
		"2011":                faceRecordForm{edition: 2011, pictures: [][]byte{jpegData}}.bytes(),
		"2011, PNG":           faceRecordForm{edition: 2011, kind: 3, pictures: [][]byte{pngData}}.bytes(),
		"2011, all there is":  faceRecordForm{edition: 2011, pictures: [][]byte{jpegData, other}, points: 9, qualities: 3, certified: true, behind: []byte("a mesh")}.bytes(),
		"2011, much and more": append(faceRecordForm{edition: 2011, pictures: [][]byte{jpegData}, qualities: 255}.bytes(), "behind the record"...),
	}
}

func TestFaceRecords(t *testing.T) {
	for name, data := range faceRecords(t) {
		for _, claim := range []string{"", FormatFaceRecord, "application/octet-stream"} {
			got, err := DecodeGrey(data, claim)
			if err != nil {
				t.Errorf("%s, claimed %q: %v", name, claim, err)
				continue
			}
			near(t, name, got, 48, 64, gradient(48, 64).Pix, 3)
			if h, err := ReadHeader(data, claim); err != nil || h.Width != 48 || h.Height != 64 {
				t.Errorf("%s: header %+v, %v", name, h, err)
			}
		}
		if Sniff(data) != FormatFaceRecord {
			t.Errorf("%s is sniffed as %q", name, Sniff(data))
		}
		if _, err := DecodeGrey(data, "image/jpeg"); codeOf(err) != CodeFormatMismatch {
			t.Errorf("%s, claimed as JPEG: %v", name, err)
		}
	}
}

func TestFaceRecordWithJPEG2000(t *testing.T) {
	for kind, edition := range map[byte]int{1: 2005, 2: 2011} {
		record := faceRecordForm{edition: edition, kind: kind, pictures: [][]byte{fromBase64(t, j2kLossless)}}
		got, err := DecodeRGB(record.bytes(), "")
		if err != nil || worst(got.Pix, shapes(26, 20).Pix) > 0 {
			t.Errorf("%d: %v", edition, err)
		}
	}
}

func TestCutFaceRecordsAreRefused(t *testing.T) {
	for name, data := range faceRecords(t) {
		if name == "2011, much and more" {
			continue // what is cut off there is behind the record
		}
		for n := 4; n < len(data); n++ {
			if _, err := DecodeGrey(data[:n], ""); codeOf(err) != CodeUndecodable {
				t.Errorf("%s: %d of %d bytes: %v", name, n, len(data), err)
			}
		}
	}
}

func TestHostileFaceRecords(t *testing.T) {
	jpegData := encoded(t, "image/jpeg", gradient(8, 8))
	nested := faceRecordForm{edition: 2005, pictures: [][]byte{jpegData}}.bytes()
	patched := func(edition, at int, v ...byte) []byte {
		data := faceRecordForm{edition: edition, pictures: [][]byte{jpegData}}.bytes()
		copy(data[at:], v)
		return data
	}
	for name, c := range map[string]hostileFile{
		"another version":        {patched(2005, 4, '0', '2', '0'), CodeFormat},
		"no picture":             {patched(2005, 12, 0, 0), CodeUndecodable},
		"an empty picture":       {faceRecordForm{edition: 2011, pictures: [][]byte{nil}}.bytes(), CodeUndecodable},
		"a length of nothing":    {patched(2005, 8, 0, 0, 0, 0), CodeUndecodable},
		"a length past the end":  {patched(2005, 8, 0xFF, 0xFF, 0xFF, 0xFF), CodeUndecodable},
		"a block of nothing":     {patched(2005, 14, 0, 0, 0, 0), CodeUndecodable},
		"a block of 3 bytes":     {patched(2005, 14, 0, 0, 0, 3), CodeUndecodable},
		"a block past the end":   {patched(2005, 14, 0, 1, 0, 0), CodeUndecodable},
		"65,535 points":          {patched(2005, 18, 0xFF, 0xFF), CodeUndecodable},
		"255 qualities":          {patched(2011, 17+4+14, 0xFF), CodeUndecodable},
		"a picture past the end": {patched(2011, 17+4+15+17+11, 0xFF, 0xFF, 0xFF, 0xFF), CodeUndecodable},
		"JPEG said to be JP2":    {faceRecordForm{edition: 2005, kind: 1, pictures: [][]byte{jpegData}}.bytes(), CodeFormatMismatch},
		"PNG in 2005":            {faceRecordForm{edition: 2005, kind: 3, pictures: [][]byte{encoded(t, "image/png", gradient(8, 8))}}.bytes(), CodeFormat},
		"an unknown picture":     {faceRecordForm{edition: 2011, kind: 200, pictures: [][]byte{jpegData}}.bytes(), CodeFormat},
		"a record in a record":   {faceRecordForm{edition: 2005, pictures: [][]byte{nested}}.bytes(), CodeFormatMismatch},
		"a bomb":                 {faceRecordForm{edition: 2005, pictures: [][]byte{jpegHead(0xC0, 65000, 65000, 3, 100)}}.bytes(), CodeTooLarge},
	} {
		if _, err := DecodeRGB(c.data, ""); codeOf(err) != c.code {
			t.Errorf("%s: got %v, want %s", name, err, c.code)
		}
	}
}

func FuzzFaceRecord(f *testing.F) {
	for _, data := range faceRecords(f) {
		f.Add(data)
	}
	f.Add(faceRecordForm{edition: 2005, kind: 1, pictures: [][]byte{fromBase64(f, j2kLossless)}, points: 2}.bytes())
	fuzz(f, FormatFaceRecord)
}
