//go:build !cgo

package pkcs11signer

import (
	"context"
	"crypto"
	"errors"
)

// Token cannot be had in this build.
type Token struct{}

var errNoCgo = errors.New("pkcs11signer: this build cannot load a PKCS#11 library: build with cgo (CGO_ENABLED=1)")

// Open fails in this build.
func Open(context.Context, Options) (*Token, error) { return nil, errNoCgo }

// Generate fails in this build.
func (*Token) Generate(context.Context, string) (string, crypto.PublicKey, error) {
	return "", nil, errNoCgo
}

// Sign fails in this build.
func (*Token) Sign(context.Context, string, string, []byte) ([]byte, error) { return nil, errNoCgo }

// Destroy fails in this build.
func (*Token) Destroy(context.Context, string) error { return errNoCgo }

// Close does nothing.
func (*Token) Close() error { return nil }
