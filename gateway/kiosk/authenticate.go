package kiosk

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"biogate/gateway"
	"biogate/gateway/httpsig"
	"biogate/internal/eddsa"
)

// Options of an Authenticator.
type Options struct {
	Devices Devices
	// Memory remembers what was used: nonces of signed requests, and ids of proofs of possession.
	Memory Memory
	// Window is the widest that Memory has: what was used is remembered so long.
	Window time.Duration
	// Sites are those whose devices are served; empty: all.
	Sites []string
	// Required refuses requests without a credential.
	Required bool
	// Authority is host[:port] of this gateway as its devices know it; a request that was signed for another is refused. Empty:
	// what the request's Host says, which protects nobody from a request that was made for another gateway.
	Authority string
	// Scheme of the URLs that devices use, for proofs of possession: https or http.
	Scheme string
	// Refused counts refusals by their code; nil: nobody counts.
	Refused func(code string)
	// Report is told of refusals of a device whose credential held: that it is revoked, was heard before, asks for what it may not,
	// that the body is not what it signed. Of each cause once a minute and device, with how many there were since. nil: nobody is told.
	Report func(ctx context.Context, device, code string, times int)
	Now    func() time.Time
}

// Memory remembers what was used. gateway/replay is the implementation.
type Memory interface {
	// Take uses up a name of what a device made at a time and no node takes after until. first is false when it must not be
	// taken: it was used before, by whichever device, or nobody can know. device is whose share of the memory it takes.
	Take(ctx context.Context, device, name string, made, until time.Time) (first bool, err error)
	// Window is how far the time of a request may lie in the past, Ahead how far in the future.
	Window() time.Duration
	Ahead() time.Duration
}

// Authenticator says who asks. It is safe for concurrent use.
type Authenticator struct {
	o        Options
	order    order
	refusals refusals
	tables   tables
	decoys   [3]crypto.PublicKey                             // of nobody, one of each kind that costs work of its own
	verify   func(httpsig.Signature, crypto.PublicKey) error // httpsig.Signature.Verify; tests count its work
}

// Request is what is known of a request before its body.
type Request struct {
	httpsig.Message
	Peer  *x509.Certificate // that the client holds the key of, as TLS has shown; nil: none
	Needs Capability
}

// Signed says whether the request claims to be signed, so that to judge it costs verifications.
func (r Request) Signed() bool {
	return len(r.Header("signature")) > 0 || len(r.Header("signature-input")) > 0
}

// Identity is who asks, and what the body must be.
type Identity struct {
	Caller gateway.Caller
	by     *Authenticator
	signed bool
	digest httpsig.Digest
}

// NewAuthenticator fails only when there is no randomness.
func NewAuthenticator(o Options) (*Authenticator, error) {
	nobody, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	neither, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	tabled, err := eddsa.Prepare(nobody)
	if err != nil {
		return nil, err
	}
	return &Authenticator{
		o: o, order: order{newest: map[string]time.Time{}}, refusals: refusals{told: map[refused]*told{}}, tables: tables{byKey: map[[ed25519.PublicKeySize]byte]*keyUse{}},
		decoys: [3]crypto.PublicKey{nobody, tabled, &neither.PublicKey}, verify: httpsig.Signature.Verify,
	}, nil
}

// Authenticate says who asks, before the request's body is read. Identity.CheckBody has to follow. The error is a gateway.Error.
func (a *Authenticator) Authenticate(ctx context.Context, r Request) (Identity, error) {
	id, err := a.authenticate(ctx, r)
	if err != nil {
		a.refused(ctx, id.Caller.Device, gateway.AsError(err))
		return Identity{}, err
	}
	id.by = a
	return id, nil
}

// refused counts a refusal, and tells of it where the credential of a device held.
func (a *Authenticator) refused(ctx context.Context, device string, err *gateway.Error) {
	if a.o.Refused != nil {
		a.o.Refused(err.Code)
	}
	a.report(ctx, device, err)
}

// authenticate is Authenticate; with an error the identity is whose credential held, if one did.
func (a *Authenticator) authenticate(ctx context.Context, r Request) (Identity, error) {
	if a.o.Authority != "" {
		r.Authority = a.o.Authority
	}
	switch {
	case r.Signed():
		return a.bySignature(ctx, r)
	case r.Peer != nil:
		return a.byCertificate(ctx, r)
	case a.o.Required:
		return Identity{}, errNoCredential
	}
	return a.proven(ctx, r, Identity{})
}

// bySignature takes a signed request. Whoever has not shown that he holds a device's key gets one answer, for the same work,
// whether there is such a device or not. The nonce is used up last, so that nobody but the device can use up its nonces.
func (a *Authenticator) bySignature(ctx context.Context, r Request) (Identity, error) {
	s, err := httpsig.Parse(r.Message)
	if err != nil {
		return Identity{}, refusal("signature-invalid", "%v", err)
	}
	now, window := a.o.Now(), a.o.Memory.Window()
	if err := checkTime(s, now, window, a.o.Memory.Ahead()); err != nil {
		return Identity{}, err
	}
	device, err := a.signer(ctx, s, now)
	if err != nil {
		return Identity{}, err
	}
	id := Identity{Caller: caller(device), signed: true, digest: s.Digest}
	if r.Peer != nil && sha256.Sum256(r.Peer.Raw) != device.Certificate { // two credentials of two devices
		return id, errUnknown
	}
	if err := a.allowed(device, r, now); err != nil {
		return id, err
	}
	if r.Peer != nil {
		id.Caller.Proven.Certificate = thumbprint(r.Peer)
	}
	if err := a.spend(ctx, device.ID, "signature "+device.ID+"\x00"+s.Nonce, s.Created); err != nil {
		return id, err
	}
	if !a.order.take(device.ID, s.Created, now.Add(-window)) {
		return id, errOutOfOrder
	}
	return a.proven(ctx, r, id)
}

