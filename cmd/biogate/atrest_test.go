package main

import (
	"bytes"
	"encoding/json"
	"image"
	"image/png"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
)

// TestAtRestNothingIsInClear searches all that two nodes and their Redis keep of somebody who is enrolled: templates and captures are
// nowhere in clear, and the subject's id is in the record's file alone, which has to know whom a record is about.
func TestAtRestNothingIsInClear(t *testing.T) {
	e := newEstate(t)
	e.first.want(t, 201, "PUT", "/v1/galleries/crew", map[string]any{"purpose": "work"})
	p := e.enrolled(t, "at.rest@example:3001", 0, 2, "crew")
	if e.first.engines.missing["face"] == nil {
		e.first.want(t, 201, "POST", "/v1/subjects/"+p.subject+"/templates", captures(faceCapture(person(t, 0, 1))), "Idempotency-Key", "a face")
		p.open.capture(t, person(t, 0, 1))
		open, sealed := heldOf(t, e.first, p.subject)
		p.open.templates(t, open)
		p.sealed.sealed(sealed)
	}
	e.compact(t)
	places := with(e.stores(t), files(t, e.redis.Dir()))
	if len(p.sealed.finds(places)) == 0 {
		t.Fatal("what rests is not found encrypted either: the search proves nothing")
	}
	p.open.absent(t, "at rest", places)
	record := storeFile(e.first.config.Data)
	for _, find := range p.names.finds(places) {
		if !strings.HasSuffix(find, " in "+record) {
			t.Errorf("at rest: %s", find)
		}
	}
	e.first.stop()
	p.open.absent(t, "at rest, stopped", files(t, e.first.config.Data, filepath.Dir(record), e.redis.Dir()))
}

// noise is a large picture that nothing can be recognised in.
func noise(t *testing.T) []byte {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, 1500, 1500))
	rng := rand.New(rand.NewPCG(3, 1))
	for i := range img.Pix {
		img.Pix[i] = byte(rng.Uint32())
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestCapturesAreNeverKept sends captures, good ones, useless ones and large ones, in every form of body to every call that takes
// any, and searches all that is kept, the folder for temporary files too.
func TestCapturesAreNeverKept(t *testing.T) {
	e := newEstate(t)
	n := newNeedles()
	e.first.want(t, 201, "PUT", "/v1/galleries/crew", map[string]any{})
	pictures := map[string][]byte{"a print": impression(t, 0, 0), "noise": noise(t)}
	for what, data := range pictures {
		n.capture(t, data)
		for _, c := range []struct{ path, query, request string }{
			{"/v1/subjects/captured/templates", "?", `{}`},
			{"/v1/verifications", "?subject=captured&audience=https://rp.example", `{"subject":"captured","audience":"https://rp.example"}`},
			{"/v1/identifications", "", `{"gallery":"crew","audience":"https://rp.example"}`},
		} {
			whole := map[string]any{}
			if err := json.Unmarshal([]byte(c.request), &whole); err != nil {
				t.Fatal(err)
			}
			whole["captures"] = []any{fingerCapture(data)}
			form, kind := multipartBody(t, c.request, "finger:right-index", data)
			for _, send := range []struct {
				query, kind string
				body        any
			}{
				{"", "application/json", whole},
				{"", kind, form},
				{c.query + "&modality=finger", "image/png", data},
				{"", kind, form[:len(form)/2]},
			} {
				if send.kind == "image/png" && c.query == "" { // a search takes no raw body
					continue
				}
				a, err := e.first.call("POST", c.path+send.query, send.body, "Content-Type", send.kind, "Idempotency-Key", what+c.path+send.kind+send.query)
				whole := send.kind != kind || len(form) == len(send.body.([]byte))
				if refused := err != nil || a.status >= 400; refused == (what == "a print" && whole) {
					t.Errorf("%s to %s as %s: %d %s %v", what, c.path, send.kind, a.status, a.body, err)
				}
			}
		}
	}
	e.compact(t)
	n.absent(t, "kept", with(e.stores(t), files(t, e.redis.Dir())))
	e.first.stop()
	n.absent(t, "kept, stopped", files(t, e.first.config.Data, e.temporary))
}
