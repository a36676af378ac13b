package tinkkeys

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// A file that is gone is not begun anew by a change: keys in use would be replaced by one that opens nothing.
func TestKeysThatAreGoneAreNotBegunAnew(t *testing.T) {
	dir := t.TempDir()
	k, err := Open(Options{Dir: dir, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	primary := k.Primary()
	path := filepath.Join(dir, keysFile)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	_, rotate := k.Rotate()
	for what, err := range map[string]error{"rotate": rotate, "mark": k.MarkUnused([]uint32{1}), "retire": k.Retire(1)} {
		if !errors.Is(err, ErrNoKeys) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := os.Stat(path); err == nil || k.Primary() != primary {
		t.Errorf("there is a file again, %v", err)
	}
}