// checkTime comes before the signature: what is old needs no work, and the answer depends on nothing but the request.
func checkTime(s httpsig.Signature, now time.Time, window, ahead time.Duration) error {
	if s.Created.Before(now.Add(-window)) || s.Created.After(now.Add(ahead)) || !s.Expires.IsZero() && !now.Before(s.Expires) {
		return refusal("request-stale", "by this gateway's clock the request was signed more than %s ago or %s from now, or has expired", window, ahead)
	}
	return nil
}

// signer is the device that signed. Every refusal costs one verification of each kind, those with a table among them: how long it
// took does not say whether there is such a device, what key it has, nor whether it has been here.
func (a *Authenticator) signer(ctx context.Context, s httpsig.Signature, now time.Time) (Device, error) {
	device, err := a.o.Devices.Device(ctx, s.KeyID)
	if err != nil && !errors.Is(err, gateway.ErrNotFound) {
		return Device{}, devicesUnavailable(err)
	}
	key := a.tables.of(device.Key)
	if err == nil && key != nil && a.verify(s, key) == nil {
		a.tables.held(device.Key, now)
		return device, nil
	}
	for _, decoy := range a.decoys {
		if !sameKind(decoy, key) {
			_ = a.verify(s, decoy)
		}
	}
	return Device{}, errUnknown
}

func sameKind(a, b crypto.PublicKey) bool { return reflect.TypeOf(a) == reflect.TypeOf(b) }

// byCertificate takes a request over a connection whose client has shown that it holds a certificate's key.
func (a *Authenticator) byCertificate(ctx context.Context, r Request) (Identity, error) {
	device, err := a.o.Devices.ByCertificate(ctx, sha256.Sum256(r.Peer.Raw))
	switch {
	case errors.Is(err, gateway.ErrNotFound):
		return Identity{}, errUnknown
	case err != nil:
		return Identity{}, devicesUnavailable(err)
	}
	id := Identity{Caller: caller(device)}
	if err := a.allowed(device, r, a.o.Now()); err != nil {
		return id, err
	}
	id.Caller.Proven.Certificate = thumbprint(r.Peer)
	return a.proven(ctx, r, id)
}

// allowed judges a device that has proved who it is: only it learns what is wrong.
func (a *Authenticator) allowed(d Device, r Request, now time.Time) error {
	switch {
	case !d.RevokedAt.IsZero():
		return refusal("device-revoked", "this device was revoked")
	case !d.Usable(now):
		return refusal("device-expired", "this device's registration has expired or has not begun")
	case r.Peer != nil && (now.Before(r.Peer.NotBefore) || now.After(r.Peer.NotAfter)):
		return refusal("device-expired", "this device's certificate has expired or is not valid yet")
	case len(a.o.Sites) > 0 && !slices.Contains(a.o.Sites, d.Site):
		return forbidden("site-forbidden", "this gateway does not serve the site of this device")
	case !d.May(r.Needs):
		return forbidden("capability-missing", "this device may not do this")
	}
	return nil
}

func caller(d Device) gateway.Caller { return gateway.Caller{Device: d.ID, Audiences: d.Audiences} }

func thumbprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// spend uses up what serves once.
func (a *Authenticator) spend(ctx context.Context, device, name string, made time.Time) error {
	first, err := a.o.Memory.Take(ctx, device, name, made, made.Add(a.o.Window+time.Second))
	switch {
	case err != nil:
		return &gateway.Error{
			Kind: gateway.Unavailable, Code: "nonces-unavailable", Detail: "whether the request was made before cannot be said now",
			RetryAfter: time.Second, Cause: err,
		}
	case !first:
		return errReplayed
	}
	return nil
}

// CheckBody holds the body of a signed request to what was signed.
func (id Identity) CheckBody(ctx context.Context, body []byte) error {
	if !id.signed {
		return nil
	}
	if err := id.digest.Check(body); err != nil {
		mismatch := refusal("digest-mismatch", "%v", err)
		id.by.refused(ctx, id.Caller.Device, mismatch)
		return mismatch
	}
	return nil
}

// Refusals without a variable part. They are never changed.
var (
	errNoCredential = refusal("credential-required", "requests come from registered devices, with a client certificate or a signature")
	errUnknown      = refusal("credential-refused", "the credential is not one of a registered device")
	errReplayed     = refusal("request-replayed", "the request was made before, or when nobody kept count")
	errOutOfOrder   = refusal("request-out-of-order", "a request of this device that was signed later was taken before")
)

func refusal(code, detail string, args ...any) *gateway.Error {
	return &gateway.Error{Kind: gateway.Unauthorized, Code: code, Detail: fmt.Sprintf(detail, args...)}
}

func forbidden(code, detail string) *gateway.Error {
	return &gateway.Error{Kind: gateway.Forbidden, Code: code, Detail: detail}
}

func devicesUnavailable(cause error) error {
	return &gateway.Error{
		Kind: gateway.Unavailable, Code: "devices-unavailable", Detail: "which devices are registered cannot be said now",
		RetryAfter: time.Second, Cause: cause,
	}
}
