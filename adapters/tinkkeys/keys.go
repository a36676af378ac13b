package tinkkeys

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"

	"biogate/gateway/vault"
)

// recheck is how often keys in use look whether the file has changed.
const recheck = time.Second

// ErrNoKeys: there is no file yet.
var ErrNoKeys = errors.New("there are no template keys")

// ErrNeeded: no gateway has said that no record needs the key.
var ErrNeeded = errors.New("records may need the template key")

// Options says where the keys are.
type Options struct {
	Dir string           // made with mode 0700 when Create is set
	Now func() time.Time // nil: time.Now
	// Create has Open make the file with a first key where there is none; it is ErrNoKeys otherwise.
	Create bool
	// Development marks a file that Open makes: production mode does not take it.
	Development bool
}

// State is what a key is for.
type State string

// The states of a key, in the order in which it passes them.
const (
	Primary State = "primary" // wraps
	Old     State = "old"     // some record may need it
	Unused  State = "unused"  // no record needs it; it can be retired
)

// KeyInfo describes a key, never its secret.
type KeyInfo struct {
	ID          uint32    `json:"id"`
	State       State     `json:"state"`
	CreatedAt   time.Time `json:"created_at"`
	UnusedSince time.Time `json:"unused_since,omitzero"`
}

// Keys wraps and unwraps data keys. It is safe for concurrent use, also by several processes.
type Keys struct {
	dir string
	now func() time.Time

	view    atomic.Pointer[view]
	checked atomic.Int64 // when the file was last looked at, Unix nanoseconds
	mu      sync.Mutex   // held while view changes
}

// view is the file at a moment. It is immutable.
type view struct {
	ring    ring
	aead    tink.AEAD
	primary uint32
	file    fs.FileInfo
	err     error // why a later state of the file could not be taken over
}

// Open reads the keys in o.Dir, or makes the first.
func Open(o Options) (*Keys, error) {
	k := &Keys{dir: o.Dir, now: o.Now}
	if k.now == nil {
		k.now = time.Now
	}
	err := k.reload()
	if errors.Is(err, fs.ErrNotExist) {
		if !o.Create {
			return nil, fmt.Errorf("tinkkeys: %w in %s", ErrNoKeys, o.Dir)
		}
		err = k.make(o.Development)
	}
	if err != nil {
		return nil, fmt.Errorf("tinkkeys: %w", err)
	}
	return k, nil
}

// make makes the file with a first key, unless another process was faster.
func (k *Keys) make(development bool) error {
	if err := os.MkdirAll(k.dir, 0o700); err != nil {
		return err
	}
	return k.change(func(r *ring) error {
		if r.handle != nil {
			return nil
		}
		r.development = development
		return r.rotate(k.now())
	})
}

// Wrap implements vault.Keys.
func (k *Keys) Wrap(dataKey, context []byte) (id uint32, wrapped []byte, err error) {
	v := k.current()
	wrapped, err = v.aead.Encrypt(dataKey, context)
	return v.primary, wrapped, err
}

// Unwrap implements vault.Keys.
func (k *Keys) Unwrap(id uint32, wrapped, context []byte) ([]byte, error) {
	if len(wrapped) < prefixSize || binary.BigEndian.Uint32(wrapped[1:]) != id { // Tink's prefix: 1, id
		return nil, errors.New("a wrapped key that names another key")
	}
	v := k.current()
	if !v.ring.has(id) {
		return nil, fmt.Errorf("template key %d is not in %s", id, filepath.Join(k.dir, keysFile))
	}
	return v.aead.Decrypt(wrapped, context)
}

const prefixSize = 5

// Primary implements vault.Keys.
func (k *Keys) Primary() uint32 { return k.current().primary }

// Development says whether a first start in development mode made the file.
func (k *Keys) Development() bool { return k.current().ring.development }

// Err says why the file's present state could not be taken over; the last good one is used meanwhile.
func (k *Keys) Err() error { return k.current().err }

// List describes every key, oldest first.
func (k *Keys) List() []KeyInfo {
	v := k.current()
	out := make([]KeyInfo, len(v.ring.notes))
	for i, n := range v.ring.notes {
		out[i] = KeyInfo{ID: n.ID, State: Old, CreatedAt: n.CreatedAt, UnusedSince: n.UnusedSince}
		switch {
		case n.ID == v.primary:
			out[i].State = Primary
		case !n.UnusedSince.IsZero():
			out[i].State = Unused
		}
	}
	return out
}

// Replaced implements vault.RotatingKeys.
func (k *Keys) Replaced() (ids []uint32) {
	for _, info := range k.List() {
		if info.State != Primary {
			ids = append(ids, info.ID)
		}
	}
	return ids
}

// Rotate makes a new primary key. Records under the keys before it are re-encrypted by a running gateway.
func (k *Keys) Rotate() (KeyInfo, error) {
	if err := k.change(func(r *ring) error { return r.replace(k.now()) }); err != nil {
		return KeyInfo{}, fmt.Errorf("tinkkeys: rotate: %w", err)
	}
	infos := k.List()
	return infos[len(infos)-1], nil
}

