//go:build cgo

package pkcs11signer

import (
	"crypto"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/miekg/pkcs11"
)

// session is one conversation with the token. One goroutine uses it.
type session struct {
	token  *Token
	handle pkcs11.SessionHandle
	open   bool
	keys   map[string]pkcs11.ObjectHandle // private keys that this session has found
}

// ready opens the session and logs in, where that is missing.
func (s *session) ready() error {
	if s.open {
		return nil
	}
	t := s.token
	if err := t.lib.Initialize(); err != nil && !is(err, pkcs11.CKR_CRYPTOKI_ALREADY_INITIALIZED) {
		return fmt.Errorf("initialise the library: %w", err)
	}
	slot, info, err := t.slot()
	if err != nil {
		return err
	}
	s.handle, err = t.lib.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	if err != nil {
		return fmt.Errorf("open a session: %w", err)
	}
	s.open, s.keys = true, map[string]pkcs11.ObjectHandle{}
	if err := t.logIn(s.handle, info); err != nil {
		s.close()
		return err
	}
	return nil
}

// slot finds the token by its label.
func (t *Token) slot() (slot uint, info pkcs11.TokenInfo, err error) {
	slots, err := t.lib.GetSlotList(true)
	if err != nil {
		return 0, info, fmt.Errorf("list the slots: %w", err)
	}
	found := 0
	for _, candidate := range slots {
		held, err := t.lib.GetTokenInfo(candidate)
		if err == nil && strings.TrimRight(held.Label, " \x00") == t.o.Token {
			slot, info = candidate, held
			found++
		}
	}
	switch found {
	case 0:
		return 0, info, fmt.Errorf("%w: none of %d slots has one that is labelled %q", ErrAbsent, len(slots), t.o.Token)
	case 1:
		return slot, info, nil
	}
	return 0, info, fmt.Errorf("%d tokens are labelled %q", found, t.o.Token)
}

// close forgets the session, also where the device does not know it any more.
func (s *session) close() {
	if s.open {
		_ = s.token.lib.CloseSession(s.handle)
	}
	s.open, s.keys = false, nil
}

// spoiledBy closes the session after a failure of the device, and says whether the same question on a fresh one may be answered.
func (s *session) spoiledBy(err error) bool {
	var code pkcs11.Error
	if !errors.As(err, &code) {
		return false
	}
	s.close()
	switch code {
	case pkcs11.CKR_SESSION_HANDLE_INVALID, pkcs11.CKR_SESSION_CLOSED, pkcs11.CKR_USER_NOT_LOGGED_IN, pkcs11.CKR_DEVICE_REMOVED,
		pkcs11.CKR_TOKEN_NOT_PRESENT, pkcs11.CKR_OBJECT_HANDLE_INVALID, pkcs11.CKR_KEY_HANDLE_INVALID,
		pkcs11.CKR_OPERATION_ACTIVE, pkcs11.CKR_OPERATION_NOT_INITIALIZED, pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED:
		return true
	}
	return false
}

func is(err error, code uint) bool {
	var got pkcs11.Error
	return errors.As(err, &got) && uint(got) == code
}

// generate makes a key pair whose private part cannot leave the token, under a name of its own.
func (s *session) generate(alg string) (name string, public crypto.PublicKey, err error) {
	id := make([]byte, 16)
	rand.Read(id) // never fails (crypto/rand)
	name = s.token.o.Label + "-" + hex.EncodeToString(id)
	private, published, err := s.generatePair(alg, name, id)
	if err != nil {
		return "", nil, fmt.Errorf("make a key pair for %s: %w", alg, err)
	}
	if err = s.kept(private); err == nil {
		public, err = s.public(alg, published)
	}
	if err != nil {
		return "", nil, errors.Join(err, s.destroy(name))
	}
	return name, public, nil
}

// generatePair tries each form in which devices want the curve.
func (s *session) generatePair(alg, name string, id []byte) (private, public pkcs11.ObjectHandle, err error) {
	c, ok := curves[alg]
	if !ok {
		return 0, 0, errors.New("this algorithm is none of a token")
	}
	for _, params := range c.params {
		public, private, err = s.token.lib.GenerateKeyPair(s.handle, []*pkcs11.Mechanism{pkcs11.NewMechanism(c.generate, nil)},
			[]*pkcs11.Attribute{
				pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true), pkcs11.NewAttribute(pkcs11.CKA_LABEL, name), pkcs11.NewAttribute(pkcs11.CKA_ID, id),
				pkcs11.NewAttribute(pkcs11.CKA_VERIFY, true), pkcs11.NewAttribute(pkcs11.CKA_EC_PARAMS, params),
			},
			[]*pkcs11.Attribute{
				pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true), pkcs11.NewAttribute(pkcs11.CKA_LABEL, name), pkcs11.NewAttribute(pkcs11.CKA_ID, id),
				pkcs11.NewAttribute(pkcs11.CKA_PRIVATE, true), pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true),
				pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, false), pkcs11.NewAttribute(pkcs11.CKA_SIGN, true),
			})
		if err == nil {
			return private, public, nil
		}
	}
	return 0, 0, err
}

