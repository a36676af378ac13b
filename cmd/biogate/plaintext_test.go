package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"biogate/gateway"
	"biogate/gateway/config"
	"biogate/gateway/porttest"
	"biogate/gateway/vault"
)

// spellings are the ways in which bytes may stand somewhere: plain, hexadecimal, and base64 at each of its three alignments.
func spellings(b []byte) map[string][]byte {
	out := map[string][]byte{"plain": b, "hex": []byte(hex.EncodeToString(b)), "HEX": bytes.ToUpper([]byte(hex.EncodeToString(b)))}
	for shift := range 3 {
		for name, e := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64url": base64.RawURLEncoding} {
			text := e.EncodeToString(append(make([]byte, shift), b...))
			out[fmt.Sprint(name, shift)] = []byte(text[4 : len(text)-4])
		}
	}
	return out
}

// findIn looks for needles in every file below dir.
func findIn(t *testing.T, dir string, needles map[string][]byte) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		for name, n := range needles {
			if bytes.Contains(b, n) {
				t.Errorf("%s stands in %s", name, path)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// templatesOf are pieces of what is held about a subject, long enough not to be there by chance.
func templatesOf(t *testing.T, h *house, subject string) map[string][]byte {
	t.Helper()
	refs, _, err := h.references.Get(t.Context(), subject)
	if err != nil || len(refs.Templates) == 0 {
		t.Fatal(refs, err)
	}
	needles := map[string][]byte{}
	for i, r := range refs.Templates {
		for at := 0; at+24 <= len(r.Data); at += 61 {
			for name, n := range spellings(r.Data[at : at+24]) {
				needles[fmt.Sprintf("template %d, byte %d, %s", i, at, name)] = n
			}
		}
	}
	return needles
}

// No template, and none of its pieces, stands in any file of the gateway or of Redis, nor goes over the wire to it; after a
// deletion nor does the subject.
func TestNoPlaintextAnywhere(t *testing.T) {
	server := porttest.StartRedis(t, "--appendonly", "yes", "--appendfsync", "always")
	h := newHouse(t, func(c *config.Config) { c.Redis = server.URL() })
	for i, subject := range []string{"leaver-4711", "stayer-4712"} {
		h.want(t, 201, "POST", "/v1/subjects/"+subject+"/templates", captures(fingerCapture(impression(t, i, 0))))
		h.want(t, 200, "POST", "/v1/verifications", verification(subject, fingerCapture(impression(t, i, 2))))
	}
	h.want(t, 201, "PUT", "/v1/galleries/flight-1", map[string]any{"purpose": "boarding"})
	h.want(t, 200, "PUT", "/v1/galleries/flight-1/members/leaver-4711", nil)
	needles := templatesOf(t, h, "leaver-4711")
	if len(needles) < 50 {
		t.Fatalf("only %d needles", len(needles))
	}
	server.Do(t, "SAVE")
	findIn(t, h.config.Data, needles)
	findIn(t, server.Dir(), needles)
	if !contains(t, h.config.Data, "stayer-4712") { // the search finds what is there
		t.Error("the record does not name who is enrolled: the search is blind")
	}
	if contains(t, server.Dir(), "stayer-4712") || contains(t, server.Dir(), "leaver-4711") {
		t.Error("Redis keeps a subject's id")
	}
	h.want(t, 200, "DELETE", "/v1/subjects/leaver-4711", nil)
	if contains(t, h.config.Data, "leaver-4711") {
		t.Error("the id of who was deleted stands in a file")
	}
}

func contains(t *testing.T, dir, text string) (found bool) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		found = found || bytes.Contains(b, []byte(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// Keys that are lost are not replaced by new ones, which would make every template damage and hide that.
func TestLostTemplateKeysStopTheGateway(t *testing.T) {
	h := newHouse(t)
	h.want(t, 201, "POST", "/v1/subjects/p0/templates", captures(fingerCapture(impression(t, 0, 0))))
	h.stop()
	if err := os.Remove(filepath.Join(keyDir(h.config.Data), "template-keys.json")); err != nil {
		t.Fatal(err)
	}
	c := h.config
	c.Listen = "127.0.0.1:0"
	if a, err := build(t.Context(), c, newLog(io.Discard, "error")); err == nil {
		a.close()
		t.Error("started with new keys over an old record")
	} else if !bytes.Contains([]byte(err.Error()), []byte("restore")) {
		t.Error(err)
	}
}

const rotatorEnv = "BIOGATE_TEST_ROTATOR"

// rotateUntilKilled re-encrypts the record in a folder.
func rotateUntilKilled(dir string) {
	c := config.Default()
	c.Listen, c.Data, c.Models = "127.0.0.1:0", dir, os.Getenv(rotatorEnv+"_MODELS")
	a, err := build(context.Background(), c, newLog(io.Discard, "error"))
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("begins")
	_, err = a.reencryption.Sweep(context.Background())
	fmt.Println("ended", err)
	select {}
}

// A gateway is killed in the middle of a rotation, again and again: nothing is lost, and in the end no record is under the old key.
func TestKilledRotationLosesNothing(t *testing.T) {
	h := newHouse(t)
	old := h.templateKeys.Primary()
	const n = 400
	for i := range n {
		_, _, err := h.references.Update(t.Context(), fmt.Sprint("s", i), func(held gateway.References) (gateway.References, error) {
			held.Templates = porttest.Refs("", 1, 2).Templates
			return held, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	h.stop()
	if status := run(t.Context(), []string{"keys", "rotate", "--templates", "--data", h.config.Data}, io.Discard, os.Stderr); status != exitDone {
		t.Fatal(status)
	}
	retire := []string{"keys", "retire", "--templates", fmt.Sprint(old), "--data", h.config.Data}
	if run(t.Context(), retire, io.Discard, io.Discard) != exitFailure {
		t.Fatal("a key that every record needs was retired")
	}
	for _, after := range []int{0, 1, 2} {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), rotatorEnv+"="+h.config.Data, rotatorEnv+"_MODELS="+h.config.Models)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		line := make([]byte, 64)
		got, _ := out.Read(line)
		if !bytes.HasPrefix(line[:got], []byte("begins")) {
			t.Fatalf("%s", line[:got])
		}
		time.Sleep(time.Duration(30*after) * time.Millisecond) // anywhere in it
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	c := h.config
	c.Listen = "127.0.0.1:0"
	a, err := build(t.Context(), c, newLog(io.Discard, "error"))
	if err != nil {
		t.Fatal(err)
	}
	closed := false
	defer func() {
		if !closed {
			a.close()
		}
	}()
	for range 10 {
		left, err := a.reencryption.Sweep(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if left == 0 {
			break
		}
	}
	for i := range n {
		refs, _, err := a.references.Get(t.Context(), fmt.Sprint("s", i))
		if err != nil || len(refs.Templates) != 2 {
			t.Errorf("s%d: %v", i, err)
		}
	}
	if err := a.store.Each(t.Context(), func(r gateway.References) error {
		if id, ok := vault.KeyOf(r); !ok || id == old {
			t.Errorf("%s is under key %d", r.Subject, id)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	a.close()
	closed = true
	if run(t.Context(), retire, io.Discard, os.Stderr) != exitDone {
		t.Error("a key that no record needs was not retired")
	}
}
