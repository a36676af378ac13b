package audit

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"biogate/gateway"
)

// MaxLine bounds a line in bytes, without its line feed. An entry has about 400.
const MaxLine = 64 << 10

// ErrLine: a line is not in the form that the trail has.
var ErrLine = errors.New("not a line of an audit trail")

// Hash is the SHA-256 of a line, without its line feed. The line before the first has the zero Hash.
type Hash [sha256.Size]byte

func (h Hash) String() string { return base64.RawURLEncoding.EncodeToString(h[:]) }

// HashOf is the hash of a line.
func HashOf(line []byte) Hash { return sha256.Sum256(line) }

// Line is one line of a trail, read. Of Checkpoint and the fields from At on, one or the other are there.
type Line struct {
	Seq        uint64   `json:"seq"`
	Checkpoint string   `json:"checkpoint,omitempty"` // compact JWS
	At         string   `json:"at,omitempty"`         // RFC 3339, UTC
	Action     string   `json:"action,omitempty"`
	Outcome    string   `json:"outcome,omitempty"`
	Trace      string   `json:"trace,omitempty"`
	Device     string   `json:"device,omitempty"`
	Audience   string   `json:"audience,omitempty"`
	Subject    string   `json:"subject,omitempty"` // keyed hash, see Subjects
	Gallery    string   `json:"gallery,omitempty"`
	FMR        float64  `json:"fmr,omitempty"`
	Assertion  string   `json:"assertion,omitempty"`
	Count      int      `json:"count,omitempty"`
	Reasons    []string `json:"reasons,omitempty"`
	Degraded   []string `json:"degraded,omitempty"`
	Prev       string   `json:"prev"` // hash of the line before
}

// Subjects turns enrolled ids into what stands in a trail. It is safe for concurrent use.
type Subjects struct{ macs *sync.Pool }

// keyed is an HMAC with room for what goes in and comes out.
type keyed struct {
	hash.Hash
	room []byte
}

// NewSubjects takes the deployment's secret for audit trails, at least 32 bytes. Without it nobody can tell whose an entry is.
func NewSubjects(key []byte) (Subjects, error) {
	if len(key) < sha256.Size {
		return Subjects{}, fmt.Errorf("audit: the key of subjects has %d bytes, at least %d are needed", len(key), sha256.Size)
	}
	key = bytes.Clone(key)
	return Subjects{&sync.Pool{New: func() any { return &keyed{Hash: hmac.New(sha256.New, key)} }}}, nil
}

// Of is HMAC-SHA-256 of an enrolled id, base64url; empty for none.
func (s Subjects) Of(subject string) string {
	if subject == "" {
		return ""
	}
	mac := s.macs.Get().(*keyed)
	defer s.macs.Put(mac)
	mac.Reset()
	mac.room = append(append(mac.room[:0], "biogate audit subject v1:"...), subject...)
	_, _ = mac.Write(mac.room)
	clear(mac.room) // no id rests here
	mac.room = mac.Sum(mac.room[:0])
	var text [2 * sha256.Size]byte
	return string(base64.RawURLEncoding.AppendEncode(text[:0], mac.room))
}

// AppendBody appends the middle of e's line: what stands between the number and the hash before it, which only the writer
// of the trail knows.
func AppendBody(dst []byte, e gateway.AuditEvent, s Subjects) ([]byte, error) {
	if math.IsNaN(e.FMR) || math.IsInf(e.FMR, 0) {
		return dst, errors.New("audit: a rate that is no number")
	}
	l := Line{
		At: e.At.UTC().Format(time.RFC3339Nano), Action: e.Action, Outcome: e.Outcome, Trace: e.Trace, Device: e.Device,
		Audience: e.Audience, Subject: s.Of(e.Subject), Gallery: e.Gallery, FMR: e.FMR, Assertion: e.Assertion, Count: e.Count,
		Reasons: e.Reasons, Degraded: e.Degraded,
	}
	start := len(dst)
	dst = l.appendBody(dst)
	if n := len(dst) - start; n > MaxLine-128 {
		return dst[:start], fmt.Errorf("audit: an entry of %d bytes, at most %d are kept", n, MaxLine-128)
	}
	return dst, nil
}

