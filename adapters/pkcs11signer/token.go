//go:build cgo

package pkcs11signer

import (
	"context"
	"crypto"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/pkcs11"
)

// module is what is used of a PKCS#11 library: *pkcs11.Ctx, or what tests put in its place.
type module interface {
	Initialize(...pkcs11.InitializeOption) error
	GetSlotList(tokenPresent bool) ([]uint, error)
	GetTokenInfo(slot uint) (pkcs11.TokenInfo, error)
	OpenSession(slot, flags uint) (pkcs11.SessionHandle, error)
	CloseSession(pkcs11.SessionHandle) error
	GetSessionInfo(pkcs11.SessionHandle) (pkcs11.SessionInfo, error)
	Login(s pkcs11.SessionHandle, user uint, pin string) error
	FindObjectsInit(pkcs11.SessionHandle, []*pkcs11.Attribute) error
	FindObjects(s pkcs11.SessionHandle, limit int) ([]pkcs11.ObjectHandle, bool, error)
	FindObjectsFinal(pkcs11.SessionHandle) error
	GetAttributeValue(pkcs11.SessionHandle, pkcs11.ObjectHandle, []*pkcs11.Attribute) ([]*pkcs11.Attribute, error)
	GenerateKeyPair(s pkcs11.SessionHandle, m []*pkcs11.Mechanism, public, private []*pkcs11.Attribute) (pkcs11.ObjectHandle, pkcs11.ObjectHandle, error)
	DestroyObject(pkcs11.SessionHandle, pkcs11.ObjectHandle) error
	SignInit(pkcs11.SessionHandle, []*pkcs11.Mechanism, pkcs11.ObjectHandle) error
	Sign(pkcs11.SessionHandle, []byte) ([]byte, error)
}

// closeWithin is how long Close waits for calls that are under way.
const closeWithin = 2 * time.Second

// Token is one token of a device. It is safe for concurrent use.
type Token struct {
	o    Options
	lib  module
	jobs chan job

	login  sync.Mutex // held by whoever logs in: one try at a time
	pinBad string     // the file whose PIN was refused, as identity has it; guarded by login

	closed  chan struct{}
	closing sync.Once
	workers sync.WaitGroup
}

// job is a question to the device.
type job struct {
	ctx context.Context
	run func(*session)  // answers by itself
	end func(err error) // answers that nothing could be asked
}

// Open loads the library, finds the token and logs in.
func Open(ctx context.Context, o Options) (*Token, error) {
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("pkcs11signer: %w", err)
	}
	lib := pkcs11.New(o.Module)
	if lib == nil {
		return nil, fmt.Errorf("pkcs11signer: %s cannot be loaded as a PKCS#11 library", o.Module)
	}
	return open(ctx, o, lib)
}

func open(ctx context.Context, o Options, lib module) (*Token, error) {
	t := &Token{o: o, lib: lib, jobs: make(chan job), closed: make(chan struct{}), pinBad: readMemo(o.Memo)}
	for range o.Sessions {
		t.workers.Go(t.work)
	}
	_, err := ask(ctx, t, func(*session) (struct{}, error) { return struct{}{}, nil })
	if err != nil {
		return nil, errors.Join(err, t.Close())
	}
	return t, nil
}

// Close ends the sessions. Calls that hang are left behind; the library stays loaded, as others in this process may use it.
func (t *Token) Close() error {
	t.closing.Do(func() { close(t.closed) })
	ended := make(chan struct{})
	go func() { t.workers.Wait(); close(ended) }()
	select {
	case <-ended:
		return nil
	case <-time.After(closeWithin):
		return fmt.Errorf("pkcs11signer: the token did not answer within %s", closeWithin)
	}
}

// Generate makes a key pair that stays on the token; see filesigner.Token.
func (t *Token) Generate(ctx context.Context, alg string) (string, crypto.PublicKey, error) {
	type pair struct {
		name   string
		public crypto.PublicKey
	}
	p, err := ask(ctx, t, func(s *session) (p pair, err error) {
		p.name, p.public, err = s.generate(alg)
		if err == nil && ctx.Err() != nil { // nobody will learn its name
			return pair{}, errors.Join(ctx.Err(), s.destroy(p.name))
		}
		return p, err
	})
	return p.name, p.public, err
}

// Sign signs with the key of that name; see filesigner.Token.
func (t *Token) Sign(ctx context.Context, name, alg string, message []byte) ([]byte, error) {
	if err := t.ours(name); err != nil {
		return nil, err
	}
	input := slices.Clone(message) // the device may still read it when the caller has left
	if alg == es256 {
		digest := sha256.Sum256(message)
		input = digest[:]
	}
	return ask(ctx, t, func(s *session) ([]byte, error) { return s.sign(name, alg, input) })
}

// Destroy removes the key pair of that name; see filesigner.Token.
func (t *Token) Destroy(ctx context.Context, name string) error {
	if err := t.ours(name); err != nil {
		return err
	}
	_, err := ask(ctx, t, func(s *session) (struct{}, error) { return struct{}{}, s.destroy(name) })
	return err
}

// ours refuses the names of keys that are somebody else's.
func (t *Token) ours(name string) error {
	if !strings.HasPrefix(name, t.o.Label+"-") {
		return fmt.Errorf("pkcs11signer: %w: its label does not begin with %q", ErrKey, t.o.Label+"-")
	}
	return nil
}

// ask has a question answered on one of the sessions, or leaves when ctx ends.
func ask[T any](ctx context.Context, t *Token, question func(*session) (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	answers := make(chan answer, 1) // nobody may be there to take it
	j := job{
		ctx: ctx,
		run: func(s *session) {
			value, err := again(ctx, s, question)
			answers <- answer{value, err}
		},
		end: func(err error) { answers <- answer{err: err} },
	}
	var none T
	select {
	case t.jobs <- j:
	case <-ctx.Done():
		return none, fmt.Errorf("pkcs11signer: every session is busy: %w", ctx.Err())
	case <-t.closed:
		return none, fmt.Errorf("pkcs11signer: %w", ErrClosed)
	}
	select {
	case a := <-answers:
		if a.err != nil {
			return none, fmt.Errorf("pkcs11signer: %w", a.err)
		}
		return a.value, nil
	case <-ctx.Done():
		return none, fmt.Errorf("pkcs11signer: the token did not answer: %w", ctx.Err())
	}
}

// again asks on an open session, a second time on a fresh one where the first had ended without our knowing.
func again[T any](ctx context.Context, s *session, question func(*session) (T, error)) (value T, err error) {
	for range 2 {
		if err = s.ready(); err == nil {
			value, err = question(s)
		}
		if !s.spoiledBy(err) || ctx.Err() != nil {
			break
		}
	}
	return value, err
}

// work answers questions on one session.
func (t *Token) work() {
	s := &session{token: t}
	defer s.close()
	for {
		select {
		case <-t.closed:
			return
		case j := <-t.jobs:
			if err := j.ctx.Err(); err != nil {
				j.end(err)
				continue
			}
			j.run(s)
		}
	}
}
