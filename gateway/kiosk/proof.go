package kiosk

import (
	"context"

	"biogate/gateway/dpop"
)

// proven adds the key of a proof of possession (RFC 9449), which serves once, whichever device sends it: another one that saw it
// holds no key.
func (a *Authenticator) proven(ctx context.Context, r Request, id Identity) (Identity, error) {
	proofs := r.Header("dpop")
	if len(proofs) == 0 {
		return id, nil
	}
	if len(proofs) > 1 {
		return id, refusal("proof-invalid", "the header DPoP is there twice")
	}
	now, window := a.o.Now(), a.o.Memory.Window()
	proof, err := dpop.Verify(proofs[0], dpop.Want{Method: r.Method, URL: a.o.Scheme + "://" + r.Authority + r.Path, Now: now, Window: window})
	if err != nil {
		return id, refusal("proof-invalid", "the proof of possession does not hold: %v", err)
	}
	if err := a.spend(ctx, id.Caller.Device, "dpop "+proof.Thumbprint+" "+proof.ID, proof.IssuedAt); err != nil {
		return id, err
	}
	id.Caller.Proven.DPoP = proof.Thumbprint
	return id, nil
}
