package audit

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"
)

// Kinds of findings.
const (
	Changed   = "changed"   // a line is not what it was
	Dropped   = "dropped"   // lines are missing
	Moved     = "moved"     // a line stands where another belongs: it was moved, copied or inserted
	Rewritten = "rewritten" // the chain is whole and is not the one that was signed
	Truncated = "truncated" // the end is missing
	Beginning = "beginning" // the beginning is missing, and nothing vouches for where the trail begins
	Unsigned  = "unsigned"  // lines that no checkpoint vouches for, and that should have one
	Torn      = "torn"      // the last line is incomplete
	Forged    = "forged"    // a checkpoint that no known key has signed
)

// Start is the action of the entry that says that a gateway started. In a new trail nothing else is taken until there is a HEAD.
const Start = "start"

// MaxFindings bounds a report: one cut makes one finding, a file of noise many.
const MaxFindings = 100

// MaxUnsigned is how much time the entries after the last checkpoint may span: a gateway signs every second.
const MaxUnsigned = time.Minute

// Segment is one file of a trail.
type Segment struct {
	Name string
	Open func() (io.ReadCloser, error)
}

// Trail is what is to be checked.
type Trail struct {
	Segments []Segment // oldest first
	Head     string    // the checkpoint that the gateway keeps beside the segments; empty: none
	Anchors  []string  // checkpoints that were kept elsewhere
	Keys     []byte    // JSON Web Key Set that checkpoints are checked with
	Running  bool      // a gateway is writing meanwhile: the last line may be incomplete
	// Visit sees every line that can be read, with the name of its file; nil: nobody.
	Visit func(file string, l Line)
}

// Finding is one reason not to trust a trail.
type Finding struct {
	Kind   string `json:"kind"`
	Seq    uint64 `json:"seq"`            // of the line; of several, the first
	File   string `json:"file,omitempty"` // where
	Line   int    `json:"line,omitempty"` // in File, from 1
	Detail string `json:"detail"`
}

// Report is what Verify found. Without findings nobody has changed the trail who has not the signing key, up to Signed; from
// there on nobody who has not changed the lines that follow as well.
type Report struct {
	First       uint64     `json:"first"` // number of the first line; 0: there is none
	Last        uint64     `json:"last"`
	Entries     uint64     `json:"entries"`
	Checkpoints uint64     `json:"checkpoints"`
	Signed      uint64     `json:"signed"`             // the last line that a checkpoint vouches for
	SignedAt    time.Time  `json:"signed_at,omitzero"` // and when that was signed
	Unsigned    uint64     `json:"unsigned"`           // lines after it
	Torn        int        `json:"torn"`               // bytes of an incomplete last line
	Findings    []Finding  `json:"findings"`
	Trusted     uint64     `json:"trusted"`              // with findings: the last line that is to be trusted; not from there on
	TrustedAt   *time.Time `json:"trusted_at,omitempty"` // when that was signed
	Final       Hash       `json:"-"`                    // hash of the last line
	FinalKey    string     `json:"-"`                    // key id of the last checkpoint
	LastAction  string     `json:"-"`                    // of the last entry
	Good        int64      `json:"-"`                    // bytes of complete lines in the last segment
}

// Sound says that nothing was found.
func (r Report) Sound() bool { return len(r.Findings) == 0 }

// anchor is a checkpoint that the trail must pass through: hashes of the lines of these numbers.
type anchor struct {
	Checkpoint
	at   map[uint64]string
	met  bool
	what string
}

// verifier walks along a trail.
type verifier struct {
	Report
	trail   Trail
	anchors []*anchor

	file     string
	line     int
	begun    bool        // there is an entry that the trail took after HEAD was there for the first time
	unsigned []time.Time // of entries since the last checkpoint: the first and the last
}