func (l Line) appendBody(dst []byte) []byte {
	dst = appendField(dst, "checkpoint", l.Checkpoint)
	dst = appendField(dst, "at", l.At)
	dst = appendField(dst, "action", l.Action)
	dst = appendField(dst, "outcome", l.Outcome)
	dst = appendField(dst, "trace", l.Trace)
	dst = appendField(dst, "device", l.Device)
	dst = appendField(dst, "audience", l.Audience)
	dst = appendField(dst, "subject", l.Subject)
	dst = appendField(dst, "gallery", l.Gallery)
	if l.FMR != 0 {
		dst = strconv.AppendFloat(append(dst, `,"fmr":`...), l.FMR, 'g', -1, 64)
	}
	dst = appendField(dst, "assertion", l.Assertion)
	if l.Count != 0 {
		dst = strconv.AppendInt(append(dst, `,"count":`...), int64(l.Count), 10)
	}
	dst = appendList(dst, "reasons", l.Reasons)
	return appendList(dst, "degraded", l.Degraded)
}

// AppendLine appends a line, without its line feed, whose middle is body.
func AppendLine(dst []byte, seq uint64, body []byte, prev Hash) []byte {
	dst = strconv.AppendUint(append(dst, `{"seq":`...), seq, 10)
	dst = append(dst, body...)
	dst = append(dst, `,"prev":"`...)
	dst = base64.RawURLEncoding.AppendEncode(dst, prev[:])
	return append(dst, `"}`...)
}

// ParseLine reads a line without its line feed. There is one way to write a line: another spelling of the same is refused.
func ParseLine(text []byte) (Line, error) {
	var l Line
	if len(text) > MaxLine {
		return l, fmt.Errorf("%w: %d bytes, at most %d are read", ErrLine, len(text), MaxLine)
	}
	if err := json.Unmarshal(text, &l); err != nil {
		return Line{}, fmt.Errorf("%w: no JSON of its form", ErrLine)
	}
	prev, err := l.prev()
	if err != nil || !bytes.Equal(AppendLine(nil, l.Seq, l.appendBody(nil), prev), text) {
		return Line{}, fmt.Errorf("%w: not in canonical form", ErrLine)
	}
	if at, err := time.Parse(time.RFC3339Nano, l.At); l.Checkpoint == "" && (err != nil || at.UTC().Format(time.RFC3339Nano) != l.At || l.Action == "") {
		return Line{}, fmt.Errorf("%w: neither an entry nor a checkpoint", ErrLine)
	}
	if l.Checkpoint != "" && l.At+l.Action != "" {
		return Line{}, fmt.Errorf("%w: an entry and a checkpoint", ErrLine)
	}
	return l, nil
}

func (l Line) prev() (h Hash, err error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(l.Prev)
	if err != nil || len(raw) != len(h) {
		return h, ErrLine
	}
	return Hash(raw), nil
}

func appendField(dst []byte, name, value string) []byte {
	if value == "" {
		return dst
	}
	return appendString(appendName(dst, name), value)
}

func appendName(dst []byte, name string) []byte {
	dst = append(dst, ',', '"')
	dst = append(dst, name...)
	return append(dst, '"', ':')
}

func appendList(dst []byte, name string, values []string) []byte {
	if len(values) == 0 {
		return dst
	}
	dst = append(appendName(dst, name), '[')
	for i, v := range values {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, v)
	}
	return append(dst, ']')
}

// appendString escapes what JSON (RFC 8259, section 7) demands, and makes UTF-8 of what is none.
func appendString(dst []byte, s string) []byte {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	plain := 0 // where what needs no escape begins
	for i := range len(s) {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[plain:i]...)
		if plain = i + 1; c >= 0x20 {
			dst = append(dst, '\\', c)
		} else {
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return append(append(dst, s[plain:]...), '"')
}
