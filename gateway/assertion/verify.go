package assertion

import (
	"bytes"
	"context"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"biogate/gateway"
	"biogate/gateway/decision"
)

// MaxTokenBytes bounds what Verify reads. An assertion has about 1 KB.
const MaxTokenBytes = 16 << 10

// Why Verify refuses a token. Each is wrapped with what was found.
var (
	ErrMalformed   = errors.New("not a compact JWS with JSON header and claims")
	ErrType        = errors.New("another type of token")
	ErrAlgorithm   = errors.New("signature algorithm not accepted")
	ErrKeySet      = errors.New("key set cannot be used")
	ErrUnknownKey  = errors.New("no key of that id in the key set") // a rotation may be newer than the copy: fetch it again, once
	ErrKeyMismatch = errors.New("the key is not for this signature algorithm")
	ErrSignature   = errors.New("signature does not match")
	ErrIssuer      = errors.New("another issuer")
	ErrAudience    = errors.New("meant for another audience")
	ErrExpired     = errors.New("expired")
	ErrNotYet      = errors.New("not valid yet")
	ErrNonce       = errors.New("nonce does not match")
	ErrClaims      = errors.New("claims do not state a match")
	ErrLevel       = errors.New("a lower level of assurance than demanded")
	ErrBinding     = errors.New("bound to a key that the bearer has not proven to hold")
)

// Expect is what a relying party demands of an assertion.
type Expect struct {
	Issuer   string // empty: any whose key set was given
	Audience string // the relying party's own name
	// AnyAudience accepts an assertion that was made for somebody else. It is for tools that look at tokens, never for
	// a login: with it, one relying party can replay at another.
	AnyAudience bool
	Nonce       string        // empty: not checked
	Level       int           // of assurance, at least; 0 is 1
	Key         Confirmation  // keys that the bearer has proven to hold. An assertion that is bound is refused without its key
	AnyKey      bool          // accepts a bound assertion from any bearer: for tools that look at tokens, and the gateway itself
	Bound       bool          // demands that the assertion is bound to a key
	Now         time.Time     // zero: time.Now
	Leeway      time.Duration // for clocks that differ, about a minute
	Algorithms  []string      // accepted of EdDSA, ES256; nil: both
}

// Verify checks an assertion against a JSON Web Key Set as a relying party must: form, type, algorithm, key, signature,
// and only then the claims. The returned Claims are valid only when the error is nil.
func Verify(token string, jwks []byte, e Expect) (Claims, error) {
	payload, err := open(token, Type, jwks, e.Algorithms)
	if err != nil {
		return Claims{}, err
	}
	c := Claims{Biogate: Evidence{FMR: 1}} // whoever is not told of a rate must not take that for a low one
	if err := json.Unmarshal(payload, &c); err != nil {
		return Claims{}, fmt.Errorf("assertion: %w", ErrMalformed)
	}
	for i := range c.Biogate.Modalities {
		if m := &c.Biogate.Modalities[i]; m.FMR == 0 {
			m.FMR = 1
		}
	}
	if err := c.check(e); err != nil {
		return Claims{}, err
	}
	return c, nil
}

// VerifyDeletion checks a deletion receipt, which has no audience and does not expire. issuer may be empty: any.
func VerifyDeletion(token string, jwks []byte, issuer string) (c DeletionClaims, err error) {
	err = readReceipt(token, DeletionType, jwks, issuer, &c, &c.Issuer)
	return c, err
}

// VerifyGallery checks the receipt of a gallery that ended, as VerifyDeletion does.
func VerifyGallery(token string, jwks []byte, issuer string) (c GalleryClaims, err error) {
	err = readReceipt(token, GalleryType, jwks, issuer, &c, &c.Issuer)
	return c, err
}

// readReceipt reads a receipt's claims into c, of which got is the issuer.
func readReceipt(token, typ string, jwks []byte, issuer string, c any, got *string) error {
	payload, err := open(token, typ, jwks, nil)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(payload, c); err != nil {
		return fmt.Errorf("assertion: %w", ErrMalformed)
	}
	if issuer != "" && *got != issuer {
		return fmt.Errorf("assertion: %w: %q", ErrIssuer, *got)
	}
	return nil
}

// protected is the header that this package accepts. Members that change how a token is read are refused by name.
type protected struct {
	Alg  string          `json:"alg"`
	Kid  string          `json:"kid"`
	Typ  string          `json:"typ"`
	Crit json.RawMessage `json:"crit"`
	B64  json.RawMessage `json:"b64"`
}

// open returns the payload of a token whose signature is good.
func open(token, typ string, jwks []byte, algorithms []string) ([]byte, error) {
	header, payload, signature, err := split(token)
	if err != nil {
		return nil, err
	}
	var h protected
	if err := json.Unmarshal(header, &h); err != nil || h.Crit != nil || h.B64 != nil {
		return nil, fmt.Errorf("assertion: %w: header", ErrMalformed)
	}
	if !isType(h.Typ, typ) {
		return nil, fmt.Errorf("assertion: %w: %q instead of %q", ErrType, h.Typ, typ)
	}
	if !accepted(h.Alg, algorithms) {
		return nil, fmt.Errorf("assertion: %w: %q", ErrAlgorithm, h.Alg)
	}
	key, err := findKey(jwks, h.Kid, h.Alg)
	if err != nil {
		return nil, err
	}
	signed := token[:strings.LastIndexByte(token, '.')]
	if !key.verify([]byte(signed), signature) {
		return nil, fmt.Errorf("assertion: %w", ErrSignature)
	}
	return payload, nil
}

