// Package stored is the form in which references rest in a store: compact, versioned, and bound to their subject by a
// checksum, so that a damaged or misplaced value is an error and never part of an answer.
package stored

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"biogate/gateway"
	"biogate/matcher"
)

// Limits of one subject's references.
const (
	MaxTemplates = 256     // templates a subject, derived ones included
	MaxBytes     = 4 << 20 // stored form of a subject
	maxText      = 128     // bytes of an id, modality, model or position
	MaxEnvelope  = 512     // bytes
	SealOverhead = 16      // bytes by which a template may be longer when it is sealed
)

// The first byte of the stored form is its format. It is followed by: version, count, and for each template id, modality,
// model, position, quality (1 byte), enrolment as seconds since 1970 (signed) and nanoseconds, data; in formatDerived by the
// count of derived templates, and each of those as a template, the count of what it was made of and their ids; then a CRC-32C
// over the subject and all before it, big-endian. Numbers are varints, texts and data are preceded by their length.
//
// formatDerived is written only where something is derived, so that a build before it reads what it could have written.
//
// formatSealed is that of references in an envelope: it follows the version, preceded by its length; the rest is as in
// formatDerived, also where nothing is derived, and each template's expiry follows its enrolment. Nothing else may rest in a store: adapters use AppendSealed and ParseSealed.
const (
	format        = 1
	formatDerived = 2
	formatSealed  = 3
)

const codeCorrupt = "references-corrupt"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Append appends the stored form of r to b. It fails when r has no version or is over a limit.
func Append(b []byte, r gateway.References) ([]byte, error) {
	if r.Version == 0 {
		return b, errors.New("references without a version cannot be stored")
	}
	if n := len(r.Templates) + len(r.Derived); n > MaxTemplates {
		return b, tooLarge("%d templates for one subject, at most %d are allowed", n, MaxTemplates)
	}
	if len(r.Envelope) > MaxEnvelope {
		return b, tooLarge("an envelope of %d bytes, at most %d are allowed", len(r.Envelope), MaxEnvelope)
	}
	start := len(b)
	b = append(b, formatOf(r))
	b = binary.AppendUvarint(b, r.Version)
	if b[start] == formatSealed {
		b = appendBytes(b, r.Envelope)
	}
	b = binary.AppendUvarint(b, uint64(len(r.Templates)))
	for i := range r.Templates {
		var err error
		if b, err = appendTemplate(b, &r.Templates[i], b[start]); err != nil {
			return b, err
		}
	}
	if b[start] != format {
		var err error
		if b, err = appendDerived(b, r.Derived, b[start]); err != nil {
			return b, err
		}
	}
	if n := len(b) - start + crc32.Size; n > MaxBytes {
		return b, tooLarge("%d bytes for one subject, at most %d are allowed", n, MaxBytes)
	}
	return binary.BigEndian.AppendUint32(b, checksum(r.Subject, b[start:])), nil
}

// AppendSealed is Append for stores: it refuses references that are not in an envelope.
func AppendSealed(b []byte, r gateway.References) ([]byte, error) {
	if len(r.Envelope) == 0 {
		return b, errUnsealed
	}
	return Append(b, r)
}

var errUnsealed = errors.New("references that are not encrypted are not stored")

func formatOf(r gateway.References) byte {
	switch {
	case len(r.Envelope) > 0:
		return formatSealed
	case len(r.Derived) > 0:
		return formatDerived
	}
	return format
}

// maxData is how long a template may be in a format.
func maxData(form byte) int {
	if form == formatSealed {
		return matcher.MaxTemplateBytes + SealOverhead
	}
	return matcher.MaxTemplateBytes
}

func appendDerived(b []byte, derived []gateway.DerivedTemplate, form byte) ([]byte, error) {
	b = binary.AppendUvarint(b, uint64(len(derived)))
	for i := range derived {
		d := &derived[i]
		var err error
		if b, err = appendTemplate(b, &d.StoredTemplate, form); err != nil {
			return b, err
		}
		if len(d.Of) > MaxTemplates {
			return b, tooLarge("a template derived from %d, at most %d are allowed", len(d.Of), MaxTemplates)
		}
		b = binary.AppendUvarint(b, uint64(len(d.Of)))
		for _, id := range d.Of {
			if len(id) > maxText {
				return b, tooLarge("a template's id of %d bytes, at most %d are allowed", len(id), maxText)
			}
			b = appendBytes(b, id)
		}
	}
	return b, nil
}

func appendTemplate(b []byte, t *gateway.StoredTemplate, form byte) ([]byte, error) {
	for _, text := range []string{t.ID, string(t.Modality), t.Model, string(t.Position)} {
		if len(text) > maxText {
			return b, tooLarge("a template's id, modality, model or position of %d bytes, at most %d are allowed", len(text), maxText)
		}
		b = appendBytes(b, text)
	}
	if t.Quality < 0 || t.Quality > 100 {
		return b, fmt.Errorf("quality %d is not within 0..100", t.Quality)
	}
	if limit := maxData(form); len(t.Data) > limit {
		return b, tooLarge("a template of %d bytes, at most %d are allowed", len(t.Data), limit)
	}
	b = append(b, byte(t.Quality))
	b = appendTime(b, t.EnrolledAt)
	if form == formatSealed {
		b = appendTime(b, t.ExpiresAt)
	} else if !t.ExpiresAt.IsZero() {
		return b, errors.New("references that expire cannot be stored without an envelope")
	}
	return appendBytes(b, t.Data), nil
}

