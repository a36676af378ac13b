package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"biogate/adapters/fileaudit"
	"biogate/adapters/filesigner"
	"biogate/gateway/audit"
)

type auditCmd struct {
	Verify     auditVerifyCmd     `cmd:"" help:"Check that nobody changed the audit trail; names what is wrong and since when it is not to be trusted."`
	Show       auditShowCmd       `cmd:"" help:"Show the entries, all or those of one subject."`
	Begin      auditBeginCmd      `cmd:"" help:"Begin a new audit trail where people are enrolled and the old one was moved away or is lost: production does not by itself. The gateway is stopped."`
	Checkpoint auditCheckpointCmd `cmd:"" help:"Print the latest signed checkpoint: kept on another machine it shows a trail that was cut off (--anchor)."`
}

type auditFlags struct {
	keyFlags `embed:""`
	Dir      string `help:"Folder of the audit trail; that of the configuration when not stated." placeholder:"DIR" type:"path"`
}

// where is the folder of the trail.
func (f auditFlags) where() (string, error) {
	if f.Dir != "" {
		return f.Dir, nil
	}
	c, err := f.load()
	return auditDir(c), err
}

// ring is the gateway's keyring as it is found: looking needs no token.
func (f auditFlags) ring() (*filesigner.Signer, error) {
	c, err := f.load()
	if err != nil {
		return nil, err
	}
	o := ringOptions(c)
	o.Algorithm, o.AsFound = "", true
	return filesigner.Open(o)
}

type auditVerifyCmd struct {
	auditFlags `embed:""`
	Anchor     []string `help:"File of checkpoints that were kept elsewhere, one a line: the trail must pass through them." placeholder:"FILE" type:"path"`
	JWKS       []string `name:"jwks" help:"File or URL of a key set that checkpoints are checked with; the gateway's keyring when not stated." placeholder:"URL|FILE"`
}

// auditAnswer is a report with what an operator reads first.
type auditAnswer struct {
	Valid bool `json:"valid"`
	audit.Report
	Running bool `json:"running"` // a gateway is writing
}

func (c auditVerifyCmd) Run(ctx context.Context, out console) error {
	trail, dir, err := c.trail(ctx)
	if err != nil {
		return err
	}
	report, err := audit.Verify(trail)
	if err != nil {
		return fmt.Errorf("audit trail %s: %w", dir, err)
	}
	answer := auditAnswer{report.Sound(), report, trail.Running}
	if err := out.answer(answer, func(w io.Writer) { answer.print(w, dir) }); err != nil {
		return err
	}
	if !report.Sound() {
		return errNegative
	}
	return nil
}

// trail is what is to be checked: HEAD is read first, so that a gateway that runs is only ever further.
func (c auditVerifyCmd) trail(ctx context.Context) (t audit.Trail, dir string, err error) {
	if dir, err = c.where(); err != nil {
		return t, dir, err
	}
	if t.Keys, err = c.keys(ctx); err != nil {
		return t, dir, err
	}
	for _, name := range c.Anchor {
		tokens, err := readAnchors(name)
		if err != nil {
			return t, dir, err
		}
		t.Anchors = append(t.Anchors, tokens...)
	}
	t.Running = fileaudit.Running(dir)
	t.Head, t.Segments, err = readTrail(dir)
	return t, dir, err
}

func readTrail(dir string) (head string, segments []audit.Segment, err error) {
	if head, err = fileaudit.Head(dir); err != nil {
		return "", nil, err
	}
	if segments, err = fileaudit.Segments(dir); err != nil {
		return "", nil, err
	}
	if head == "" && len(segments) == 0 {
		return "", nil, fmt.Errorf("there is no audit trail in %s", dir)
	}
	return head, segments, nil
}

// maxAnchors bounds a file of anchors.
const maxAnchors = 16 << 20

func readAnchors(name string) ([]string, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxAnchors))
	if err != nil {
		return nil, err
	}
	tokens := strings.Fields(string(text))
	if len(tokens) == 0 {
		return nil, fmt.Errorf("anchor %s: it holds no checkpoint", name)
	}
	return tokens, nil
}

// keys are the key set of --jwks, several of them as one, or all keys of the gateway's keyring.
func (c auditVerifyCmd) keys(ctx context.Context) ([]byte, error) {
	if len(c.JWKS) == 0 {
		signer, err := c.ring()
		if err != nil {
			return nil, fmt.Errorf("%w; --jwks names a key set to check with instead", err)
		}
		return signer.EveryKey()
	}
	var all struct {
		Keys []json.RawMessage `json:"keys"`
	}
	for _, from := range c.JWKS {
		text, err := fetch(ctx, http.DefaultClient, from)
		if err != nil {
			return nil, fmt.Errorf("key set %s: %w", from, err)
		}
		set := all
		set.Keys = nil
		if err := json.Unmarshal(text, &set); err != nil {
			return nil, fmt.Errorf("key set %s: not a JSON Web Key Set", from)
		}
		all.Keys = append(all.Keys, set.Keys...)
	}
	return json.Marshal(all)
}

