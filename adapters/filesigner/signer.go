package filesigner

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"biogate/gateway/assertion"
)

// Options says where the keys are and what new ones are like.
type Options struct {
	Dir       string           // made with mode 0700 when missing
	Algorithm string           // of new keys, EdDSA or ES256; empty: that of the active key, EdDSA for the first
	Overlap   time.Duration    // how long a retired key stays published; 0: DefaultOverlap
	Now       func() time.Time // nil: time.Now
	// AsFound is for tools: Open makes and rotates nothing, and fails where there is no keyring.
	AsFound bool
	// Production makes no keyring, and refuses one that a first start in development mode made.
	Production bool
	// Token has the private parts of new keys; nil: they are in the file.
	Token Token
}

// State is what a key is for at a moment; the package's documentation explains them.
type State string

// The states of a key, in the order in which it passes them.
const (
	Next    State = "next"
	Active  State = "active"
	Retired State = "retired"
	Expired State = "expired"
)

// KeyInfo describes a key, never its private part.
type KeyInfo struct {
	ID             string    `json:"kid"`
	Algorithm      string    `json:"alg"`
	Holder         string    `json:"holder"` // of the private part: file or token; none: nobody has it any more
	State          State     `json:"state"`
	CreatedAt      time.Time `json:"created_at"`
	SignsFrom      time.Time `json:"signs_from"`
	PublishedUntil time.Time `json:"published_until,omitzero"` // zero: no end is set
}

// Signer signs with the active key of a keyring. It is safe for concurrent use, also by several processes.
type Signer struct {
	dir     string
	alg     string
	overlap time.Duration
	now     func() time.Time
	asFound bool
	strict  bool // production
	tokens  Token

	proven   atomic.Pointer[string] // the key on the Token of which a signature was checked
	swept    atomic.Int64           // when destroying leftovers was last tried, Unix nanoseconds
	sweeping atomic.Bool

	view    atomic.Pointer[view]
	checked atomic.Int64 // when the file was last looked at, Unix nanoseconds
	mu      sync.Mutex   // held while view changes; never while waiting for another process
}

// view is the keyring at a moment, prepared for signing and publishing. It is immutable.
type view struct {
	ring   ring
	active key
	jwks   []byte
	until  time.Time   // when it is out of date by itself; zero: never
	file   fs.FileInfo // which file it was read from
	err    error       // why a later state of the file could not be taken over
}

// Open reads the keyring in o.Dir, or makes one with a first key. When the active key is of another algorithm than
// o.Algorithm, it is rotated at once.
func Open(o Options) (*Signer, error) {
	s, err := configured(o)
	if err == nil {
		err = s.open()
	}
	if err != nil {
		return nil, fmt.Errorf("filesigner: %w", err)
	}
	return s, nil
}

func configured(o Options) (*Signer, error) {
	if o.Algorithm != "" && o.Algorithm != EdDSA && o.Algorithm != ES256 {
		return nil, fmt.Errorf("signature algorithm %q is not one of %s, %s", o.Algorithm, EdDSA, ES256)
	}
	s := &Signer{dir: o.Dir, alg: o.Algorithm, overlap: o.Overlap, now: o.Now, asFound: o.AsFound, strict: o.Production, tokens: o.Token}
	if s.overlap <= 0 {
		s.overlap = DefaultOverlap
	}
	if s.now == nil {
		s.now = time.Now
	}
	return s, nil
}

func (s *Signer) open() error {
	r, file, err := load(s.dir)
	switch missing := errors.Is(err, fs.ErrNotExist); {
	case err == nil && s.strict && r.development:
		return fmt.Errorf("%w: %s", ErrDevelopment, s.dir)
	case err == nil && (s.asFound || s.suits(r)):
		return s.show(r, file)
	case missing && s.strict:
		return fmt.Errorf("%w: %s", ErrNoKeys, s.dir)
	case missing && s.asFound:
		return fmt.Errorf("no keyring in %s: a gateway makes it on its first start", s.dir)
	case err != nil && !missing:
		return err
	}
	if err := makeDir(s.dir); err != nil {
		return err
	}
	return s.change(func(r *ring) error {
		if s.suits(*r) {
			return nil // another process was faster
		}
		r.development = r.development || len(r.keys) == 0
		return s.addKey(r, s.now())
	})
}