// split decodes the three parts. Base64url is read strictly: one token has one spelling.
func split(token string) (header, payload, signature []byte, err error) {
	if len(token) > MaxTokenBytes {
		return nil, nil, nil, fmt.Errorf("assertion: %w: %d bytes, at most %d are read", ErrMalformed, len(token), MaxTokenBytes)
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, nil, nil, fmt.Errorf("assertion: %w: %d parts instead of 3", ErrMalformed, len(parts))
	}
	var decoded [3][]byte
	for i, part := range parts {
		if strings.ContainsAny(part, "\r\n") { // which encoding/base64 passes over
			return nil, nil, nil, fmt.Errorf("assertion: %w: line break", ErrMalformed)
		}
		if decoded[i], err = base64.RawURLEncoding.Strict().DecodeString(part); err != nil {
			return nil, nil, nil, fmt.Errorf("assertion: %w: part %d is not base64url", ErrMalformed, i+1)
		}
	}
	if !isObject(decoded[0]) || !isObject(decoded[1]) {
		return nil, nil, nil, fmt.Errorf("assertion: %w", ErrMalformed)
	}
	return decoded[0], decoded[1], decoded[2], nil
}

func isObject(text []byte) bool {
	return json.Valid(text) && bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte("{"))
}

// isType compares media types; RFC 7515, section 4.1.9, lets "application/" be left out.
func isType(got, want string) bool {
	return strings.EqualFold(strings.TrimPrefix(strings.ToLower(got), "application/"), want)
}

// algorithms that Verify knows. "none" and every symmetric algorithm are absent by design.
var algorithms = []string{"EdDSA", "ES256"}

func accepted(alg string, wanted []string) bool {
	return slices.Contains(algorithms, alg) && (wanted == nil || slices.Contains(wanted, alg))
}

func (c Claims) check(e Expect) error {
	now := e.Now
	if now.IsZero() {
		now = time.Now()
	}
	switch {
	case e.Issuer != "" && c.Issuer != e.Issuer:
		return fmt.Errorf("assertion: %w: %q instead of %q", ErrIssuer, c.Issuer, e.Issuer)
	case e.Audience == "" && !e.AnyAudience:
		return fmt.Errorf("assertion: %w: no audience is expected; say which", ErrAudience)
	case !e.AnyAudience && c.Audience != e.Audience:
		return fmt.Errorf("assertion: %w: %q instead of %q", ErrAudience, c.Audience, e.Audience)
	case e.Nonce != "" && c.Nonce != e.Nonce:
		return fmt.Errorf("assertion: %w", ErrNonce)
	case !now.Before(time.Unix(c.Expiry, 0).Add(e.Leeway)):
		return fmt.Errorf("assertion: %w at %s", ErrExpired, rfc3339(c.Expiry))
	case now.Add(e.Leeway).Before(time.Unix(max(c.NotBefore, c.IssuedAt), 0)):
		return fmt.Errorf("assertion: %w before %s", ErrNotYet, rfc3339(max(c.NotBefore, c.IssuedAt)))
	case c.Subject == "" || c.ID == "" || c.AuthTime == 0 || len(c.AMR) == 0 || c.ACR != ACR1 && c.ACR != ACR2:
		return fmt.Errorf("assertion: %w: sub, jti, auth_time, amr or acr", ErrClaims)
	case c.Biogate.Decision != string(decision.Match) || !isRate(c.Biogate.FMR) || len(c.Biogate.Modalities) == 0:
		return fmt.Errorf("assertion: %w: decision %q at fmr %v", ErrClaims, c.Biogate.Decision, c.Biogate.FMR)
	}
	return c.checkBearer(e)
}

// checkBearer holds the assertion's level and key against what the relying party demands and the bearer has proven.
func (c Claims) checkBearer(e Expect) error {
	switch bound := c.Confirmation; {
	case e.Level == 2 && c.ACR != ACR2:
		return fmt.Errorf("assertion: %w: acr %q", ErrLevel, c.ACR)
	case bound == nil && e.Bound:
		return fmt.Errorf("assertion: %w: it is bound to none", ErrBinding)
	case bound == nil || e.AnyKey:
		return nil
	case bound.DPoP == "" && bound.Certificate == "":
		return fmt.Errorf("assertion: %w: cnf names no key of a known kind", ErrBinding)
	case bound.DPoP != "" && !same(bound.DPoP, e.Key.DPoP):
		return fmt.Errorf("assertion: %w: jkt", ErrBinding)
	case bound.Certificate != "" && !same(bound.Certificate, e.Key.Certificate):
		return fmt.Errorf("assertion: %w: x5t#S256", ErrBinding)
	}
	return nil
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// ReadAssertion implements gateway.AssertionReader: the issuer reads what it signed, whoever it is for and whoever brings it.
func (i *Issuer) ReadAssertion(_ context.Context, token string) (s gateway.Statement, ok bool, err error) {
	jwks := i.JWKS()
	c, err := Verify(token, jwks, Expect{Issuer: i.issuer, AnyAudience: true, AnyKey: true, Now: i.now()})
	if errors.Is(err, ErrKeySet) {
		return gateway.Statement{}, false, err
	}
	if err != nil {
		return gateway.Statement{}, false, nil
	}
	_, claims, _, err := split(token)
	return gateway.Statement{ID: c.ID, Audience: c.Audience, Issued: time.Unix(c.IssuedAt, 0), Expires: time.Unix(c.Expiry, 0), Claims: claims}, err == nil, err
}

var _ gateway.AssertionReader = (*Issuer)(nil)

func rfc3339(seconds int64) string { return time.Unix(seconds, 0).UTC().Format(time.RFC3339) }
