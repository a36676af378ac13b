package dpop

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// canonical base64url: one text has one spelling.
var canonical = base64.RawURLEncoding.Strict()

// parts of a compact JWS.
type parts struct {
	header, payload object
	signature       []byte
	signed          string // what the signature is over
}

// object is a JSON object whose members are there once each and are known by their exact names.
type object map[string]json.RawMessage

func split(proof string) (parts, error) {
	if len(proof) > MaxBytes {
		return parts{}, fmt.Errorf("%w: it is too long", ErrMalformed)
	}
	pieces := strings.Split(proof, ".")
	if len(pieces) != 3 {
		return parts{}, fmt.Errorf("%w: it is no compact JWS", ErrMalformed)
	}
	var decoded [3][]byte
	for i, piece := range pieces {
		var err error
		if decoded[i], err = decode(piece); err != nil {
			return parts{}, err
		}
	}
	header, err := readObject(decoded[0])
	if err != nil {
		return parts{}, err
	}
	payload, err := readObject(decoded[1])
	if err != nil {
		return parts{}, err
	}
	return parts{header, payload, decoded[2], proof[:len(pieces[0])+1+len(pieces[1])]}, nil
}

func decode(text string) ([]byte, error) {
	out, err := canonical.DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") { // which encoding/base64 passes over
		return nil, fmt.Errorf("%w: it is not base64url", ErrMalformed)
	}
	return out, nil
}

// readObject refuses what two readers could understand differently: a member that is there twice, or anything behind.
func readObject(text []byte) (object, error) {
	malformed := fmt.Errorf("%w: it has no JSON object where one has to be", ErrMalformed)
	if !json.Valid(text) {
		return nil, malformed
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, malformed
	}
	o := object{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, malformed
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, malformed
		}
		member, _ := name.(string)
		if _, twice := o[member]; twice {
			return nil, fmt.Errorf("%w: a member is there twice", ErrMalformed)
		}
		o[member] = value
	}
	return o, nil
}

func (o object) has(name string) bool { _, ok := o[name]; return ok }

// text is a member that is a string; empty when it is none.
func (o object) text(name string) string {
	var s string
	if json.Unmarshal(o[name], &s) != nil {
		return ""
	}
	return s
}

// claims reads the payload.
func (p parts) claims() (claims, error) {
	c := claims{id: p.payload.text("jti"), method: p.payload.text("htm"), url: p.payload.text("htu")}
	var seconds int64
	if json.Unmarshal(p.payload["iat"], &seconds) != nil || seconds <= 0 || seconds > maxSeconds {
		return claims{}, fmt.Errorf("%w: iat is no whole number of seconds", ErrMalformed)
	}
	c.issuedAt = time.Unix(seconds, 0)
	if !visible(c.id) || len(c.id) > maxID {
		return claims{}, fmt.Errorf("%w: jti is not 1 to %d printable characters", ErrMalformed, maxID)
	}
	return c, nil
}

// visible: ASCII that can be seen, and some of it.
func visible(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return s != ""
}
