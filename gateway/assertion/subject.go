package assertion

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
)

// subjects turns enrolled ids into what leaves the gateway.
type subjects struct {
	pairwise []byte // key of assertions' subjects
	deletion []byte // key of deletion receipts' subjects
	plain    []string
}

// newSubjects derives one key for each use from the deployment's secret (HKDF, RFC 5869).
func newSubjects(secret []byte, plain []string) (subjects, error) {
	pairwise, err := hkdf.Key(sha256.New, secret, nil, "biogate pairwise subject v1", sha256.Size)
	if err != nil {
		return subjects{}, fmt.Errorf("assertion: pairwise key: %w", err)
	}
	deletion, err := hkdf.Key(sha256.New, secret, nil, "biogate deleted subject v1", sha256.Size)
	if err != nil {
		return subjects{}, fmt.Errorf("assertion: pairwise key: %w", err)
	}
	return subjects{pairwise: pairwise, deletion: deletion, plain: slices.Clone(plain)}, nil
}

// of is the subject that an audience sees: the same for every assertion about one person, different and not linkable
// between audiences. The audience is the sector of OpenID Connect Core 1.0, section 8.1.
func (s subjects) of(audience, subject string) string {
	if slices.Contains(s.plain, audience) {
		return subject
	}
	return keyed(s.pairwise, audience, subject)
}

// deleted is the subject of a deletion receipt.
func (s subjects) deleted(subject string) string { return keyed(s.deletion, "", subject) }

// keyed is HMAC-SHA256 over the length of sector (4 bytes, big-endian), sector and subject: no two pairs of sector and
// subject make the same input.
func keyed(key []byte, sector, subject string) string {
	input := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(sector)+len(subject)), uint32(len(sector)))
	input = append(input, sector...)
	input = append(input, subject...)
	mac := hmac.New(sha256.New, key)
	mac.Write(input)
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
