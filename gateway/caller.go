package gateway

import (
	"context"
	"slices"
)

// Caller is who asks. The zero Caller is nobody in particular: development mode takes requests without a credential.
type Caller struct {
	Device    string   // id in the registry of devices
	Audiences []string // that it may ask for; empty: any
	Proven    ProvenKeys
}

// ProvenKeys are keys that the caller has shown to hold in this request. An assertion can be bound to one of them.
type ProvenKeys struct {
	DPoP        string // JWK thumbprint (RFC 7638, SHA-256, base64url) of the key of a DPoP proof (RFC 9449); empty: none
	Certificate string // SHA-256 of the client certificate of the TLS connection, base64url (RFC 8705); empty: none
}

// MayAsk says whether the caller may ask for an audience.
func (c Caller) MayAsk(audience string) bool {
	return len(c.Audiences) == 0 || slices.Contains(c.Audiences, audience)
}

type callerKey struct{}

// WithCaller returns a ctx that carries who asks.
func WithCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// CallerOf is who asks; the zero Caller when ctx does not say.
func CallerOf(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller)
	return c
}
