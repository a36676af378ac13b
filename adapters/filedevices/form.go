package filedevices

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"biogate/gateway/kiosk"
)

// version of the file's form.
const version = "biogate-devices-1"

// Bounds of the file.
const (
	maxBytes   = 64 << 20
	maxDevices = 100_000
)

// document is the file. Its members stand in this order, each once, so that people and the gateway read one thing.
type document struct {
	Version string  `json:"version"`
	Devices []entry `json:"devices"` // by id
}

// entry is one device. Times are UTC, whole seconds.
type entry struct {
	ID           string             `json:"id"`
	Site         string             `json:"site"`
	Capabilities []kiosk.Capability `json:"capabilities"`
	Audiences    []string           `json:"audiences,omitempty"`   // left out: any
	Key          string             `json:"key,omitempty"`         // SubjectPublicKeyInfo, DER, base64 (RFC 5280; what stands in a PEM file)
	Certificate  string             `json:"certificate,omitempty"` // SHA-256 of the DER, hex
	NotBefore    time.Time          `json:"not_before"`
	NotAfter     time.Time          `json:"not_after"`
	RevokedAt    *time.Time         `json:"revoked_at,omitempty"`
}

// parse reads the file's text. It takes any white space, and nothing else that format would not write: of a member that stands
// twice, or in capitals, a reviewer and the parser could each see another.
func parse(text []byte) ([]kiosk.Device, error) {
	if len(text) > maxBytes {
		return nil, fmt.Errorf("it has more than %d bytes", maxBytes)
	}
	var doc document
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&doc); err != nil {
		return nil, fmt.Errorf("it is not the JSON of a registry of devices: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("something follows the registry")
	}
	switch {
	case doc.Version != version:
		return nil, fmt.Errorf("its version is %q, this build reads %q", doc.Version, version)
	case len(doc.Devices) > maxDevices:
		return nil, fmt.Errorf("it has more than %d devices", maxDevices)
	}
	devices := make([]kiosk.Device, len(doc.Devices))
	for i, e := range doc.Devices {
		var err error
		if devices[i], err = e.device(); err != nil {
			return nil, fmt.Errorf("device %d: %w", i+1, err)
		}
	}
	if err := checkAll(devices); err != nil {
		return nil, err
	}
	return devices, checkForm(text, devices)
}

// checkForm: see parse.
func checkForm(text []byte, devices []kiosk.Device) error {
	var given, ours bytes.Buffer
	formatted, err := format(devices)
	if err := errors.Join(err, json.Compact(&given, text)); err != nil {
		return err
	}
	if err := json.Compact(&ours, formatted); err != nil {
		return err
	}
	if !bytes.Equal(given.Bytes(), ours.Bytes()) {
		return errors.New("it says things in another way than `biogate devices` writes them: a member stands twice or in another place, or a time is not in UTC and whole seconds")
	}
	return nil
}

// checkAll looks at what no device can show alone. A key belongs to one device for ever: what was revoked does not come back
// under another name.
func checkAll(devices []kiosk.Device) error {
	owners := make(map[string]string, 2*len(devices))
	for i, d := range devices {
		if i > 0 && d.ID <= devices[i-1].ID {
			return fmt.Errorf("device %q stands twice, or not in order", d.ID)
		}
		for _, credential := range credentials(d) {
			if other, taken := owners[credential]; taken {
				return fmt.Errorf("device %q has the key or certificate of %q", d.ID, other)
			}
			owners[credential] = d.ID
		}
	}
	return nil
}

// credentials are what tells the device's keys from all others.
func credentials(d kiosk.Device) (out []string) {
	if d.Key != nil {
		der, _ := x509.MarshalPKIXPublicKey(d.Key) // Check has seen it
		out = append(out, "key "+string(der))
	}
	if d.Certificate != [32]byte{} {
		out = append(out, "certificate "+string(d.Certificate[:]))
	}
	return out
}

func (e entry) device() (kiosk.Device, error) {
	d := kiosk.Device{ID: e.ID, Site: e.Site, Capabilities: e.Capabilities, Audiences: e.Audiences, NotBefore: e.NotBefore, NotAfter: e.NotAfter}
	if e.RevokedAt != nil {
		if e.RevokedAt.IsZero() {
			return d, errors.New("revoked_at is no time")
		}
		d.RevokedAt = *e.RevokedAt
	}
	if e.Key != "" {
		der, err := base64.StdEncoding.Strict().DecodeString(e.Key)
		if err == nil {
			d.Key, err = x509.ParsePKIXPublicKey(der)
		}
		if err != nil {
			return d, fmt.Errorf("key is no public key: %w", err)
		}
	}
	if e.Certificate != "" {
		sum, err := hex.DecodeString(e.Certificate)
		if err != nil || len(sum) != len(d.Certificate) {
			return d, errors.New("certificate is not a SHA-256 in hex")
		}
		d.Certificate = [32]byte(sum)
	}
	return d, d.Check()
}

// format writes devices as the file has them.
func format(devices []kiosk.Device) ([]byte, error) {
	doc := document{version, make([]entry, len(devices))}
	for i, d := range devices {
		e, err := entryOf(d)
		if err != nil {
			return nil, fmt.Errorf("device %q: %w", d.ID, err)
		}
		doc.Devices[i] = e
	}
	slices.SortFunc(doc.Devices, func(a, b entry) int { return cmp.Compare(a.ID, b.ID) })
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(doc)
	return out.Bytes(), err
}

func entryOf(d kiosk.Device) (entry, error) {
	e := entry{
		ID: d.ID, Site: d.Site, Capabilities: d.Capabilities, Audiences: d.Audiences,
		NotBefore: d.NotBefore.UTC().Truncate(time.Second), NotAfter: d.NotAfter.UTC().Truncate(time.Second),
	}
	if !d.RevokedAt.IsZero() {
		at := d.RevokedAt.UTC().Truncate(time.Second)
		e.RevokedAt = &at
	}
	if d.Key != nil {
		der, err := x509.MarshalPKIXPublicKey(d.Key)
		if err != nil {
			return e, err
		}
		e.Key = base64.StdEncoding.EncodeToString(der)
	}
	if d.Certificate != [32]byte{} {
		e.Certificate = hex.EncodeToString(d.Certificate[:])
	}
	return e, nil
}