// suits says whether r's active key is of the algorithm, and where, it was asked for.
func (s *Signer) suits(r ring) bool {
	i := r.active(s.now())
	return i >= 0 && (s.alg == "" || s.alg == r.keys[i].alg.String()) && (s.tokens != nil) == (r.keys[i].token != "")
}

// Sign returns payload as a compact JWS; see assertion.Signer.
func (s *Signer) Sign(ctx context.Context, typ string, payload []byte) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	k := s.current().active
	token, err := compact(k, typ, payload, func(input []byte) ([]byte, error) { return s.signature(ctx, k, input) })
	if err != nil {
		return "", fmt.Errorf("filesigner: %w", err)
	}
	return token, nil
}

// signature is k's over input, from wherever its private part is.
func (s *Signer) signature(ctx context.Context, k key, input []byte) ([]byte, error) {
	switch {
	case k.signer != nil:
		return k.sign(input)
	case s.tokens == nil:
		return nil, fmt.Errorf("key %s is on a token, and none is configured", k.id)
	}
	signature, err := s.tokens.Sign(ctx, k.token, k.alg.String(), input)
	if err != nil || s.isProven(k.id) {
		return signature, err
	}
	if !k.verifies(input, signature) {
		return nil, fmt.Errorf("the token signs with another key than %s, which is published", k.id)
	}
	id := k.id // k itself stays off the heap
	s.proven.Store(&id)
	return signature, nil
}

// JWKS returns the key set; see assertion.Signer.
func (s *Signer) JWKS() []byte { return s.current().jwks }

// List describes every key, oldest first.
func (s *Signer) List() []KeyInfo {
	r, now := s.current().ring, s.now()
	infos := make([]KeyInfo, len(r.keys))
	for i, k := range r.keys {
		infos[i] = KeyInfo{
			ID: k.id, Algorithm: k.alg.String(), Holder: k.holder(), State: r.state(i, now),
			CreatedAt: k.created, SignsFrom: k.signsFrom, PublishedUntil: k.publishedUntil,
		}
	}
	return infos
}

// Err says why the file's present state could not be taken over; the Signer goes on with the last good one meanwhile.
func (s *Signer) Err() error { return s.current().err }

// Rotate makes a new key that is published at once and signs after the period prepublish, at once for 0. The keys before
// it stay published for the overlap. A key that was still to come is forgotten: it has signed nothing.
//
// Verifiers that cached the key set meet an unknown key id after a rotation with 0, and fetch the set again, as JOSE
// libraries do. For those that do not, prepublish for as long as they cache.
func (s *Signer) Rotate(prepublish time.Duration) (KeyInfo, error) {
	if prepublish < 0 {
		return KeyInfo{}, fmt.Errorf("filesigner: a period of %s before the new key signs is negative", prepublish)
	}
	if err := s.change(func(r *ring) error { return s.addKey(r, s.now().Add(prepublish)) }); err != nil {
		return KeyInfo{}, fmt.Errorf("filesigner: rotate: %w", err)
	}
	s.sweep(context.Background())
	infos := s.List()
	return infos[len(infos)-1], nil
}

func (s *Signer) addKey(r *ring, signsFrom time.Time) error {
	alg := s.alg
	if alg == "" {
		alg = EdDSA
		if i := r.active(s.now()); i >= 0 {
			alg = r.keys[i].alg.String()
		}
	}
	k, err := s.makeKey(alg, signsFrom)
	if err != nil {
		return err
	}
	r.rotate(k, s.now(), s.overlap)
	return nil
}

