package kiosk

import "context"

// proven refuses proofs of possession (RFC 9449) as long as they are not read.
func (a *Authenticator) proven(_ context.Context, r Request, id Identity) (Identity, error) {
	if len(r.Header("dpop")) > 0 {
		return Identity{}, refusal("proof-invalid", "proofs of possession are not read here")
	}
	return id, nil
}
