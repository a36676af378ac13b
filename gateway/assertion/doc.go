// Package assertion makes the signed statements that leave the gateway, and reads them as a relying party does.
//
// An assertion is a compact JWS of type "biogate+jwt": this person was matched, for this audience, at this false match
// rate, by these models, in this mode of operation. Its subject is pairwise (OpenID Connect Core 1.0, section 8.1): two
// audiences cannot join what they learnt. A deletion receipt is a compact JWS of type "biogate-deletion+jwt".
//
// The package builds and checks claims. It never sees a private key: signing is a Signer.
package assertion
