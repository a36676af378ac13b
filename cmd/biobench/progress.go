package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

const (
	terminalEvery = 100 * time.Millisecond
	plainEvery    = 10 * time.Second
)

// progress shows how far long work is: one line that changes on a terminal, a line now and then elsewhere.
type progress struct {
	mu       sync.Mutex
	out      io.Writer
	terminal bool
	stage    string
	best     int // reports from several goroutines may arrive out of order
	began    time.Time
	shown    time.Time
}

func newProgress(out io.Writer) *progress { return &progress{out: out, terminal: isTerminal(out)} }

func isTerminal(out io.Writer) bool {
	f, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// say is accuracy.Progress.
func (p *progress) say(stage string, done, total int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if stage != p.stage {
		p.stage, p.best, p.began, p.shown = stage, 0, now, now
	}
	if done <= p.best {
		return
	}
	p.best = done
	every := plainEvery
	if p.terminal {
		every = terminalEvery
	}
	finished := done >= total
	if !finished && now.Sub(p.shown) < every {
		return
	}
	p.shown = now
	line := fmt.Sprintf("%s: %d of %d, %s", stage, done, total, now.Sub(p.began).Round(100*time.Millisecond))
	switch {
	case p.terminal && finished:
		fmt.Fprintf(p.out, "\r\x1b[K%s\n", line)
	case p.terminal:
		fmt.Fprintf(p.out, "\r\x1b[K%s", line)
	default:
		fmt.Fprintln(p.out, line)
	}
}
