package main

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"biogate/adapters/filesigner"
	"biogate/adapters/pkcs11signer"
	"biogate/gateway/config"
)

// tokenPatience is how long a device may take to let us in.
const tokenPatience = 15 * time.Second

// openSigner opens the keyring that the configuration names. In production it is there already.
func (a *app) openSigner(ctx context.Context) (*filesigner.Signer, error) {
	o := ringOptions(a.config)
	o.Production = a.config.Mode == config.Production
	token, err := openToken(ctx, a.config)
	if err != nil {
		return nil, err
	}
	if token != nil {
		a.closers = append(a.closers, token.Close)
		o.Token = token
	}
	return filesigner.Open(o)
}

func ringOptions(c config.Config) filesigner.Options {
	return filesigner.Options{Dir: keyDir(c.Data), Algorithm: c.Assertion.Algorithm, Overlap: c.Assertion.KeyOverlap}
}

// openToken logs in to the token that has the signing keys; nil: they are in the keyring's file.
func openToken(ctx context.Context, c config.Config) (*pkcs11signer.Token, error) {
	if c.Keys.Signer != "pkcs11" {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, tokenPatience)
	defer cancel()
	if err := makeKeyDir(c.Data); err != nil {
		return nil, err
	}
	p := c.Keys.PKCS11
	return pkcs11signer.Open(ctx, pkcs11signer.Options{
		Module: p.Module, Token: p.Token, PINFile: p.PINFile, Label: p.Label, Sessions: p.Sessions,
		Memo: filepath.Join(keyDir(c.Data), "pin-refused"),
	})
}

// withToken runs f with the keyring's options, and with the token in them where the keys are on one.
func withToken(ctx context.Context, c config.Config, f func(filesigner.Options) error) error {
	o := ringOptions(c)
	token, err := openToken(ctx, c)
	if err != nil {
		return err
	}
	if token == nil {
		return f(o)
	}
	o.Token = token
	return errors.Join(f(o), token.Close())
}
