package fileaudit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"biogate/gateway"
	"biogate/gateway/assertion"
	"biogate/gateway/audit"
	"biogate/internal/durable"
)

const (
	// maxGroup bounds the entries that share one write, and maxGroupBytes their bytes.
	maxGroup      = 1024
	maxGroupBytes = 4 << 20
	// waiting bounds the entries in memory that no group has taken yet. Who comes later waits for a place.
	waiting = 4096
	// signEvery is how long an entry rests without a checkpoint behind it.
	signEvery = time.Second
	// signWithin bounds one signature; meanwhile nothing is written.
	signWithin = time.Second
	// probeEvery is how long a trail that cannot be written rests at the most before that is tried again.
	probeEvery = 8 * time.Second
)

var (
	errClosed = errors.New("fileaudit: the trail is closed")
	errBroken = errors.New("fileaudit: an earlier write failed and cannot be taken back yet")
)

// Options of a Log.
type Options struct {
	Dir          string // made with mode 0700 when missing
	SegmentBytes int    // a file that has as many is followed by another
	Signer       assertion.Signer
	// Keys is a JSON Web Key Set with every key that may have signed the end of the trail, those that sign no more included;
	// nil: the Signer's.
	Keys     func() ([]byte, error)
	Subjects audit.Subjects
	Now      func() time.Time             // nil: time.Now
	Warn     func(what string, err error) // told what an operator should know; nil: nobody
}

// Log is an audit trail that is being written; it is safe for concurrent use. At most one has a folder open.
type Log struct {
	options Options
	lock    *os.File
	queue   chan *entry
	closing chan struct{}
	closed  chan struct{}
	once    sync.Once
	failed  error // of Close
	away    atomic.Bool
	entries sync.Pool

	writer // of the goroutine that writes
}

// entry waits to be written.
type entry struct {
	body []byte
	done chan error
}

// Open checks the end of the trail in o.Dir, goes on behind it, and puts on record that the gateway started. A last write
// that a crash cut off was never acknowledged and is taken away; any other damage is an error.
func Open(o Options) (*Log, error) { return open(o, openSegment) }

func open(o Options, files opener) (*Log, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Keys == nil {
		o.Keys = func() ([]byte, error) { return o.Signer.JWKS(), nil }
	}
	if o.Warn == nil {
		o.Warn = func(string, error) {}
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("fileaudit: %w", err)
	}
	if err := durable.CheckDir(o.Dir, "audit trail"); err != nil {
		return nil, fmt.Errorf("fileaudit: %w", err)
	}
	lock, err := hold(o.Dir)
	if err != nil {
		return nil, err
	}
	l := &Log{
		options: o, lock: lock, queue: make(chan *entry, waiting), closing: make(chan struct{}), closed: make(chan struct{}),
		writer: writer{files: files},
	}
	l.entries.New = func() any { return &entry{done: make(chan error, 1)} }
	if err := l.start(); err != nil {
		return nil, errors.Join(fmt.Errorf("fileaudit: %w", err), l.release())
	}
	go l.writeAll()
	return l, nil
}

// start finds the end of the trail and says so on record. A new trail is signed before it takes anything, so that from then on
// a HEAD that is missing was taken away.
func (l *Log) start() error {
	event, err := l.takeUp()
	if err != nil {
		return err
	}
	if err := l.note(event); err != nil {
		return err
	}
	if head, err := Head(l.options.Dir); head != "" || err != nil {
		return err
	}
	if err := l.checkpoint(); err != nil {
		return err
	}
	return durable.SyncDir(l.options.Dir) // a crash must not take the first HEAD back: its absence stops the next start
}

// Append puts e on record; see gateway.Audit.
func (l *Log) Append(ctx context.Context, e gateway.AuditEvent) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w := l.entries.Get().(*entry)
	var err error
	if w.body, err = audit.AppendBody(w.body[:0], e, l.options.Subjects); err != nil {
		return &gateway.Error{Kind: gateway.Internal, Code: "internal", Detail: "the gateway failed", Cause: err}
	}
	select {
	case l.queue <- w:
	case <-ctx.Done():
		l.entries.Put(w)
		return ctx.Err()
	case <-l.closing:
		return errClosed
	}
	select {
	case err := <-w.done:
		l.entries.Put(w) // nobody else has it; who leaves early leaves it to the writer
		return err
	case <-ctx.Done():
		return fmt.Errorf("fileaudit: the write is not over: %w", ctx.Err())
	case <-l.closed:
		select {
		case err := <-w.done:
			return err
		default:
			return errClosed
		}
	}
}

// Writable says whether the last write succeeded. While it did not the trail is tried again every few seconds.
func (l *Log) Writable() bool { return !l.away.Load() }

// Close writes what waits, puts on record that the gateway stopped, signs the end and lets go of the folder.
func (l *Log) Close() error {
	l.once.Do(func() {
		close(l.closing)
		<-l.closed
		l.failed = errors.Join(l.failed, l.release())
	})
	return l.failed
}

func (l *Log) release() error {
	var err error
	if l.file != nil {
		err = l.file.Close()
	}
	return errors.Join(err, l.lock.Close())
}

// writeAll is the goroutine that writes.
func (l *Log) writeAll() {
	defer close(l.closed)
	tick := time.NewTicker(signEvery)
	defer tick.Stop()
	for {
		select {
		case e := <-l.queue:
			l.commit(l.group(e))
		case <-tick.C:
			if l.away.Load() {
				l.probe()
			} else {
				l.sign()
			}
		case <-l.closing:
			l.end()
			return
		}
	}
}

// group returns first and what waits behind it. Before, it lets those run who are ready to: they may have an entry, too, and one
// that is alone costs a write and an fdatasync.
func (l *Log) group(first *entry) []*entry {
	runtime.Gosched()
	l.taken = append(l.taken[:0], first)
	for n := len(first.body); len(l.taken) < maxGroup && n < maxGroupBytes; {
		select {
		case e := <-l.queue:
			l.taken = append(l.taken, e)
			n += len(e.body)
		default:
			return l.taken
		}
	}
	return l.taken
}

// end writes what still waits, and the last lines.
func (l *Log) end() {
	for {
		select {
		case e := <-l.queue:
			l.commit(l.group(e))
			continue
		default:
		}
		break
	}
	l.failed = errors.Join(l.note(gateway.AuditEvent{Action: "stop", Outcome: "done"}), l.checkpoint(), l.put(nil))
}

// note puts an event of the log itself on record.
func (l *Log) note(e gateway.AuditEvent) error {
	e.At = l.options.Now()
	body, err := audit.AppendBody(nil, e, l.options.Subjects)
	if err != nil {
		return err
	}
	return l.put([][]byte{body})
}

func headFile(dir string) string { return filepath.Join(dir, "HEAD") }

var _ gateway.Audit = (*Log)(nil)
