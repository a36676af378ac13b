package tinkkeys

import (
	"errors"
	"testing"
	"time"
)

// What another process took back holds at once: a key of which nobody says that it is unused is not removed on an old word.
func TestKeysAreRetiredOnTheWordInTheFile(t *testing.T) {
	dir, now := t.TempDir(), func() time.Time { return born } // so that nobody looks at the file by himself
	k, err := Open(Options{Dir: dir, Create: true, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	first := k.Primary()
	if _, err := k.Rotate(); err != nil {
		t.Fatal(err)
	}
	if err := k.RetireUnused(first); !errors.Is(err, ErrNeeded) {
		t.Errorf("a key that may be needed: %v", err)
	}
	if err := k.MarkUnused([]uint32{first}); err != nil {
		t.Fatal(err)
	}
	another, err := Open(Options{Dir: dir, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	if err := another.MarkNeeded([]uint32{first}); err != nil {
		t.Fatal(err)
	}
	if err := k.RetireUnused(first); !errors.Is(err, ErrNeeded) || len(k.List()) != 2 {
		t.Errorf("a key that is needed again: %v", err)
	}
	if err := another.MarkUnused([]uint32{first}); err != nil {
		t.Fatal(err)
	}
	if err := k.RetireUnused(first); err != nil || len(k.List()) != 1 {
		t.Errorf("an unused key: %v", err)
	}
	if err := k.RetireUnused(k.Primary()); err == nil {
		t.Error("the primary key is gone")
	}
}
