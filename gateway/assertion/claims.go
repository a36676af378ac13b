package assertion

// Values of the protected header parameter "typ".
const (
	Type         = "biogate+jwt"
	DeletionType = "biogate-deletion+jwt"
	GalleryType  = "biogate-gallery-end+jwt"
)

// Authentication context classes, the claim "acr". Level 1 is one or more biometric comparisons, decided by a policy on the
// false match rate, over captures that the gateway received itself. Level 2 adds what the audience's level2 demands: a lower
// rate, presentation attack detection, a challenge, a second modality. They answer to the levels of a national electronic
// identity (VNeID): one that was claimed and compared, and one that was proven in person.
const (
	ACR1 = "urn:biogate:acr:1"
	ACR2 = "urn:biogate:acr:2"
)

// acrOf is the class of a level.
func acrOf(level int) string {
	if level == 2 {
		return ACR2
	}
	return ACR1
}

// Claims is the payload of an assertion. Times are seconds since the epoch (NumericDate of RFC 7519).
type Claims struct {
	Issuer       string        `json:"iss"`
	Subject      string        `json:"sub"`
	Audience     string        `json:"aud"`
	IssuedAt     int64         `json:"iat"`
	NotBefore    int64         `json:"nbf"`
	Expiry       int64         `json:"exp"`
	ID           string        `json:"jti"`
	Nonce        string        `json:"nonce,omitempty"`
	AuthTime     int64         `json:"auth_time"`
	ACR          string        `json:"acr"`
	AMR          []string      `json:"amr"`           // RFC 8176: "face", "fpt"
	Confirmation *Confirmation `json:"cnf,omitempty"` // RFC 7800: the key that the bearer must hold; nil: any bearer may use it
	Biogate      Evidence      `json:"biogate"`
}

// Confirmation names the key that an assertion is bound to.
type Confirmation struct {
	DPoP        string `json:"jkt,omitempty"`      // JWK thumbprint, SHA-256, base64url (RFC 9449, section 6.1)
	Certificate string `json:"x5t#S256,omitempty"` // SHA-256 of the certificate, base64url (RFC 8705, section 3.1)
}

// Evidence is what the match rests on, as far as the audience is told. Numbers are coarse: see told.go.
type Evidence struct {
	Decision     string     `json:"decision"`      // "match": nothing else is asserted
	Mode         string     `json:"mode"`          // "verify" or "identify"
	FMR          float64    `json:"fmr,omitempty"` // 0 < fmr <= 1, lower is stronger; absent: not told, and Verify reads 1
	Extrapolated bool       `json:"extrapolated,omitempty"`
	Modalities   []Modality `json:"modalities"`
	Gallery      string     `json:"gallery,omitempty"`
	Group        string     `json:"group,omitempty"`    // the part of the gallery that the search was confined to
	Searched     int        `json:"searched,omitempty"` // members that the search could have found, in a gallery
	Degraded     []string   `json:"degraded"`           // named modes in force at the decision; empty, never absent
	Device       string     `json:"device,omitempty"`
	Challenge    string     `json:"challenge,omitempty"` // nonce of POST /v1/challenges that the request used up: the captures answer it
}

// Modality is one modality's part in the match.
type Modality struct {
	Modality     string     `json:"modality"`
	Model        string     `json:"model,omitempty"` // id of the folder in models/ that gives the score its meaning
	FMR          float64    `json:"fmr,omitempty"`
	Extrapolated bool       `json:"extrapolated,omitempty"`
	Quality      *int       `json:"quality,omitempty"` // 0 to 100
	PAD          *Judgement `json:"pad,omitempty"`     // null: no presentation attack detection was done; absent: not told
}

// PAD is the outcome of presentation attack detection.
type PAD struct {
	Score    float64       `json:"score"` // 0 (attack) to 1 (bona fide)
	Suspect  bool          `json:"suspect"`
	Advisory bool          `json:"advisory"` // too weak a detector to decide on
	Evidence []PADEvidence `json:"evidence,omitempty"`
}

// PADEvidence is what one method of detection found: a single network, a sequence of captures, a challenge that was followed.
type PADEvidence struct {
	Name     string `json:"name"`
	Suspect  bool   `json:"suspect"`
	Advisory bool   `json:"advisory"`
}

// DeletionClaims is the payload of a deletion receipt. It does not expire: it states what was done.
type DeletionClaims struct {
	Issuer    string   `json:"iss"`
	Subject   string   `json:"sub"` // keyed hash of the enrolled id, unlike any subject of an assertion
	IssuedAt  int64    `json:"iat"`
	ID        string   `json:"jti"`
	Templates int      `json:"templates"` // how many were held
	DeletedAt int64    `json:"deleted_at"`
	Degraded  []string `json:"degraded"`
}

// GalleryClaims is the payload of the receipt of a gallery that ended. It does not expire: it states what was done.
type GalleryClaims struct {
	Issuer   string   `json:"iss"`
	IssuedAt int64    `json:"iat"`
	ID       string   `json:"jti"`
	Gallery  string   `json:"gallery"`
	Reason   string   `json:"reason"`  // "deleted" or "expired"
	Members  int      `json:"members"` // memberships that were forgotten, of those it had when it was ended
	Erased   int      `json:"erased"`  // subjects that were forgotten with it, everywhere
	EndedAt  int64    `json:"ended_at"`
	Degraded []string `json:"degraded"`
}
