package filedevices

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"biogate/gateway"
	"biogate/gateway/kiosk"
)

var began = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)

func open(t testing.TB, path string) *Registry {
	t.Helper()
	r, err := Open(Options{Path: path, Log: slog.New(slog.NewJSONHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func device(t testing.TB, id string) kiosk.Device {
	t.Helper()
	key, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return kiosk.Device{
		ID: id, Site: "han", Capabilities: []kiosk.Capability{kiosk.Verify}, Key: key, Certificate: [32]byte([]byte(key)),
		NotBefore: began, NotAfter: began.Add(365 * 24 * time.Hour),
	}
}

func add(t testing.TB, r *Registry, d kiosk.Device) {
	t.Helper()
	if err := r.Add(d); err != nil {
		t.Fatal(err)
	}
}

// within waits until something is seen; how soon it must be, TestARevocationHoldsWithinASecond says.
func within(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !condition(); time.Sleep(10 * time.Millisecond) { // on a busy machine
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

func TestOtherNodesFollow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "devices.json")
	here, there := open(t, path), open(t, path)
	d := device(t, "gate-1")
	add(t, here, d)
	within(t, "the device is known at the other node", func() bool { _, err := there.Device(t.Context(), d.ID); return err == nil })
	if err := here.Revoke(d.ID); err != nil {
		t.Fatal(err)
	}
	if got, err := here.Device(t.Context(), d.ID); err != nil || got.RevokedAt.IsZero() {
		t.Errorf("not revoked here at once: %v %v", got, err)
	}
	within(t, "the revocation holds at the other node", func() bool {
		got, err := there.ByCertificate(t.Context(), d.Certificate)
		return err == nil && !got.RevokedAt.IsZero()
	})
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
}

// By the clock of a node, the first request a second after a revocation is refused, whatever the process did before.
func TestARevocationHoldsWithinASecond(t *testing.T) {
	path := filepath.Join(t.TempDir(), "devices.json")
	here, clock := open(t, path), began
	d := device(t, "gate-1")
	add(t, here, d)
	there, err := Open(Options{Path: path, Now: func() time.Time { return clock }, Log: slog.New(slog.NewJSONHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := there.Device(t.Context(), d.ID); err != nil || !got.RevokedAt.IsZero() {
		t.Fatalf("%v %v", got, err)
	}
	if err := here.Revoke(d.ID); err != nil {
		t.Fatal(err)
	}
	clock = clock.Add(time.Second)
	if got, err := there.Device(t.Context(), d.ID); err != nil || got.RevokedAt.IsZero() {
		t.Errorf("a second later: %v %v", got, err)
	}
	clock = clock.Add(-time.Hour) // set back: what was seen is not taken for true until it is as late again
	e := device(t, "gate-2")
	add(t, here, e)
	if _, err := there.Device(t.Context(), e.ID); err != nil {
		t.Errorf("after the clock was set back: %v", err)
	}
}

func TestIDsAndKeysAreUsedOnce(t *testing.T) {
	r := open(t, filepath.Join(t.TempDir(), "devices.json"))
	d := device(t, "gate-1")
	add(t, r, d)
	if err := r.Revoke(d.ID); err != nil {
		t.Fatal(err)
	}
	if err := r.Add(device(t, "gate-1")); !errors.Is(err, ErrExists) {
		t.Errorf("a revoked id is registered again: %v", err)
	}
	again := d
	again.ID, again.Certificate = "gate-2", [32]byte{1}
	if err := r.Add(again); err == nil {
		t.Error("a revoked key comes back under another name")
	}
	again.Key, again.Certificate = nil, d.Certificate
	if err := r.Add(again); err == nil {
		t.Error("a revoked certificate comes back under another name")
	}
	if err := r.Revoke("gate-1"); !errors.Is(err, ErrRevoked) {
		t.Error(err)
	}
	if err := r.Revoke("gate-9"); !errors.Is(err, gateway.ErrNotFound) {
		t.Error(err)
	}
}

// TestLogNamesNoDevice, whatever is wrong in the file; the tools name it.
func TestLogNamesNoDevice(t *testing.T) {
	path := filepath.Join(t.TempDir(), "devices.json")
	var log bytes.Buffer
	r, err := Open(Options{Path: path, Log: slog.New(slog.NewJSONHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	add(t, r, device(t, "gate-1"))
	good, _ := os.ReadFile(path)
	for _, broken := range []string{strings.ReplaceAll(string(good), `"gate-1"`, `"gate-1 x"`), strings.ReplaceAll(string(good), `"id"`, `"gate-1"`)} {
		if err := os.WriteFile(path, []byte(broken), 0o600); err != nil {
			t.Fatal(err)
		}
		within(t, "the fault is said", func() bool { return r.Err() != nil })
		if err := r.Err(); !strings.Contains(err.Error(), "gate-1") {
			t.Errorf("the tools are not told which: %v", err)
		}
		if err := os.WriteFile(path, good, 0o600); err != nil {
			t.Fatal(err)
		}
		within(t, "the mended file is read", func() bool { return r.Err() == nil })
	}
	if text := log.String(); strings.Contains(text, "gate-1") || strings.Count(text, "devices list") != 2 {
		t.Errorf("the log: %s", text)
	}
}

// A broken file: those known before go on, nobody new comes in, it is said, and the tools do not write over it.
func TestBrokenFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "devices.json")
	r := open(t, path)
	d := device(t, "gate-1")
	add(t, r, d)
	good, _ := os.ReadFile(path)
	if err := os.WriteFile(path, append(good, "}"...), 0o600); err != nil {
		t.Fatal(err)
	}
	within(t, "the fault is said", func() bool { return r.Err() != nil && slices.Equal(r.Degraded(), []string{Mode}) })
	if _, err := r.Device(t.Context(), d.ID); err != nil {
		t.Error(err)
	}
	if _, err := r.Device(t.Context(), "gate-2"); !errors.Is(err, gateway.ErrNotFound) {
		t.Error(err)
	}
	if err := r.Add(device(t, "gate-2")); err == nil {
		t.Error("a file that nobody can read was written over")
	}
	if err := os.WriteFile(path, good, 0o600); err != nil {
		t.Fatal(err)
	}
	within(t, "the mended file is read", func() bool { return r.Err() == nil && r.Degraded() == nil })
}

// A fault of the file system that passes is over, also where the file is the same as before.
func TestAFaultThatPasses(t *testing.T) {
	path, clock := filepath.Join(t.TempDir(), "devices.json"), began
	add(t, open(t, path), device(t, "gate-1"))
	r, err := Open(Options{Path: path, Now: func() time.Time { return clock }, Log: slog.New(slog.NewJSONHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range []error{fs.ErrPermission, nil} {
		r.stat = func(path string) (fs.FileInfo, error) {
			info, err := os.Stat(path)
			return info, errors.Join(err, fault)
		}
		clock = clock.Add(recheck)
		if got := r.Err(); (got != nil) != (fault != nil) {
			t.Errorf("the fault %v: %v", fault, got)
		}
		if _, err := r.Device(t.Context(), "gate-1"); err != nil {
			t.Error(err)
		}
	}
}

// A file system that hangs holds a request for as long as it wants to wait, and no longer than patience; then what was known is
// served and said to be old, it is asked no second time meanwhile, and what it answers at last holds.
func TestAFileSystemThatHangs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "devices.json")
	r := open(t, path)
	d := device(t, "gate-1")
	add(t, r, d)
	release, asked := make(chan struct{}), atomic.Int32{}
	r.stat = func(path string) (fs.FileInfo, error) {
		asked.Add(1)
		<-release
		return os.Stat(path)
	}
	old := *r.seen.Load()
	old.at = time.Time{} // due
	r.seen.Store(&old)
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := r.Device(short, d.ID); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a request whose time was over: %v", err)
	}
	for range 100 {
		if got, err := r.Device(t.Context(), d.ID); err != nil || got.ID != d.ID {
			t.Fatalf("%v %v", got, err)
		}
	}
	if !slices.Equal(r.Degraded(), []string{Mode}) || asked.Load() != 1 {
		t.Errorf("%v is said, the file system was asked %d times", r.Degraded(), asked.Load())
	}
	if err := open(t, path).Revoke(d.ID); err != nil {
		t.Fatal(err)
	}
	close(release)
	within(t, "what changed meanwhile holds", func() bool {
		got, err := r.Device(t.Context(), d.ID)
		return err == nil && !got.RevokedAt.IsZero() && r.Degraded() == nil
	})
}

// A look that ends late brings nothing back that a later one has seen otherwise.
func TestALateLookChangesNothing(t *testing.T) {
	r := open(t, filepath.Join(t.TempDir(), "devices.json"))
	d := device(t, "gate-1")
	add(t, r, d)
	late := r.look()
	if err := r.Revoke(d.ID); err != nil {
		t.Fatal(err)
	}
	r.take(late)
	if got, err := r.Device(t.Context(), d.ID); err != nil || got.RevokedAt.IsZero() {
		t.Errorf("a revoked device is back: %v %v", got, err)
	}
}

func TestFileThatOthersCanChangeIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "devices.json")
	add(t, open(t, path), device(t, "gate-1"))
	if err := os.Chmod(path, 0o620); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{Path: path}); err == nil || !strings.Contains(err.Error(), "0620") {
		t.Error(err)
	}
}

// TestFormIsStrict: nothing that a reviewer could read in another way than the gateway.
func TestFormIsStrict(t *testing.T) {
	good, err := format([]kiosk.Device{device(t, "a"), device(t, "b")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parse(good); err != nil {
		t.Fatal(err)
	}
	text := string(good)
	for name, bad := range map[string]string{
		"member twice":      strings.Replace(text, `"site": "han"`, `"site": "han", "site": "sgn"`, 1),
		"member in capital": strings.Replace(text, `"site": "han"`, `"Site": "han"`, 1),
		"unknown member":    strings.Replace(text, `"site": "han"`, `"site": "han", "admin": true`, 1),
		"no audiences":      strings.Replace(text, `"key"`, `"audiences": [], "key"`, 1), // which would mean all of them
		"id twice":          strings.Replace(text, `"id": "b"`, `"id": "a"`, 1),
		"unknown right":     strings.Replace(text, `"verify"`, `"root"`, 1),
		"right to ask":      strings.Replace(text, `"verify"`, `"ask"`, 1),
		"no right":          strings.Replace(text, "[\n        \"verify\"\n      ]", "[]", 1),
		"other version":     strings.Replace(text, version, "biogate-devices-2", 1),
		"more behind":       text + "{}",
		"no end":            strings.Replace(text, `"not_after": "2027`, `"not_after": "1027`, 1),
		"local time":        strings.Replace(text, `00:00:00Z`, `07:00:00+07:00`, 1),
	} {
		if bad == text {
			t.Fatalf("%s: nothing was changed", name)
		}
		if _, err := parse([]byte(bad)); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestConcurrentChangesAreAllKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "devices.json")
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() { add(t, open(t, path), device(t, fmt.Sprintf("gate-%02d", i))) })
	}
	all.Wait()
	if list, err := open(t, path).List(); err != nil || len(list) != 16 {
		t.Errorf("%d %v", len(list), err)
	}
}

func BenchmarkDevice(b *testing.B) {
	path := filepath.Join(b.TempDir(), "devices.json")
	var devices []kiosk.Device
	for i := range 10_000 {
		devices = append(devices, device(b, fmt.Sprintf("gate-%05d", i)))
	}
	text, err := format(devices)
	if err != nil {
		b.Fatal(err)
	}
	if err := store(path, text); err != nil {
		b.Fatal(err)
	}
	r := open(b, path)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Device(context.Background(), "gate-07777"); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzParse: what is taken is what would be written.
func FuzzParse(f *testing.F) {
	good, err := format([]kiosk.Device{device(f, "a")})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"version":"biogate-devices-1","devices":[]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		devices, err := parse(text)
		if err != nil {
			return
		}
		again, err := format(devices)
		if err != nil {
			t.Fatal(err)
		}
		twice, err := parse(again)
		if err != nil || len(twice) != len(devices) {
			t.Fatal(err)
		}
		third, err := format(twice)
		if err != nil || !bytes.Equal(third, again) {
			t.Fatal("another registry is read back", err)
		}
	})
}
