package filesigner

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestProductionMakesNoKeys(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	if _, err := Open(Options{Dir: dir, Production: true}); !errors.Is(err, ErrNoKeys) || !strings.Contains(err.Error(), "keys init") {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("something was made")
	}
}

func TestProductionRefusesKeysOfDevelopment(t *testing.T) {
	dir := t.TempDir()
	if s := open(t, Options{Dir: dir}); !s.Development() {
		t.Error("a first start leaves no mark")
	}
	if _, err := open(t, Options{Dir: dir, AsFound: true}).Rotate(0); err != nil { // a new signing key makes the secrets no better
		t.Fatal(err)
	}
	if _, err := Open(Options{Dir: dir, Production: true}); !errors.Is(err, ErrDevelopment) || !strings.Contains(err.Error(), dir) {
		t.Errorf("%v", err)
	}
}

func TestInitOverwritesNothing(t *testing.T) {
	dir := t.TempDir()
	if _, err := Init(Options{Dir: dir}, "pairwise", "audit"); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(filepath.Join(dir, ringFile))
	if err != nil || !bytes.Contains(before, []byte(`"pairwise"`)) || !bytes.Contains(before, []byte(`"audit"`)) {
		t.Fatalf("secrets are missing (%v)", err)
	}
	if _, err := Init(Options{Dir: dir}); err == nil {
		t.Error("made again")
	}
	if after, _ := os.ReadFile(filepath.Join(dir, ringFile)); !bytes.Equal(before, after) {
		t.Error("the file was replaced")
	}
	if s := open(t, Options{Dir: dir, Production: true}); s.Development() {
		t.Error("marked as development's")
	}
}

// impostor is a token that signs with another key than it said it made.
type impostor struct {
	private   ed25519.PrivateKey
	destroyed []string
	broken    error
}

func (i *impostor) Generate(context.Context, string) (string, crypto.PublicKey, error) {
	public, _, err := ed25519.GenerateKey(rand.Reader)
	return "name", public, err
}

func (i *impostor) Sign(_ context.Context, _, _ string, message []byte) ([]byte, error) {
	return ed25519.Sign(i.private, message), nil
}

func (i *impostor) Destroy(_ context.Context, name string) error {
	i.destroyed = append(i.destroyed, name)
	return i.broken
}

func TestTokenThatSignsWithAnotherKeyIsRefused(t *testing.T) {
	_, private, _ := ed25519.GenerateKey(rand.Reader)
	s, err := Init(Options{Dir: t.TempDir(), Token: &impostor{private: private}})
	if err != nil {
		t.Fatal(err)
	}
	if signed, err := s.Sign(t.Context(), "t", nil); err == nil {
		t.Errorf("%s left", signed)
	}
}

// What could not be destroyed is remembered in the file and tried again.
func TestUndestroyedKeysAreTriedAgain(t *testing.T) {
	dir, token := t.TempDir(), &impostor{broken: errors.New("away")}
	s, err := Init(Options{Dir: dir, Token: token})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := s.Rotate(time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	text, _ := os.ReadFile(filepath.Join(dir, ringFile))
	if !bytes.Contains(text, []byte("leftovers")) || len(token.destroyed) == 0 {
		t.Fatalf("forgotten: %v", token.destroyed)
	}
	token.broken = nil
	s.sweep(context.Background())
	if text, _ = os.ReadFile(filepath.Join(dir, ringFile)); bytes.Contains(text, []byte("leftovers")) {
		t.Error("still in the list")
	}
}

// Going from the file to a token is a rotation that takes the private part out of the file.
func TestMoveToATokenIsARotation(t *testing.T) {
	dir := t.TempDir()
	old := sign(t, open(t, Options{Dir: dir}))
	s := open(t, Options{Dir: dir, Token: &impostor{}})
	expectStates(t, s, Retired, Active)
	if err := verify(old, s.JWKS()); err != nil {
		t.Error(err)
	}
	if text, _ := os.ReadFile(filepath.Join(dir, ringFile)); bytes.Contains(text, []byte(`"d":`)) {
		t.Error("a private key is in the file")
	}
	infos := open(t, Options{Dir: dir, AsFound: true}).List() // needs no token
	if infos[0].Holder != nowhere || infos[1].Holder != onToken {
		t.Errorf("%+v", infos)
	}
	if _, err := open(t, Options{Dir: dir, AsFound: true}).Sign(t.Context(), "t", nil); err == nil {
		t.Error("signed without the token")
	}
}
