//go:build cgo

package pkcs11signer

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"
	"github.com/miekg/pkcs11"

	"biogate/adapters/filesigner"
)

const softPIN = "73150264"

// soft are the tokens of this run, made before the library is loaded: it looks for them once a process.
var soft struct {
	module, dir string
	missing     string // why there is none
}

func TestMain(m *testing.M) {
	code := 1
	defer func() { os.Exit(code) }()
	dir, err := os.MkdirTemp("", "softhsm")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	soft.dir = dir
	if err := makeTokens(dir); err != nil {
		soft.missing = err.Error()
	}
	code = m.Run()
}

func makeTokens(dir string) error {
	for _, path := range []string{"/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so", "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so"} {
		if _, err := os.Stat(path); err == nil {
			soft.module = path
		}
	}
	if soft.module == "" {
		return errors.New("no SoftHSM on this machine: apt-get install softhsm2, or make test, which does it")
	}
	config := filepath.Join(dir, "softhsm2.conf")
	if err := os.Mkdir(filepath.Join(dir, "tokens"), 0o700); err != nil {
		return err
	}
	text := fmt.Sprintf("directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n", filepath.Join(dir, "tokens"))
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return err
	}
	if err := os.Setenv("SOFTHSM2_CONF", config); err != nil {
		return err
	}
	for _, label := range []string{"gateway", "locked", "twice", "twice"} {
		if out, err := exec.Command("softhsm2-util", "--init-token", "--free", "--label", label, "--so-pin", "1234", "--pin", softPIN).CombinedOutput(); err != nil {
			return fmt.Errorf("softhsm2-util: %w: %s", err, out)
		}
	}
	return nil
}

func needSoft(t testing.TB) {
	t.Helper()
	switch {
	case soft.missing == "":
	case os.Getenv("BIOGATE_REQUIRE_ALL") != "":
		t.Fatal(soft.missing)
	default:
		t.Skip(soft.missing)
	}
}

func pinFile(t testing.TB, pin string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pin")
	if err := os.WriteFile(path, []byte(pin+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func softOptions(t testing.TB, sessions int) Options {
	t.Helper()
	needSoft(t)
	return Options{Module: soft.module, Token: "gateway", PINFile: pinFile(t, softPIN), Label: "biogate", Sessions: sessions}
}

func openSoft(t testing.TB, sessions int) *Token {
	t.Helper()
	token, err := Open(context.Background(), softOptions(t, sessions))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := token.Close(); err != nil {
			t.Error(err)
		}
	})
	return token
}

func verifies(public crypto.PublicKey, message, signature []byte) bool {
	switch p := public.(type) {
	case ed25519.PublicKey:
		return ed25519.Verify(p, message, signature)
	case *ecdsa.PublicKey:
		digest := sha256.Sum256(message)
		return len(signature) == 64 && ecdsa.Verify(p, digest[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]))
	}
	return false
}

func TestTokenSigns(t *testing.T) {
	token, message := openSoft(t, 2), []byte("what is signed")
	for _, alg := range []string{eddsa, es256} {
		t.Run(alg, func(t *testing.T) {
			name, public, err := token.Generate(t.Context(), alg)
			if err != nil {
				t.Fatal(err)
			}
			signature, err := token.Sign(t.Context(), name, alg, message)
			if err != nil || !verifies(public, message, signature) {
				t.Fatalf("%d bytes, %v", len(signature), err)
			}
			if err := token.Destroy(t.Context(), name); err != nil {
				t.Fatal(err)
			}
			for range 4 { // on whichever session
				if _, err := token.Sign(t.Context(), name, alg, message); err == nil {
					t.Error("a destroyed key signs")
				}
			}
			if err := token.Destroy(t.Context(), name); err != nil {
				t.Errorf("destroyed again: %v", err)
			}
		})
	}
}

