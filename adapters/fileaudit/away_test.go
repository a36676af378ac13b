package fileaudit

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// A trail that is taken from under a gateway is not written on where nobody finds it: nothing is acknowledged until it is back.
func TestATrailThatIsTakenAwayAcknowledgesNothing(t *testing.T) {
	o := options(t, t.TempDir())
	dir := o.Dir
	l := openLog(t, o)
	if err := l.Append(t.Context(), event(1)); err != nil {
		t.Fatal(err)
	}
	segment, copied := filepath.Join(dir, segmentName(1)), filepath.Join(dir, "copied")
	back := func(from, to string) func() error { return func() error { return os.Rename(from, to) } }
	for name, c := range map[string]struct{ take, back func() error }{
		"the folder":   {back(dir, dir+"-moved"), back(dir+"-moved", dir)},
		"the segment":  {back(segment, segment+"-moved"), back(segment+"-moved", segment)},
		"a copy of it": {func() error { return swap(segment, copied) }, back(copied, segment)},
	} {
		if err := c.take(); err != nil {
			t.Fatal(name, err)
		}
		if err := l.Append(t.Context(), event(2)); err == nil || l.Writable() {
			t.Errorf("%s: what nobody finds is acknowledged", name)
		}
		if err := c.back(); err != nil {
			t.Fatal(name, err)
		}
		for end := time.Now().Add(time.Minute); !l.Writable(); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s: it is back, and not written", name)
			}
		}
	}
	if err := l.Append(t.Context(), event(3)); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if got := sound(t, o); !slices.Equal(got, []string{"trace-1", "trace-3"}) {
		t.Errorf("on record: %q", got)
	}
}

// swap puts a copy of path in its place, and path itself at away.
func swap(path, away string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := os.Rename(path, away); err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o600)
}
