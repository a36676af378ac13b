package audit

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"biogate/gateway/assertion"
)

// Type of a checkpoint's JWS.
const Type = "biogate-audit+jwt"

// Checkpoint is what a gateway signs about its trail: there are Seq lines, and the last has this Hash.
type Checkpoint struct {
	IssuedAt int64  `json:"iat"` // Unix seconds
	Seq      uint64 `json:"seq"`
	Hash     string `json:"hash"`
	Segment  string `json:"segment"` // name of the file that the line stands in
}

// At is when it was signed.
func (c Checkpoint) At() time.Time { return time.Unix(c.IssuedAt, 0).UTC() }

// Sign makes a checkpoint's compact JWS.
func Sign(ctx context.Context, signer assertion.Signer, at time.Time, seq uint64, hash Hash, segment string) (string, error) {
	claims, err := json.Marshal(Checkpoint{IssuedAt: at.Unix(), Seq: seq, Hash: hash.String(), Segment: segment})
	if err != nil {
		return "", err
	}
	return signer.Sign(ctx, Type, claims)
}

// Open checks a checkpoint's signature with a JSON Web Key Set and returns what it says.
func Open(token string, jwks []byte) (Checkpoint, error) {
	claims, err := assertion.Open(token, Type, jwks)
	if err != nil {
		return Checkpoint{}, err
	}
	var c Checkpoint
	if err := json.Unmarshal(claims, &c); err != nil || c.Seq == 0 {
		return Checkpoint{}, fmt.Errorf("%w: claims of a checkpoint", ErrLine)
	}
	return c, nil
}

// KeyID is the "kid" of a token, unchecked; empty when it has none.
func KeyID(token string) string {
	header, _, _ := strings.Cut(token, ".")
	text, err := base64.RawURLEncoding.DecodeString(header)
	var h struct {
		Kid string `json:"kid"`
	}
	if err != nil || json.Unmarshal(text, &h) != nil {
		return ""
	}
	return h.Kid
}

// CheckpointBody is the middle of a checkpoint's line; see AppendBody.
func CheckpointBody(token string) []byte { return Line{Checkpoint: token}.appendBody(nil) }

// line is the hash of the line that holds token, which follows from it alone: it is line c.Seq+1.
func (c Checkpoint) line(token string) (Hash, error) {
	prev, err := Line{Prev: c.Hash}.prev()
	if err != nil {
		return Hash{}, err
	}
	return HashOf(AppendLine(nil, c.Seq+1, CheckpointBody(token), prev)), nil
}
