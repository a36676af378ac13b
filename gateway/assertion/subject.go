package assertion

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash"
	"sync"

	"biogate/gateway"
)

// subjects turns enrolled ids into what leaves the gateway.
type subjects struct {
	pairwise *keyed // of assertions
	deletion *keyed // of deletion receipts
}

// newSubjects derives one key for each use from the deployment's secret (HKDF, RFC 5869).
func newSubjects(secret []byte) (subjects, error) {
	pairwise, err := hkdf.Key(sha256.New, secret, nil, "biogate pairwise subject v1", sha256.Size)
	if err != nil {
		return subjects{}, fmt.Errorf("assertion: pairwise key: %w", err)
	}
	deletion, err := hkdf.Key(sha256.New, secret, nil, "biogate deleted subject v1", sha256.Size)
	if err != nil {
		return subjects{}, fmt.Errorf("assertion: pairwise key: %w", err)
	}
	return subjects{pairwise: newKeyed(pairwise), deletion: newKeyed(deletion)}, nil
}

// of is the subject that a party sees: the same for every assertion about one person in one sector (OpenID Connect Core 1.0,
// section 8.1), different and not linkable between sectors. Without a word of the operator an audience is its own sector.
func (s subjects) of(p gateway.Party, subject string) string {
	if p.PlainSubject {
		return subject
	}
	return s.pairwise.of(p.SectorName(), subject)
}

// deleted is the subject of a deletion receipt.
func (s subjects) deleted(subject string) string { return s.deletion.of("", subject) }

// keyed is HMAC-SHA256 under one key. Preparing it for a key costs more than using it: those that are prepared are used again.
type keyed struct{ prepared sync.Pool }

func newKeyed(key []byte) *keyed {
	return &keyed{sync.Pool{New: func() any { return hmac.New(sha256.New, key) }}}
}

// of is the code of the length of sector (4 bytes, big-endian), sector and subject: no two pairs of sector and subject make the
// same input.
func (k *keyed) of(sector, subject string) string {
	input := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(sector)+len(subject)), uint32(len(sector)))
	input = append(input, sector...)
	input = append(input, subject...)
	mac := k.prepared.Get().(hash.Hash)
	defer k.prepared.Put(mac)
	mac.Reset()
	mac.Write(input)
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
