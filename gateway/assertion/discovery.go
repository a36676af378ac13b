package assertion

import (
	"encoding/json"
	"fmt"
	"strings"

	"biogate/gateway"
	"biogate/gateway/dpop"
)

// Where relying parties look, below the issuer.
const (
	JWKSPath          = "/.well-known/jwks.json"
	DiscoveryPath     = "/.well-known/openid-configuration"
	IntrospectionPath = "/v1/introspect"
)

// discovery is the part of OpenID Connect Discovery 1.0, section 3, that holds for a gateway. It has no authorization
// endpoint: an assertion is the answer to a verification, not to a redirect.
type discovery struct {
	Issuer       string   `json:"issuer"`
	JWKS         string   `json:"jwks_uri"`
	SubjectTypes []string `json:"subject_types_supported"`
	Algorithms   []string `json:"id_token_signing_alg_values_supported"`
	ACR          []string `json:"acr_values_supported"`
	ClaimTypes   []string `json:"claim_types_supported"`
	Claims       []string `json:"claims_supported"`
	Parameter    bool     `json:"claims_parameter_supported"`

	Introspection string   `json:"introspection_endpoint"`
	Credentials   []string `json:"introspection_endpoint_auth_methods_supported"`
	DPoP          []string `json:"dpop_signing_alg_values_supported,omitempty"`          // RFC 9449, section 5.1
	Bound         bool     `json:"tls_client_certificate_bound_access_tokens,omitempty"` // RFC 8705, section 3.3
}

// claimNames are the top-level members of Claims.
var claimNames = []string{
	"iss", "sub", "aud", "iat", "nbf", "exp", "jti", "nonce", "auth_time", "acr", "amr", "cnf", "biogate",
}

// OpenIDConfiguration is the discovery document, as JSON.
func (i *Issuer) OpenIDConfiguration() ([]byte, error) {
	algorithms := algorithmsIn(i.JWKS())
	if len(algorithms) == 0 {
		return nil, fmt.Errorf("assertion: %w: no key for signatures", ErrKeySet)
	}
	base := strings.TrimSuffix(i.issuer, "/")
	d := discovery{
		Issuer:        i.issuer,
		JWKS:          base + JWKSPath,
		SubjectTypes:  []string{"pairwise"},
		Algorithms:    algorithms,
		ACR:           []string{ACR1},
		ClaimTypes:    []string{"normal"},
		Claims:        claimNames,
		Introspection: base + IntrospectionPath,
		Credentials:   []string{"self_signed_tls_client_auth"}, // of the registry of devices
	}
	if i.some(func(p gateway.Party) bool { return p.PlainSubject }) {
		d.SubjectTypes = append(d.SubjectTypes, "public") // OpenID Connect Core 1.0, section 8
	}
	if i.some(func(p gateway.Party) bool { return p.Policy.Level2 != nil }) {
		d.ACR = append(d.ACR, ACR2)
	}
	if i.some(func(p gateway.Party) bool { return p.Binding == gateway.BindDPoP }) {
		d.DPoP = dpop.Algorithms()
	}
	d.Bound = i.some(func(p gateway.Party) bool { return p.Binding == gateway.BindMTLS })
	return json.Marshal(d)
}

// some says whether something holds for a registered party.
func (i *Issuer) some(holds func(gateway.Party) bool) bool {
	for _, p := range i.parties {
		if holds(p) {
			return true
		}
	}
	return false
}