// The private key is nowhere but on the token, and the token does not give it away.
func TestPrivateKeyStaysOnTheToken(t *testing.T) {
	token := openSoft(t, 1)
	name, _, err := token.Generate(t.Context(), es256)
	if err != nil {
		t.Fatal(err)
	}
	_, err = ask(t.Context(), token, func(s *session) (struct{}, error) {
		key, err := s.key(name)
		if err != nil {
			return struct{}{}, err
		}
		held, err := token.lib.GetAttributeValue(s.handle, key, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_VALUE, nil)})
		if err == nil {
			t.Errorf("the token gave away %d bytes of a private key", len(held[0].Value))
		}
		return struct{}{}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A key that somebody put there in a form that can be read is refused.
func TestReadableKeyIsRefused(t *testing.T) {
	token := openSoft(t, 1)
	name := "biogate-readable"
	t.Cleanup(func() { _ = token.Destroy(context.Background(), name) })
	_, err := ask(t.Context(), token, func(s *session) (struct{}, error) {
		c := curves[es256]
		_, _, err := token.lib.GenerateKeyPair(s.handle, []*pkcs11.Mechanism{pkcs11.NewMechanism(c.generate, nil)},
			[]*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true), pkcs11.NewAttribute(pkcs11.CKA_LABEL, name), pkcs11.NewAttribute(pkcs11.CKA_EC_PARAMS, c.params[0])},
			[]*pkcs11.Attribute{
				pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true), pkcs11.NewAttribute(pkcs11.CKA_LABEL, name), pkcs11.NewAttribute(pkcs11.CKA_PRIVATE, true),
				pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, false), pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, true), pkcs11.NewAttribute(pkcs11.CKA_SIGN, true),
			})
		return struct{}{}, err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := token.Sign(t.Context(), name, es256, []byte("x")); !errors.Is(err, ErrKey) {
		t.Errorf("signed with a key that can be read: %v", err)
	}
}

func TestKeysOfOthersAreLeftAlone(t *testing.T) {
	token := openSoft(t, 1)
	o := softOptions(t, 1)
	o.Label = "other"
	other, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	name, _, err := other.Generate(t.Context(), es256)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := token.Sign(t.Context(), name, es256, []byte("x")); !errors.Is(err, ErrKey) {
		t.Errorf("signed: %v", err)
	}
	if err := token.Destroy(t.Context(), name); !errors.Is(err, ErrKey) {
		t.Errorf("destroyed: %v", err)
	}
	if _, err := other.Sign(t.Context(), name, es256, []byte("x")); err != nil {
		t.Error(err)
	}
}

func TestWrongTokenIsNamed(t *testing.T) {
	for label, want := range map[string]string{"nowhere": `"nowhere"`, "twice": "2 tokens"} {
		o := softOptions(t, 1)
		o.Token = label
		if _, err := Open(t.Context(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", label, err)
		}
	}
	o := softOptions(t, 1)
	o.Module = o.PINFile
	if _, err := Open(t.Context(), o); err == nil || !strings.Contains(err.Error(), o.Module) {
		t.Error(err)
	}
}

// A wrong PIN costs one try, however often and by however many processes the token is opened, and is nowhere in what is said.
func TestWrongPINIsTriedOnce(t *testing.T) {
	o := softOptions(t, 4)
	o.Token, o.PINFile, o.Memo = "locked", pinFile(t, "99887766"), filepath.Join(t.TempDir(), "pin-refused")
	real := &counted{module: pkcs11.New(o.Module)}
	for range 5 { // restarts
		_, err := open(t.Context(), o, real)
		if !errors.Is(err, ErrPIN) || strings.Contains(err.Error(), "99887766") {
			t.Fatal(err)
		}
	}
	if n := real.logins.Load(); n != 1 {
		t.Errorf("%d tries of a wrong PIN", n)
	}
	memo, err := os.ReadFile(o.Memo)
	if err != nil || bytes.Contains(memo, []byte("99887766")) {
		t.Errorf("%q, %v", memo, err)
	}
	if err := os.WriteFile(o.PINFile, []byte(softPIN), 0o600); err != nil {
		t.Fatal(err)
	}
	token, err := open(t.Context(), o, real)
	if err != nil {
		t.Fatalf("the right PIN: %v", err)
	}
	defer token.Close()
	if _, err := os.Stat(o.Memo); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the memo stays: %v", err)
	}
}

