package filesigner

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"
)

// clock is a time that tests move.
type clock struct{ ns atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.ns.Store(time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC).UnixNano())
	return c
}

func (c *clock) now() time.Time          { return time.Unix(0, c.ns.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.ns.Add(int64(d)) }

func open(t testing.TB, o Options) *Signer {
	t.Helper()
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func sign(t testing.TB, s *Signer) string {
	t.Helper()
	token, err := s.Sign(context.Background(), "test+jwt", []byte(`{"a":1}`))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// verify is what anybody with the key set can do.
func verify(token string, jwks []byte) error {
	set, err := jwk.Parse(jwks)
	if err != nil {
		return err
	}
	_, err = jws.Verify([]byte(token), jws.WithKeySet(set, jws.WithRequireKid(true)))
	return err
}

func header(t *testing.T, token string) map[string]string {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[0])
	if err != nil {
		t.Fatal(err)
	}
	var h map[string]string
	if err := json.Unmarshal(text, &h); err != nil {
		t.Fatal(err)
	}
	return h
}

func states(s *Signer) []State {
	var out []State
	for _, k := range s.List() {
		out = append(out, k.State)
	}
	return out
}

func expectStates(t *testing.T, s *Signer, want ...State) {
	t.Helper()
	if got := states(s); !slices.Equal(got, want) {
		t.Fatalf("states are %v, expected %v", got, want)
	}
}

func TestFirstStartMakesKeysThatStay(t *testing.T) {
	for _, alg := range []string{EdDSA, ES256} {
		t.Run(alg, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "a", "keys")
			first := open(t, Options{Dir: dir, Algorithm: alg})
			token := sign(t, first)
			if h := header(t, token); h["alg"] != alg || h["typ"] != "test+jwt" || h["kid"] != first.List()[0].ID || len(h) != 3 {
				t.Errorf("protected header is %v", h)
			}
			second := open(t, Options{Dir: dir})
			if err := verify(token, second.JWKS()); err != nil {
				t.Errorf("after a restart: %v", err)
			}
			for path, want := range map[string]fs.FileMode{dir: 0o700, filepath.Join(dir, ringFile): 0o600} {
				if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
					t.Errorf("%s: mode %v, %v; expected %v", path, info.Mode().Perm(), err, want)
				}
			}
		})
	}
}

func TestKeyIDIsThumbprint(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir()})
	set, err := jwk.Parse(s.JWKS())
	if err != nil {
		t.Fatal(err)
	}
	k, _ := set.Key(0)
	var raw map[string]any
	var published struct{ Keys []map[string]any }
	if err := json.Unmarshal(s.JWKS(), &published); err != nil {
		t.Fatal(err)
	}
	raw = published.Keys[0]
	if len(raw) != 6 || raw["kty"] != "OKP" || raw["crv"] != "Ed25519" || raw["use"] != "sig" || raw["alg"] != "EdDSA" || raw["x"] == nil {
		t.Errorf("published key has members %v", raw)
	}
	sum, err := k.Thumbprint(5) // crypto.SHA256
	if err != nil || base64.RawURLEncoding.EncodeToString(sum) != raw["kid"] {
		t.Errorf("kid %v is not the thumbprint (%v)", raw["kid"], err)
	}
}

func TestNothingPrivateIsPublished(t *testing.T) {
	dir := t.TempDir()
	for _, alg := range []string{EdDSA, ES256, EdDSA} {
		s := open(t, Options{Dir: dir, Algorithm: alg})
		if _, err := s.Rotate(time.Hour); err != nil {
			t.Fatal(err)
		}
		var set struct{ Keys []map[string]any }
		if err := json.Unmarshal(s.JWKS(), &set); err != nil || len(set.Keys) < 2 {
			t.Fatalf("%d keys, %v", len(set.Keys), err)
		}
		for _, k := range set.Keys {
			for member := range k {
				if !slices.Contains([]string{"kty", "crv", "x", "y", "kid", "alg", "use"}, member) {
					t.Errorf("member %q is published", member)
				}
			}
		}
	}
}

func TestRotationOverlaps(t *testing.T) {
	c := newClock()
	s := open(t, Options{Dir: t.TempDir(), Now: c.now, Overlap: time.Hour})
	old := sign(t, s)
	info, err := s.Rotate(0)
	if err != nil || info.State != Active {
		t.Fatalf("%+v, %v", info, err)
	}
	expectStates(t, s, Retired, Active)
	if kid := header(t, sign(t, s))["kid"]; kid != info.ID {
		t.Errorf("signed by %s after the rotation to %s", kid, info.ID)
	}
	if err := verify(old, s.JWKS()); err != nil {
		t.Errorf("a token from before the rotation: %v", err)
	}
	c.advance(time.Hour - time.Nanosecond)
	if err := verify(old, s.JWKS()); err != nil {
		t.Errorf("at the end of the overlap: %v", err)
	}
	c.advance(time.Nanosecond)
	if err := verify(old, s.JWKS()); err == nil {
		t.Error("the old key is still published after the overlap")
	}
	expectStates(t, s, Expired, Active)
}

