// Package vault keeps templates encrypted wherever they rest. It stands above the registry, so that record, cache and network
// see ciphertext alone, and nothing else of the gateway sees any.
//
// A record's templates are encrypted under a data key of their own, 32 random bytes made anew at every change, with AES-256-GCM;
// the data key is encrypted ("wrapped") by a key-encryption key, whose id stands beside it. The wrapping is bound to a digest of
// the subject and of all that the record says about its templates: who moves a record to another subject, drops, adds, reorders,
// relabels or exchanges templates makes a record that does not open. One that does not open is damage, never "not enrolled".
package vault

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"biogate/gateway"
)

// Keys are the key-encryption keys of a deployment. They are safe for concurrent use.
type Keys interface {
	// Wrap encrypts a data key under the primary key, bound to context, and says which key that is.
	Wrap(dataKey, context []byte) (id uint32, wrapped []byte, err error)
	// Unwrap gives a data key back to who knows its context. The caller zeroes it.
	Unwrap(id uint32, wrapped, context []byte) (dataKey []byte, err error)
	// Primary is the key that Wrap uses now.
	Primary() uint32
}

// An envelope is: format (1 byte), id of the key-encryption key (4, big-endian), wrapped data key.
const (
	envelopeFormat = 1
	envelopeHead   = 5
	dataKeySize    = 32 // bytes: AES-256
	overhead       = 16 // bytes of a GCM tag
)

// Sealer encrypts and decrypts the templates of records.
type Sealer struct {
	keys     Keys
	unopened atomic.Uint64
}

// NewSealer makes a sealer that wraps data keys with keys.
func NewSealer(keys Keys) *Sealer { return &Sealer{keys: keys} }

// Unopened counts what OrSubject or a follower showed without templates, because it did not open.
func (s *Sealer) Unopened() uint64 { return s.unopened.Load() }

// Seal returns r with every template encrypted. r stays as it is.
func (s *Sealer) Seal(r gateway.References) (gateway.References, error) {
	if len(r.Envelope) > 0 {
		return gateway.References{}, errors.New("vault: what is sealed is not sealed again")
	}
	bound := digest(r)
	key := make([]byte, dataKeySize)
	defer clear(key)
	rand.Read(key) // never fails (crypto/rand)
	id, wrapped, err := s.keys.Wrap(key, bound)
	if err != nil {
		return gateway.References{}, fmt.Errorf("vault: %w", err)
	}
	gcm, err := newGCM(key)
	if err != nil {
		return gateway.References{}, fmt.Errorf("vault: %w", err)
	}
	r.Envelope = append(binary.BigEndian.AppendUint32([]byte{envelopeFormat}, id), wrapped...)
	err = each(&r, func(nonce, data []byte, room []byte) ([]byte, error) { return gcm.Seal(room, nonce, data, bound), nil }, overhead)
	return r, err
}

// Open returns r with every template decrypted and without its envelope. r stays as it is. What cannot be opened, or was never
// sealed, is an error of Kind Internal.
func (s *Sealer) Open(r gateway.References) (gateway.References, error) {
	id, wrapped, ok := parse(r.Envelope)
	if !ok {
		return gateway.References{}, damaged(errors.New("no envelope that this build reads"))
	}
	bound := digest(r)
	key, err := s.keys.Unwrap(id, wrapped, bound)
	if err != nil {
		return gateway.References{}, damaged(err)
	}
	defer clear(key)
	gcm, err := newGCM(key)
	if err != nil {
		return gateway.References{}, damaged(err)
	}
	r.Envelope = nil
	if err := each(&r, func(nonce, data, room []byte) ([]byte, error) { return gcm.Open(room, nonce, data, bound) }, 0); err != nil {
		return gateway.References{}, damaged(err)
	}
	return r, nil
}

// KeyOf is the key-encryption key that r was sealed with; ok is false when it has no envelope.
func KeyOf(r gateway.References) (id uint32, ok bool) {
	id, _, ok = parse(r.Envelope)
	return id, ok
}

func parse(envelope []byte) (id uint32, wrapped []byte, ok bool) {
	if len(envelope) <= envelopeHead || envelope[0] != envelopeFormat {
		return 0, nil, false
	}
	return binary.BigEndian.Uint32(envelope[1:]), envelope[envelopeHead:], true
}

func newGCM(key []byte) (cipher.AEAD, error) {
	if len(key) != dataKeySize {
		return nil, fmt.Errorf("a data key of %d bytes", len(key))
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// each replaces every template of r by what f appends to room. A template's nonce is its place in the record: a data key encrypts
// one record once, so no nonce comes twice under it, and a template opens at its own place alone.
func each(r *gateway.References, f func(nonce, data, room []byte) ([]byte, error), more int) error {
	r.Templates, r.Derived = slices.Clone(r.Templates), slices.Clone(r.Derived)
	size := 0
	for t := range templates(r) {
		size += len(t.Data) + more
	}
	room := make([]byte, 0, size) // one for all
	nonce := make([]byte, 12)
	var at uint64
	for t := range templates(r) {
		binary.BigEndian.PutUint64(nonce[4:], at)
		out, err := f(nonce, t.Data, room)
		if err != nil {
			return err
		}
		t.Data, room = out[:len(out):len(out)], out[len(out):]
		at++
	}
	return nil
}

// templates are all of r, those enrolled first.
func templates(r *gateway.References) func(yield func(*gateway.StoredTemplate) bool) {
	return func(yield func(*gateway.StoredTemplate) bool) {
		for i := range r.Templates {
			if !yield(&r.Templates[i]) {
				return
			}
		}
		for i := range r.Derived {
			if !yield(&r.Derived[i].StoredTemplate) {
				return
			}
		}
	}
}

// digest is SHA-256 over all that is held in clear: subject, and of every template all but its data. Texts and lists are preceded
// by their length, so that no two records have one digest. The version is not in it: the registry gives it after sealing.
func digest(r gateway.References) []byte {
	b := make([]byte, 0, 512)
	b = appendText(b, "biogate references 1")
	b = appendText(b, r.Subject)
	b = binary.AppendUvarint(b, uint64(len(r.Templates)))
	for i := range r.Templates {
		b = appendMeta(b, &r.Templates[i])
	}
	b = binary.AppendUvarint(b, uint64(len(r.Derived)))
	for i := range r.Derived {
		b = appendMeta(b, &r.Derived[i].StoredTemplate)
		b = binary.AppendUvarint(b, uint64(len(r.Derived[i].Of)))
		for _, id := range r.Derived[i].Of {
			b = appendText(b, id)
		}
	}
	sum := sha256.Sum256(b)
	return sum[:]
}

func appendMeta(b []byte, t *gateway.StoredTemplate) []byte {
	b = appendText(b, t.ID)
	b = appendText(b, t.Modality)
	b = appendText(b, t.Model)
	b = appendText(b, t.Position)
	b = binary.AppendVarint(b, int64(t.Quality))
	return appendTime(appendTime(b, t.EnrolledAt), t.ExpiresAt)
}

func appendTime(b []byte, t time.Time) []byte {
	return binary.AppendUvarint(binary.AppendVarint(b, t.Unix()), uint64(t.Nanosecond()))
}

func appendText[T ~string](b []byte, text T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

// codeDamaged is that of a value whose checksum is wrong, too.
const codeDamaged = "references-corrupt"

// damaged says to clients what a damaged value says: nothing about why.
func damaged(cause error) error {
	return &gateway.Error{
		Kind: gateway.Internal, Code: codeDamaged, Detail: "what is held about the subject cannot be read",
		Cause: fmt.Errorf("vault: %w", cause),
	}
}
