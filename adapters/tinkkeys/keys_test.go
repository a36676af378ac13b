package tinkkeys

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

var born = time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)

func made(t testing.TB) (*Keys, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "keys")
	k, err := Open(Options{Dir: dir, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	return k, dir
}

func TestWrapAndUnwrap(t *testing.T) {
	k, dir := made(t)
	id, wrapped, err := k.Wrap([]byte("data key"), []byte("context"))
	if err != nil || id != k.Primary() || bytes.Contains(wrapped, []byte("data key")) {
		t.Fatal(id, wrapped, err)
	}
	again, err := Open(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := again.Unwrap(id, wrapped, []byte("context")); err != nil || string(got) != "data key" {
		t.Errorf("%q, %v", got, err)
	}
	other, _ := made(t)
	for name, f := range map[string]func() ([]byte, error){
		"other context": func() ([]byte, error) { return k.Unwrap(id, wrapped, []byte("contexT")) },
		"other id":      func() ([]byte, error) { return k.Unwrap(id+1, wrapped, []byte("context")) },
		"other keys":    func() ([]byte, error) { return other.Unwrap(id, wrapped, []byte("context")) },
		"cut":           func() ([]byte, error) { return k.Unwrap(id, wrapped[:4], []byte("context")) },
		"changed": func() ([]byte, error) {
			w := bytes.Clone(wrapped)
			w[20] ^= 1
			return k.Unwrap(id, w, []byte("context"))
		},
		"without prefix": func() ([]byte, error) { return k.Unwrap(id, wrapped[5:], []byte("context")) },
	} {
		if got, err := f(); err == nil {
			t.Errorf("%s: opened %q", name, got)
		}
	}
}

// A running gateway takes over what an operator's command did to the file, within a second.
func TestRotationIsFollowed(t *testing.T) {
	dir := t.TempDir()
	var now atomic.Int64
	now.Store(born.UnixNano())
	running, err := Open(Options{Dir: dir, Create: true, Now: func() time.Time { return time.Unix(0, now.Load()) }})
	if err != nil {
		t.Fatal(err)
	}
	first, wrapped, err := running.Wrap([]byte("k"), nil)
	if err != nil {
		t.Fatal(err)
	}
	tool, err := Open(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	made, err := tool.Rotate()
	if err != nil || made.State != Primary || made.ID == first {
		t.Fatal(made, err)
	}
	now.Add(int64(recheck))
	if running.Primary() != made.ID {
		t.Error("the new key is not used")
	}
	if _, err := running.Unwrap(first, wrapped, nil); err != nil {
		t.Errorf("the old key opens nothing any more: %v", err)
	}
	if err := tool.Retire(made.ID); err == nil {
		t.Error("the primary key was retired")
	}
	if err := tool.Retire(12345); err == nil {
		t.Error("a key that is not there was retired")
	}
	if err := tool.MarkUnused([]uint32{first, made.ID}); err != nil {
		t.Fatal(err)
	}
	if list := tool.List(); len(list) != 2 || list[0].State != Unused || list[0].ID != first || list[1].State != Primary {
		t.Errorf("%+v", list)
	}
	if err := tool.MarkNeeded([]uint32{first}); err != nil || tool.List()[0].State != Old {
		t.Errorf("%v, %+v", err, tool.List())
	}
	if err := tool.Retire(first); err != nil {
		t.Fatal(err)
	}
	now.Add(int64(recheck))
	if _, err := running.Unwrap(first, wrapped, nil); err == nil || len(running.List()) != 1 {
		t.Errorf("a retired key still opens: %v", err)
	}
}

// A file that became unusable, or is gone, does not stop who has good keys.
func TestBrokenFileLater(t *testing.T) {
	dir := t.TempDir()
	var now atomic.Int64
	k, err := Open(Options{Dir: dir, Create: true, Now: func() time.Time { return time.Unix(0, now.Load()) }})
	if err != nil {
		t.Fatal(err)
	}
	primary := k.Primary()
	for _, spoil := range []func(string) error{func(p string) error { return os.WriteFile(p, []byte("{}"), 0o600) }, os.Remove} {
		if err := spoil(filepath.Join(dir, keysFile)); err != nil {
			t.Fatal(err)
		}
		now.Add(int64(recheck))
		if k.Primary() != primary || k.Err() == nil {
			t.Errorf("primary %d, err %v", k.Primary(), k.Err())
		}
	}
}

func TestWhatIsRefused(t *testing.T) {
	_, dir := made(t)
	good, err := os.ReadFile(filepath.Join(dir, keysFile))
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(t *testing.T, dir, path string){
		"readable by others": func(t *testing.T, _, path string) { must(t, os.Chmod(path, 0o640)) },
		"folder of others":   func(t *testing.T, dir, _ string) { must(t, os.Chmod(dir, 0o770)) },
		"a link to a folder": func(t *testing.T, dir, path string) { must(t, os.Remove(path)); must(t, os.Symlink(dir, path)) },
		"unknown field": func(t *testing.T, _, path string) {
			must(t, os.WriteFile(path, bytes.Replace(good, []byte(`"version"`), []byte(`"x":1,"version"`), 1), 0o600))
		},
		"newer": func(t *testing.T, _, path string) {
			must(t, os.WriteFile(path, bytes.Replace(good, []byte(`"version": 1`), []byte(`"version": 2`), 1), 0o600))
		},
		"twice": func(t *testing.T, _, path string) {
			must(t, os.WriteFile(path, append(bytes.Clone(good), good...), 0o600))
		},
		"no keys": func(t *testing.T, _, path string) {
			must(t, os.WriteFile(path, []byte(`{"version":1,"keys":[],"keyset":{}}`), 0o600))
		},
		"huge": func(t *testing.T, _, path string) { must(t, os.WriteFile(path, make([]byte, maxBytes+1), 0o600)) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, keysFile)
			must(t, os.Chmod(dir, 0o700))
			must(t, os.WriteFile(path, good, 0o600))
			if _, err := Open(Options{Dir: dir, Create: true}); err != nil {
				t.Fatal(err)
			}
			spoil(t, dir, path)
			if _, err := Open(Options{Dir: dir, Create: true}); err == nil {
				t.Error("opened")
			}
		})
	}
	if _, err := Open(Options{Dir: t.TempDir()}); !errors.Is(err, ErrNoKeys) {
		t.Errorf("no file: %v", err)
	}
}

// Errors and what is listed show nothing of the keys.
func TestModesAndMarks(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "keys")
	k, err := Open(Options{Dir: dir, Create: true, Development: true})
	if err != nil || !k.Development() {
		t.Fatal(err)
	}
	for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, keysFile): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	if _, err := k.Rotate(); err != nil {
		t.Fatal(err)
	}
	if again, err := Open(Options{Dir: dir, Create: true}); err != nil || !again.Development() || len(again.List()) != 2 {
		t.Errorf("a rotation washed the development mark off: %v", err)
	}
	text, _ := os.ReadFile(filepath.Join(dir, keysFile))
	if !strings.Contains(string(text), `"development": true`) {
		t.Error("not marked")
	}
	must(t, os.WriteFile(filepath.Join(dir, ".template-keys-1.tmp"), text, 0o600))
	if _, err := k.Rotate(); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, tempGlob)); len(left) > 0 {
		t.Errorf("a crash's leftovers stay: %v", left)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func FuzzParse(f *testing.F) {
	_, dir := made(f)
	good, err := os.ReadFile(filepath.Join(dir, keysFile))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"version":1,"keys":[{"id":1}],"keyset":{"primaryKeyId":1,"key":[]}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := parse(bytes.Clone(text))
		if err != nil {
			return
		}
		if out, err := r.marshal(); err != nil || len(out) == 0 {
			t.Error(err)
		}
	})
}

func BenchmarkUnwrap(b *testing.B) {
	k, _ := made(b)
	id, wrapped, err := k.Wrap(make([]byte, 32), make([]byte, 32))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.Unwrap(id, wrapped, wrapped[:0]); err == nil {
			b.Fatal("opened")
		}
		if _, err := k.Unwrap(id, wrapped, make([]byte, 32)); err != nil {
			b.Fatal(err)
		}
	}
}
