package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"biogate/adapters/filedevices"
	"biogate/gateway"
	"biogate/gateway/kiosk"
)

type devicesCmd struct {
	Add    devicesAddCmd    `cmd:"" help:"Register a device, with a key for signed requests, a client certificate, or both."`
	List   devicesListCmd   `cmd:"" help:"Every device, those that were revoked too."`
	Show   devicesShowCmd   `cmd:"" help:"One device."`
	Revoke devicesRevokeCmd `cmd:"" help:"End a device for ever; every gateway on this registry refuses it within a second."`
}

type deviceFlags struct {
	Config string `help:"The gateway's configuration file." placeholder:"FILE" type:"path"`
	Data   string `help:"The gateway's data folder." placeholder:"DIR"`
}

// open reads the registry of the gateway that these settings belong to. Settings that only a running gateway needs may be
// missing still: devices are registered before its first start.
func (f deviceFlags) open() (*filedevices.Registry, error) {
	c, err := serveFlags{Config: f.Config, Data: f.Data}.settings()
	if err != nil {
		return nil, err
	}
	return filedevices.Open(filedevices.Options{Path: devicesFile(c), Log: newLog(io.Discard, "error")})
}

type devicesAddCmd struct {
	deviceFlags `embed:""`
	ID          string        `required:"" help:"Its name: 1 to 128 of A-Z a-z 0-9 . _ : @ -. It is never used again."`
	Site        string        `required:"" help:"Where it stands."`
	Can         []string      `required:"" help:"What it may do: verify, identify, enroll, read, forget, galleries, introspect, operate." placeholder:"CAPABILITY"`
	Audience    []string      `help:"Ask for these audiences alone; without it: for any." placeholder:"NAME" sep:"none"`
	Key         string        `help:"Its public key, PEM: Ed25519 or P-256." placeholder:"FILE" type:"path" xor:"key"`
	MakeKey     string        `help:"Make a key (Ed25519) and write its private half here." placeholder:"FILE" type:"path" xor:"key"`
	Cert        string        `help:"Its client certificate, PEM." placeholder:"FILE" type:"path" xor:"cert"`
	MakeCert    string        `help:"Make a client certificate (P-256) and write it to PREFIX.crt, its key to PREFIX.key." placeholder:"PREFIX" type:"path" xor:"cert"`
	ValidFor    time.Duration `help:"How long the registration holds." default:"8760h"`
}

func (c devicesAddCmd) Run(out console) error {
	d, files, err := c.device(time.Now())
	if err != nil {
		return err
	}
	registry, err := c.open()
	if err != nil {
		return err
	}
	if err := files.write(); err != nil {
		return err
	}
	if err := registry.Add(d); err != nil {
		return errors.Join(fmt.Errorf("%s: %w", d.ID, err), files.remove())
	}
	return out.answer(deviceOf(d), func(w io.Writer) {
		printDevices(w, []kiosk.Device{d})
		for _, f := range files {
			fmt.Fprintf(w, "written: %s\n", f.path)
		}
	})
}

// device is what is to be registered, and the files that were made for it. Nothing is written yet.
func (c devicesAddCmd) device(now time.Time) (d kiosk.Device, made newFiles, err error) {
	if c.ValidFor <= 0 {
		return d, nil, misuse("--valid-for %s is no time", c.ValidFor)
	}
	d = kiosk.Device{ID: c.ID, Site: c.Site, Audiences: c.Audience, NotBefore: now.Truncate(time.Second), NotAfter: now.Truncate(time.Second).Add(c.ValidFor)}
	for _, word := range c.Can {
		d.Capabilities = append(d.Capabilities, kiosk.Capability(word))
	}
	switch {
	case c.Key != "":
		d.Key, err = readPublicKey(c.Key)
	case c.MakeKey != "":
		var private ed25519.PrivateKey
		d.Key, private, err = ed25519.GenerateKey(rand.Reader)
		made = append(made, newFile{c.MakeKey, private, nil})
	}
	if err != nil {
		return d, nil, err
	}
	switch {
	case c.Cert != "":
		d.Certificate, err = readCertificate(c.Cert)
	case c.MakeCert != "":
		var pair newFiles
		d.Certificate, pair, err = makeCertificate(c.MakeCert, d)
		made = append(made, pair...)
	}
	if err != nil {
		return d, nil, err
	}
	if err := d.Check(); err != nil {
		return d, nil, misuse("the device cannot be registered: %w", err)
	}
	return d, made, nil
}

// maxPEMBytes bounds what is read of a file with a key or a certificate.
const maxPEMBytes = 64 << 10

// readPEM returns the one block of a type that a file holds first.
func readPEM(path, kind string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, misuseError{err}
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxPEMBytes))
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != kind {
		return nil, misuse("%s does not begin with a PEM block %s", path, kind)
	}
	return block.Bytes, nil
}

func readPublicKey(path string) (crypto.PublicKey, error) {
	der, err := readPEM(path, "PUBLIC KEY")
	if err != nil {
		return nil, err
	}
	key, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, misuse("%s is no public key: %w", path, err)
	}
	return key, nil
}

func readCertificate(path string) (sum [32]byte, err error) {
	der, err := readPEM(path, "CERTIFICATE")
	if err != nil {
		return sum, err
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return sum, misuse("%s is no certificate: %w", path, err)
	}
	return sha256.Sum256(c.Raw), nil
}