func TestRotationWithPublicationBefore(t *testing.T) {
	c := newClock()
	s := open(t, Options{Dir: t.TempDir(), Now: c.now, Overlap: time.Hour})
	before := header(t, sign(t, s))["kid"]
	info, err := s.Rotate(10 * time.Minute)
	if err != nil || info.State != Next {
		t.Fatalf("%+v, %v", info, err)
	}
	published := s.JWKS()
	c.advance(10*time.Minute - 1)
	if kid := header(t, sign(t, s))["kid"]; kid != before {
		t.Error("the next key signs before its time")
	}
	c.advance(1)
	token := sign(t, s)
	if kid := header(t, token)["kid"]; kid != info.ID {
		t.Error("the next key does not sign when its time has come")
	}
	if err := verify(token, published); err != nil {
		t.Errorf("a key set cached before: %v", err)
	}
	expectStates(t, s, Retired, Active)
}

// The overlap counts from when a key stops signing, also when a pending rotation is replaced by a later one.
func TestRotationReplacesPendingOne(t *testing.T) {
	c := newClock()
	s := open(t, Options{Dir: t.TempDir(), Now: c.now, Overlap: time.Hour})
	for _, prepublish := range []time.Duration{time.Hour, 48 * time.Hour} {
		if _, err := s.Rotate(prepublish); err != nil {
			t.Fatal(err)
		}
	}
	expectStates(t, s, Active, Next)
	c.advance(48*time.Hour - 1)
	token := sign(t, s)
	c.advance(30 * time.Minute)
	expectStates(t, s, Retired, Active)
	if err := verify(token, s.JWKS()); err != nil {
		t.Error(err)
	}
}

func TestPrivatePartGoesWithRetirement(t *testing.T) {
	c, dir := newClock(), t.TempDir()
	s := open(t, Options{Dir: dir, Now: c.now})
	for range 2 {
		if _, err := s.Rotate(time.Minute); err != nil {
			t.Fatal(err)
		}
		c.advance(time.Hour)
	}
	if _, err := s.Rotate(0); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, ringFile))
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), `"d":`); n != 1 {
		t.Errorf("%d private keys in the file, expected that of the active key alone", n)
	}
}

// Nobody has to rotate again, or to restart, for the private part to go; a tool that looks leaves the file alone.
func TestPrivatePartGoesWhenTheNextKeySigns(t *testing.T) {
	c, dir := newClock(), t.TempDir()
	gateway := open(t, Options{Dir: dir, Now: c.now})
	private := func() int {
		text, err := os.ReadFile(filepath.Join(dir, ringFile))
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(text), `"d":`)
	}
	if _, err := open(t, Options{Dir: dir, Now: c.now, AsFound: true}).Rotate(time.Hour); err != nil {
		t.Fatal(err)
	}
	old := sign(t, gateway)
	if n := private(); n != 2 {
		t.Fatalf("%d private keys before the next key signs", n)
	}
	c.advance(72 * time.Hour)
	open(t, Options{Dir: dir, Now: c.now, AsFound: true}).List()
	if n := private(); n != 2 {
		t.Errorf("%d private keys after a tool looked", n)
	}
	var uses sync.WaitGroup
	for range 4 {
		uses.Go(func() { sign(t, gateway) })
	}
	uses.Wait()
	if n := private(); n != 1 {
		t.Errorf("%d private keys after the next key signed", n)
	}
	expectStates(t, gateway, Expired, Active)
	if header(t, sign(t, gateway))["kid"] == header(t, old)["kid"] {
		t.Error("the replaced key signs")
	}
}

// A keyring that vanished is not replaced by an empty one.
func TestSettlingMakesNoKeyring(t *testing.T) {
	c, dir := newClock(), t.TempDir()
	s := open(t, Options{Dir: dir, Now: c.now})
	if _, err := s.Rotate(time.Hour); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, ringFile)); err != nil {
		t.Fatal(err)
	}
	c.advance(2 * time.Hour)
	sign(t, s)
	if err := s.change(s.stillUnsettled); err == nil {
		t.Error("settled what is not there")
	}
	if _, err := os.Stat(filepath.Join(dir, ringFile)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a keyring was made: %v", err)
	}
}

func TestClockSetBackStillSigns(t *testing.T) {
	c := newClock()
	s := open(t, Options{Dir: t.TempDir(), Now: c.now})
	if _, err := s.Rotate(0); err != nil {
		t.Fatal(err)
	}
	c.advance(-time.Hour)
	if err := verify(sign(t, s), s.JWKS()); err != nil {
		t.Error(err)
	}
}