// kept says whether a private key is held as ours must be: unreadable, now and for ever.
func (s *session) kept(private pkcs11.ObjectHandle) error {
	held, err := s.token.lib.GetAttributeValue(s.handle, private, []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, nil), pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, nil),
	})
	if err != nil {
		return fmt.Errorf("ask how the key is kept: %w", err)
	}
	if len(held) != 2 || !truth(held[0].Value) || truth(held[1].Value) {
		return fmt.Errorf("%w: the token would give it away (it is not sensitive, or is extractable)", ErrKey)
	}
	return nil
}

// truth reads a CK_BBOOL.
func truth(value []byte) bool { return len(value) == 1 && value[0] != 0 }

func (s *session) public(alg string, object pkcs11.ObjectHandle) (crypto.PublicKey, error) {
	held, err := s.token.lib.GetAttributeValue(s.handle, object, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_EC_POINT, nil)})
	if err != nil {
		return nil, fmt.Errorf("read the public key: %w", err)
	}
	if len(held) != 1 {
		return nil, fmt.Errorf("%w: it has no public point", ErrKey)
	}
	return parsePoint(alg, held[0].Value)
}

// find lists the objects of a class and name, two at the most.
func (s *session) find(class uint, name string) ([]pkcs11.ObjectHandle, error) {
	lib := s.token.lib
	err := lib.FindObjectsInit(s.handle, []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, class), pkcs11.NewAttribute(pkcs11.CKA_LABEL, name), pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true),
	})
	if err != nil {
		return nil, err
	}
	found, _, err := lib.FindObjects(s.handle, 2)
	if err = errors.Join(err, lib.FindObjectsFinal(s.handle)); err != nil || len(found) > 0 {
		return found, err
	}
	return nil, s.stillIn() // who is logged out finds nothing, and must not take that for an answer
}

// stillIn fails as the device would where the session is logged in no more.
func (s *session) stillIn() error {
	info, err := s.token.lib.GetSessionInfo(s.handle)
	if err == nil && info.State != pkcs11.CKS_RW_USER_FUNCTIONS {
		return pkcs11.Error(pkcs11.CKR_USER_NOT_LOGGED_IN)
	}
	return err
}

// key is the private key of that name, looked at once a session.
func (s *session) key(name string) (pkcs11.ObjectHandle, error) {
	if known, ok := s.keys[name]; ok {
		return known, nil
	}
	found, err := s.find(pkcs11.CKO_PRIVATE_KEY, name)
	switch {
	case err != nil:
		return 0, fmt.Errorf("find the key: %w", err)
	case len(found) == 0:
		return 0, fmt.Errorf("%w: it is not on the token", ErrKey)
	case len(found) > 1:
		return 0, fmt.Errorf("%w: the token holds several of its label", ErrKey)
	}
	if err := s.kept(found[0]); err != nil {
		return 0, err
	}
	if len(s.keys) >= maxKnown {
		clear(s.keys)
	}
	s.keys[name] = found[0]
	return found[0], nil
}

// maxKnown bounds the keys whose handles a session remembers.
const maxKnown = 16

func (s *session) sign(name, alg string, input []byte) ([]byte, error) {
	c, ok := curves[alg]
	if !ok {
		return nil, fmt.Errorf("%s is no algorithm of a token", alg)
	}
	key, err := s.key(name)
	if err != nil {
		return nil, err
	}
	if err := s.token.lib.SignInit(s.handle, c.mechanisms, key); err != nil {
		return nil, fmt.Errorf("begin a signature: %w", err)
	}
	signature, err := s.token.lib.Sign(s.handle, input)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	return signature, nil
}

// destroy removes private and public part; what is not there is no failure.
func (s *session) destroy(name string) error {
	delete(s.keys, name)
	for _, class := range []uint{pkcs11.CKO_PRIVATE_KEY, pkcs11.CKO_PUBLIC_KEY} {
		found, err := s.find(class, name)
		if err != nil {
			return fmt.Errorf("find the key to destroy: %w", err)
		}
		for _, object := range found {
			if err := s.token.lib.DestroyObject(s.handle, object); err != nil && !is(err, pkcs11.CKR_OBJECT_HANDLE_INVALID) {
				return fmt.Errorf("destroy the key: %w", err)
			}
		}
	}
	return nil
}
