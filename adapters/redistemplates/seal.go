package redistemplates

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"

	"biogate/gateway"
	"biogate/gateway/registry/stored"
)

// A value is: magic "BGC1", kind "E" or "T", run (16 hex digits), version (20 decimal digits), MAC (32 bytes), and for
// an entry the stored form of its references. The scripts read all but MAC and body; versions are decimal digits of one
// length because Lua's numbers end at 2^53 and digits sort like numbers.
const (
	magic         = "BGC1"
	kindEntry     = 'E'
	kindTombstone = 'T'
	runSize       = 16
	versionSize   = 20
	headSize      = len(magic) + 1 + runSize
	headerSize    = headSize + versionSize + sha256.Size
	maxValue      = headerSize + stored.MaxBytes // bytes
)

var errUnbelievable = errors.New("redis: not a value of this deployment, subject, generation and run")

// place is what a value is bound to.
type place struct {
	subject    string
	generation uint64
	key        string
	run        string
}

// value is a value that was believed.
type value struct {
	tombstone  bool
	version    uint64
	references gateway.References
}

// sealer makes keys and values that only holders of the deployment's key can make.
type sealer struct {
	prefix           string
	keyKey, valueKey []byte
}

func newSealer(deployment string, key []byte) sealer {
	return sealer{
		prefix:   "biogate:" + deployment + ":g",
		keyKey:   mac(key, "key of "+deployment),
		valueKey: mac(key, "value of "+deployment),
	}
}

// key is subject's key: prefix, generation and 128 bits of HMAC-SHA256.
func (s sealer) key(subject string, generation uint64) string {
	return fmt.Sprintf("%s%d:%s", s.prefix, generation, base64.RawURLEncoding.EncodeToString(mac(s.keyKey, subject)[:16]))
}

// head is how a believable value of kind begins.
func (s sealer) head(at place, kind byte) []byte {
	run := sha256.Sum256([]byte(at.run))
	b := append([]byte(magic), kind)
	return hex.AppendEncode(b, run[:runSize/2])
}

func (s sealer) entry(at place, r gateway.References) ([]byte, error) {
	body, err := stored.AppendSealed(nil, r)
	if err != nil {
		return nil, err
	}
	return s.seal(at, kindEntry, r.Version, body), nil
}

func (s sealer) tombstone(at place, version uint64) []byte {
	return s.seal(at, kindTombstone, version, nil)
}

func (s sealer) seal(at place, kind byte, version uint64, body []byte) []byte {
	b := append(s.head(at, kind), digits(version)...)
	b = append(b, s.sum(at, b, body)...)
	return append(b, body...)
}

// sum binds header and body to subject and generation.
func (s sealer) sum(at place, header, body []byte) []byte {
	h := hmac.New(sha256.New, s.valueKey)
	h.Write(binary.BigEndian.AppendUint64(nil, at.generation))
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(at.subject))))
	h.Write([]byte(at.subject))
	h.Write(header)
	h.Write(body)
	return h.Sum(nil)
}

// open reads a value that must belong to at.
func (s sealer) open(at place, b []byte) (value, error) {
	if len(b) < headerSize || len(b) > maxValue {
		return value{}, errUnbelievable
	}
	kind := b[len(magic)]
	header, sum, body := b[:headSize+versionSize], b[headSize+versionSize:headerSize], b[headerSize:]
	version, ok := parseDigits(header[headSize:])
	if !ok || string(header[:headSize]) != string(s.head(at, kind)) || !hmac.Equal(sum, s.sum(at, header, body)) {
		return value{}, errUnbelievable
	}
	switch kind {
	case kindTombstone:
		return value{tombstone: true, version: version}, nil
	case kindEntry:
		r, err := stored.ParseSealed(at.subject, body)
		if err != nil || r.Version != version {
			return value{}, errUnbelievable
		}
		return value{version: version, references: r}, nil
	default:
		return value{}, errUnbelievable
	}
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func digits(version uint64) string { return fmt.Sprintf("%0*d", versionSize, version) }

func parseDigits(b []byte) (v uint64, ok bool) {
	for _, c := range b {
		next := v*10 + uint64(c-'0')
		if c < '0' || c > '9' || next/10 != v {
			return 0, false
		}
		v = next
	}
	return v, true
}
