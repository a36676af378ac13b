package filesigner

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// load reads the keyring and the file's identity. A missing file is fs.ErrNotExist.
func load(dir string) (ring, fs.FileInfo, error) {
	if err := checkDir(dir); err != nil {
		return ring{}, nil, err
	}
	path := filepath.Join(dir, ringFile)
	f, err := os.Open(path)
	if err != nil {
		return ring{}, nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return ring{}, nil, err
	}
	if err := checkMode(path, info); err != nil {
		return ring{}, nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxRingBytes+1))
	if err != nil {
		return ring{}, nil, err
	}
	if len(text) > maxRingBytes {
		return ring{}, nil, fmt.Errorf("%s has more than %d bytes", path, maxRingBytes)
	}
	r, err := parseRing(text)
	clear(text)
	if err != nil {
		return ring{}, nil, fmt.Errorf("%s cannot be used: %w", path, err)
	}
	return r, info, nil
}

// checkMode refuses a keyring that others can read.
func checkMode(path string, info fs.FileInfo) error {
	switch mode := info.Mode(); {
	case !mode.IsRegular():
		return fmt.Errorf("%s is not a regular file", path)
	case mode.Perm()&0o077 != 0:
		return fmt.Errorf("%s has mode %04o: others than its owner can reach the signing keys; "+
			"if nobody did, run: chmod 600 %s", path, mode.Perm(), path)
	}
	return nil
}

// makeDir makes the directory for a keyring.
func makeDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return checkDir(dir)
}

// checkDir refuses a directory where others could exchange the keyring.
func checkDir(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if perm := info.Mode().Perm(); perm&0o022 != 0 {
		return fmt.Errorf("%s has mode %04o: others than its owner could exchange the signing keys; run: chmod 700 %s", dir, perm, dir)
	}
	return nil
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
	if err := removeLeftovers(dir); err != nil {
		return err
	}
	temp, err := writeTemp(dir, text)
	if err != nil {
		return err
	}
	if err := os.Rename(temp, filepath.Join(dir, ringFile)); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return syncDir(dir)
}

// removeLeftovers removes what a crash in the middle of a write left: it may hold a private key.
func removeLeftovers(dir string) error {
	found, err := filepath.Glob(filepath.Join(dir, tempGlob))
	for _, path := range found {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

func writeTemp(dir string, text []byte) (path string, err error) {
	f, err := os.CreateTemp(dir, tempGlob) // mode 0600
	if err != nil {
		return "", err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// lock excludes other processes, and other Signers in this one, from changing the keyring until unlock is called.
func lock(dir string) (unlock func() error, err error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if err != syscall.EINTR {
			break
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", f.Name(), err), f.Close())
	}
	return f.Close, nil // closing releases it
}
