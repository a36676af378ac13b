package main

import (
	"fmt"
	"os"
	"strings"

	"biogate/matcher"
)

// maxCaptureFile bounds a capture that is read from a file; the gateway's own limit on a request is the same.
const maxCaptureFile = 20 << 20

// captureFlags name the captures of a request.
type captureFlags struct {
	Face   []string `help:"A face picture or template." placeholder:"FILE" type:"path" sep:"none"`
	Finger []string `help:"A fingerprint picture or template, FILE or FILE:POSITION (right-index, ...)." placeholder:"FILE[:POSITION]" sep:"none"`
	DPI    int      `help:"Resolution of the fingerprint pictures; 500 when not stated." placeholder:"200..1000"`
}

// samples reads the files.
func (f captureFlags) samples() ([]matcher.Sample, error) {
	var out []matcher.Sample
	for _, name := range f.Face {
		data, err := readCapture(name)
		if err != nil {
			return nil, err
		}
		out = append(out, matcher.Sample{Modality: matcher.Face, Data: data})
	}
	for _, arg := range f.Finger {
		name, position := splitPosition(arg)
		data, err := readCapture(name)
		if err != nil {
			return nil, err
		}
		out = append(out, matcher.Sample{Modality: matcher.Finger, Position: position, DPI: f.DPI, Data: data})
	}
	if len(out) == 0 {
		return nil, misuse("no capture: give --face FILE or --finger FILE[:POSITION]")
	}
	return out, nil
}

// splitPosition takes ":right-index" off the end of a file name.
func splitPosition(arg string) (string, matcher.Position) {
	if i := strings.LastIndexByte(arg, ':'); i >= 0 {
		if p := matcher.Position(arg[i+1:]); p != matcher.Unknown {
			if _, ok := p.Code(); ok {
				return arg[:i], p
			}
		}
	}
	return arg, matcher.Unknown
}

func readCapture(name string) ([]byte, error) {
	info, err := os.Stat(name)
	switch {
	case err != nil && strings.Contains(name, ":"):
		return nil, fmt.Errorf("capture cannot be read: %w; what follows a colon is no finger position (right-thumb, right-index, ... left-little)", err)
	case err != nil:
		return nil, fmt.Errorf("capture cannot be read: %w", err)
	case info.IsDir():
		return nil, misuse("%s is a folder, a capture is one file", name)
	case info.Size() > maxCaptureFile:
		return nil, fmt.Errorf("%s has %d bytes, at most %d are read", name, info.Size(), maxCaptureFile)
	case info.Size() == 0:
		return nil, fmt.Errorf("%s is empty", name)
	}
	return os.ReadFile(name)
}
