package filesigner

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"
)

// Token makes and keeps private parts that nobody can read, a hardware security module for example. Every call ends with ctx,
// also where the device hangs; all are safe for concurrent use.
type Token interface {
	// Generate makes a key pair and returns the name, at most 255 bytes, by which every process finds the private part.
	Generate(ctx context.Context, alg string) (name string, public crypto.PublicKey, err error)
	// Sign returns the signature of message as JOSE has it: 64 bytes, r and s for ES256.
	Sign(ctx context.Context, name, alg string, message []byte) ([]byte, error)
	// Destroy makes the private part unusable for ever. What is not there is destroyed.
	Destroy(ctx context.Context, name string) error
}

// What Open refuses in production.
var (
	ErrNoKeys      = errors.New("production makes no keys by itself, and there is no keyring; `biogate keys init` makes one")
	ErrDevelopment = errors.New("these keys were made by a first start in development mode, by which nobody decided who may read them; " +
		"move the folder away and run `biogate keys init`")
)

// Where a private part is.
const (
	inFile  = "file"
	onToken = "token"
	nowhere = "none"
)

func (k key) holder() string {
	switch {
	case k.signer != nil:
		return inFile
	case k.token != "":
		return onToken
	}
	return nowhere
}

// makeKey makes a key in the file or on the Token.
func (s *Signer) makeKey(alg string, signsFrom time.Time) (key, error) {
	now := s.now().UTC()
	if s.tokens == nil {
		return newKey(alg, now, signsFrom.UTC())
	}
	ctx, cancel := context.WithTimeout(context.Background(), destroyWithin)
	defer cancel()
	name, public, err := s.tokens.Generate(ctx, alg)
	if err != nil {
		return key{}, err
	}
	k, err := fromPublic(public)
	if err == nil && k.alg.String() != alg {
		err = fmt.Errorf("the token made a key for %s instead of %s", k.alg, alg)
	}
	if err != nil {
		return key{}, errors.Join(err, s.tokens.Destroy(ctx, name))
	}
	k.token, k.created, k.signsFrom = name, now, signsFrom.UTC()
	return k, nil
}

// Development says whether a first start in development mode made the keyring.
func (s *Signer) Development() bool { return s.current().ring.development }

// Init makes the keyring of a deployment in production: a first key, and the secrets of these names. It refuses where there is
// a keyring already, whatever is in it.
func Init(o Options, secrets ...string) (*Signer, error) {
	s, err := configured(o)
	if err == nil {
		err = s.init(secrets)
	}
	if err != nil {
		return nil, fmt.Errorf("filesigner: %w", err)
	}
	return s, nil
}

func (s *Signer) init(secrets []string) error {
	if err := makeDir(s.dir); err != nil {
		return err
	}
	return s.change(func(r *ring) error {
		if len(r.keys) > 0 {
			return fmt.Errorf("%s holds a keyring already: `biogate keys rotate` makes a new signing key in it", s.dir)
		}
		for _, name := range secrets {
			if err := r.addSecret(name); err != nil {
				return err
			}
		}
		return s.addKey(r, s.now())
	})
}

// sweepSoon starts destroying what is left on the Token, if anything is and nobody tried lately. Nobody waits for it.
func (s *Signer) sweepSoon(now time.Time) {
	if s.asFound || s.tokens == nil || len(s.view.Load().ring.leftovers) == 0 {
		return
	}
	since := now.UnixNano() - s.swept.Load()
	if (since < 0 || since >= int64(destroyEvery)) && s.sweeping.CompareAndSwap(false, true) {
		s.swept.Store(now.UnixNano())
		go func() {
			defer s.sweeping.Store(false)
			s.sweep(context.Background())
		}()
	}
}

// sweep destroys the private parts that another key has replaced. What cannot be destroyed now stays in the file's list and is
// tried again: no key of that list signs any more, so nothing waits for it.
func (s *Signer) sweep(ctx context.Context) {
	if s.tokens == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, destroyWithin)
	defer cancel()
	var gone []string
	for _, name := range s.view.Load().ring.leftovers {
		if s.tokens.Destroy(ctx, name) == nil {
			gone = append(gone, name)
		}
	}
	if len(gone) == 0 {
		return
	}
	_ = s.change(func(r *ring) error { // where it fails, Destroy finds nothing the next time
		r.leftovers = slices.DeleteFunc(slices.Clone(r.leftovers), func(name string) bool { return slices.Contains(gone, name) })
		return nil
	})
}

// isProven says whether a signature of the Token was held against that public key already: the first of each key is.
func (s *Signer) isProven(id string) bool {
	known := s.proven.Load()
	return known != nil && *known == id
}

// verifies says whether signature, as JOSE has it, is k's over input.
func (k key) verifies(input, signature []byte) bool {
	if len(signature) != signatureBytes {
		return false
	}
	var raw any
	if err := k.public.Raw(&raw); err != nil {
		return false
	}
	switch public := raw.(type) {
	case ed25519.PublicKey:
		return ed25519.Verify(public, input, signature)
	case *ecdsa.PublicKey:
		digest := sha256.Sum256(input)
		r, s := new(big.Int).SetBytes(signature[:signatureBytes/2]), new(big.Int).SetBytes(signature[signatureBytes/2:])
		return ecdsa.Verify(public, digest[:], r, s)
	}
	return false
}
