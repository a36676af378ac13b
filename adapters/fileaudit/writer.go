package fileaudit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"biogate/gateway"
	"biogate/gateway/audit"
	"biogate/internal/durable"
)

// file is what the writer needs of a segment's file.
type file interface {
	io.Writer
	Sync() error // data and length
	Truncate(size int64) error
	Close() error
}

// opener opens a segment for appending; it makes the file when fresh, and then must be the first to.
type opener func(path string, fresh bool) (file, error)

// writer is the state of the end of a trail. One goroutine has it.
type writer struct {
	files   opener
	file    file
	segment string // name of file
	size    int64  // bytes of file that are on stable storage
	seq     uint64 // number of the last line there
	hash    audit.Hash
	unsaid  bool   // lines without a checkpoint behind them
	key     string // id of the key that signed last
	broken  bool   // file may hold more than size bytes

	taken   []*entry
	middles [][]byte
	buffer  []byte

	signed time.Time     // when the last signature was tried
	pause  time.Duration // before the next try after one that failed

	probed   time.Time     // when a trail that could not be written was tried
	patience time.Duration // before the next try
}

// commit writes a group and tells each of it.
func (l *Log) commit(group []*entry) {
	l.middles = l.middles[:0]
	for _, e := range group {
		l.middles = append(l.middles, e.body)
	}
	err := l.put(l.middles)
	for _, e := range group {
		e.done <- err // has a place: one answer each
	}
	if err == nil && l.options.Now().Sub(l.signed) >= signEvery {
		l.sign()
	}
}

// put writes lines with these middles. When it returns nil they are on stable storage; otherwise the trail ends where it did
// before, or is broken until recover has seen to that.
func (l *Log) put(bodies [][]byte) error {
	if err := l.recover(); err != nil {
		l.away.Store(true)
		return err
	}
	seq, hash, out := l.seq, l.hash, l.buffer[:0]
	for _, body := range bodies {
		start := len(out)
		seq++
		out = audit.AppendLine(out, seq, body, hash)
		hash = audit.HashOf(out[start:])
		out = append(out, '\n')
	}
	if l.buffer = out; cap(out) > maxGroupBytes {
		l.buffer = nil
	}
	if len(out) == 0 {
		return nil
	}
	if err := l.inPlace(); err != nil {
		if !l.away.Swap(true) {
			l.options.Warn("the audit trail was taken away: nothing leaves the gateway that has to be on record until it is back", err)
		}
		return err
	}
	l.broken = true // until it is known to be whole
	if n, err := l.file.Write(out); err != nil || n != len(out) {
		return l.takeBack(errors.Join(err, shortOf(n, len(out))))
	}
	if err := l.file.Sync(); err != nil {
		return l.takeBack(err)
	}
	l.broken, l.seq, l.hash, l.size, l.unsaid = false, seq, hash, l.size+int64(len(out)), true
	l.away.Store(false)
	return nil
}

// inPlace says whether the open file is still the one that has its name: what is written to another one nobody finds.
func (l *Log) inPlace() error {
	f, ok := l.file.(interface{ Stat() (fs.FileInfo, error) })
	if !ok {
		return nil
	}
	open, err := f.Stat()
	if err != nil {
		return fmt.Errorf("fileaudit: %w", err)
	}
	named, err := os.Lstat(filepath.Join(l.options.Dir, l.segment))
	if err != nil {
		return fmt.Errorf("fileaudit: %w", err)
	}
	if !os.SameFile(open, named) {
		return fmt.Errorf("fileaudit: another file stands in the place of %s in %s", l.segment, l.options.Dir)
	}
	return nil
}

func shortOf(n, want int) error {
	if n == want {
		return nil
	}
	return fmt.Errorf("%d of %d bytes were written: %w", n, want, io.ErrShortWrite)
}

// takeBack tries to undo a write that failed. Nothing of it was acknowledged.
func (l *Log) takeBack(cause error) error {
	l.options.Warn("the audit trail cannot be written: nothing leaves the gateway that has to be on record", cause)
	l.away.Store(true)
	_ = l.recover()
	return fmt.Errorf("fileaudit: %w", cause)
}

