package assertion

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"biogate/gateway"
)

// DefaultLifetime is how long an assertion is valid: long enough for a slow relying party, short enough that a stolen
// one is soon worthless.
const DefaultLifetime = 120 * time.Second

// minKeyBytes is the shortest pairwise key accepted: the security strength of HMAC-SHA256 is that of its key.
const minKeyBytes = 32

// Signer signs with the deployment's key. Implementations live in adapters/.
type Signer interface {
	// Sign returns payload as a compact JWS, with alg, kid and typ in its protected header, or an error and no token. It
	// respects ctx, keeps nothing of payload and is safe for concurrent use.
	Sign(ctx context.Context, typ string, payload []byte) (string, error)
	// JWKS returns a JSON Web Key Set (RFC 7517) with every public key whose assertions may still be valid. It is what
	// the key set was at some moment after the last Sign that returned. The caller does not change it.
	JWKS() []byte
}

// Options is what an Issuer needs.
type Options struct {
	Issuer      *url.URL      // absolute, http or https, without query and fragment; the claim "iss"
	Lifetime    time.Duration // of an assertion, whole seconds; 0: DefaultLifetime
	Signer      Signer
	PairwiseKey []byte                   // secret, at least 32 bytes; if it changes, so does every pairwise subject
	Parties     map[string]gateway.Party // registered ones: the discovery document says what is done for them
	Now         func() time.Time         // nil: time.Now
	NewID       func() string            // unique token ids; nil: 128 random bits
}

// Issuer makes assertions and deletion receipts. It is safe for concurrent use.
type Issuer struct {
	issuer   string
	lifetime int64 // seconds
	signer   Signer
	subjects subjects
	parties  map[string]gateway.Party
	now      func() time.Time
	newID    func() string
}

// New checks o and makes an Issuer.
func New(o Options) (*Issuer, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if o.Lifetime == 0 {
		o.Lifetime = DefaultLifetime
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.NewID == nil {
		o.NewID = randomID
	}
	subjects, err := newSubjects(o.PairwiseKey)
	if err != nil {
		return nil, err
	}
	return &Issuer{
		issuer: o.Issuer.String(), lifetime: int64(o.Lifetime / time.Second), signer: o.Signer,
		subjects: subjects, parties: o.Parties, now: o.Now, newID: o.NewID,
	}, nil
}

func (o Options) check() error {
	switch u := o.Issuer; {
	case o.Signer == nil:
		return errors.New("assertion: no signer")
	case len(o.PairwiseKey) < minKeyBytes:
		return fmt.Errorf("assertion: pairwise key has %d bytes, at least %d are needed", len(o.PairwiseKey), minKeyBytes)
	case o.Lifetime < 0 || o.Lifetime%time.Second != 0:
		return fmt.Errorf("assertion: lifetime %s is not a positive number of whole seconds", o.Lifetime)
	case u == nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return errors.New("assertion: issuer must be an absolute http or https URL without user, query and fragment")
	}
	return nil
}

// Assertion states a match to an audience; facts that do not make a sound statement are an error and no token.
func (i *Issuer) Assertion(ctx context.Context, a gateway.AssertionFacts) (string, error) {
	if err := checkFacts(a); err != nil {
		return "", unsound(err)
	}
	return i.sign(ctx, Type, i.claims(a))
}

func (i *Issuer) claims(a gateway.AssertionFacts) Claims {
	lifetime := i.lifetime
	if a.Party.Lifetime > 0 {
		lifetime = int64(a.Party.Lifetime / time.Second)
	}
	step := tick(lifetime)
	now := coarseTime(i.now(), step)
	return Claims{
		Issuer:       i.issuer,
		Subject:      i.subjects.of(a.Party, a.Subject),
		Audience:     a.Party.Audience,
		IssuedAt:     now,
		NotBefore:    now,
		Expiry:       now + lifetime,
		ID:           cmp.Or(a.ID, i.newID()),
		Nonce:        a.Nonce,
		AuthTime:     coarseTime(a.AuthTime, step),
		ACR:          acrOf(a.Level),
		AMR:          methods(a.Modalities),
		Confirmation: confirmation(a.Party.Binding, a.Caller),
		Biogate:      told(a),
	}
}

// confirmation names the key that the party's assertions are bound to. Without a binding no key is named: it would be the same at
// every audience.
func confirmation(b gateway.Binding, c gateway.Caller) *Confirmation {
	switch b {
	case gateway.BindDPoP:
		return &Confirmation{DPoP: b.Key(c)}
	case gateway.BindMTLS:
		return &Confirmation{Certificate: b.Key(c)}
	}
	return nil
}

// DeletionReceipt states that a subject was forgotten.
func (i *Issuer) DeletionReceipt(ctx context.Context, d gateway.DeletionFacts) (string, error) {
	if err := checkDeletion(d); err != nil {
		return "", unsound(err)
	}
	return i.sign(ctx, DeletionType, DeletionClaims{
		Issuer:    i.issuer,
		Subject:   i.subjects.deleted(d.Subject),
		IssuedAt:  i.now().Unix(),
		ID:        i.newID(),
		Templates: d.Templates,
		DeletedAt: d.DeletedAt.Unix(),
		Degraded:  orEmpty(d.Degraded),
	})
}

// GalleryReceipt states that a gallery ended.
func (i *Issuer) GalleryReceipt(ctx context.Context, e gateway.GalleryEnd) (string, error) {
	if e.Gallery == "" || e.Reason == "" || e.EndedAt.IsZero() || e.Members < 0 || e.Erased < 0 {
		return "", unsound(errors.New("assertion: a gallery's end without a name, a reason or a time"))
	}
	return i.sign(ctx, GalleryType, GalleryClaims{
		Issuer:   i.issuer,
		IssuedAt: i.now().Unix(),
		ID:       i.newID(),
		Gallery:  e.Gallery,
		Reason:   e.Reason,
		Members:  e.Members,
		Erased:   e.Erased,
		EndedAt:  e.EndedAt.Unix(),
		Degraded: orEmpty(e.Degraded),
	})
}

// JWKS is the key set that verifies what this issuer signs, as JSON.
func (i *Issuer) JWKS() []byte { return i.signer.JWKS() }

func (i *Issuer) sign(ctx context.Context, typ string, claims any) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("assertion: %w", err)
	}
	return i.signer.Sign(ctx, typ, payload)
}

// unsound types an error about facts as a fault of ours, so that no breaker takes it for an outage of the signer.
func unsound(cause error) error {
	return &gateway.Error{Kind: gateway.Internal, Code: "internal", Detail: "the gateway failed", Cause: cause}
}

func randomID() string {
	var id [16]byte
	rand.Read(id[:]) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(id[:])
}

var _ gateway.Issuer = (*Issuer)(nil)
