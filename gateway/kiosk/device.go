// Package kiosk knows who asks: devices, what each may do, and how a request proves which device it comes from.
package kiosk

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Capability is a right of a device.
type Capability string

// The capabilities. A boarding gate has Identify and Verify, an enrolment counter Enroll too.
const (
	Verify     Capability = "verify"     // 1:1, and challenges
	Identify   Capability = "identify"   // 1:N, and challenges
	Enroll     Capability = "enroll"     // add references
	Read       Capability = "read"       // see what is held about a subject
	Forget     Capability = "forget"     // delete subjects
	Galleries  Capability = "galleries"  // make, fill and end galleries
	Introspect Capability = "introspect" // a relying party's: use up assertions of its audiences
	Operate    Capability = "operate"    // metrics
)

// Ask is no capability of its own: who may verify or identify has it, for both begin with a challenge.
const Ask Capability = "ask"

// capabilities are all that there are, in the order of the constants.
var capabilities = []Capability{Verify, Identify, Enroll, Read, Forget, Galleries, Introspect, Operate}

// Known says whether there is such a capability.
func (c Capability) Known() bool { return slices.Contains(capabilities, c) }

// Device is a kiosk, or any other client, that is registered. Values are never changed in place.
type Device struct {
	ID           string
	Site         string
	Capabilities []Capability
	Audiences    []string         // that it may ask for; empty: any
	Key          crypto.PublicKey // of its signed requests, ed25519.PublicKey or *ecdsa.PublicKey on P-256; nil: it signs none
	Certificate  [32]byte         // SHA-256 of its client certificate, DER; zero: it has none
	NotBefore    time.Time
	NotAfter     time.Time
	RevokedAt    time.Time // zero: it is not revoked
}

// May says whether the device has a capability.
func (d Device) May(c Capability) bool {
	if c == Ask {
		return d.May(Verify) || d.May(Identify)
	}
	return slices.Contains(d.Capabilities, c)
}

// Usable says whether requests of the device are taken at a time, if it has a credential and the right to what it asks.
func (d Device) Usable(at time.Time) bool {
	return d.RevokedAt.IsZero() && !at.Before(d.NotBefore) && at.Before(d.NotAfter)
}

// Bounds of what one device says of itself in the registry.
const (
	maxName      = 128 // bytes of an id or a site
	maxAudience  = 512 // bytes
	maxAudiences = 1000
)

// Check says what is wrong with a device that is to be registered.
func (d Device) Check() error {
	switch {
	case !validName(d.ID):
		return fmt.Errorf("id is %q, it must be 1 to %d of A-Z a-z 0-9 . _ : @ -", d.ID, maxName)
	case !validName(d.Site):
		return fmt.Errorf("site is %q, it must be 1 to %d of A-Z a-z 0-9 . _ : @ -", d.Site, maxName)
	case d.NotBefore.IsZero() || !d.NotBefore.Before(d.NotAfter):
		return errors.New("its validity ends before it begins")
	case d.Key == nil && d.Certificate == [32]byte{}:
		return errors.New("it has neither a key nor a certificate")
	}
	return errors.Join(checkCapabilities(d.Capabilities), checkAudiences(d.Audiences), checkKey(d.Key))
}

func checkCapabilities(list []Capability) error {
	if len(list) == 0 {
		return fmt.Errorf("it has no capability; there are %v", capabilities)
	}
	for i, c := range list {
		if !c.Known() {
			return fmt.Errorf("capability %q is unknown; there are %v", c, capabilities)
		}
		if slices.Contains(list[:i], c) {
			return fmt.Errorf("capability %q is there twice", c)
		}
	}
	return nil
}

func checkAudiences(list []string) error {
	if len(list) > maxAudiences {
		return fmt.Errorf("it has more than %d audiences", maxAudiences)
	}
	for i, a := range list {
		if a == "" || len(a) > maxAudience || !utf8.ValidString(a) {
			return fmt.Errorf("audience %q is not 1 to %d bytes of UTF-8", a, maxAudience)
		}
		if slices.Contains(list[:i], a) {
			return fmt.Errorf("audience %q is there twice", a)
		}
	}
	return nil
}

// checkKey takes the two kinds that signed requests know.
func checkKey(key crypto.PublicKey) error {
	switch k := key.(type) {
	case nil:
		return nil
	case ed25519.PublicKey:
		if len(k) == ed25519.PublicKeySize {
			return nil
		}
	case *ecdsa.PublicKey:
		if k != nil && k.Curve == elliptic.P256() {
			return nil
		}
	}
	return errors.New("its key is neither Ed25519 nor ECDSA on P-256")
}

// validName takes what subjects and galleries may be called too.
func validName(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter, digit := c|0x20 >= 'a' && c|0x20 <= 'z', c >= '0' && c <= '9'
		if !letter && !digit && !strings.ContainsRune("._:@-", rune(c)) {
			return false
		}
	}
	return len(s) > 0 && len(s) <= maxName
}

// Devices is the registry of devices. Every method respects ctx's deadline; gateway.ErrNotFound when there is no such
// device, any other error when the registry cannot say. What it answers is at most one second old.
type Devices interface {
	// Device returns the device of an id.
	Device(ctx context.Context, id string) (Device, error)
	// ByCertificate returns the device that a client certificate belongs to, by its SHA-256.
	ByCertificate(ctx context.Context, sum [32]byte) (Device, error)
}
