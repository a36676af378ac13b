package filesigner

import (
	"bufio"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestKeyringThatOthersCanReadIsRefused(t *testing.T) {
	for _, mode := range []fs.FileMode{0o640, 0o604, 0o620, 0o666, 0o610} {
		dir := t.TempDir()
		open(t, Options{Dir: dir})
		path := filepath.Join(dir, ringFile)
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, err := Open(Options{Dir: dir})
		if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("mode %04o: %v", mode, err)
		}
	}
}

func TestDirectoryThatOthersCanWriteIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o770); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), "chmod 700") {
		t.Error(err)
	}
}

// What a crash leaves is never loaded, and never replaced by fresh keys in silence.
func TestBrokenKeyringIsRefused(t *testing.T) {
	dir := t.TempDir()
	open(t, Options{Dir: dir})
	path := filepath.Join(dir, ringFile)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := string(whole)
	broken := map[string]string{
		"empty":           "",
		"cut off":         text[:len(text)/2],
		"two documents":   text + text,
		"other version":   strings.Replace(text, `"version": 1`, `"version": 2`, 1),
		"unknown field":   strings.Replace(text, `"version"`, `"x": 1, "version"`, 1),
		"no keys":         `{"version": 1, "keys": [], "secrets": null}`,
		"short secret":    strings.Replace(text, `"secrets": null`, `"secrets": {"a": "AAAA"}`, 1),
		"foreign kid":     strings.Replace(text, `"kid": "`, `"kid": "x`, 1),
		"wrong private":   strings.Replace(text, `"d": "`, `"d": "AAAA`, 1),
		"symmetric key":   replaceKey(text, `{"kty":"oct","k":"AAAA","kid":"a"}`),
		"no JWK":          replaceKey(text, `"x"`),
		"beyond the size": strings.Repeat(" ", maxRingBytes+1),
	}
	for name, content := range broken {
		t.Run(name, func(t *testing.T) {
			if content == text {
				t.Fatal("the test changes nothing")
			}
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(Options{Dir: dir}); err == nil {
				t.Error("accepted")
			}
			if after, _ := os.ReadFile(path); string(after) != content {
				t.Error("the file was replaced")
			}
		})
	}
}

func replaceKey(text, key string) string {
	before, after, _ := strings.Cut(text, `"key": {`)
	_, after, _ = strings.Cut(after, "}")
	return before + `"key": ` + key + after
}

func TestLeftoversOfACrashGo(t *testing.T) {
	dir := t.TempDir()
	leftover := filepath.Join(dir, ".keyring-123.tmp")
	if err := os.WriteFile(leftover, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	sign(t, open(t, Options{Dir: dir}))
	if found, _ := filepath.Glob(filepath.Join(dir, tempGlob)); len(found) > 0 {
		t.Errorf("%v", found)
	}
}

// A keyring survives the death of whoever changes it, at whatever moment.
func TestKilledWriterLeavesAKeyring(t *testing.T) {
	dir := t.TempDir()
	if child := os.Getenv("BIOGATE_TEST_ROTATE"); child != "" {
		s := open(t, Options{Dir: child})
		for {
			if _, err := s.Rotate(0); err != nil {
				t.Fatal(err)
			}
			fmt.Println("rotated")
		}
	}
	for n := range 6 {
		killWhileRotating(t, dir, 1+2*n)
		s := open(t, Options{Dir: dir})
		if err := verify(sign(t, s), s.JWKS()); err != nil {
			t.Error(err)
		}
		if _, err := s.Rotate(0); err != nil {
			t.Errorf("the lock of the dead is still held: %v", err)
		}
	}
}

// killWhileRotating runs this test binary as a writer and kills it after some rotations.
func killWhileRotating(t *testing.T, dir string, rotations int) {
	t.Helper()
	writer := exec.Command(os.Args[0], "-test.run=^TestKilledWriterLeavesAKeyring$")
	writer.Env = append(os.Environ(), "BIOGATE_TEST_ROTATE="+dir)
	output, err := writer.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := writer.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(output)
	for range rotations {
		if !lines.Scan() {
			t.Error("the writer ended by itself")
			break
		}
	}
	_ = writer.Process.Kill()
	_ = writer.Wait()
}

func TestOldestExpiredKeysGo(t *testing.T) {
	c := newClock()
	k, err := newKey(EdDSA, c.now(), c.now())
	if err != nil {
		t.Fatal(err)
	}
	var r ring
	for range maxKeys + 10 {
		r.rotate(k, c.now(), time.Hour)
		r.settle(c.now())
		c.advance(2 * time.Hour)
		k.signsFrom = c.now()
	}
	text, err := r.marshal()
	if err != nil || len(r.keys) != maxKeys || len(text) > maxRingBytes {
		t.Errorf("%d keys, %d bytes, %v", len(r.keys), len(text), err)
	}
}

// A running signer keeps the last good keyring, says so, and takes the file over again when it is mended.
func TestRunningSignerOutlivesABrokenFile(t *testing.T) {
	c, dir := newClock(), t.TempDir()
	s := open(t, Options{Dir: dir, Now: c.now})
	path := filepath.Join(dir, ringFile)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	damages := map[string]func() error{
		"gone":     func() error { return os.Remove(path) },
		"cut off":  func() error { return os.Truncate(path, 10) },
		"readable": func() error { return os.Chmod(path, 0o644) },
	}
	for name, damage := range damages {
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		c.advance(recheck)
		if err := verify(sign(t, s), s.JWKS()); err != nil || s.Err() == nil {
			t.Errorf("%s: %v, Err %v", name, err, s.Err())
		}
		if err := os.Remove(path); err != nil && name != "gone" {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
		c.advance(recheck)
		if s.Err() != nil {
			t.Errorf("%s, mended: %v", name, s.Err())
		}
	}
}

func TestErrorsKeepSecrets(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	if _, err := s.Secret("pairwise"); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, ringFile)
	text, _ := os.ReadFile(path)
	_, rest, _ := strings.Cut(string(text), `"d": "`)
	secret, _, _ := strings.Cut(rest, `"`)
	for _, damaged := range []string{
		string(text[:len(text)-3]),
		strings.Replace(string(text), secret, secret[1:], 1),
		strings.Replace(string(text), `"d": "`+secret+`"`, `"d": `+"1"+secret, 1),
	} {
		if err := os.WriteFile(path, []byte(damaged), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(Options{Dir: dir})
		if err == nil || len(secret) < 40 || strings.Contains(err.Error(), secret[2:20]) {
			t.Errorf("%v", err)
		}
	}
}

func FuzzParseRing(f *testing.F) {
	f.Add([]byte(`{"version":1,"keys":[{"created_at":"2026-01-01T00:00:00Z","signs_from":"2026-01-01T00:00:00Z",` +
		`"key":{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}}]}`))
	f.Add([]byte(`{"version":1,"keys":[{"key":{"kty":"EC","crv":"P-256","x":"","y":""}}],"secrets":{"a":""}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := parseRing(text)
		if err != nil {
			return
		}
		again, err := r.marshal()
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		if _, err := parseRing(again); err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
	})
}

func FuzzSign(f *testing.F) {
	s := open(f, Options{Dir: f.TempDir()})
	f.Add("biogate+jwt", []byte("{}"))
	f.Fuzz(func(t *testing.T, typ string, payload []byte) {
		token, err := s.Sign(context.Background(), typ, payload)
		if err == nil && verify(token, s.JWKS()) != nil {
			t.Error("a token that does not verify")
		}
	})
}
