// Package challenge makes one-time nonces with random instructions, and remembers which were used.
//
// A nonce carries what it was issued for under a MAC, and its instruction follows from it and the key. So issuing costs no
// memory, whoever asks however often; only what was used is remembered, and only until it would have expired.
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

// KindNonce is a nonce without an instruction.
const KindNonce = "nonce"

// Kinds are all that can be asked for.
var kinds = []string{KindNonce, matcher.ChallengeColour, matcher.ChallengeHeadTurn}

// Known says whether there are nonces of a kind.
func Known(kind string) bool { return slices.Contains(kinds, kind) }

// Bytes of a nonce: kind (1), milliseconds since 1970 (8), random (16), MAC over all before (16).
const (
	prefix     = "bg1_" // tells our nonces from those of others
	stampBytes = 8
	randBytes  = 16
	macBytes   = 16
	bodyBytes  = 1 + stampBytes + randBytes
)

// ErrInvalid: the nonce looks like one of ours and is none, or has expired.
var ErrInvalid = errors.New("the nonce was not issued here or has expired")

// Issued is a nonce that was issued.
type Issued struct {
	Nonce     string
	Kind      string
	At        time.Time
	Challenge *matcher.Challenge // nil for KindNonce
}

// Expires is when the nonce can no longer be used.
func (i Issued) Expires() time.Time { return i.At.Add(Lifetime) }

// Minter issues nonces and knows them again. It is immutable.
type Minter struct {
	key [32]byte
	now func() time.Time
}

// NewMinter makes a minter with a key of its own: nonces end with the process, as does what is known of their use.
func NewMinter(now func() time.Time) *Minter {
	m := &Minter{now: now}
	rand.Read(m.key[:])
	return m
}

// Issue makes a nonce of a kind that is Known.
func (m *Minter) Issue(kind string) Issued {
	at := m.now().UTC().Truncate(time.Millisecond)
	b := make([]byte, bodyBytes, bodyBytes+macBytes)
	b[0] = byte(slices.Index(kinds, kind))
	binary.BigEndian.PutUint64(b[1:], uint64(at.UnixMilli()))
	rand.Read(b[1+stampBytes:])
	nonce := prefix + base64.RawURLEncoding.EncodeToString(append(b, m.sum("nonce", b)[:macBytes]...))
	return Issued{Nonce: nonce, Kind: kind, At: at, Challenge: m.instruct(kind, b)}
}

// Read returns what a nonce was issued for; ours is false for nonces that others made. The error is ErrInvalid.
func (m *Minter) Read(nonce string) (issued Issued, ours bool, err error) {
	text, ours := strings.CutPrefix(nonce, prefix)
	if !ours {
		return Issued{}, false, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	// Compared with what it decodes to, for decoding passes over line breaks: a used nonce has no other spelling.
	if err != nil || base64.RawURLEncoding.EncodeToString(b) != text {
		return Issued{}, true, ErrInvalid
	}
	if len(b) != bodyBytes+macBytes || !hmac.Equal(m.sum("nonce", b[:bodyBytes])[:macBytes], b[bodyBytes:]) {
		return Issued{}, true, ErrInvalid
	}
	b = b[:bodyBytes]
	issued = Issued{Nonce: nonce, Kind: kinds[b[0]], At: time.UnixMilli(int64(binary.BigEndian.Uint64(b[1:]))).UTC()}
	if now := m.now(); now.Before(issued.At) || !now.Before(issued.Expires()) {
		return Issued{}, true, ErrInvalid
	}
	issued.Challenge = m.instruct(issued.Kind, b)
	return issued, true, nil
}

func (m *Minter) sum(purpose string, b []byte) []byte {
	h := hmac.New(sha256.New, m.key[:])
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
	random := mathrand.New(mathrand.NewChaCha8([32]byte(m.sum("instruction", body))))
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
