package durable_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"biogate/internal/durable"
)

func TestReplaceKeepsTheFileWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	for _, text := range []string{"the first, which is longer", "second", ""} {
		if err := durable.Replace(path, ".keys-*", []byte(text)); err != nil {
			t.Fatal(err)
		}
		got, info, err := durable.ReadSecret(path, 100, "key")
		if err != nil || string(got) != text || info.Mode().Perm() != 0o600 {
			t.Errorf("%q came back as %q with mode %v, %v", text, got, info.Mode(), err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".keys-*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// A reader sees one text or the other, never a part or none, while another replaces it.
func TestReplaceIsOneStep(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	whole := [][]byte{bytes.Repeat([]byte("a"), 10_000), bytes.Repeat([]byte("b"), 5_000)}
	if err := durable.Replace(path, ".keys-*", whole[0]); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for i := range 50 {
			if err := durable.Replace(path, ".keys-*", whole[i%2]); err != nil {
				t.Error(err)
			}
		}
	})
	for range 200 {
		got, _, err := durable.ReadSecret(path, 20_000, "key")
		if err != nil || !bytes.Equal(got, whole[0]) && !bytes.Equal(got, whole[1]) {
			t.Fatalf("read %d bytes, %v", len(got), err)
		}
	}
	all.Wait()
}

func TestReplaceThatFailsLeavesWhatWas(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "taken")
	if err := os.MkdirAll(filepath.Join(path, "by a folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := durable.Replace(path, ".keys-*", []byte("text")); err == nil {
		t.Error("a folder was replaced")
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || !entries[0].IsDir() {
		t.Errorf("the folder holds %v, %v", entries, err)
	}
}

func TestSecretsOfOthersAreRefused(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "pin")
	if err := os.WriteFile(path, []byte("the text itself"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []fs.FileMode{0o640, 0o604, 0o620, 0o601} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, _, err := durable.ReadSecret(path, 100, "PIN")
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%04o", mode)) || !strings.Contains(err.Error(), "PIN") {
			t.Errorf("mode %04o: %v", mode, err)
		}
	}
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	if _, _, err := durable.ReadSecret(path, 15, "PIN"); err != nil {
		t.Errorf("of the limit's length: %v", err)
	}
	if text, _, err := durable.ReadSecret(path, 14, "PIN"); err == nil || text != nil || strings.Contains(err.Error(), "itself") {
		t.Errorf("longer than the limit: %q, %v", text, err)
	}
	if _, _, err := durable.ReadSecret(dir, 100, "PIN"); err == nil {
		t.Error("a folder was read")
	}
	if _, _, err := durable.ReadSecret(filepath.Join(dir, "none"), 100, "PIN"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing one: %v", err)
	}
}

func TestFoldersOfOthersAreRefused(t *testing.T) {
	dir := t.TempDir()
	for mode, ok := range map[fs.FileMode]bool{0o700: true, 0o755: true, 0o775: false, 0o707: false, 0o722: false} {
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		if err := durable.CheckDir(dir, "keys"); (err == nil) != ok {
			t.Errorf("mode %04o: %v", mode, err)
		}
	}
	_ = os.Chmod(dir, 0o700)
}

func TestRemoveLeftovers(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{".keys-1", ".keys-22", "keys.json", ".other-1"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := durable.RemoveLeftovers(dir, ".keys-*"); err != nil {
		t.Fatal(err)
	}
	entries, _ := os.ReadDir(dir)
	if len(entries) != 2 || entries[0].Name() != ".other-1" || entries[1].Name() != "keys.json" {
		t.Errorf("left: %v", entries)
	}
}

func TestLockExcludes(t *testing.T) {
	path := filepath.Join(t.TempDir(), ".lock")
	var all sync.WaitGroup
	var inside atomic.Int32
	for range 16 {
		all.Go(func() {
			unlock, err := durable.Lock(path)
			if err != nil {
				t.Error(err)
				return
			}
			if n := inside.Add(1); n != 1 {
				t.Errorf("%d hold the lock", n)
			}
			inside.Add(-1)
			if err := unlock(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}
