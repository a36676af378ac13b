// Package pkcs11signer keeps private signing keys in a hardware security module, reached through its vendor's PKCS#11 library, and
// signs there. It is a filesigner.Token: which key signs, from when, and until when it is published stays in the keyring.
//
// A call into such a library cannot be interrupted. So as many goroutines as there are sessions make all of them; whoever asks
// hands over its question and leaves when its time is up, and a device that hangs holds that many threads and no more.
// A session that met an error is closed and opened again; once for a question that the device can be asked twice.
//
// A PIN that the device refused is not tried again, also not after a restart, until its file changes: devices lock after few tries.
//
// Source: PKCS #11 Cryptographic Token Interface Base Specification 3.0 (OASIS, 2020), sections 5.6, 5.13, 5.14; its Current
// Mechanisms 3.0, section 2.3 (elliptic curves).
package pkcs11signer

import (
	"errors"
	"fmt"
)

// Options says which device, and how to get in. All are necessary but Memo.
type Options struct {
	Module   string // the vendor's library, a file
	Token    string // the token's label
	PINFile  string // holds the user's PIN; only its owner may read it
	Label    string // labels of our keys begin with it and a hyphen; others are never used or destroyed
	Sessions int    // open at a time, signatures at a time: 1 to 1024
	Memo     string // file in which a refused PIN is remembered (not the PIN); empty: only this process remembers
}

// Failures that an operator has to mend.
var (
	// ErrPIN says that trying the PIN would be pointless or dangerous.
	ErrPIN = errors.New("the PIN is not tried")
	// ErrAbsent says that no token has the label.
	ErrAbsent = errors.New("no such token")
	// ErrKey says that a key is not on the token, or is not kept as ours must be.
	ErrKey = errors.New("the key cannot be used")
	// ErrClosed says that the Token was closed.
	ErrClosed = errors.New("the token was closed")
)

const (
	maxSessions = 1024
	maxLabel    = 32
)

func (o Options) check() error {
	switch {
	case o.Module == "" || o.Token == "" || o.PINFile == "" || o.Label == "":
		return errors.New("module, token, PIN file and label are all necessary")
	case len(o.Label) > maxLabel:
		return fmt.Errorf("the label of keys %q has more than %d bytes", o.Label, maxLabel)
	case o.Sessions < 1 || o.Sessions > maxSessions:
		return fmt.Errorf("%d sessions, it must be 1 to %d", o.Sessions, maxSessions)
	}
	return nil
}