// MarkUnused implements vault.RotatingKeys. The primary is never unused.
func (k *Keys) MarkUnused(ids []uint32) error {
	err := k.change(func(r *ring) error {
		if r.handle == nil {
			return ErrNoKeys
		}
		primary, err := r.handle.Primary()
		if err != nil {
			return err
		}
		for i, n := range r.notes {
			if slices.Contains(ids, n.ID) && n.ID != primary.KeyID() && n.UnusedSince.IsZero() {
				r.notes[i].UnusedSince = k.now().UTC()
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("tinkkeys: %w", err)
	}
	return nil
}

// MarkNeeded implements vault.RotatingKeys.
func (k *Keys) MarkNeeded(ids []uint32) error {
	marked := func(n note) bool { return slices.Contains(ids, n.ID) && !n.UnusedSince.IsZero() }
	if !slices.ContainsFunc(k.current().ring.notes, marked) {
		return nil
	}
	err := k.change(func(r *ring) error {
		for i, n := range r.notes {
			if marked(n) {
				r.notes[i].UnusedSince = time.Time{}
			}
		}
		if r.handle == nil {
			return ErrNoKeys
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("tinkkeys: %w", err)
	}
	return nil
}

// Retire removes a key for good: what still needs it cannot be read any more. The caller has made sure that nothing does.
func (k *Keys) Retire(id uint32) error {
	if err := k.change(func(r *ring) error { return r.retire(id) }); err != nil {
		return fmt.Errorf("tinkkeys: retire: %w", err)
	}
	return nil
}

// RetireUnused is Retire of a key that is marked as unused, as the file says while nobody changes it; of another one ErrNeeded.
func (k *Keys) RetireUnused(id uint32) error {
	err := k.change(func(r *ring) error {
		if slices.ContainsFunc(r.notes, func(n note) bool { return n.ID == id && n.UnusedSince.IsZero() }) {
			return ErrNeeded
		}
		return r.retire(id)
	})
	if err != nil {
		return fmt.Errorf("tinkkeys: retire: %w", err)
	}
	return nil
}

func (r ring) has(id uint32) bool {
	return slices.ContainsFunc(r.notes, func(n note) bool { return n.ID == id })
}

// manager changes the keyset.
func (r ring) manager() *keyset.Manager {
	if r.handle == nil {
		return keyset.NewManager()
	}
	return keyset.NewManagerFromHandle(r.handle)
}

// replace makes a new primary key beside those that are there. A file that is gone is not begun anew: what it held is needed.
func (r *ring) replace(now time.Time) error {
	if r.handle == nil {
		return ErrNoKeys
	}
	return r.rotate(now)
}

func (r *ring) rotate(now time.Time) error {
	m := r.manager()
	id, err := m.Add(aead.AES256GCMKeyTemplate())
	if err != nil {
		return err
	}
	if err := m.SetPrimary(id); err != nil {
		return err
	}
	r.notes = append(slices.Clip(r.notes), note{ID: id, CreatedAt: now.UTC()})
	r.handle, err = m.Handle()
	return err
}

func (r *ring) retire(id uint32) error {
	if r.handle == nil {
		return ErrNoKeys
	}
	m := r.manager()
	if err := m.Delete(id); err != nil { // refuses the primary and what is not there
		return fmt.Errorf("key %d: %w", id, err)
	}
	r.notes = slices.DeleteFunc(slices.Clone(r.notes), func(n note) bool { return n.ID == id })
	var err error
	r.handle, err = m.Handle()
	return err
}

// change applies f to the keys in the file, under the lock between processes, and shows the result.
func (k *Keys) change(f func(*ring) error) (err error) {
	unlock, err := lock(k.dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	r, _, err := load(k.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := f(&r); err != nil {
		return err
	}
	if err := store(k.dir, r); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.reload()
}

// current is the present view, as of a second ago at most.
func (k *Keys) current() *view {
	if now := k.now().UnixNano(); k.due(now) {
		k.look(now)
	}
	return k.view.Load()
}

func (k *Keys) due(now int64) bool {
	since := now - k.checked.Load()
	return since < 0 || since >= int64(recheck)
}

// look takes over what changed in the file, once for all who ask at the same time.
func (k *Keys) look(now int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.due(now) {
		return
	}
	defer k.checked.Store(now)
	v := k.view.Load()
	file, err := os.Stat(filepath.Join(k.dir, keysFile))
	if err == nil && v.err == nil && sameFile(file, v.file) {
		return
	}
	if err == nil {
		err = k.reload()
	}
	if err != nil {
		failed := *v
		failed.err = fmt.Errorf("tinkkeys: %w", err)
		k.view.Store(&failed)
	}
}

func sameFile(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size() && a.Mode() == b.Mode()
}

// reload makes the file's content the present view.
func (k *Keys) reload() error {
	r, file, err := load(k.dir)
	if err != nil {
		return err
	}
	primary, err := r.handle.Primary()
	if err != nil {
		return err
	}
	a, err := aead.New(r.handle)
	if err != nil {
		return err
	}
	k.view.Store(&view{ring: r, aead: a, primary: primary.KeyID(), file: file})
	return nil
}

var _ vault.RotatingKeys = (*Keys)(nil)