// Verify reads a trail from its first line to its last. An error is one of reading; what is wrong with the trail is in the
// report. Memory does not grow with the trail.
func Verify(t Trail) (Report, error) {
	v := &verifier{trail: t}
	v.Findings = []Finding{}
	v.anchor("HEAD", t.Head)
	for i, token := range t.Anchors {
		v.anchor(fmt.Sprintf("anchor %d", i+1), token)
	}
	for i, s := range t.Segments {
		if err := v.segment(s, i == len(t.Segments)-1); err != nil {
			return v.Report, fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	v.end()
	return v.Report, nil
}

func (v *verifier) find(kind string, seq uint64, format string, args ...any) {
	if len(v.Findings) == 0 {
		v.Trusted = v.Signed
		if !v.SignedAt.IsZero() {
			at := v.SignedAt
			v.TrustedAt = &at
		}
	}
	if len(v.Findings) < MaxFindings {
		v.Findings = append(v.Findings, Finding{Kind: kind, Seq: seq, File: v.file, Line: v.line, Detail: fmt.Sprintf(format, args...)})
	}
}

func (v *verifier) anchor(what, token string) {
	if token == "" {
		return
	}
	c, err := Open(token, v.trail.Keys)
	if err != nil {
		v.find(Forged, 0, "%s cannot be relied upon: %v", what, err)
		return
	}
	line, err := c.line(token)
	if err != nil {
		v.find(Forged, c.Seq, "%s names no hash", what)
		return
	}
	v.anchors = append(v.anchors, &anchor{Checkpoint: c, at: map[uint64]string{c.Seq: c.Hash, c.Seq + 1: line.String()}, what: what})
}

// segment reads one file.
func (v *verifier) segment(s Segment, last bool) error {
	f, err := s.Open()
	if err != nil {
		return err
	}
	defer f.Close()
	v.file, v.line, v.Good = s.Name, 0, 0
	signed := false
	in := bufio.NewReaderSize(f, MaxLine+2)
	for {
		text, err := in.ReadSlice('\n')
		v.line++
		switch {
		case err == nil:
			v.Good += int64(len(text))
			signed = v.take(text[:len(text)-1])
			continue
		case errors.Is(err, bufio.ErrBufferFull):
			v.find(Changed, v.Last+1, "a line of more than %d bytes", MaxLine)
			return nil
		case !errors.Is(err, io.EOF):
			return err
		}
		v.torn(len(text), last)
		break
	}
	if !last && !signed {
		v.find(Truncated, v.Last+1, "the segment does not end with a checkpoint")
	}
	return nil
}

func (v *verifier) torn(n int, last bool) {
	switch {
	case n == 0:
		return
	case !last:
		v.find(Changed, v.Last+1, "the last line of the segment is incomplete")
	case !v.trail.Running:
		v.find(Torn, v.Last+1, "the last line is incomplete: a crash cut a write off, or somebody did; the gateway takes it away at its next start")
	}
	v.Torn = n
}

// take reads one line, and says whether it is a checkpoint that holds.
func (v *verifier) take(text []byte) (signed bool) {
	l, err := ParseLine(text)
	if err != nil {
		v.find(Changed, v.Last+1, "%v", err)
		v.Last, v.Final = v.Last+1, HashOf(text) // as if it were that line; the next one tells
		return false
	}
	v.link(l)
	if v.First == 0 {
		v.First = l.Seq
	}
	v.Last, v.Final = l.Seq, HashOf(text)
	v.meet(l.Seq, v.Final.String())
	if v.trail.Visit != nil {
		v.trail.Visit(v.file, l)
	}
	if l.Checkpoint != "" {
		return v.checkpoint(l)
	}
	v.Entries++
	v.begun = v.begun || l.Action != Start
	v.LastAction = l.Action
	at, _ := time.Parse(time.RFC3339Nano, l.At)
	if len(v.unsigned) < 2 {
		v.unsigned = append(v.unsigned, at)
	}
	v.unsigned[len(v.unsigned)-1] = at
	return false
}

// link holds a line against the one before it.
func (v *verifier) link(l Line) {
	switch {
	case v.First == 0 && v.Last == 0:
		v.begin(l)
	case l.Seq == v.Last+1 && l.Prev == v.Final.String():
	case l.Seq == v.Last+1:
		v.find(Changed, v.Last, "the line with number %d is not the one that line %d was written after", v.Last, l.Seq)
	case l.Seq > v.Last+1:
		v.find(Dropped, v.Last+1, "lines %d to %d are missing", v.Last+1, l.Seq-1)
	default:
		v.find(Moved, l.Seq, "line %d stands after line %d", l.Seq, v.Last)
	}
}

// begin judges where the trail begins: at its first line, or behind a checkpoint that was kept.
func (v *verifier) begin(l Line) {
	v.meet(l.Seq-1, l.Prev)
	switch {
	case l.Seq == 1 && l.Prev == (Hash{}).String():
		return
	case l.Seq == 1:
		v.find(Changed, 1, "the first line was written after another")
		return
	}
	for _, a := range v.anchors {
		if a.at[l.Seq-1] == l.Prev {
			v.Signed, v.SignedAt = l.Seq-1, a.At()
			return
		}
	}
	v.find(Beginning, l.Seq-1, "the trail begins with line %d; where earlier segments were archived, give the checkpoint that ended them as an anchor", l.Seq)
}

// meet holds a line against the checkpoints that were kept elsewhere.
func (v *verifier) meet(seq uint64, hash string) {
	for _, a := range v.anchors {
		want, ours := a.at[seq]
		switch {
		case !ours:
		case want != hash:
			v.find(Rewritten, seq, "line %d is not the one that %s of %s vouches for", seq, a.what, a.At().Format(time.RFC3339))
			a.met = true
		default:
			a.met = true
		}
	}
}

func (v *verifier) checkpoint(l Line) bool {
	v.Checkpoints++
	c, err := Open(l.Checkpoint, v.trail.Keys)
	switch {
	case err != nil:
		v.find(Forged, l.Seq, "a checkpoint that cannot be relied upon: %v", err)
		return false
	case c.Seq+1 != l.Seq || c.Hash != l.Prev:
		v.find(Rewritten, v.Signed+1, "lines %d to %d are not those that the checkpoint of %s signed", v.Signed+1, l.Seq-1, c.At().Format(time.RFC3339))
		return false
	}
	v.Signed, v.SignedAt, v.unsigned = l.Seq, c.At(), nil
	v.FinalKey = KeyID(l.Checkpoint)
	return true
}

// end judges what should have come.
func (v *verifier) end() {
	if v.Last > v.Signed {
		v.Unsigned = v.Last - v.Signed
	}
	var furthest *anchor
	for _, a := range v.anchors {
		if a.Seq+1 > v.Last && (furthest == nil || a.Seq > furthest.Seq) {
			furthest = a
		}
	}
	switch n := len(v.unsigned); {
	case furthest != nil:
		v.find(Truncated, v.Last+1, "the trail ends with line %d; %s says that there were %d on %s", v.Last, furthest.what, furthest.Seq+1, furthest.At().Format(time.RFC3339))
	case v.trail.Head == "" && v.begun:
		v.find(Truncated, v.Last+1, "HEAD is missing: nothing says how long the trail was")
	case n == 2 && v.unsigned[1].Sub(v.unsigned[0]) > MaxUnsigned:
		v.find(Unsigned, v.Signed+1, "no checkpoint vouches for lines %d to %d, which span %s", v.Signed+1, v.Last, v.unsigned[1].Sub(v.unsigned[0]).Round(time.Second))
	}
}

// Bytes is a segment that is held in memory.
func Bytes(name string, text []byte) Segment {
	return Segment{Name: name, Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil }}
}
