package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"biogate/adapters/bolttemplates"
	"biogate/adapters/tinkkeys"
	"biogate/gateway/porttest"
)

func initKeys(t *testing.T, data string) (status int, problems string) {
	t.Helper()
	var stderr strings.Builder
	status = run(t.Context(), []string{"keys", "init", "--data", data}, io.Discard, &stderr)
	return status, stderr.String()
}

// A crash between the keyring and the template keys is no dead end: `keys init` goes on where it was, with the same keyring.
func TestKeysInitGoesOn(t *testing.T) {
	data := t.TempDir()
	if status, problems := initKeys(t, data); status != exitDone {
		t.Fatal(problems)
	}
	ring, templates := filepath.Join(keyDir(data), "keyring.json"), filepath.Join(keyDir(data), "template-keys.json")
	before, err := os.ReadFile(ring)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(templates); err != nil {
		t.Fatal(err)
	}
	if status, problems := initKeys(t, data); status != exitDone {
		t.Fatal(problems)
	}
	after, err := os.ReadFile(ring)
	if err != nil || string(after) != string(before) {
		t.Errorf("the keyring is another one, %v", err)
	}
	if _, err := os.Stat(templates); err != nil {
		t.Error(err)
	}
	if status, _ := initKeys(t, data); status != exitFailure {
		t.Error("keys are made over keys")
	}
}

// sealedRecord makes a record with a subject whose template is encrypted with keys that nobody has.
func sealedRecord(t *testing.T, data string) {
	t.Helper()
	store, err := bolttemplates.Open(storeFile(data), bolttemplates.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := porttest.Refs("a", 1, 1)
	r.Envelope = append([]byte{1, 0, 0, 0, 7}, make([]byte, 60)...) // of key 7
	if err := store.Put(t.Context(), r, 0); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}

// New template keys over a record that is encrypted with lost ones would make its subjects unreadable for good, and say nothing.
func TestKeysInitLeavesAnEncryptedRecordAlone(t *testing.T) {
	data := t.TempDir()
	sealedRecord(t, data)
	if status, problems := initKeys(t, data); status != exitFailure || !strings.Contains(problems, "restore the folder") {
		t.Errorf("%d %s", status, problems)
	}
	if held, err := os.ReadDir(keyDir(data)); err == nil && len(held) > 0 {
		t.Errorf("%v was made", held)
	}
}

// Keys of another record, or of a backup from before a rotation, are not served with: every subject would be damaged.
func TestForeignTemplateKeysStopTheGateway(t *testing.T) {
	data := t.TempDir()
	sealedRecord(t, data)
	if _, err := tinkkeys.Open(tinkkeys.Options{Dir: keyDir(data), Create: true, Now: time.Now}); err != nil {
		t.Fatal(err)
	}
	store, err := bolttemplates.Open(storeFile(data), bolttemplates.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if _, err := keysOf(t.Context(), store, keyDir(data), false); err == nil || !strings.Contains(err.Error(), "newest backup") {
		t.Errorf("%v", err)
	}
}
