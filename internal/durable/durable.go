// Package durable keeps small files as a whole: read within bounds, replaced in one step that a crash cannot halve, locked between
// processes. Files of keys are refused when others than their owner can reach them.
package durable

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// ReadSecret reads a file that holds a secret, at most limit bytes, and says which file that was. what names the secret in errors,
// which quote nothing of it. A missing file is fs.ErrNotExist. The caller clears the text.
func ReadSecret(path string, limit int64, what string) ([]byte, fs.FileInfo, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	if err := CheckSecret(path, info, what); err != nil {
		return nil, nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("%s has more than %d bytes", path, limit)
	}
	if err != nil {
		clear(text)
		return nil, nil, err
	}
	return text, info, nil
}

// CheckSecret refuses what is no regular file, and one that others than its owner can reach.
func CheckSecret(path string, info fs.FileInfo, what string) error {
	switch mode := info.Mode(); {
	case !mode.IsRegular():
		return fmt.Errorf("%s is not a regular file", path)
	case mode.Perm()&0o077 != 0:
		return fmt.Errorf("%s has mode %04o: others than its owner can reach the %s; if nobody did, run: chmod 600 %s", path, mode.Perm(), what, path)
	}
	return nil
}

// CheckDir refuses a folder where others than its owner could exchange a secret.
func CheckDir(dir, what string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if perm := info.Mode().Perm(); perm&0o022 != 0 {
		return fmt.Errorf("%s has mode %04o: others than its owner could exchange the %s; run: chmod 700 %s", dir, perm, what, dir)
	}
	return nil
}

// Replace makes text the content of a file of mode 0600, as a whole, and returns when that is on stable storage. temp is how the
// file is called meanwhile, in the same folder: a pattern of os.CreateTemp.
func Replace(path, temp string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), temp) // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return SyncDir(filepath.Dir(path))
}

// RemoveLeftovers removes what a crash in the middle of Replace left: it may hold a secret. The caller keeps others from Replace.
func RemoveLeftovers(dir, temp string) error {
	found, err := filepath.Glob(filepath.Join(dir, temp))
	for _, path := range found {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

// SyncDir makes the names in a folder durable.
func SyncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Lock excludes other processes, and others in this one, until unlock is called. The file at path is made when missing, and stays.
func Lock(path string) (unlock func() error, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		if err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != syscall.EINTR {
			break
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", f.Name(), err), f.Close())
	}
	return f.Close, nil // closing releases it
}
