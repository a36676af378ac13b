package assertion

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

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
)

// Expect is what a relying party demands of an assertion.
type Expect struct {
	Issuer   string // empty: any whose key set was given
	Audience string // the relying party's own name
	// AnyAudience accepts an assertion that was made for somebody else. It is for tools that look at tokens, never for
	// a login: with it, one relying party can replay at another.
	AnyAudience bool
	Nonce       string        // empty: not checked
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
	var c Claims
	if err := json.Unmarshal(payload, &c); err != nil {
		return Claims{}, fmt.Errorf("assertion: %w", ErrMalformed)
	}
	if err := c.check(e); err != nil {
		return Claims{}, err
	}
	return c, nil
}

// VerifyDeletion checks a deletion receipt, which has no audience and does not expire. issuer may be empty: any.
func VerifyDeletion(token string, jwks []byte, issuer string) (DeletionClaims, error) {
	payload, err := open(token, DeletionType, jwks, nil)
	if err != nil {
		return DeletionClaims{}, err
	}
	var c DeletionClaims
	if err := json.Unmarshal(payload, &c); err != nil {
		return DeletionClaims{}, fmt.Errorf("assertion: %w", ErrMalformed)
	}
	if issuer != "" && c.Issuer != issuer {
		return DeletionClaims{}, fmt.Errorf("assertion: %w: %q", ErrIssuer, c.Issuer)
	}
	return c, nil
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
	case c.Subject == "" || c.ID == "" || c.AuthTime == 0 || len(c.AMR) == 0 || c.ACR != ACR:
		return fmt.Errorf("assertion: %w: sub, jti, auth_time, amr or acr", ErrClaims)
	case c.Biogate.Decision != string(decision.Match) || !isRate(c.Biogate.FMR) || len(c.Biogate.Modalities) == 0:
		return fmt.Errorf("assertion: %w: decision %q at fmr %v", ErrClaims, c.Biogate.Decision, c.Biogate.FMR)
	}
	return nil
}

func rfc3339(seconds int64) string { return time.Unix(seconds, 0).UTC().Format(time.RFC3339) }
