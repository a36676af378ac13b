// Package kiosk knows who asks: devices, what each may do, and how a request proves which device it comes from.
package kiosk

import (
	"context"
	"crypto"
	"slices"
	"time"
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

// Capabilities are all that there are, in the order of the constants.
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
func (d Device) May(c Capability) bool { return slices.Contains(d.Capabilities, c) }

// Devices is the registry of devices. Every method respects ctx's deadline; gateway.ErrNotFound when there is no such
// device, any other error when the registry cannot say. What it answers is at most one second old.
type Devices interface {
	// Device returns the device of an id.
	Device(ctx context.Context, id string) (Device, error)
	// ByCertificate returns the device that a client certificate belongs to, by its SHA-256.
	ByCertificate(ctx context.Context, sum [32]byte) (Device, error)
}
