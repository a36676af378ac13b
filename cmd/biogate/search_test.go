package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"image/png"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"biogate/gateway"
	"biogate/gateway/porttest"
	"biogate/matcher"
)

// needles are bytes that must not be found, in the forms in which they would be likely to rest: as they are, in hex, in base64 of
// any alignment, and, when they are text, escaped for a URL.
type needles struct {
	windows map[[window]byte]string // of long ones: what they are a part of
	texts   map[string]string       // short ones: what they are
}

// window is how many bytes of a template or a picture are taken for a find.
const window = 16

func newNeedles() *needles {
	return &needles{windows: map[[window]byte]string{}, texts: map[string]string{}}
}

// text adds an identifier or a secret of printable characters, at least eight.
func (n *needles) text(what, text string) {
	if len(text) < 8 {
		panic("what is that short is found anywhere: " + text)
	}
	n.texts[url.PathEscape(text)] = what + ", escaped"
	n.texts[url.QueryEscape(text)] = what + ", escaped"
	n.texts[strings.ToLower(url.QueryEscape(text))] = what + ", escaped"
	n.texts[text] = what
	for _, form := range forms([]byte(text))[1:] {
		n.texts[form.text] = what + ", " + form.name
	}
}

// bytes adds data by all its windows that begin at multiples of stride. Windows of few different bytes are left out: they are
// found in anything.
func (n *needles) bytes(what string, data []byte, stride int) {
	for _, form := range forms(data) {
		for at := 0; at+window <= len(form.text); at += stride {
			if w := [window]byte([]byte(form.text[at:])); telling(w) {
				n.windows[w] = what + ", " + form.name
			}
		}
	}
}

func telling(w [window]byte) bool {
	different := map[byte]bool{}
	for _, b := range w {
		different[b] = true
	}
	return len(different) >= 7
}

type form struct{ name, text string }

// forms begin with data as it is. Of base64 the characters at the ends are left out, which depend on the bytes around.
func forms(data []byte) []form {
	out := []form{{"plain", string(data)}, {"hex", hex.EncodeToString(data)}, {"hex", strings.ToUpper(hex.EncodeToString(data))}}
	for shift := range 3 {
		for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			text := encoding.EncodeToString(append(make([]byte, shift), data...))
			out = append(out, form{"base64", text[(shift*8+5)/6 : len(text)-1]})
		}
	}
	return out
}

