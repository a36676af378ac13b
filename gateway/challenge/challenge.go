// Package challenge makes one-time nonces with random instructions, and remembers which were used.
//
// A nonce carries its kind and time under a MAC that also covers whom it was issued to and what for, and its instruction follows
// from it and the key. So issuing costs no memory, whoever asks however often; only what was used is remembered, and only until
// it would have expired. No nonce names anybody.
package challenge

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"time"

	"biogate/matcher"
)

// Lifetime of a nonce. An instruction takes at most 7 s of it.
const Lifetime = 60 * time.Second

// skew is how far the clock of the node that issued a shared nonce may be ahead of ours.
const skew = 2 * time.Second

// KindNonce is a nonce without an instruction.
const KindNonce = "nonce"

// Kinds are all that can be asked for.
var kinds = []string{KindNonce, matcher.ChallengeColour, matcher.ChallengeHeadTurn}

// Known says whether there are nonces of a kind.
func Known(kind string) bool { return slices.Contains(kinds, kind) }

// Bytes of a nonce: kind and flags (1), milliseconds since 1970 (8), random (16), MAC (16).
const (
	prefix     = "bg1_" // tells our nonces from those of others
	stampBytes = 8
	randBytes  = 16
	macBytes   = 16
	bodyBytes  = 1 + stampBytes + randBytes
)

// The first byte: what the nonce is bound to beside the device, and whose key it is under.
const (
	kindMask    = 0x0f
	forAudience = 0x10
	forSubject  = 0x20
	forGallery  = 0x40
	isShared    = 0x80
)

// ErrInvalid: the nonce looks like one of ours and is none, was issued to somebody else or for something else, or has expired.
var ErrInvalid = errors.New("the nonce was not issued here for this, or has expired")

// Binding is whom a nonce is issued to and what for. Where Audience, Subject or Gallery is empty, the nonce serves for any;
// Device, empty for nobody in particular, is always that of the request.
type Binding struct {
	Device, Audience, Subject, Gallery string
}

// Issued is a nonce that was issued.
type Issued struct {
	Nonce     string
	Kind      string
	At        time.Time
	Shared    bool               // any node of the deployment takes it; else only the process that issued it
	Challenge *matcher.Challenge // nil for KindNonce
}

// Expires is when the nonce can no longer be used.
func (i Issued) Expires() time.Time { return i.At.Add(Lifetime) }

// Minter issues nonces and knows them again. It is immutable.
//
// It has two keys: one that all nodes of a deployment hold, and one that ends with the process. Nonces under the second are worth
// nothing at another node and after a restart, so that the memory of this process is enough to take each once.
type Minter struct {
	shared []byte
	own    [32]byte
	now    func() time.Time
}

// NewMinter makes a minter. shared is the deployment's key, at least 32 random bytes; nil when there is no other node.
func NewMinter(shared []byte, now func() time.Time) *Minter {
	m := &Minter{shared: slices.Clone(shared), now: now}
	rand.Read(m.own[:])
	return m
}

// Issue makes a nonce of a kind that is Known; a shared one only when there is a key for it.
func (m *Minter) Issue(kind string, to Binding, shared bool) Issued {
	i := Issued{Kind: kind, At: m.now().UTC().Truncate(time.Millisecond), Shared: shared && m.shared != nil}
	b := make([]byte, bodyBytes, bodyBytes+macBytes)
	b[0] = byte(slices.Index(kinds, kind)) | to.flags()
	if i.Shared {
		b[0] |= isShared
	}
	binary.BigEndian.PutUint64(b[1:], uint64(i.At.UnixMilli()))
	rand.Read(b[1+stampBytes:])
	i.Challenge = m.instruct(kind, b)
	i.Nonce = prefix + base64.RawURLEncoding.EncodeToString(append(b, m.mac(b, to)...))
	return i
}

// Ours says whether a nonce looks like one of ours. Read says whether it is.
func Ours(nonce string) bool { return strings.HasPrefix(nonce, prefix) }