func (a auditAnswer) print(w io.Writer, dir string) {
	if a.Sound() {
		fmt.Fprintf(w, "sound: %s, lines %d to %d, %d entries, %d checkpoints, signed through line %d of %s\n",
			dir, a.First, a.Last, a.Entries, a.Checkpoints, a.Signed, a.SignedAt.Format(time.RFC3339))
	} else {
		fmt.Fprintf(w, "NOT sound: %s\n", dir)
	}
	for _, f := range a.Findings {
		fmt.Fprintf(w, "%-9s line %d", f.Kind, f.Seq)
		if f.File != "" {
			fmt.Fprintf(w, " (%s:%d)", visible(f.File), f.Line)
		}
		fmt.Fprintf(w, ": %s\n", visible(f.Detail))
	}
	switch {
	case a.TrustedAt != nil:
		fmt.Fprintf(w, "not to be trusted behind line %d, signed at %s\n", a.Trusted, a.TrustedAt.Format(time.RFC3339))
	case !a.Sound():
		fmt.Fprintln(w, "nothing of it is to be trusted")
	case a.Unsigned > 0:
		fmt.Fprintf(w, "%d lines at the end are chained and not signed yet\n", a.Unsigned)
	}
}

type auditShowCmd struct {
	auditFlags `embed:""`
	Subject    string    `help:"Entries of this subject alone; takes the gateway's keyring." placeholder:"ID"`
	Action     string    `help:"Entries of this action alone: verify, identify, enroll, forget, ..." placeholder:"ACTION"`
	Since      time.Time `help:"Entries from this time on (RFC 3339)." placeholder:"TIME"`
}

func (c auditShowCmd) Run(out console) error {
	dir, err := c.where()
	if err != nil {
		return err
	}
	subject, err := c.hashed()
	if err != nil {
		return err
	}
	_, segments, err := readTrail(dir)
	if err != nil {
		return err
	}
	found := []audit.Line{}
	_, err = audit.Verify(audit.Trail{Segments: segments, Running: true, Visit: func(_ string, l audit.Line) {
		if !c.wanted(l, subject) {
			return
		}
		if out.json {
			found = append(found, l)
			return
		}
		fmt.Fprintln(out.out, visible(fmt.Sprintf("%8d  %s  %-14s %-14s %s", l.Seq, l.At, l.Action, l.Outcome, rest(l))))
	}})
	if err != nil {
		return err
	}
	return out.answer(map[string]any{"entries": found}, func(io.Writer) {})
}

// hashed is how the subject stands in the trail.
func (c auditShowCmd) hashed() (string, error) {
	if c.Subject == "" {
		return "", nil
	}
	signer, err := c.ring()
	if err != nil {
		return "", err
	}
	secret, err := signer.Secret(auditSecret)
	if err != nil {
		return "", err
	}
	subjects, err := audit.NewSubjects(secret)
	return subjects.Of(c.Subject), err
}

func (c auditShowCmd) wanted(l audit.Line, subject string) bool {
	at, err := time.Parse(time.RFC3339Nano, l.At)
	return err == nil && l.Checkpoint == "" && (subject == "" || l.Subject == subject) &&
		(c.Action == "" || l.Action == c.Action) && !at.Before(c.Since)
}

type auditCheckpointCmd struct {
	auditFlags `embed:""`
}

func (c auditCheckpointCmd) Run(out console) error {
	dir, err := c.where()
	if err != nil {
		return err
	}
	head, err := fileaudit.Head(dir)
	if err != nil {
		return err
	}
	if head == "" {
		return errors.New("there is no checkpoint in " + dir + " yet")
	}
	return out.answer(map[string]string{"checkpoint": head}, func(w io.Writer) { fmt.Fprintln(w, visible(head)) })
}

// visible is text, in quotes where a terminal would obey it or a reader see another line: whoever can write the folder of the trail
// could hide so what else stands in it.
func visible(text string) string {
	if utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return text
	}
	return strconv.Quote(text)
}

// rest is what else an entry says.
func rest(l audit.Line) string {
	var out []string
	for _, f := range [][2]string{{"audience", l.Audience}, {"gallery", l.Gallery}, {"device", l.Device}, {"subject", l.Subject}, {"assertion", l.Assertion}, {"trace", l.Trace}} {
		if f[1] != "" {
			out = append(out, fmt.Sprintf("%s=%q", f[0], f[1]))
		}
	}
	return strings.Join(append(out, l.Reasons...), " ")
}
