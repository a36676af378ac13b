// Package logbuffer lets the lines of a log gather, so that many of them cost one write, and nobody who logs waits long for whoever
// reads the log.
package logbuffer

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	delay    = 100 * time.Millisecond // that a line waits for others
	batch    = 64 << 10               // bytes that wait for no others
	room     = 1 << 20                // bytes that are held at most
	patience = 250 * time.Millisecond // that Flush waits
	farewell = 2 * time.Second        // that Close waits
)

// Writer writes lines in the order in which it took them, whole. What cannot be written is kept and tried again. Lines for which
// there is no room are lost and counted, and the log says how many as soon as it can be written again. It is safe for concurrent use.
type Writer struct {
	out   io.Writer
	timer *time.Timer
	wake  chan struct{}
	quit  chan struct{}
	once  sync.Once
	ended chan struct{}

	mu             sync.Mutex
	lines          []byte // that wait
	spare          []byte // the memory of those before them
	taken, written uint64 // bytes, ever
	flushes        []flush
	lost           int  // lines, since the log said so
	stuck          bool // the last write failed, or takes longer than anybody should wait for
}

// flush is closed when the bytes up to goal are written, or will not be soon.
type flush struct {
	goal uint64
	done chan struct{}
}

// New makes a Writer before out, which may block and fail. Close it.
func New(out io.Writer) *Writer {
	w := &Writer{out: out, wake: make(chan struct{}, 1), quit: make(chan struct{}), ended: make(chan struct{})}
	w.timer = time.AfterFunc(delay, w.rouse)
	go w.run()
	return w
}

// Write takes a line. It neither blocks nor fails: those who log could do nothing about it.
func (w *Writer) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if held := int(w.taken - w.written); held+len(line) > room {
		w.lost++
		return len(line), nil
	}
	w.take(line)
	return len(line), nil
}

func (w *Writer) take(line []byte) {
	if len(w.lines) == 0 {
		w.timer.Reset(delay)
	}
	w.lines = append(w.lines, line...)
	w.taken += uint64(len(line))
	if len(w.lines) >= batch && !w.stuck { // what is stuck is tried again when the timer says so
		w.rouse()
	}
}

// Flush returns when what was taken is written. Where that takes long it does not wait for it, and later ones do not until
// something was written.
func (w *Writer) Flush() {
	f := w.flushed()
	select {
	case <-f.done:
	case <-time.After(patience):
		w.mu.Lock()
		w.stuck = w.stuck || w.written < f.goal
		w.mu.Unlock()
	}
}

// flushed has what was taken written now, unless waiting for it is in vain.
func (w *Writer) flushed() flush {
	w.mu.Lock()
	defer w.mu.Unlock()
	f := flush{w.taken, make(chan struct{})}
	w.flushes = append(w.flushes, f)
	if w.answer(); !w.stuck {
		w.rouse()
	}
	return f
}

// answer tells those whose wait is over.
func (w *Writer) answer() {
	waiting := w.flushes[:0]
	for _, f := range w.flushes {
		if w.stuck || f.goal <= w.written {
			close(f.done)
			continue
		}
		waiting = append(waiting, f)
	}
	w.flushes = waiting
}

// Close writes what is left, unless that takes too long. Lines that come later are not written.
func (w *Writer) Close() {
	w.once.Do(func() { close(w.quit) })
	select {
	case <-w.ended:
	case <-time.After(farewell):
	}
}

// rouse has the lines written now.
func (w *Writer) rouse() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *Writer) run() {
	defer close(w.ended)
	for {
		select {
		case <-w.wake:
			w.drain()
		case <-w.quit:
			w.drain()
			return
		}
	}
}

// drain writes until nothing waits, or a write fails.
func (w *Writer) drain() {
	for lines := w.next(); len(lines) > 0; lines = w.next() {
		n, _ := w.out.Write(lines) // less than all is the error
		if w.wrote(lines, n); n < len(lines) {
			return
		}
	}
}

// next returns the lines that wait. Others gather meanwhile.
func (w *Writer) next() []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	lines := w.lines
	w.lines, w.spare = w.spare[:0], nil
	return lines
}

// wrote says that n bytes of lines were written. The rest goes on from there, so that no line is torn, after a while.
func (w *Writer) wrote(lines []byte, n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.written += uint64(n)
	if w.stuck = n < len(lines); w.stuck {
		w.lines = append(bytes.Clone(lines[n:]), w.lines...)
		w.timer.Reset(delay)
	} else {
		w.spare = lines[:0]
		w.confess()
	}
	w.answer()
}

// confess says in the log, where they are missing, that lines were lost.
func (w *Writer) confess() {
	if w.lost == 0 {
		return
	}
	const line = `{"time":%q,"level":"WARN","msg":"lines of the log were lost: it was not read, or could not be written","lines":%d}` + "\n"
	w.take(fmt.Appendf(nil, line, time.Now().Format(time.RFC3339Nano), w.lost))
	w.lost = 0
}
