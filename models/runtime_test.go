package models

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func tinyRuntime(library []byte) Runtime {
	return Runtime{
		Source: Source{Package: "tiny-runtime", Version: "2.0.0", Licence: "none"},
		File:   File{Name: "tiny", Path: "bin/libtiny.so.1", Bytes: int64(len(library)), SHA256: hash(library)},
	}
}

func TestRuntimeIsPulledOnceAndFound(t *testing.T) {
	library := []byte("a shared library")
	r := tinyRuntime(library)
	packed := tarball(t, map[string][]byte{"README.md": {1}, "bin/libtiny.so.1": library})
	fakeNPM(t, `test "$1 $4" = "pack tiny-runtime@2.0.0" || exit 9; cp `+packed+` tiny.tgz && echo tiny.tgz`)
	dir := t.TempDir()
	if err := r.Pull(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	where, err := r.Library(dir)
	if err != nil || !filepath.IsAbs(where) {
		t.Fatalf("%q, error %v", where, err)
	}
	if data, err := os.ReadFile(where); err != nil || !bytes.Equal(data, library) {
		t.Errorf("other bytes were written, error %v", err)
	}
	fakeNPM(t, "exit 9")
	if err := r.Pull(t.Context(), dir); err != nil {
		t.Errorf("a second time: %v", err)
	}
}

func TestRuntimeThatIsMissingOrChangedIsRefused(t *testing.T) {
	library := []byte("a shared library")
	r, dir := tinyRuntime(library), t.TempDir()
	where := filepath.Join(dir, "tiny-2.0.0", "libtiny.so.1")
	refused := func(want string) {
		t.Helper()
		_, err := r.Library(dir)
		if err == nil || !strings.Contains(err.Error(), where) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "make models") {
			t.Errorf("error %v, want the file, %q and the remedy in it", err, want)
		}
	}
	refused("missing")
	if err := r.Unpack(unpacked(t, map[string][]byte{"bin/libtiny.so.1": library}), dir); err != nil {
		t.Fatal(err)
	}
	for _, changed := range [][]byte{library[1:], append(bytes.Clone(library), 0), bytes.ToUpper(library), {}} {
		if err := os.WriteFile(where, changed, 0o644); err != nil {
			t.Fatal(err)
		}
		refused("not the library")
	}
	fakeNPM(t, "exit 9")
	if err := r.Pull(t.Context(), dir); err == nil {
		t.Error("a changed library was left as it is")
	}
}

func TestRuntimePackageIsChecked(t *testing.T) {
	library := []byte("a shared library")
	r := tinyRuntime(library)
	for want, files := range map[string]map[string][]byte{
		"not in the package": {"bin/other.so": library},
		"SHA-256":            {"bin/libtiny.so.1": bytes.ToUpper(library)},
		"bytes":              {"bin/libtiny.so.1": library[1:]},
	} {
		dir := t.TempDir()
		if err := r.Unpack(tarball(t, files), dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 0 {
			t.Errorf("%s: left behind: %v", want, left)
		}
	}
}

func TestRuntimesOfThisBuild(t *testing.T) {
	for machine, f := range runtimeFiles {
		if f.Bytes <= 0 || f.Bytes > maxFileBytes || len(f.SHA256) != 64 || f.Name == "" || f.Path == "" {
			t.Errorf("%s: %+v", machine, f)
		}
	}
}
