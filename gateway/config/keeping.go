package config

import (
	"slices"
	"time"
)

// Keys is where keys are and what signs.
type Keys struct {
	// Signer is what signs assertions: file, keys in the data folder, or pkcs11, keys in a hardware security module.
	Signer string `yaml:"signer"`
	PKCS11 PKCS11 `yaml:"pkcs11"`
}

// PKCS11 is a token of a hardware security module.
type PKCS11 struct {
	// Module is the vendor's library, a file.
	Module string `yaml:"module"`
	// Token is the token's label.
	Token string `yaml:"token"`
	// PINFile holds the user's PIN; nobody but its owner may read it.
	PINFile string `yaml:"pin_file"`
	// Label is how the labels of our keys begin.
	Label string `yaml:"label"`
	// Sessions open at a time: signatures at a time.
	Sessions int `yaml:"sessions"`
}

// Audit is the record of what the gateway did.
type Audit struct {
	// Dir is its folder; empty: audit in the data folder.
	Dir string `yaml:"dir"`
	// Enabled keeps it; production mode always does.
	Enabled bool `yaml:"enabled"`
	// SegmentBytes is how large one file grows.
	SegmentBytes int `yaml:"segment_bytes"`
}

// Retention is how long things are kept.
type Retention struct {
	// References expire so long after they were enrolled; 0: never. A request can ask for less.
	References time.Duration `yaml:"references"`
	// Receipts of galleries that ended can be fetched so long.
	Receipts time.Duration `yaml:"receipts"`
}

func (k Keys) check() []error {
	errs := []error{need(slices.Contains([]string{"file", "pkcs11"}, k.Signer), "keys.signer is %q, it must be file or pkcs11", k.Signer)}
	if k.Signer != "pkcs11" {
		return errs
	}
	return append(errs,
		need(k.PKCS11.Module != "", "keys.pkcs11.module is empty, it must name the vendor's library"),
		need(k.PKCS11.Token != "", "keys.pkcs11.token is empty, it must be the token's label"),
		need(k.PKCS11.PINFile != "", "keys.pkcs11.pin_file is empty, it must name a file"),
		need(k.PKCS11.Label != "", "keys.pkcs11.label is empty, it must be how the labels of our keys begin"),
		within("keys.pkcs11.sessions", k.PKCS11.Sessions, 1, 1024),
	)
}

func (a Audit) check() []error {
	return []error{within("audit.segment_bytes", a.SegmentBytes, 1<<16, 1<<34)}
}

func (r Retention) check() []error {
	return []error{
		within("retention.references", r.References, 0, 100*365*24*time.Hour),
		within("retention.receipts", r.Receipts, time.Hour, 10*365*24*time.Hour),
	}
}
