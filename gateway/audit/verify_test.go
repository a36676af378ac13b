package audit

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"biogate/gateway"
)

// toySigner signs with a key that follows from its name.
type toySigner string

func (s toySigner) key() ed25519.PrivateKey {
	seed := HashOf([]byte(s))
	return ed25519.NewKeyFromSeed(seed[:])
}

func (s toySigner) Sign(_ context.Context, typ string, payload []byte) (string, error) {
	header := fmt.Sprintf(`{"alg":"EdDSA","kid":%q,"typ":%q}`, string(s), typ)
	signed := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString(payload)
	return signed + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(s.key(), []byte(signed))), nil
}

func (s toySigner) JWKS() []byte {
	x := base64.RawURLEncoding.EncodeToString(s.key().Public().(ed25519.PublicKey))
	return fmt.Appendf(nil, `{"keys":[{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","use":"sig","kid":%q,"x":%q}]}`, string(s), x)
}

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// trail is a trail in memory: lines of segments.
type trail struct {
	t        testing.TB
	signer   toySigner
	subjects Subjects
	segments [][][]byte
	seq      uint64
	hash     Hash
	head     string
}

func newTrail(t testing.TB) *trail {
	subjects, err := NewSubjects(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	return &trail{t: t, signer: "gateway", subjects: subjects, segments: [][][]byte{nil}}
}

func (tr *trail) line(body []byte) {
	tr.seq++
	line := AppendLine(nil, tr.seq, body, tr.hash)
	tr.hash = HashOf(line)
	last := len(tr.segments) - 1
	tr.segments[last] = append(tr.segments[last], line)
}

func (tr *trail) entries(n int) {
	for range n {
		body, err := AppendBody(nil, gateway.AuditEvent{
			At: start.Add(time.Duration(tr.seq) * time.Second), Action: "verify", Outcome: "match", Subject: "alice", Audience: "https://rp.example",
			FMR: 1e-7, Count: 3, Reasons: []string{"blurred:face", `a "b"\` + "\n"},
		}, tr.subjects)
		if err != nil {
			tr.t.Fatal(err)
		}
		tr.line(body)
	}
}

func (tr *trail) sign() {
	token, err := Sign(context.Background(), tr.signer, start.Add(time.Duration(tr.seq)*time.Second), tr.seq, tr.hash, "s")
	if err != nil {
		tr.t.Fatal(err)
	}
	tr.line(CheckpointBody(token))
	tr.head = token
}

// sample has three segments of 2 x (4 entries, a checkpoint): lines 1 to 30.
func sample(t testing.TB) *trail { return sampleOf(t, "gateway") }

func sampleOf(t testing.TB, signer toySigner) *trail {
	tr := newTrail(t)
	tr.signer = signer
	for i := range 3 {
		if i > 0 {
			tr.segments = append(tr.segments, nil)
		}
		for range 2 {
			tr.entries(4)
			tr.sign()
		}
	}
	return tr
}

func (tr *trail) texts() (out [][]byte) {
	for _, s := range tr.segments {
		out = append(out, append(bytes.Join(s, []byte("\n")), '\n'))
	}
	return out
}

func verify(t testing.TB, texts [][]byte, head string, anchors ...string) Report {
	t.Helper()
	var segments []Segment
	for i, text := range texts {
		segments = append(segments, Bytes(fmt.Sprint("segment ", i+1), text))
	}
	r, err := Verify(Trail{Segments: segments, Head: head, Anchors: anchors, Keys: toySigner("gateway").JWKS()})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSoundTrail(t *testing.T) {
	tr := sample(t)
	r := verify(t, tr.texts(), tr.head)
	if !r.Sound() || r.First != 1 || r.Last != 30 || r.Entries != 24 || r.Checkpoints != 6 || r.Signed != 30 || r.Unsigned != 0 {
		t.Errorf("%+v", r)
	}
}

// Every change of one byte, its loss and an additional one, anywhere in the trail, is found.
func TestEveryByteCounts(t *testing.T) {
	tr := newTrail(t)
	tr.entries(2)
	tr.sign()
	tr.segments = append(tr.segments, nil)
	tr.entries(1)
	tr.sign()
	texts := tr.texts()
	for s, text := range texts {
		for i := range text {
			for name, other := range map[string][]byte{
				"flipped": append(append(bytes.Clone(text[:i]), text[i]^1), text[i+1:]...),
				"lost":    append(bytes.Clone(text[:i]), text[i+1:]...),
				"added":   append(append(bytes.Clone(text[:i]), 'a'), text[i:]...),
			} {
				changed := slices.Clone(texts)
				changed[s] = other
				if verify(t, changed, tr.head).Sound() {
					t.Fatalf("byte %d of segment %d (%q) %s: not found", i, s+1, text[i], name)
				}
			}
		}
	}
}

func TestAttacks(t *testing.T) {
	for name, c := range map[string]struct {
		attack  func(tr *trail)
		kind    string
		seq     uint64 // of the first finding
		trusted uint64
	}{
		"changed entry": {func(tr *trail) {
			tr.segments[1][1] = bytes.Replace(tr.segments[1][1], []byte("match"), []byte("nomat"), 1)
		}, Changed, 12, 10},
		"dropped entry":      {func(tr *trail) { tr.segments[1] = slices.Delete(tr.segments[1], 2, 3) }, Dropped, 13, 10},
		"dropped checkpoint": {func(tr *trail) { tr.segments[1] = slices.Delete(tr.segments[1], 4, 5) }, Dropped, 15, 10},
		"duplicated entry": {func(tr *trail) {
			tr.segments[1] = slices.Insert(tr.segments[1], 2, tr.segments[1][1])
		}, Moved, 12, 10},
		"swapped entries": {func(tr *trail) { s := tr.segments[1]; s[1], s[2] = s[2], s[1] }, Dropped, 12, 10},
		"inserted entry": {func(tr *trail) {
			tr.segments[0] = slices.Insert(tr.segments[0], 3, tr.segments[2][0])
		}, Dropped, 4, 0},
		"dropped segment":  {func(tr *trail) { tr.segments = slices.Delete(tr.segments, 1, 2) }, Dropped, 11, 10},
		"first segment":    {func(tr *trail) { tr.segments = tr.segments[1:] }, Beginning, 10, 0},
		"swapped segments": {func(tr *trail) { s := tr.segments; s[1], s[2] = s[2], s[1] }, Dropped, 11, 10},
		"last entries cut": {func(tr *trail) { tr.segments[2] = tr.segments[2][:7] }, Truncated, 28, 25},
		"last checkpoint":  {func(tr *trail) { tr.segments[2] = tr.segments[2][:9] }, Truncated, 30, 25},
		"last segment":     {func(tr *trail) { tr.segments = tr.segments[:2] }, Truncated, 21, 20},
		"everything":       {func(tr *trail) { tr.segments = nil }, Truncated, 1, 0},
		"HEAD":             {func(tr *trail) { tr.head = "" }, Truncated, 31, 30},
		"HEAD forged":      {func(tr *trail) { tr.head, _ = Sign(context.Background(), toySigner("mallory"), start, 30, tr.hash, "") }, Forged, 0, 0},
		"made anew without the key": {func(tr *trail) {
			old := tr.head
			*tr = *sampleOf(tr.t, "mallory")
			tr.head = old
		}, Forged, 5, 0},
		"chain made anew around the old checkpoints": {func(tr *trail) { rechain(tr, 12) }, Rewritten, 11, 10},
	} {
		tr := sample(t)
		c.attack(tr)
		r := verify(t, tr.texts(), tr.head)
		if r.Sound() || r.Findings[0].Kind != c.kind || r.Findings[0].Seq != c.seq || r.Trusted != c.trusted {
			t.Errorf("%s: %+v, trusted through %d", name, r.Findings, r.Trusted)
		}
	}
}

// rechain changes the outcome of line seq and makes all hashes behind it anew, with the checkpoints that there were.
func rechain(tr *trail, seq uint64) {
	var prev Hash
	n := uint64(0)
	for _, lines := range tr.segments {
		for i := range lines {
			n++
			l, _ := ParseLine(lines[i])
			if n == seq {
				l.Outcome = "no-match"
			}
			lines[i] = AppendLine(nil, l.Seq, l.appendBody(nil), prev)
			prev = HashOf(lines[i])
		}
	}
}

// Whoever can write every file can cut the trail back to an earlier checkpoint, HEAD with it: an anchor that was kept elsewhere
// shows that.
func TestAnchors(t *testing.T) {
	tr := sample(t)
	anchor := tr.head
	early := newTrail(t)
	early.entries(4)
	early.sign()
	if r := verify(t, early.texts(), early.head); !r.Sound() {
		t.Fatalf("%+v", r.Findings) // nothing in the folder shows it
	}
	if r := verify(t, early.texts(), early.head, anchor); r.Sound() || r.Findings[0].Kind != Truncated {
		t.Errorf("cut back: %+v", r.Findings)
	}
	other := newTrail(t) // the same key, another history
	other.entries(34)
	other.sign()
	if r := verify(t, other.texts(), other.head, anchor); r.Sound() || r.Findings[0].Kind != Rewritten {
		t.Errorf("another history: %+v", r.Findings)
	}
	if r := verify(t, tr.texts(), tr.head, early.head); !r.Sound() {
		t.Errorf("an anchor of this trail: %+v", r.Findings)
	}
	first := tr.segments[0][len(tr.segments[0])-1]
	l, _ := ParseLine(first)
	if r := verify(t, tr.texts()[1:], tr.head, l.Checkpoint); !r.Sound() || r.First != 11 {
		t.Errorf("behind an archived segment: %+v", r.Findings)
	}
}

// Entries that should have been signed long ago are none that a gateway left behind in a crash.
func TestUnsignedTail(t *testing.T) {
	tr := sample(t)
	tr.segments = append(tr.segments, nil)
	tr.entries(10)
	if r := verify(t, tr.texts(), tr.head); !r.Sound() || r.Unsigned != 10 {
		t.Errorf("%+v", r)
	}
	tr.entries(100)
	if r := verify(t, tr.texts(), tr.head); r.Sound() || r.Findings[0].Kind != Unsigned || r.Findings[0].Seq != 31 {
		t.Errorf("%+v", r.Findings)
	}
}

func TestLines(t *testing.T) {
	subjects, _ := NewSubjects(make([]byte, 32))
	rapid.Check(t, func(t *rapid.T) {
		e := gateway.AuditEvent{
			At: time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "s"), rapid.Int64Range(0, 999999999).Draw(t, "ns")), Action: "verify",
			Outcome: rapid.String().Draw(t, "outcome"), Audience: string(rapid.SliceOf(rapid.Byte()).Draw(t, "audience")),
			Subject: rapid.StringMatching(`[a-z]{12,20}`).Draw(t, "subject"), FMR: rapid.Float64Range(0, 1).Draw(t, "fmr"),
			Count: rapid.Int().Draw(t, "count"), Reasons: rapid.SliceOf(rapid.String()).Draw(t, "reasons"),
		}
		body, err := AppendBody(nil, e, subjects)
		if err != nil {
			t.Fatal(err)
		}
		line := AppendLine(nil, 7, body, Hash{1})
		l, err := ParseLine(line)
		if err != nil || !json.Valid(line) || bytes.Contains(line, []byte{'\n'}) {
			t.Fatalf("%s: %v", line, err)
		}
		if l.Subject != subjects.Of(e.Subject) || strings.Contains(l.Subject, e.Subject) || l.FMR != e.FMR || l.Count != e.Count {
			t.Fatalf("%+v of %+v", l, e)
		}
		if valid := func(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }; l.Outcome != valid(e.Outcome) || l.Audience != valid(e.Audience) {
			t.Fatalf("%q, %q of %q, %q", l.Outcome, l.Audience, e.Outcome, e.Audience)
		}
	})
	for _, bad := range []gateway.AuditEvent{
		{At: start, Action: "a", FMR: math.NaN()},
		{At: start, Action: "a", FMR: math.Inf(1)},
		{At: start, Action: "a", Outcome: strings.Repeat("x", MaxLine)},
	} {
		if _, err := AppendBody(nil, bad, subjects); err == nil {
			t.Error("kept")
		}
	}
	if _, err := NewSubjects(make([]byte, 31)); err == nil {
		t.Error("a short key")
	}
	if other, _ := NewSubjects(bytes.Repeat([]byte{1}, 32)); other.Of("a") == subjects.Of("a") {
		t.Error("the key does not matter")
	}
	for range 3 { // whoever was asked about before; the value is what other tools compute, too
		if subjects.Of(strings.Repeat("x", 100)); subjects.Of("passenger-1") != "KxnaWWjtozYb_jZ5ghDXWSjDwvO1qm-904SQ7HB9GNY" {
			t.Errorf("passenger-1 stands as %s", subjects.Of("passenger-1"))
		}
	}
}

// A line that says the same in another spelling, or more, is none: what a reader makes of it must not depend on the reader.
func TestOneSpelling(t *testing.T) {
	good := `{"seq":1,"at":"2026-01-02T03:04:05Z","action":"verify","outcome":"match","prev":"` + (Hash{}).String() + `"}`
	if _, err := ParseLine([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{
		{`"seq":1`, `"seq": 1`},
		{`"seq":1`, `"seq":1.0`},
		{`"seq":1`, `"seq":2,"seq":1`},
		{`"match"`, `"no-match","outcome":"match"`},
		{`"match"`, `"m\u0061tch"`},
		{`"outcome"`, `"Outcome"`},
		{`"outcome":"match"`, `"outcome":"match","extra":1`},
		{`05Z`, `05.0Z`},
		{`05Z`, `05+00:00`},
		{`"action":"verify",`, ``},
		{`"at":`, `"checkpoint":"a.b.c","at":`},
	} {
		if other := strings.Replace(good, change[0], change[1], 1); other == good {
			t.Errorf("%v changes nothing", change)
		} else if _, err := ParseLine([]byte(other)); err == nil {
			t.Errorf("%s passes for a line", other)
		}
	}
}

// FuzzVerify: no bytes make the check fail, use much memory or pass for a trail of the gateway that is longer than it was.
func FuzzVerify(f *testing.F) {
	tr := newTrail(f)
	tr.entries(2)
	tr.sign()
	tr.entries(1)
	text := tr.texts()[0]
	f.Add(text, tr.head)
	f.Add([]byte(`{"seq":1,"checkpoint":"a.b.c","prev":""}`+"\n"), "a.b.c")
	f.Add(slices.Concat(text, text), "")
	f.Fuzz(func(t *testing.T, other []byte, head string) {
		r, err := Verify(Trail{Segments: []Segment{Bytes("s", other)}, Head: head, Keys: toySigner("gateway").JWKS()})
		if err != nil || len(r.Findings) > MaxFindings {
			t.Fatalf("%d findings, %v", len(r.Findings), err)
		}
		if r.Sound() && r.First == 1 && r.Signed > 0 && !bytes.HasPrefix(other, bytes.Join(bytes.SplitAfter(text, []byte("\n"))[:3], nil)) {
			t.Fatalf("%q passes for what the gateway signed", other)
		}
	})
}