// probe finds out whether a trail that could not be written can be again, also when nobody asks for anything: whoever balances
// the load has turned away meanwhile.
func (l *Log) probe() {
	now := l.options.Now()
	if now.Sub(l.probed) < l.patience && !now.Before(l.probed) {
		return
	}
	l.probed = now
	if err := l.note(gateway.AuditEvent{Action: "resume", Outcome: "done"}); err != nil {
		l.patience = min(max(2*l.patience, signEvery), probeEvery)
		return
	}
	l.patience = 0
}

// recover brings a broken file back to what was acknowledged. After a failed fsync the pages that were to be written may be
// marked as clean and be lost, and a second fsync says nothing about them: so the file is opened anew and everything of the
// failed write is cut off, to be written again by whoever repeats the request, in new pages. What lies before was on stable
// storage by an fsync that succeeded.
func (l *Log) recover() error {
	if !l.broken {
		return nil
	}
	if l.file != nil {
		_ = l.file.Close() // its error is the one that was met already
		l.file = nil
	}
	f, err := l.files(filepath.Join(l.options.Dir, l.segment), false)
	if err != nil {
		return errors.Join(errBroken, err)
	}
	if err := errors.Join(f.Truncate(l.size), f.Sync()); err != nil {
		return errors.Join(errBroken, err, f.Close())
	}
	l.file, l.broken = f, false
	return nil
}

// sign puts a checkpoint behind the last line, when there is something to sign, and begins a new segment when the last is
// full. A signer or disk that fails is asked again after a pause that grows to a minute; entries are written meanwhile.
func (l *Log) sign() {
	now := l.options.Now()
	if !l.unsaid || now.Sub(l.signed) < l.pause && !now.Before(l.signed) {
		return
	}
	l.signed = now
	err := l.checkpoint()
	if err == nil {
		l.pause = 0
		if l.size >= int64(l.options.SegmentBytes) {
			err = l.turn()
		}
	}
	if err != nil {
		l.pause = min(max(2*l.pause, signEvery), time.Minute)
		l.options.Warn("the audit trail's end cannot be signed", err)
	}
}

// checkpoint signs the end of the trail: in a line of its own, then in HEAD.
func (l *Log) checkpoint() error {
	if !l.unsaid {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), signWithin)
	defer cancel()
	token, err := audit.Sign(ctx, l.options.Signer, l.options.Now(), l.seq, l.hash, l.segment)
	if err != nil {
		return fmt.Errorf("fileaudit: %w", err)
	}
	if err := l.put([][]byte{audit.CheckpointBody(token)}); err != nil {
		return err
	}
	if err := writeHead(l.options.Dir, token); err != nil {
		return fmt.Errorf("fileaudit: HEAD: %w", err)
	}
	l.unsaid = false
	return l.noteKey(audit.KeyID(token))
}

// noteKey puts on record that another key signs than before.
func (l *Log) noteKey(key string) error {
	before := l.key
	l.key = key
	if before == "" || before == key {
		return nil
	}
	return l.note(gateway.AuditEvent{Action: "key-rotation", Outcome: "done", Reasons: []string{"from:" + before, "to:" + key}})
}

// turn begins the next segment. The last line of the one before is a checkpoint, and HEAD has it; after a key rotation a line
// came behind it, and the segment waits for the next.
func (l *Log) turn() error {
	if l.unsaid {
		return nil
	}
	name := segmentName(l.seq + 1)
	f, err := l.files(filepath.Join(l.options.Dir, name), true)
	if err != nil {
		return err
	}
	if err := durable.SyncDir(l.options.Dir); err != nil {
		return errors.Join(err, f.Close(), os.Remove(filepath.Join(l.options.Dir, name)))
	}
	_ = l.file.Close() // all of it is on stable storage
	l.file, l.segment, l.size = f, name, 0
	return nil
}
