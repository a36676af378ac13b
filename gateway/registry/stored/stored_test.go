package stored

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"biogate/gateway"
	"biogate/matcher"
)

func sample() gateway.References {
	return gateway.References{Subject: "subject-1", Version: 1_750_000_000_000_000, Templates: []gateway.StoredTemplate{
		{
			ID: "t1", Modality: matcher.Finger, Model: "minutiae-1", Position: "right-index", Quality: 71,
			EnrolledAt: time.Date(2026, 3, 4, 5, 6, 7, 89, time.UTC), Data: []byte("first template"),
		},
		{ID: "t2", Modality: matcher.Face, Model: "face-1", Quality: 100, Data: bytes.Repeat([]byte{7}, 900)},
	}}
}

// withDerived is sample with references that were made of its templates.
func withDerived() gateway.References {
	r := sample()
	r.Derived = []gateway.DerivedTemplate{
		{StoredTemplate: gateway.StoredTemplate{ID: "d1", Modality: matcher.Finger, Model: "minutiae-1", Position: "right-index", Quality: 71, EnrolledAt: time.Unix(9, 0).UTC(), Data: []byte("a mosaic")}, Of: []string{"t1", "t2"}},
		{StoredTemplate: gateway.StoredTemplate{ID: "d2", Modality: matcher.Face, Model: "face-1", EnrolledAt: time.Unix(8, 0).UTC(), Data: []byte("of nothing")}},
	}
	return r
}

// What was written before there were derived templates is read, and what has none is still written so.
func TestFormatOne(t *testing.T) {
	const written = "0107010274310666696e676572016d0a6c6566742d7468756d623206040464617461edb48667"
	want := gateway.References{Subject: "s", Version: 7, Templates: []gateway.StoredTemplate{{
		ID: "t1", Modality: matcher.Finger, Model: "m", Position: "left-thumb", Quality: 50, EnrolledAt: time.Unix(3, 4).UTC(), Data: []byte("data"),
	}}}
	b, err := hex.DecodeString(written)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Parse("s", b); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("read %+v, %v", got, err)
	}
	if again, err := Append(nil, want); err != nil || !bytes.Equal(again, b) {
		t.Errorf("written %x, %v", again, err)
	}
}

func TestRoundTrip(t *testing.T) {
	for _, want := range []gateway.References{sample(), withDerived(), {Subject: "empty", Version: 1}} {
		b, err := Append([]byte("before"), want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Parse(want.Subject, b[len("before"):])
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

func TestParseSharesNoMemory(t *testing.T) {
	b, _ := Append(nil, withDerived())
	got, err := Parse("subject-1", b)
	if err != nil {
		t.Fatal(err)
	}
	clear(b)
	if !reflect.DeepEqual(got, withDerived()) {
		t.Error("references changed with the bytes that they were read from")
	}
}

func TestEveryDamageIsNoticed(t *testing.T) {
	b, _ := Append(nil, withDerived())
	for i := range b {
		damaged := bytes.Clone(b)
		damaged[i] ^= 0x40
		assertCorrupt(t, "subject-1", damaged)
		assertCorrupt(t, "subject-1", b[:i])
	}
	assertCorrupt(t, "subject-2", b)
	assertCorrupt(t, "subject-1", append(bytes.Clone(b), 0))
}

// Lengths that lie, under a checksum that is right.
func TestLyingLengths(t *testing.T) {
	for _, body := range [][]byte{
		{format},
		{format, 0, 0},
		{format, 1, 1},
		{format, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1},
		{format, 1, 1, 0xff, 0xff, 0x03},
		{format, 1, 1, 0, 0, 0, 0, 101, 0, 0, 0},
		{format, 1, 1, 0, 0, 0, 0, 50, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0},
		{format, 1, 1, 0, 0, 0, 0, 50, 0, 0, 9},
		{format, 1, 0, 7},
		{formatDerived, 1, 0},
		{formatDerived, 1, 0, 1},
		{formatDerived, 1, 0, 0xff, 0xff, 0x03},
		{formatDerived, 1, 0, 1, 0, 0, 0, 0, 50, 0, 0, 0},
		{formatDerived, 1, 0, 1, 0, 0, 0, 0, 50, 0, 0, 0, 2, 0},
		{formatDerived, 1, 0, 1, 0, 0, 0, 0, 50, 0, 0, 0, 0xff, 0xff, 0x03},
		{formatDerived, 1, 0, 0, 7},
		{formatDerived + 1, 1, 0, 0},
	} {
		assertCorrupt(t, "s", binary.BigEndian.AppendUint32(body, checksum("s", body)))
	}
}

func assertCorrupt(t *testing.T, subject string, b []byte) {
	t.Helper()
	r, err := Parse(subject, b)
	var e *gateway.Error
	if !errors.As(err, &e) || e.Code != "references-corrupt" || e.Kind != gateway.Internal {
		t.Errorf("Parse(%x) = %v, want references-corrupt", b[:min(len(b), 40)], err)
	}
	if !reflect.DeepEqual(r, gateway.References{}) {
		t.Error("a damaged value was answered in part")
	}
}

func TestAppendRefuses(t *testing.T) {
	change := func(f func(*gateway.References)) gateway.References { r := withDerived(); f(&r); return r }
	for name, r := range map[string]gateway.References{
		"no version":       change(func(r *gateway.References) { r.Version = 0 }),
		"long id":          change(func(r *gateway.References) { r.Templates[0].ID = strings.Repeat("x", maxText+1) }),
		"quality":          change(func(r *gateway.References) { r.Templates[0].Quality = 101 }),
		"template too big": change(func(r *gateway.References) { r.Templates[0].Data = make([]byte, matcher.MaxTemplateBytes+1) }),
		"too many":         change(func(r *gateway.References) { r.Templates = make([]gateway.StoredTemplate, MaxTemplates+1) }),
		"too many in all":  change(func(r *gateway.References) { r.Templates = make([]gateway.StoredTemplate, MaxTemplates-1) }),
		"derived too big":  change(func(r *gateway.References) { r.Derived[0].Data = make([]byte, matcher.MaxTemplateBytes+1) }),
		"long source":      change(func(r *gateway.References) { r.Derived[0].Of[0] = strings.Repeat("x", maxText+1) }),
		"of too many":      change(func(r *gateway.References) { r.Derived[0].Of = make([]string, MaxTemplates+1) }),
	} {
		if _, err := Append(nil, r); err == nil {
			t.Errorf("%s: stored", name)
		}
	}
}

func FuzzParse(f *testing.F) {
	b, _ := Append(nil, sample())
	f.Add(b[:len(b)-4])
	b, _ = Append(nil, withDerived())
	f.Add(b[:len(b)-4])
	f.Add([]byte{format, 1, 1, 0, 0, 0, 0, 50, 0, 0, 9})
	f.Fuzz(func(t *testing.T, body []byte) {
		_, _ = Parse("subject-1", body)
		r, err := Parse("subject-1", binary.BigEndian.AppendUint32(bytes.Clone(body), checksum("subject-1", body)))
		if err != nil {
			return
		}
		again, err := Append(nil, r)
		if err != nil {
			t.Fatalf("read, but cannot be written: %v", err)
		}
		if back, err := Parse("subject-1", again); err != nil || !reflect.DeepEqual(back, r) {
			t.Fatalf("changed on the way: %+v %v", back, err)
		}
	})
}
