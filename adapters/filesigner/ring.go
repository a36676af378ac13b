package filesigner

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwk"
)

// ring is the content of the file: keys, oldest first, and secrets by name.
type ring struct {
	development bool // made by a first start in development mode
	keys        []key
	secrets     map[string][]byte
	leftovers   []string // private parts on the Token that shall sign no more and are to be destroyed
}

// ringDocument is the JSON form of a ring.
type ringDocument struct {
	Version     int               `json:"version"`
	Development bool              `json:"development,omitempty"`
	Keys        []record          `json:"keys"`
	Leftovers   []string          `json:"leftovers,omitempty"`
	Secrets     map[string][]byte `json:"secrets"`
}

const ringVersion = 1

// parseRing reads the JSON form. Its errors quote nothing of the text, which is secret.
func parseRing(text []byte) (ring, error) {
	var d ringDocument
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&d); err != nil || !atEnd(dec) {
		return ring{}, errors.New("it is not one JSON document of the keyring's form")
	}
	if d.Version != ringVersion {
		return ring{}, fmt.Errorf("it has version %d, this build reads %d", d.Version, ringVersion)
	}
	r := ring{development: d.Development, secrets: d.Secrets, leftovers: d.Leftovers}
	for _, stored := range d.Keys {
		k, err := stored.key()
		if err != nil {
			return ring{}, err
		}
		r.keys = append(r.keys, k)
	}
	return r, r.check()
}

func atEnd(dec *json.Decoder) bool {
	_, err := dec.Token()
	return err == io.EOF
}

func (r ring) check() error {
	for name, secret := range r.secrets {
		if len(secret) != secretBytes {
			return fmt.Errorf("secret %q has %d bytes instead of %d", name, len(secret), secretBytes)
		}
	}
	if r.active(time.Time{}) < 0 {
		return errors.New("it holds no key that can sign")
	}
	return nil
}

func (r ring) marshal() ([]byte, error) {
	d := ringDocument{Version: ringVersion, Development: r.development, Secrets: r.secrets, Leftovers: r.leftovers}
	for _, k := range r.keys {
		stored, err := k.record()
		if err != nil {
			return nil, err
		}
		d.Keys = append(d.Keys, stored)
	}
	return json.MarshalIndent(d, "", "  ")
}

// active is the index of the key that signs at a time: the youngest whose time has come. When no key's time has come,
// because the clock was set back, the first that still can; -1 when none can.
func (r ring) active(now time.Time) int {
	found := -1
	for i, k := range r.keys {
		if k.canSign() && (found < 0 || !k.signsFrom.After(now)) {
			found = i
		}
	}
	return found
}

// rotate adds k after the active key, which k will replace, and forgets keys that were still to come.
func (r *ring) rotate(k key, now time.Time, overlap time.Duration) {
	active := r.active(now)
	for i := active + 1; i < len(r.keys); i++ {
		r.disable(i)
	}
	r.keys = append(r.keys[:active+1:active+1], k)
	if active >= 0 {
		r.keys[active].publishedUntil = k.signsFrom.Add(overlap)
	}
	for len(r.keys) > maxKeys && r.state(0, now) == Expired {
		r.keys = r.keys[1:]
	}
}

// settle drops the private part of every key that another has replaced.
func (r *ring) settle(now time.Time) {
	for i := range r.active(now) {
		r.disable(i)
	}
}

// disable drops the private part of a key, or notes that the Token is to destroy it.
func (r *ring) disable(i int) {
	if name := r.keys[i].token; name != "" {
		r.leftovers = append(slices.Clip(r.leftovers), name)
	}
	r.keys[i].signer, r.keys[i].token = nil, ""
}

// unsettled says whether a key that another has replaced still has its private part.
func (r ring) unsettled(now time.Time) bool {
	for i := range r.active(now) {
		if r.keys[i].canSign() {
			return true
		}
	}
	return false
}

func (r ring) state(i int, now time.Time) State {
	active := r.active(now)
	switch until := r.keys[i].publishedUntil; {
	case i == active:
		return Active
	case i > active:
		return Next
	case until.IsZero() || now.Before(until):
		return Retired
	}
	return Expired
}

// keySet is the JWK Set of the keys that are published at a time.
func (r ring) keySet(now time.Time) ([]byte, error) {
	set := jwk.NewSet()
	for i, k := range r.keys {
		if r.state(i, now) == Expired {
			continue
		}
		if err := set.AddKey(k.public); err != nil {
			return nil, err
		}
	}
	return json.Marshal(set)
}

// nextChange is the first moment after now at which a key's state changes by itself; zero: never.
func (r ring) nextChange(now time.Time) time.Time {
	var first time.Time
	for _, k := range r.keys {
		for _, t := range []time.Time{k.signsFrom, k.publishedUntil} {
			if t.After(now) && (first.IsZero() || t.Before(first)) {
				first = t
			}
		}
	}
	return first
}
