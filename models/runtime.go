package models

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
)

// Runtime is the shared library in which networks run, ONNX Runtime, for one kind of machine. Like weights it comes by
// hash out of an npm package and stays out of the repository; no score depends on it.
type Runtime struct {
	Source Source
	File   File // SHA256 is what it must have where it lies, too: nothing is prepared
}

var runtimeSource = Source{Package: "onnxruntime-node", Version: "1.30.0", Licence: "MIT"}

// runtimeFiles are the libraries of that package that this build knows, by operating system and architecture.
var runtimeFiles = map[string]File{
	"linux/amd64": {
		Name: "onnxruntime", Path: "bin/napi-v6/linux/x64/libonnxruntime.so.1", Bytes: 45828512,
		SHA256: "ffb75a925ba05e47b235bb66e3e3911714a80b328a9c9425539feb204aa32a23",
	},
	"linux/arm64": {
		Name: "onnxruntime", Path: "bin/napi-v6/linux/arm64/libonnxruntime.so.1", Bytes: 25135496,
		SHA256: "1f549d46250b005580b597f4164984aaf75b3bcb9f3aeb07c7f8a8fe60b23c76",
	},
}

// RuntimeHere is the library for this machine; ok is false where this build knows none.
func RuntimeHere() (r Runtime, ok bool) {
	f, ok := runtimeFiles[runtime.GOOS+"/"+runtime.GOARCH]
	return Runtime{runtimeSource, f}, ok
}

// Library is where the library lies under dir, if it is there and what it must be. The file is opened by whoever loads
// it a moment later: the folder must be as safe from others' hands as this program.
func (r Runtime) Library(dir string) (string, error) {
	where := r.path(dir)
	file, err := os.Open(where)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("models: %s is missing: %s", where, remedy)
	}
	if err != nil {
		return "", fmt.Errorf("models: %w", err)
	}
	defer file.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, io.LimitReader(file, r.File.Bytes+1))
	if err != nil {
		return "", fmt.Errorf("models: %w", err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); n != r.File.Bytes || got != r.File.SHA256 {
		return "", fmt.Errorf("models: %s is not the library that this build knows (SHA-256 %s): %s", where, r.File.SHA256, remedy)
	}
	return filepath.Abs(where) // a bare name would be searched for in the system's folders
}

// Pull fetches the library into dir unless it is there. Like Manifest.Pull it runs `npm pack`, and nothing of the package.
func (r Runtime) Pull(ctx context.Context, dir string) error {
	if _, err := r.Library(dir); err == nil {
		return nil
	}
	temp, err := os.MkdirTemp("", "biogate-runtime-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	tarball, err := npmPack(ctx, r.Source, temp, packLimit)
	if err != nil {
		return fmt.Errorf("models: %w", err)
	}
	return r.Unpack(tarball, dir)
}

// PullFrom is Pull out of a folder of packages; see the function of that name.
func (r Runtime) PullFrom(packages, dir string) error {
	if _, err := r.Library(dir); err == nil {
		return nil
	}
	return r.Unpack(r.Source.tarball(packages), dir)
}

// Unpack takes the library out of its package (an npm tarball, or the folder it was unpacked to), checks its hash and
// writes it under dir.
func (r Runtime) Unpack(source, dir string) error {
	files, err := readPackage(source, []File{r.File})
	if err != nil {
		return fmt.Errorf("models: %s: %w", source, err)
	}
	data := files[r.File.Path]
	if data == nil {
		return fmt.Errorf("models: %s: %s: not in the package", source, r.File.Path)
	}
	if sum := hash(data); sum != r.File.SHA256 {
		return fmt.Errorf("models: %s: %s has SHA-256 %s, want %s: not the package that this build knows", source, r.File.Path, sum, r.File.SHA256)
	}
	if err := writeFile(r.path(dir), data); err != nil {
		return fmt.Errorf("models: %w", err)
	}
	return nil
}

func (r Runtime) path(dir string) string {
	return filepath.Join(dir, r.File.Name+"-"+r.Source.Version, path.Base(r.File.Path))
}
