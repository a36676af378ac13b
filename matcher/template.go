package matcher

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// Template is one reference or probe in its stored form.
type Template struct {
	Modality Modality
	Model    string   // id of the model that made it; only the same model may compare it
	Position Position // Unknown for faces
	Payload  []byte   // the engine's own format
}

// Binary form, big-endian: magic "BGT1", modality (1), position code (1), length of model id (1), model id,
// length of payload (4), payload, CRC-32C over all before it (4).
const (
	templateMagic = "BGT1"
	// MaxTemplateBytes bounds a template's binary form.
	MaxTemplateBytes = 16 << 10
	maxModelID       = 64
)

var (
	modalityCodes = [...]Modality{1: Finger, 2: Face}
	castagnoli    = crc32.MakeTable(crc32.Castagnoli)
)

// AppendBinary appends the binary form of t to b.
func (t Template) AppendBinary(b []byte) ([]byte, error) {
	modality := modalityCode(t.Modality)
	position, ok := t.Position.Code()
	if modality == 0 || !ok || t.Model == "" || len(t.Model) > maxModelID || len(t.Payload) > MaxTemplateBytes-maxModelID-16 {
		return b, badTemplate("modality %q, position %q, model id of %d bytes or payload of %d bytes is out of range",
			t.Modality, t.Position, len(t.Model), len(t.Payload))
	}
	start := len(b)
	b = append(b, templateMagic...)
	b = append(b, modality, position, byte(len(t.Model)))
	b = append(b, t.Model...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(t.Payload)))
	b = append(b, t.Payload...)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli)), nil
}

// IsTemplate says whether b begins like the binary form of a Template.
func IsTemplate(b []byte) bool {
	return len(b) >= len(templateMagic) && string(b[:len(templateMagic)]) == templateMagic
}

// ParseTemplate reads the binary form of a template. The result's Payload aliases b.
func ParseTemplate(b []byte) (Template, error) {
	const fixed = len(templateMagic) + 3
	switch {
	case !IsTemplate(b):
		return Template{}, badTemplate("no %s header", templateMagic)
	case len(b) > MaxTemplateBytes:
		return Template{}, badTemplate("%d bytes, at most %d are allowed", len(b), MaxTemplateBytes)
	case len(b) < fixed:
		return Template{}, badTemplate("cut off in the header")
	}
	position, ok := PositionOf(b[5])
	if int(b[4]) >= len(modalityCodes) || b[4] == 0 || !ok {
		return Template{}, badTemplate("unknown modality code %d or position code %d", b[4], b[5])
	}
	model := int(b[6])
	if model == 0 || model > maxModelID || len(b) < fixed+model+8 {
		return Template{}, badTemplate("model id of %d bytes does not fit", model)
	}
	rest := b[fixed+model:]
	payload := rest[4 : len(rest)-4]
	if n := binary.BigEndian.Uint32(rest); uint64(n) != uint64(len(payload)) {
		return Template{}, badTemplate("payload says %d bytes, %d are there", n, len(payload))
	}
	if sum := binary.BigEndian.Uint32(b[len(b)-4:]); sum != crc32.Checksum(b[:len(b)-4], castagnoli) {
		return Template{}, badTemplate("checksum does not match")
	}
	return Template{Modality: modalityCodes[b[4]], Model: string(b[fixed : fixed+model]), Position: position, Payload: payload}, nil
}

func modalityCode(m Modality) byte {
	for code, known := range modalityCodes {
		if known == m && m != "" {
			return byte(code)
		}
	}
	return 0
}

func badTemplate(format string, args ...any) error {
	return &Error{Code: CodeBadTemplate, Detail: fmt.Sprintf(format, args...)}
}