func appendTime(b []byte, t time.Time) []byte {
	return binary.AppendUvarint(binary.AppendVarint(b, t.Unix()), uint64(t.Nanosecond()))
}

func appendBytes[T string | []byte](b []byte, s T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// Parse reads the stored form of subject's references. The result shares no memory with b. A value that is damaged,
// belongs to another subject or has an unknown format is an error of Kind Internal that says so.
func Parse(subject string, b []byte) (gateway.References, error) {
	switch {
	case len(b) < 1+crc32.Size || len(b) > MaxBytes:
		return gateway.References{}, corrupt("%d bytes", len(b))
	case b[0] < format || b[0] > formatSealed:
		return gateway.References{}, corrupt("format %d, this build reads formats %d to %d", b[0], format, formatSealed)
	}
	body := b[:len(b)-crc32.Size]
	if binary.BigEndian.Uint32(b[len(body):]) != checksum(subject, body) {
		return gateway.References{}, corrupt("checksum does not match")
	}
	d := decoder{rest: body[1:], form: b[0]}
	r := gateway.References{Subject: subject, Version: d.uvarint()}
	if b[0] == formatSealed {
		if r.Envelope = append(r.Envelope, d.bytes(MaxEnvelope)...); len(r.Envelope) == 0 {
			return gateway.References{}, corrupt("an empty envelope")
		}
	}
	n := d.uvarint()
	if r.Version == 0 || n > MaxTemplates {
		return gateway.References{}, corrupt("version %d with %d templates", r.Version, n)
	}
	for range n {
		r.Templates = append(r.Templates, d.template())
	}
	if b[0] != format {
		r.Derived = d.derived(MaxTemplates - int(n))
	}
	if d.broken || len(d.rest) > 0 {
		return gateway.References{}, corrupt("lengths do not add up")
	}
	return r, nil
}

// ParseSealed is Parse for stores: a value that is not in an envelope was put there by somebody else than the gateway.
func ParseSealed(subject string, b []byte) (gateway.References, error) {
	if len(b) > 0 && b[0] != formatSealed {
		return gateway.References{}, corrupt("format %d, which is not encrypted", b[0])
	}
	return Parse(subject, b)
}

// IsSealed says whether a value that Parse can read is in an envelope.
func IsSealed(b []byte) bool { return len(b) > 0 && b[0] == formatSealed }

// decoder reads from rest and remembers when something did not fit.
type decoder struct {
	rest   []byte
	form   byte
	broken bool
}

func (d *decoder) template() gateway.StoredTemplate {
	t := gateway.StoredTemplate{
		ID:         d.text(),
		Modality:   matcher.Modality(d.text()),
		Model:      d.text(),
		Position:   matcher.Position(d.text()),
		Quality:    d.quality(),
		EnrolledAt: d.time(),
	}
	if d.form == formatSealed {
		t.ExpiresAt = d.time()
	}
	t.Data = append([]byte(nil), d.bytes(maxData(d.form))...)
	return t
}

// derived reads at most limit derived templates.
func (d *decoder) derived(limit int) (out []gateway.DerivedTemplate) {
	for range d.count(limit) {
		out = append(out, gateway.DerivedTemplate{StoredTemplate: d.template(), Of: d.ids()})
	}
	return out
}

func (d *decoder) ids() (out []string) {
	for range d.count(MaxTemplates) {
		out = append(out, d.text())
	}
	return out
}

// count reads how many of something follow, at most limit and never more than there are bytes.
func (d *decoder) count(limit int) int {
	n := d.uvarint()
	if n > uint64(min(limit, len(d.rest))) {
		d.fail()
		return 0
	}
	return int(n)
}

func (d *decoder) text() string { return string(d.bytes(maxText)) }

func (d *decoder) quality() int {
	if len(d.rest) == 0 || d.rest[0] > 100 {
		d.fail()
		return 0
	}
	q := d.rest[0]
	d.rest = d.rest[1:]
	return int(q)
}

func (d *decoder) time() time.Time {
	seconds, n := binary.Varint(d.rest)
	if n <= 0 {
		d.fail()
		return time.Time{}
	}
	d.rest = d.rest[n:]
	nanos := d.uvarint()
	if nanos >= uint64(time.Second) {
		d.fail()
		return time.Time{}
	}
	return time.Unix(seconds, int64(nanos)).UTC()
}

func (d *decoder) bytes(limit int) []byte {
	n := d.uvarint()
	if n > uint64(limit) || n > uint64(len(d.rest)) {
		d.fail()
		return nil
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *decoder) fail() { d.broken, d.rest = true, nil }

func checksum(subject string, body []byte) uint32 {
	return crc32.Update(crc32.Checksum([]byte(subject), castagnoli), castagnoli, body)
}

func tooLarge(format string, args ...any) error {
	return &gateway.Error{Kind: gateway.TooLarge, Code: "references-too-large", Detail: fmt.Sprintf(format, args...)}
}

// IsCorrupt says whether err comes from a value that Parse could not read.
func IsCorrupt(err error) bool {
	var e *gateway.Error
	return errors.As(err, &e) && e.Code == codeCorrupt
}

func corrupt(format string, args ...any) error {
	return &gateway.Error{
		Kind: gateway.Internal, Code: codeCorrupt, Detail: "what is held about the subject cannot be read",
		Cause: fmt.Errorf("stored references: "+format, args...),
	}
}