func TestRunningSignerFollowsAnotherProcess(t *testing.T) {
	c, dir := newClock(), t.TempDir()
	gateway := open(t, Options{Dir: dir, Now: c.now})
	old := sign(t, gateway)
	info, err := open(t, Options{Dir: dir, Now: c.now}).Rotate(0)
	if err != nil {
		t.Fatal(err)
	}
	c.advance(recheck)
	token := sign(t, gateway)
	if header(t, token)["kid"] != info.ID {
		t.Error("the running signer did not take the new key over")
	}
	for _, token := range []string{old, token} {
		if err := verify(token, gateway.JWKS()); err != nil {
			t.Error(err)
		}
	}
}

func TestOtherAlgorithmIsARotation(t *testing.T) {
	dir := t.TempDir()
	old := sign(t, open(t, Options{Dir: dir}))
	s := open(t, Options{Dir: dir, Algorithm: ES256})
	if alg := header(t, sign(t, s))["alg"]; alg != ES256 {
		t.Errorf("signs with %s", alg)
	}
	if err := verify(old, s.JWKS()); err != nil {
		t.Error(err)
	}
	// A tool that names no algorithm keeps to what it finds.
	info, err := open(t, Options{Dir: dir}).Rotate(0)
	if err != nil || info.Algorithm != ES256 {
		t.Errorf("%+v, %v", info, err)
	}
}

// A tool neither makes keys in the wrong folder nor rotates by looking.
func TestToolTakesTheKeyringAsFound(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	if _, err := Open(Options{Dir: dir, AsFound: true}); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("without a keyring: %v", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Error("looking made a folder")
	}
	open(t, Options{Dir: dir, Algorithm: EdDSA})
	s := open(t, Options{Dir: dir, Algorithm: ES256, AsFound: true})
	expectStates(t, s, Active)
	info, err := s.Rotate(0)
	if err != nil || info.Algorithm != ES256 {
		t.Errorf("%+v, %v", info, err)
	}
	expectStates(t, s, Retired, Active)
}

// Whatever is signed verifies with a key set that is fetched after it.
func TestRotationUnderLoad(t *testing.T) {
	dir := t.TempDir()
	s, other := open(t, Options{Dir: dir}), open(t, Options{Dir: dir})
	var signers, rotators sync.WaitGroup
	var done atomic.Bool
	for range 4 {
		signers.Go(func() {
			for !done.Load() {
				token, err := s.Sign(context.Background(), "test+jwt", []byte("{}"))
				if err == nil {
					err = verify(token, s.JWKS())
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for _, rotator := range []*Signer{s, other} {
		rotators.Go(func() {
			for i := range 5 {
				if _, err := rotator.Rotate(time.Duration(i%2) * time.Millisecond); err != nil {
					t.Error(err)
				}
			}
		})
	}
	rotators.Wait()
	done.Store(true)
	signers.Wait()
}

func TestSeveralFirstStartsMakeOneKey(t *testing.T) {
	dir := t.TempDir()
	var all sync.WaitGroup
	tokens := make([]string, 8)
	for i := range tokens {
		all.Go(func() {
			s, err := Open(Options{Dir: dir})
			if err != nil {
				t.Error(err)
				return
			}
			tokens[i], err = s.Sign(context.Background(), "test+jwt", []byte("{}"))
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, token := range tokens {
		if token != "" && header(t, token)["kid"] != header(t, tokens[0])["kid"] {
			t.Fatal("two processes made a key each")
		}
	}
	expectStates(t, open(t, Options{Dir: dir}), Active)
}

func TestSecrets(t *testing.T) {
	dir := t.TempDir()
	s, other := open(t, Options{Dir: dir}), open(t, Options{Dir: dir})
	a, err := s.Secret("pairwise")
	if err != nil || len(a) != secretBytes {
		t.Fatalf("%d bytes, %v", len(a), err)
	}
	again, _ := other.Secret("pairwise")
	b, _ := s.Secret("nonces")
	if !slices.Equal(a, again) || slices.Equal(a, b) {
		t.Error("a secret is not the same for everybody, or the same under two names")
	}
	if _, err := s.Rotate(0); err != nil {
		t.Fatal(err)
	}
	clear(a) // the caller's copy
	after, _ := open(t, Options{Dir: dir}).Secret("pairwise")
	if !slices.Equal(after, again) {
		t.Error("the secret changed")
	}
	for _, name := range []string{"", "../x", "A", strings.Repeat("a", 65)} {
		if _, err := s.Secret(name); err == nil {
			t.Errorf("a secret has the name %q", name)
		}
	}
}

func TestSignRespectsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if token, err := open(t, Options{Dir: t.TempDir()}).Sign(ctx, "test+jwt", nil); !errors.Is(err, context.Canceled) || token != "" {
		t.Errorf("%q, %v", token, err)
	}
}

func BenchmarkSign(b *testing.B) {
	payload := make([]byte, 600)
	for _, alg := range []string{EdDSA, ES256} {
		b.Run(alg, func(b *testing.B) {
			s := open(b, Options{Dir: b.TempDir(), Algorithm: alg})
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Sign(context.Background(), "test+jwt", payload); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
