package main

import (
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
