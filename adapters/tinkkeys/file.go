package tinkkeys

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"

	"biogate/internal/durable"
)

const (
	keysFile = "template-keys.json"
	lockFile = "template-keys.lock"
	tempGlob = ".template-keys-*.tmp"
	// maxBytes bounds what is read and written; a key has about 400 bytes.
	maxBytes = 1 << 20
	version  = 1
)

// document is the JSON form of the file.
type document struct {
	Version int `json:"version"`
	// Development marks keys that a first start in development mode made.
	Development bool            `json:"development,omitempty"`
	Keys        []note          `json:"keys"`   // of every key in Keyset, oldest first
	Keyset      json.RawMessage `json:"keyset"` // Tink's JSON form, in clear
}

// note is what is known of a key beside what Tink keeps.
type note struct {
	ID          uint32    `json:"id"`
	CreatedAt   time.Time `json:"created_at"`
	UnusedSince time.Time `json:"unused_since,omitzero"` // no record needs it, as a running gateway found; zero: not known
}

// ring is the content of the file.
type ring struct {
	development bool
	notes       []note
	handle      *keyset.Handle // nil: no keys yet
}

// parse reads the JSON form. Its errors quote nothing of the text, which is secret.
func parse(text []byte) (ring, error) {
	var d document
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&d); err != nil {
		return ring{}, errors.New("it is not one JSON document of the form of template keys")
	}
	if _, err := dec.Token(); err != io.EOF {
		return ring{}, errors.New("it is more than one JSON document")
	}
	if d.Version != version {
		return ring{}, fmt.Errorf("it has version %d, this build reads %d", d.Version, version)
	}
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(d.Keyset)))
	clear(d.Keyset)
	if err != nil {
		return ring{}, errors.New("its keyset cannot be read") // the cause could quote a key
	}
	r := ring{d.Development, d.Keys, handle}
	return r, r.check()
}

// check holds the notes to the keyset.
func (r ring) check() error {
	if r.handle.Len() != len(r.notes) {
		return fmt.Errorf("it speaks of %d keys and has %d", len(r.notes), r.handle.Len())
	}
	for i, n := range r.notes {
		e, err := r.handle.Entry(i)
		if err != nil || e.KeyID() != n.ID {
			return fmt.Errorf("key %d is not in its place", n.ID)
		}
	}
	return nil
}

func (r ring) marshal() ([]byte, error) {
	var keys bytes.Buffer
	if err := insecurecleartextkeyset.Write(r.handle, keyset.NewJSONWriter(&keys)); err != nil {
		return nil, err
	}
	defer clear(keys.Bytes())
	return json.MarshalIndent(document{version, r.development, r.notes, keys.Bytes()}, "", "  ")
}

// secret is what the file holds, in errors.
const secret = "template keys"

// load reads the keys and the file's identity. A missing file is fs.ErrNotExist.
func load(dir string) (ring, fs.FileInfo, error) {
	if err := durable.CheckDir(dir, secret); err != nil {
		return ring{}, nil, err
	}
	path := filepath.Join(dir, keysFile)
	text, info, err := durable.ReadSecret(path, maxBytes, secret)
	if err != nil {
		return ring{}, nil, err
	}
	defer clear(text)
	r, err := parse(text)
	if err != nil {
		return ring{}, nil, fmt.Errorf("%s cannot be used: %w", path, err)
	}
	return r, info, nil
}

// store replaces the file as a whole and returns when it is on stable storage. The caller holds the lock.
func store(dir string, r ring) error {
	text, err := r.marshal()
	if err != nil {
		return err
	}
	defer clear(text)
	if err := durable.RemoveLeftovers(dir, tempGlob); err != nil {
		return err
	}
	return durable.Replace(filepath.Join(dir, keysFile), tempGlob, text)
}

// lock excludes other processes, and others in this one, from changing the file until unlock is called.
func lock(dir string) (unlock func() error, err error) {
	return durable.Lock(filepath.Join(dir, lockFile))
}