// Read returns what a nonce was issued for; ours is false for nonces that others made. by is who brings it, and for what. The
// error is ErrInvalid.
func (m *Minter) Read(nonce string, by Binding) (issued Issued, ours bool, err error) {
	text, ours := strings.CutPrefix(nonce, prefix)
	if !ours {
		return Issued{}, false, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	// Compared with what it decodes to, for decoding passes over line breaks: a used nonce has no other spelling.
	if err != nil || base64.RawURLEncoding.EncodeToString(b) != text || len(b) != bodyBytes+macBytes {
		return Issued{}, true, ErrInvalid
	}
	b, mac := b[:bodyBytes], b[bodyBytes:]
	issued = Issued{Nonce: nonce, At: time.UnixMilli(int64(binary.BigEndian.Uint64(b[1:]))).UTC(), Shared: b[0]&isShared != 0}
	kind := int(b[0] & kindMask)
	if issued.Shared && m.shared == nil || !hmac.Equal(m.mac(b, by), mac) || kind >= len(kinds) || !m.current(issued) {
		return Issued{}, true, ErrInvalid
	}
	issued.Kind = kinds[kind]
	issued.Challenge = m.instruct(issued.Kind, b)
	return issued, true, nil
}

// current: neither expired nor from the future.
func (m *Minter) current(i Issued) bool {
	now, ahead := m.now(), time.Duration(0)
	if i.Shared {
		ahead = skew
	}
	return !now.Before(i.At.Add(-ahead)) && now.Before(i.Expires())
}

func (b Binding) flags() (f byte) {
	for _, field := range b.fields() {
		if field.value != "" {
			f |= field.flag
		}
	}
	return f
}

type boundField struct {
	flag  byte
	value string
}

func (b Binding) fields() [3]boundField {
	return [3]boundField{{forAudience, b.Audience}, {forSubject, b.Subject}, {forGallery, b.Gallery}}
}

// mac covers body, the device, and those fields of a binding that the body says it is bound to; each with its length, so that
// nothing slips from one into the next.
func (m *Minter) mac(body []byte, to Binding) []byte {
	bound := append(make([]byte, 0, 256), body...)
	bound = appendSized(bound, to.Device)
	for _, field := range to.fields() {
		if body[0]&field.flag != 0 {
			bound = appendSized(bound, field.value)
		}
	}
	return m.sum("nonce", body, bound)[:macBytes]
}

func appendSized(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
}

// sum is under the key that body names.
func (m *Minter) sum(purpose string, body, b []byte) []byte {
	key := m.own[:]
	if body[0]&isShared != 0 {
		key = m.shared
	}
	h := hmac.New(sha256.New, key)
	h.Write([]byte(purpose))
	h.Write(b)
	return h.Sum(nil)
}

// Instructions. The person needs time to turn the head and the screen to change its colour; the camera takes several frames
// a step. A colour challenge is one of 324, a head-turn one of 34.
const (
	colours    = 5
	colourStep = 600 * time.Millisecond
	turns      = 3
	aheadStep  = time.Second
	turnStep   = 2 * time.Second
)

// instruct derives the instruction of a nonce.
func (m *Minter) instruct(kind string, body []byte) *matcher.Challenge {
	random := mathrand.New(mathrand.NewChaCha8([32]byte(m.sum("instruction", body, body)))) // #nosec G404 -- keyed: every node derives the same
	c := &matcher.Challenge{Kind: kind}
	switch kind {
	case matcher.ChallengeColour:
		c.Steps = extend(nil, random, []string{"red", "green", "blue", "white"}, colours, colourStep)
	case matcher.ChallengeHeadTurn:
		// Nodding alone shows too little of a head's relief: a picture held close looks up and down as well.
		for !slices.ContainsFunc(c.Steps, func(s matcher.ChallengeStep) bool { return s.Value == "left" || s.Value == "right" }) {
			c.Steps = extend([]matcher.ChallengeStep{{Value: "ahead", To: aheadStep}}, random, []string{"left", "right", "up", "down"}, turns, turnStep)
		}
	default:
		return nil
	}
	return c
}

// extend appends n steps, each with another value than the one before.
func extend(steps []matcher.ChallengeStep, random *mathrand.Rand, values []string, n int, each time.Duration) []matcher.ChallengeStep {
	var from time.Duration
	last := ""
	if len(steps) > 0 {
		from, last = steps[len(steps)-1].To, steps[len(steps)-1].Value
	}
	for range n {
		allowed := slices.DeleteFunc(slices.Clone(values), func(v string) bool { return v == last })
		last = allowed[random.IntN(len(allowed))]
		steps = append(steps, matcher.ChallengeStep{Value: last, From: from, To: from + each})
		from += each
	}
	return steps
}
