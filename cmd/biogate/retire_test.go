package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"biogate/adapters/tinkkeys"
	"biogate/gateway"
	"biogate/gateway/porttest"
)

// TestMarksOfAnEarlierRunRetireNoKey: that no record needs a key was said of what the record held then. After a backup's return it may,
// and the gateway that has it open has not looked yet.
func TestMarksOfAnEarlierRunRetireNoKey(t *testing.T) {
	h := newHouse(t)
	old := h.templateKeys.Primary()
	_, _, err := h.references.Update(t.Context(), "an", func(held gateway.References) (gateway.References, error) {
		held.Templates = porttest.Refs("", 1, 1).Templates
		return held, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	h.stop()
	keys, err := tinkkeys.Open(tinkkeys.Options{Dir: keyDir(h.config.Data)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keys.Rotate(); err != nil {
		t.Fatal(err)
	}
	if err := keys.MarkUnused([]uint32{old}); err != nil { // as the run before the backup's return did
		t.Fatal(err)
	}
	c := h.config
	c.Listen = "127.0.0.1:0"
	a, err := build(t.Context(), c, quietLog()) // nothing of it re-encrypts yet
	if err != nil {
		t.Fatal(err)
	}
	defer a.close()
	var problems bytes.Buffer
	retire := []string{"keys", "retire", "--templates", fmt.Sprint(old), "--data", c.Data}
	if status := run(t.Context(), retire, io.Discard, &problems); status != exitFailure || !strings.Contains(problems.String(), "has not said yet") {
		t.Errorf("%d %s", status, problems.String())
	}
	if _, _, err := a.references.Get(t.Context(), "an"); err != nil {
		t.Errorf("a record's key is gone: %v", err)
	}
}

// TestARecordThatCannotBeReadRetiresNoKey: it is not one that a gateway has open.
func TestARecordThatCannotBeReadRetiresNoKey(t *testing.T) {
	dir := t.TempDir()
	keys, err := tinkkeys.Open(tinkkeys.Options{Dir: keyDir(dir), Create: true})
	if err != nil {
		t.Fatal(err)
	}
	old := keys.Primary()
	if _, err := keys.Rotate(); err != nil {
		t.Fatal(err)
	}
	if err := keys.MarkUnused([]uint32{old}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(storeFile(dir), bytes.Repeat([]byte("damaged "), 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	var problems bytes.Buffer
	retire := []string{"keys", "retire", "--templates", fmt.Sprint(old), "--data", dir}
	if status := run(t.Context(), retire, io.Discard, &problems); status != exitFailure || !strings.Contains(problems.String(), "damaged") {
		t.Errorf("%d %s", status, problems.String())
	}
	if listed, err := (keyFlags{Data: dir}).listTemplateKeys(t.Context()); err != nil || len(listed) != 2 || listed[0].Records != nil {
		t.Errorf("%v, %v", listed, err)
	}
}