// in names what is found in b.
func (n *needles) in(b []byte) []string {
	found := map[string]bool{}
	for text, what := range n.texts {
		if bytes.Contains(b, []byte(text)) {
			found[what] = true
		}
	}
	for at := 0; len(n.windows) > 0 && at+window <= len(b); at++ {
		if what, ok := n.windows[[window]byte(b[at:])]; ok {
			found[what] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// finds are "what in where", for every place.
func (n *needles) finds(places map[string][]byte) (out []string) {
	for _, where := range slices.Sorted(maps.Keys(places)) {
		for _, what := range n.in(places[where]) {
			out = append(out, fmt.Sprintf("%s in %s", what, where))
		}
	}
	return out
}

// absent fails when anything is found.
func (n *needles) absent(t *testing.T, when string, places map[string][]byte) {
	t.Helper()
	for _, find := range n.finds(places) {
		t.Errorf("%s: %s", when, find)
	}
}

// files are all files under folders, by their names; names are searched too.
func files(t *testing.T, dirs ...string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || !entry.Type().IsRegular() {
				return unlessGone(err)
			}
			b, err := os.ReadFile(path)
			out[path] = append(b, path...)
			return unlessGone(err)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(out) == 0 {
		t.Fatalf("there are no files in %v: nothing was searched", dirs)
	}
	return out
}

// unlessGone is nil for a file that went between being listed and being read: Redis makes such while it writes its files anew.
func unlessGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// with is places and those of others.
func with(places map[string][]byte, others ...map[string][]byte) map[string][]byte {
	for _, other := range others {
		maps.Copy(places, other)
	}
	return places
}

// persistent is a Redis that keeps all it is told in files, in clear. An operator should have none that keeps anything.
func persistent(t *testing.T) *porttest.Redis {
	return porttest.StartRedis(t, "--save", "3600 1000000", "--appendonly", "yes", "--appendfsync", "always", "--rdbcompression", "no", "--aof-use-rdb-preamble", "no")
}

// person's bytes: what the gateway holds of a subject, as the engines made it and as it rests.
func heldOf(t *testing.T, h *house, subject string) (open, sealed gateway.References) {
	t.Helper()
	open, _, errOpen := h.references.Get(t.Context(), subject)
	sealed, errSealed := h.store.Get(t.Context(), subject)
	if errOpen != nil || errSealed != nil || len(open.Templates) == 0 || len(sealed.Envelope) == 0 {
		t.Fatalf("held of the subject: %v, %v", errOpen, errSealed)
	}
	return open, sealed
}

// templates adds what the engines made of a person.
func (n *needles) templates(t *testing.T, open gateway.References) {
	t.Helper()
	for data := range dataOf(open) {
		parsed, err := matcher.ParseTemplate([]byte(data))
		if err != nil {
			t.Fatal(err)
		}
		n.bytes("a template", parsed.Payload, 1)
	}
}

// sealed adds what rests of a person, encrypted.
func (n *needles) sealed(refs gateway.References) {
	n.bytes("a sealed template's envelope", refs.Envelope[5:], 1) // behind format and id of the key
	for data := range dataOf(refs) {
		n.bytes("a sealed template", []byte(data), 1)
	}
}

func dataOf(refs gateway.References) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for _, t := range refs.Templates {
			if !yield(string(t.Data)) {
				return
			}
		}
		for _, t := range refs.Derived {
			if !yield(string(t.Data)) {
				return
			}
		}
	}
}

// capture adds a picture: its file, and its pixels when it is a PNG.
func (n *needles) capture(t *testing.T, data []byte) {
	t.Helper()
	const tables = 1024 // at the beginning of a JPEG, the same in many
	n.bytes("a capture", data[min(tables, len(data)/2):], 8)
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		return
	}
	var pixels []byte
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			r, _, _, _ := img.At(x, y).RGBA()
			pixels = append(pixels, byte(r>>8))
		}
	}
	n.windowsOf("a capture's pixels", pixels, 8)
}

// windowsOf is bytes without the other forms.
func (n *needles) windowsOf(what string, data []byte, stride int) {
	for at := 0; at+window <= len(data); at += stride {
		if w := [window]byte(data[at:]); telling(w) {
			n.windows[w] = what
		}
	}
}

// TestNeedlesAreFound: a search that finds nothing proves something only if it would have found it.
func TestNeedlesAreFound(t *testing.T) {
	data := impression(t, 0, 0)
	const who = "somebody@example:1"
	n := newNeedles()
	n.text("who", who)
	n.capture(t, data)
	part := data[len(data)/2 : len(data)/2+40]
	for i, hay := range [][]byte{
		part, []byte(hex.EncodeToString(part)), []byte(strings.ToUpper(hex.EncodeToString(part))),
		[]byte(base64.StdEncoding.EncodeToString(part)), []byte(base64.URLEncoding.EncodeToString(part[1:])), []byte(base64.StdEncoding.EncodeToString(part[2:])),
		[]byte(who), []byte("/v1/somebody%40example%3A1/"), []byte("somebody%40example%3a1"), []byte(hex.EncodeToString([]byte(who))),
		[]byte(base64.StdEncoding.EncodeToString([]byte("x" + who + "y"))), []byte(base64.URLEncoding.EncodeToString([]byte("xy" + who + "z"))),
	} {
		if len(n.in(append([]byte("before it "), hay...))) == 0 {
			t.Errorf("form %d is not found", i)
		}
	}
	if found := n.in(impression(t, 1, 0)); len(found) > 0 {
		t.Errorf("another's capture is taken for this one: %v", found)
	}
}
