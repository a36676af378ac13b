package filedevices

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"biogate/gateway/kiosk"
	"biogate/internal/durable"
)

// load reads the file, and what it was when it was read.
func load(path string) ([]kiosk.Device, fs.FileInfo, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe put in its place must not hold anybody
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	if err := checkFile(path, info); err != nil {
		return nil, nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	if err != nil {
		return nil, nil, err
	}
	devices, err := parse(text)
	if err != nil {
		return nil, nil, &contentError{path, err}
	}
	return devices, info, nil
}

// contentError says what is wrong inside the file.
type contentError struct {
	path  string
	cause error
}

func (e *contentError) Error() string { return fmt.Sprintf("%s cannot be used: %v", e.path, e.cause) }
func (e *contentError) Unwrap() error { return e.cause }

// checkFile refuses a registry that others than its owner can change: they could register themselves.
func checkFile(path string, info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", path)
	}
	folder, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return err
	}
	for _, place := range []struct {
		path string
		perm fs.FileMode
	}{{path, info.Mode().Perm()}, {filepath.Dir(path), folder.Mode().Perm()}} {
		if place.perm&0o022 != 0 {
			return fmt.Errorf("%s has mode %04o: others than its owner could register devices; run: chmod go-w %s", place.path, place.perm, place.path)
		}
	}
	return nil
}

// store replaces the file as a whole and returns when it is on stable storage. The caller holds the lock.
func store(path string, text []byte) error {
	return durable.Replace(path, filepath.Base(path)+".new-*", text)
}

// lock excludes every other change of the file until unlock is called.
func lock(path string) (unlock func() error, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	return durable.Lock(path + ".lock")
}