var secretName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,63}$`)

// Secret returns the deployment's secret of that name, 32 random bytes made when it is first asked for. The caller owns
// the copy. It is as durable as the keys: what is derived from it changes when the keyring is lost.
func (s *Signer) Secret(name string) ([]byte, error) {
	if !secretName.MatchString(name) {
		return nil, fmt.Errorf("filesigner: %q is no name of a secret", name)
	}
	if secret, ok := s.current().ring.secrets[name]; ok {
		return slices.Clone(secret), nil
	}
	if err := s.change(func(r *ring) error { return r.addSecret(name) }); err != nil {
		return nil, fmt.Errorf("filesigner: secret %q: %w", name, err)
	}
	return slices.Clone(s.view.Load().ring.secrets[name]), nil
}

// addSecret keeps a secret that is there already.
func (r *ring) addSecret(name string) error {
	if _, ok := r.secrets[name]; ok {
		return nil
	}
	if len(r.secrets) >= maxSecrets {
		return fmt.Errorf("the keyring holds %d secrets already", len(r.secrets))
	}
	if r.secrets == nil {
		r.secrets = map[string][]byte{}
	}
	secret := make([]byte, secretBytes)
	rand.Read(secret) // never fails (crypto/rand)
	r.secrets[name] = secret
	return nil
}

// change applies f to the keyring in the file, under the lock between processes, and shows the result. Signing goes on
// meanwhile.
func (s *Signer) change(f func(*ring) error) (err error) {
	unlock, err := lock(s.dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	r, _, err := load(s.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := f(&r); err != nil {
		return err
	}
	r.settle(s.now())
	if err := store(s.dir, r); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reload()
}

// current is the present view. When a look at the file is due nobody goes on without it: after an idle night the key of
// the evening may have been replaced.
func (s *Signer) current() *view {
	if now := s.now(); s.due(now) {
		if s.look(now) {
			_ = s.change(s.stillUnsettled) // tried again at the next look; signing does not depend on it
		}
		s.sweepSoon(now)
	}
	return s.view.Load()
}

// look refreshes the view, once for all who ask at the same time, and says whether the file is to be settled: a key was
// replaced by the passing of time. Tools change nothing by looking.
func (s *Signer) look(now time.Time) (unsettled bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.due(now) {
		return false
	}
	s.refresh(now)
	s.checked.Store(now.UnixNano())
	v := s.view.Load()
	return !s.asFound && v.err == nil && v.ring.unsettled(now)
}

// stillUnsettled stops a change that another process has made already.
func (s *Signer) stillUnsettled(r *ring) error {
	if !r.unsettled(s.now()) {
		return errors.New("nothing to settle")
	}
	return nil
}

func (s *Signer) due(now time.Time) bool {
	since := now.UnixNano() - s.checked.Load()
	until := s.view.Load().until
	return since < 0 || since >= int64(recheck) || !until.IsZero() && !now.Before(until)
}

// refresh takes over what changed in the file or by the passing of time. The caller holds s.mu.
func (s *Signer) refresh(now time.Time) {
	v := s.view.Load()
	file, err := os.Stat(filepath.Join(s.dir, ringFile))
	switch {
	case err != nil:
	case !sameFile(file, v.file) || v.err != nil:
		err = s.reload()
	case !v.until.IsZero() && !now.Before(v.until):
		err = s.show(v.ring, v.file)
	}
	if err != nil {
		failed := *s.view.Load()
		failed.err = fmt.Errorf("filesigner: %w", err)
		s.view.Store(&failed)
	}
}

func sameFile(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size() && a.Mode() == b.Mode()
}

func (s *Signer) reload() error {
	r, file, err := load(s.dir)
	if err != nil {
		return err
	}
	return s.show(r, file)
}

// show makes r the present view.
func (s *Signer) show(r ring, file fs.FileInfo) error {
	now := s.now()
	active := r.active(now)
	if active < 0 {
		return errors.New("no key can sign")
	}
	jwks, err := r.keySet(now)
	if err != nil {
		return err
	}
	s.view.Store(&view{ring: r, active: r.keys[active], jwks: jwks, until: r.nextChange(now), file: file})
	return nil
}

var _ assertion.Signer = (*Signer)(nil)