func TestPINThatOthersCanReadIsRefused(t *testing.T) {
	for _, mode := range []fs.FileMode{0o640, 0o604, 0o666} {
		o := softOptions(t, 1)
		o.Token = "twice"
		if err := os.Chmod(o.PINFile, mode); err != nil {
			t.Fatal(err)
		}
		if _, _, err := readPIN(o.PINFile); err == nil || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("mode %04o: %v", mode, err)
		}
	}
	for name, content := range map[string]string{"empty": "", "a line end": "\n", "long": strings.Repeat("1", maxPIN+1)} {
		if _, _, err := readPIN(pinFile(t, content)); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

// The keyring on a token: what the package filesigner promises holds wherever the private part is.
func TestKeyringOnAToken(t *testing.T) {
	token, dir := openSoft(t, 4), t.TempDir()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	o := filesigner.Options{Dir: dir, Token: token, Now: func() time.Time { return now }}
	ring, err := filesigner.Init(o, "pairwise")
	if err != nil {
		t.Fatal(err)
	}
	var tokens []string
	for _, alg := range []string{filesigner.EdDSA, filesigner.ES256} {
		o.Algorithm = alg
		if ring, err = filesigner.Open(o); err != nil {
			t.Fatal(err)
		}
		signed, err := ring.Sign(t.Context(), "biogate+jwt", []byte(`{"a":1}`))
		if err != nil {
			t.Fatal(err)
		}
		tokens = append(tokens, signed)
	}
	set, err := jwk.Parse(ring.JWKS())
	if err != nil {
		t.Fatal(err)
	}
	for _, signed := range tokens {
		if _, err := jws.Verify([]byte(signed), jws.WithKeySet(set, jws.WithRequireKid(true))); err != nil {
			t.Error(err)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "keyring.json"))
	if err != nil || bytes.Contains(text, []byte(`"d":`)) {
		t.Errorf("the file holds a private key (%v)", err)
	}
}

// A replaced key signs nothing more: it is destroyed on the token.
func TestReplacedKeyIsDestroyed(t *testing.T) {
	token, dir := openSoft(t, 2), t.TempDir()
	ring, err := filesigner.Init(filesigner.Options{Dir: dir, Token: token})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ring.Rotate(time.Hour); err != nil { // this one is forgotten before it signs
		t.Fatal(err)
	}
	text, _ := os.ReadFile(filepath.Join(dir, "keyring.json"))
	if _, err := ring.Rotate(0); err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(text), "\n") {
		if _, rest, found := strings.Cut(line, `"token": "`); found {
			name, _, _ := strings.Cut(rest, `"`)
			if _, err := token.Sign(t.Context(), name, eddsa, []byte("x")); !errors.Is(err, ErrKey) {
				t.Errorf("a replaced key signs: %v", err)
			}
		}
	}
	if text, _ = os.ReadFile(filepath.Join(dir, "keyring.json")); bytes.Contains(text, []byte("leftovers")) {
		t.Errorf("something is left: %s", text)
	}
	if _, err := ring.Sign(t.Context(), "t", nil); err != nil {
		t.Error(err)
	}
}

// A key that another process made is found without opening anything anew.
func TestKeyOfAnotherProcessIsFound(t *testing.T) {
	if dir := os.Getenv("BIOGATE_TEST_ROTATE"); dir != "" {
		o := Options{Module: soft.module, Token: "gateway", PINFile: os.Getenv("BIOGATE_TEST_PIN"), Label: "biogate", Sessions: 1}
		if err := os.Setenv("SOFTHSM2_CONF", os.Getenv("BIOGATE_TEST_CONF")); err != nil {
			t.Fatal(err)
		}
		token, err := Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		ring, err := filesigner.Open(filesigner.Options{Dir: dir, Token: token, AsFound: true})
		if err == nil {
			_, err = ring.Rotate(0)
		}
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	token, dir := openSoft(t, 2), t.TempDir()
	now := time.Now()
	var clock sync.Mutex
	read := func() time.Time { clock.Lock(); defer clock.Unlock(); return now }
	ring, err := filesigner.Init(filesigner.Options{Dir: dir, Token: token, Now: read})
	if err != nil {
		t.Fatal(err)
	}
	before := ring.JWKS()
	child := exec.Command(os.Args[0], "-test.run=^TestKeyOfAnotherProcessIsFound$")
	child.Env = append(os.Environ(), "BIOGATE_TEST_ROTATE="+dir, "BIOGATE_TEST_PIN="+pinFile(t, softPIN), "BIOGATE_TEST_CONF="+filepath.Join(soft.dir, "softhsm2.conf"))
	if out, err := child.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	clock.Lock()
	now = time.Now().Add(time.Minute)
	clock.Unlock()
	signed, err := ring.Sign(t.Context(), "t", nil)
	if err != nil || bytes.Equal(before, ring.JWKS()) {
		t.Fatalf("%v; the key set stayed as it was: %t", err, bytes.Equal(before, ring.JWKS()))
	}
	set, err := jwk.Parse(ring.JWKS())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := jws.Verify([]byte(signed), jws.WithKeySet(set, jws.WithRequireKid(true))); err != nil {
		t.Error(err)
	}
}

func BenchmarkSign(b *testing.B) {
	payload := make([]byte, 600)
	for _, alg := range []string{eddsa, es256} {
		for _, sessions := range []int{1, 4, 8} {
			b.Run(fmt.Sprintf("%s/sessions=%d", alg, sessions), func(b *testing.B) {
				ring, err := filesigner.Init(filesigner.Options{Dir: b.TempDir(), Token: openSoft(b, sessions), Algorithm: alg})
				if err != nil {
					b.Fatal(err)
				}
				b.ReportAllocs()
				b.SetParallelism(8)
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						if _, err := ring.Sign(context.Background(), "biogate+jwt", payload); err != nil {
							b.Error(err)
							return
						}
					}
				})
			})
		}
	}
}