// makeCertificate makes one that is signed by its own key: the registry says whose it is, and nobody has to issue it.
func makeCertificate(prefix string, d kiosk.Device) (sum [32]byte, made newFiles, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return sum, nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return sum, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: d.ID[:min(len(d.ID), 64)]},
		NotBefore: d.NotBefore, NotAfter: d.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		return sum, nil, err
	}
	return sha256.Sum256(der), newFiles{{prefix + ".crt", nil, der}, {prefix + ".key", private, nil}}, nil
}

// newFile is a private key, or a certificate, that is going to be written.
type newFile struct {
	path        string
	private     crypto.Signer
	certificate []byte
}

type newFiles []newFile

// write writes all, or none, over nothing that is there.
func (files newFiles) write() error {
	for i, f := range files {
		if err := f.write(); err != nil {
			return errors.Join(err, files[:i].remove())
		}
	}
	return nil
}

func (files newFiles) remove() (err error) {
	for _, f := range files {
		err = errors.Join(err, os.Remove(f.path))
	}
	return err
}

func (f newFile) write() error {
	block := &pem.Block{Type: "CERTIFICATE", Bytes: f.certificate}
	mode := os.FileMode(0o644)
	if f.private != nil {
		der, err := x509.MarshalPKCS8PrivateKey(f.private)
		if err != nil {
			return err
		}
		block, mode = &pem.Block{Type: "PRIVATE KEY", Bytes: der}, 0o600
		defer clear(der)
	}
	out, err := os.OpenFile(f.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return misuseError{err}
	}
	err = pem.Encode(out, block)
	if err == nil {
		err = out.Sync()
	}
	if err = errors.Join(err, out.Close()); err != nil {
		return errors.Join(err, os.Remove(f.path))
	}
	return nil
}

type devicesListCmd struct {
	deviceFlags `embed:""`
}

func (c devicesListCmd) Run(out console) error {
	registry, err := c.open()
	if err != nil {
		return err
	}
	devices, err := registry.List()
	if err != nil {
		return err
	}
	answers := make([]deviceAnswer, len(devices))
	for i, d := range devices {
		answers[i] = deviceOf(d)
	}
	return out.answer(map[string]any{"devices": answers}, func(w io.Writer) { printDevices(w, devices) })
}

type devicesShowCmd struct {
	deviceFlags `embed:""`
	ID          string `arg:"" help:"The device."`
}

func (c devicesShowCmd) Run(out console) error {
	registry, err := c.open()
	if err != nil {
		return err
	}
	devices, err := registry.List()
	if err != nil {
		return err
	}
	i := slices.IndexFunc(devices, func(d kiosk.Device) bool { return d.ID == c.ID })
	if i < 0 {
		return fmt.Errorf("%s: %w", c.ID, gateway.ErrNotFound)
	}
	return out.answer(deviceOf(devices[i]), func(w io.Writer) { printDevices(w, devices[i:i+1]) })
}

type devicesRevokeCmd struct {
	deviceFlags `embed:""`
	ID          string `arg:"" help:"The device."`
}

func (c devicesRevokeCmd) Run(out console) error {
	registry, err := c.open()
	if err != nil {
		return err
	}
	if err := registry.Revoke(c.ID); err != nil {
		return fmt.Errorf("%s: %w", c.ID, err)
	}
	return out.answer(map[string]any{"id": c.ID, "state": "revoked"}, func(w io.Writer) { fmt.Fprintf(w, "revoked: %s\n", c.ID) })
}

// deviceAnswer is a device as JSON.
type deviceAnswer struct {
	ID           string             `json:"id"`
	Site         string             `json:"site"`
	State        string             `json:"state"` // usable, expired, early or revoked
	Capabilities []kiosk.Capability `json:"capabilities"`
	Audiences    []string           `json:"audiences"` // empty: any
	Key          string             `json:"key,omitempty"`
	Certificate  string             `json:"certificate,omitempty"` // SHA-256, hex
	NotBefore    time.Time          `json:"not_before"`
	NotAfter     time.Time          `json:"not_after"`
	RevokedAt    *time.Time         `json:"revoked_at,omitempty"`
}

func deviceOf(d kiosk.Device) deviceAnswer {
	a := deviceAnswer{
		ID: d.ID, Site: d.Site, State: stateOf(d, time.Now()), Capabilities: d.Capabilities, Audiences: append([]string{}, d.Audiences...),
		NotBefore: d.NotBefore, NotAfter: d.NotAfter,
	}
	switch d.Key.(type) {
	case ed25519.PublicKey:
		a.Key = "Ed25519"
	case *ecdsa.PublicKey:
		a.Key = "P-256"
	}
	if d.Certificate != [32]byte{} {
		a.Certificate = hex.EncodeToString(d.Certificate[:])
	}
	if !d.RevokedAt.IsZero() {
		a.RevokedAt = &d.RevokedAt
	}
	return a
}

func stateOf(d kiosk.Device, now time.Time) string {
	switch {
	case !d.RevokedAt.IsZero():
		return "revoked"
	case d.Usable(now):
		return "usable"
	case now.Before(d.NotBefore):
		return "early"
	}
	return "expired"
}

func printDevices(w io.Writer, devices []kiosk.Device) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	defer table.Flush()
	fmt.Fprintln(table, "ID\tSITE\tSTATE\tCAN\tAUDIENCES\tKEY\tCERTIFICATE\tUNTIL")
	for _, d := range devices {
		a := deviceOf(d)
		can := strings.Trim(fmt.Sprint(a.Capabilities), "[]")
		audiences := strings.Join(a.Audiences, " ")
		if audiences == "" {
			audiences = "any"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%.16s\t%s\n", a.ID, a.Site, a.State, can, audiences, dash(a.Key), dash(a.Certificate), a.NotAfter.UTC().Format(time.RFC3339))
	}
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
