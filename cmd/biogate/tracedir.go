package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strings"

	"biogate/matcher"
)

// traceDir is the folder that intermediate results are written into: pictures as PNG, all else as JSON. A nil *traceDir
// writes nothing.
type traceDir struct {
	dir    string
	failed error // the first failure; nothing is written after it
}

// openTrace makes the folder if need be; it is nil when dir is "".
func openTrace(dir string) (*traceDir, error) {
	if dir == "" {
		return nil, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("trace folder cannot be made: %w", err)
	}
	return &traceDir{dir: dir}, nil
}

// named is a trace whose file names begin with prefix; nil when t is.
func (t *traceDir) named(prefix string) matcher.Trace {
	if t == nil {
		return nil
	}
	return func(name string, value any) {
		if t.failed == nil {
			t.failed = t.write(prefix+strings.ReplaceAll(name, "/", "-"), value)
		}
	}
}

// err is what kept the trace from being complete.
func (t *traceDir) err() error {
	if t == nil || t.failed == nil {
		return nil
	}
	return fmt.Errorf("trace cannot be written: %w", t.failed)
}

// write leaves a whole file or none.
func (t *traceDir) write(name string, value any) (err error) {
	f, err := os.CreateTemp(t.dir, ".trace-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	extension, err := encodeTrace(f, value)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), filepath.Join(t.dir, name+extension))
}

func encodeTrace(w io.Writer, value any) (extension string, err error) {
	if picture, ok := value.(image.Image); ok {
		return ".png", png.Encode(w, picture)
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return ".json", enc.Encode(value)
}
