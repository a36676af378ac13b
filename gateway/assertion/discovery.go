package assertion

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Where relying parties look, below the issuer.
const (
	JWKSPath      = "/.well-known/jwks.json"
	DiscoveryPath = "/.well-known/openid-configuration"
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
}

// claimNames are the top-level members of Claims.
var claimNames = []string{
	"iss", "sub", "aud", "iat", "nbf", "exp", "jti", "nonce", "auth_time", "acr", "amr", "biogate",
}

// OpenIDConfiguration is the discovery document, as JSON.
func (i *Issuer) OpenIDConfiguration() ([]byte, error) {
	algorithms := algorithmsIn(i.JWKS())
	if len(algorithms) == 0 {
		return nil, fmt.Errorf("assertion: %w: no key for signatures", ErrKeySet)
	}
	return json.Marshal(discovery{
		Issuer:       i.issuer,
		JWKS:         strings.TrimSuffix(i.issuer, "/") + JWKSPath,
		SubjectTypes: i.subjects.types(),
		Algorithms:   algorithms,
		ACR:          []string{ACR},
		ClaimTypes:   []string{"normal"},
		Claims:       claimNames,
	})
}

// types are the subject types of OpenID Connect Core 1.0, section 8.
func (s subjects) types() []string {
	if len(s.plain) > 0 {
		return []string{"pairwise", "public"}
	}
	return []string{"pairwise"}
}
