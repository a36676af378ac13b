package filesigner

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
)

// Algorithms of keys (RFC 7518, RFC 8037).
const (
	EdDSA = "EdDSA" // Ed25519
	ES256 = "ES256" // ECDSA with P-256 and SHA-256
)

// key is one entry of the keyring, ready for use.
type key struct {
	id             string // RFC 7638 thumbprint
	alg            jwa.SignatureAlgorithm
	signer         crypto.Signer // ed25519.PrivateKey or *ecdsa.PrivateKey; nil: the private part is not in the file
	token          string        // what the Token calls the private part; empty: it is not there
	public         jwk.Key
	created        time.Time
	signsFrom      time.Time
	publishedUntil time.Time // zero: no end is set
}

// record is a key as the file holds it.
type record struct {
	CreatedAt      time.Time       `json:"created_at"`
	SignsFrom      time.Time       `json:"signs_from"`
	PublishedUntil time.Time       `json:"published_until,omitzero"`
	Token          string          `json:"token,omitempty"` // what the Token calls the private part, while it may sign
	Key            json.RawMessage `json:"key"`             // JWK, with its private part while it may sign and is no Token's
}

// newKey is a key whose private part will be in the file.
func newKey(alg string, now, signsFrom time.Time) (key, error) {
	signer, err := generate(alg)
	if err != nil {
		return key{}, err
	}
	k, err := fromPublic(signer.Public())
	k.signer, k.created, k.signsFrom = signer, now, signsFrom
	return k, err
}

// canSign says whether the private part is still anywhere.
func (k key) canSign() bool { return k.signer != nil || k.token != "" }

func generate(alg string) (crypto.Signer, error) {
	switch alg {
	case EdDSA:
		_, private, err := ed25519.GenerateKey(rand.Reader)
		return private, err
	case ES256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	return nil, fmt.Errorf("signature algorithm %q is not one of %s, %s", alg, EdDSA, ES256)
}

// fromPublic fills in what follows from a public key: algorithm, thumbprint, and the JWK that is published.
func fromPublic(public crypto.PublicKey) (key, error) {
	alg, err := algorithmOf(public)
	if err != nil {
		return key{}, err
	}
	published, err := jwk.FromRaw(public)
	if err != nil {
		return key{}, err
	}
	sum, err := published.Thumbprint(crypto.SHA256)
	if err != nil {
		return key{}, err
	}
	id := base64.RawURLEncoding.EncodeToString(sum)
	if err := label(published, id, alg); err != nil {
		return key{}, err
	}
	return key{id: id, alg: alg, public: published}, nil
}

func algorithmOf(public crypto.PublicKey) (jwa.SignatureAlgorithm, error) {
	switch p := public.(type) {
	case ed25519.PublicKey:
		return jwa.EdDSA, nil
	case *ecdsa.PublicKey:
		if p.Curve == elliptic.P256() {
			return jwa.ES256, nil
		}
	}
	return "", fmt.Errorf("a key of type %T is neither Ed25519 nor P-256", public)
}

func label(k jwk.Key, id string, alg jwa.SignatureAlgorithm) error {
	for name, value := range map[string]any{jwk.KeyIDKey: id, jwk.AlgorithmKey: alg, jwk.KeyUsageKey: jwk.ForSignature} {
		if err := k.Set(name, value); err != nil {
			return err
		}
	}
	return nil
}

// record is what the file keeps of k.
func (k key) record() (record, error) {
	stored := k.public
	if k.signer != nil {
		private, err := jwk.FromRaw(k.signer)
		if err != nil {
			return record{}, err
		}
		if err := label(private, k.id, k.alg); err != nil {
			return record{}, err
		}
		stored = private
	}
	text, err := json.Marshal(stored)
	return record{CreatedAt: k.created, SignsFrom: k.signsFrom, PublishedUntil: k.publishedUntil, Token: k.token, Key: text}, err
}

// key checks r and makes it ready for use.
func (r record) key() (key, error) {
	parsed, err := jwk.ParseKey(r.Key)
	if err != nil {
		return key{}, fmt.Errorf("a key is not a JWK") // the cause could quote the key
	}
	var raw any
	if err := parsed.Raw(&raw); err != nil {
		return key{}, fmt.Errorf("key %q is broken", parsed.KeyID())
	}
	public := raw
	signer, private := raw.(crypto.Signer)
	if private {
		public = signer.Public()
	}
	k, err := fromPublic(public)
	switch {
	case err != nil:
		return key{}, err
	case k.id != parsed.KeyID():
		return key{}, fmt.Errorf("key %q has the thumbprint %s", parsed.KeyID(), k.id)
	case r.SignsFrom.IsZero():
		return key{}, fmt.Errorf("key %q does not say from when it signs", k.id)
	case private && r.Token != "":
		return key{}, fmt.Errorf("key %q is said to be on a token, and is in the file", k.id)
	case len(r.Token) > maxNameBytes:
		return key{}, fmt.Errorf("key %q has a name of more than %d bytes on its token", k.id, maxNameBytes)
	}
	k.token = r.Token
	k.signer, k.created, k.signsFrom, k.publishedUntil = signer, r.CreatedAt, r.SignsFrom, r.PublishedUntil
	return k, nil
}
