package filesigner

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"biogate/internal/durable"
)

// secret is what the keyring is called in errors.
const secret = "signing keys"

// load reads the keyring and the file's identity. A missing file is fs.ErrNotExist.
func load(dir string) (ring, fs.FileInfo, error) {
	if err := durable.CheckDir(dir, secret); err != nil {
		return ring{}, nil, err
	}
	path := filepath.Join(dir, ringFile)
	text, info, err := durable.ReadSecret(path, maxRingBytes, secret)
	if err != nil {
		return ring{}, nil, err
	}
	r, err := parseRing(text)
	clear(text)
	if err != nil {
		return ring{}, nil, fmt.Errorf("%s cannot be used: %w", path, err)
	}
	return r, info, nil
}

// makeDir makes the directory for a keyring.
func makeDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return durable.CheckDir(dir, secret)
}

// store replaces the keyring as a whole and returns when it is on stable storage. The caller holds the lock.
func store(dir string, r ring) error {
	text, err := r.marshal()
	if err != nil {
		return err
	}
	defer clear(text)
	if len(text) > maxRingBytes {
		return fmt.Errorf("the keyring would have %d bytes, at most %d are allowed: it was rotated too often", len(text), maxRingBytes)
	}
	if err := durable.RemoveLeftovers(dir, tempGlob); err != nil {
		return err
	}
	return durable.Replace(filepath.Join(dir, ringFile), tempGlob, text)
}

// lock excludes other processes, and other Signers in this one, from changing the keyring until unlock is called.
func lock(dir string) (unlock func() error, err error) {
	return durable.Lock(filepath.Join(dir, lockFile))
}
