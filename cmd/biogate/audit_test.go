package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"biogate/gateway"
	"biogate/gateway/audit"
)

// auditing runs an audit command on a gateway's data folder.
func auditing(t *testing.T, data string, args ...string) (status int, stdout string) {
	t.Helper()
	var out bytes.Buffer
	status = run(t.Context(), append([]string{"audit", "--json"}, append(args, "--data", data)...), &out, io.Discard)
	return status, out.String()
}

// A trail of a gateway that ran is sound, shows a subject's entries to whoever has the keyring, and a changed byte is found.
func TestAuditCommands(t *testing.T) {
	h := newHouse(t)
	data := h.config.Data
	for _, subject := range []string{"subject-one", "subject-two"} {
		if _, err := h.service.Forget(context.Background(), subject); gateway.AsError(err).Code != "subject-unknown" {
			t.Fatal(err)
		}
	}
	if status, out := auditing(t, data, "verify"); status != exitDone {
		t.Errorf("while the gateway runs: %d, %s", status, out)
	}
	status, anchor := auditing(t, data, "checkpoint")
	if status != exitDone {
		t.Fatalf("%d %s", status, anchor)
	}
	h.stop()
	var said struct{ Checkpoint string }
	if err := json.Unmarshal([]byte(anchor), &said); err != nil {
		t.Fatal(err)
	}
	kept := filepath.Join(t.TempDir(), "anchors")
	if err := os.WriteFile(kept, []byte(said.Checkpoint+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, out := auditing(t, data, "verify", "--anchor", kept); status != exitDone || !strings.Contains(out, `"valid": true`) {
		t.Errorf("%d, %s", status, out)
	}
	var shown struct{ Entries []audit.Line }
	_, out := auditing(t, data, "show", "--subject", "subject-one")
	if err := json.Unmarshal([]byte(out), &shown); err != nil || len(shown.Entries) != 2 || shown.Entries[0].Action != "forget" {
		t.Errorf("%s, %v", out, err)
	}
	segments, _ := filepath.Glob(filepath.Join(data, "audit", "*.jsonl"))
	text, err := os.ReadFile(segments[0])
	if err != nil || bytes.Contains(text, []byte("subject-one")) {
		t.Fatalf("the trail names a subject, or %v", err)
	}
	if err := os.WriteFile(segments[0], bytes.Replace(text, []byte("subject-unknown"), []byte("done"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, out := auditing(t, data, "verify"); status != exitNegative || !strings.Contains(out, `"kind": "changed"`) {
		t.Errorf("%d, %s", status, out)
	}
	if status, _ := auditing(t, data, "verify", "--dir", t.TempDir()); status != exitFailure {
		t.Errorf("a folder without a trail: %d", status)
	}
	if _, err := build(t.Context(), h.config, newLog(io.Discard, "error")); err == nil || !strings.Contains(err.Error(), "biogate audit verify") {
		t.Errorf("the gateway starts on a trail that was changed: %v", err)
	}
}

// What stands in a trail that somebody else could write moves no cursor and makes no line of its own.
func TestAuditShowIsNotObeyedByATerminal(t *testing.T) {
	dir := t.TempDir()
	subjects, err := audit.NewSubjects(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	body, err := audit.AppendBody(nil, gateway.AuditEvent{Action: "verify\x1b[2K", Outcome: "no-match", Reasons: []string{"a\n       9  forged", "\u202e", "\u009b2J"}}, subjects)
	if err != nil {
		t.Fatal(err)
	}
	line := append(audit.AppendLine(nil, 1, body, audit.Hash{}), '\n')
	if err := os.WriteFile(filepath.Join(dir, "audit-00000000000000000001.jsonl"), line, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "HEAD"), []byte("\x1b[2J"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"show", "checkpoint"} {
		var out bytes.Buffer
		if status := run(t.Context(), []string{"audit", command, "--dir", dir}, &out, io.Discard); status != exitDone {
			t.Fatal(command, status)
		}
		if text := strings.TrimSuffix(out.String(), "\n"); strings.ContainsAny(text, "\x1b\n\u202e\u009b") || !strings.Contains(text, `\x1b`) {
			t.Errorf("%s: %q", command, text)
		}
	}
}

// A folder where others could exchange the trail is none.
func TestAuditFolderOfOthers(t *testing.T) {
	s := newSite(t, 90*24*time.Hour)
	s.done("keys", "init", "--config", s.config)
	s.device("gate-1", "verify")
	dir := filepath.Join(s.file("state"), "audit")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o770); err != nil {
		t.Fatal(err)
	}
	c, err := serveFlags{Config: s.config}.load()
	if err != nil {
		t.Fatal(err)
	}
	if a, err := build(t.Context(), c, quietLog()); err == nil || !strings.Contains(err.Error(), "audit trail; run: chmod 700 "+dir) {
		t.Error(err)
		if err == nil {
			a.close()
		}
	}
	s.diagnosed("others could write the trail", map[string]string{"audit": failure})
}

// Whoever takes the trail away gets no clean one by the next start: where people are enrolled somebody has to want it, and that is
// on record.
func TestATrailThatIsGoneIsMissed(t *testing.T) {
	s := newSite(t, 90*24*time.Hour)
	s.done("keys", "init", "--config", s.config)
	s.device("counter-1", "enroll")
	dir := filepath.Join(s.file("state"), "audit")
	t.Run("enrol", func(t *testing.T) {
		running := *s
		running.t = t
		running.serve()
		if status, _, problems := running.ask("counter-1", "enroll", "--subject", "an", "--finger", s.print(1, 0)); status != exitDone {
			t.Fatal(problems)
		}
		if err := os.Rename(dir, s.file("elsewhere")); err != nil {
			t.Fatal(err)
		}
		if status, _, problems := s.do("audit", "begin", "--config", s.config); status != exitFailure || !strings.Contains(problems, "another gateway has it open") {
			t.Errorf("a trail is begun beside a gateway that writes there: %d %s", status, problems)
		}
		if err := errors.Join(os.RemoveAll(dir), os.Rename(s.file("elsewhere"), dir)); err != nil {
			t.Fatal(err)
		}
	})
	if status, _, problems := s.do("audit", "begin", "--config", s.config); status != exitFailure || !strings.Contains(problems, "already") {
		t.Errorf("a trail is begun over another: %d %s", status, problems)
	}
	if err := os.Rename(dir, s.file("taken")); err != nil {
		t.Fatal(err)
	}
	c, err := serveFlags{Config: s.config}.load()
	if err != nil {
		t.Fatal(err)
	}
	refused := func(when string) {
		t.Helper()
		a, err := build(t.Context(), c, quietLog())
		if err == nil {
			a.close()
		}
		if err == nil || !strings.Contains(err.Error(), "biogate audit begin") {
			t.Errorf("a gateway without its trail, %s: %v", when, err)
		}
		s.diagnosed(when, map[string]string{"audit": failure})
	}
	refused("the folder taken away")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	refused("an empty folder in its place")
	if err := os.WriteFile(filepath.Join(dir, "audit-00000000000000000001.jsonl"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	refused("as if a crash had met it in its first moment")
	s.done("audit", "begin", "--config", s.config)
	t.Run("go on", func(t *testing.T) {
		running := *s
		running.t = t
		running.serve()
	})
	if out := s.done("audit", "show", "--config", s.config); !strings.Contains(out, "begin-trail") {
		t.Error(out)
	}
	if out := s.done("audit", "verify", "--config", s.config); !strings.HasPrefix(out, "sound") {
		t.Error(out)
	}
}
