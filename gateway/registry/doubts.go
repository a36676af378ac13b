package registry

import (
	"sync"
	"time"
)

// doubts are the subjects whose last change may have been made or not, or may yet be.
type doubts struct {
	mu    sync.Mutex
	until map[string]time.Time
}

func (d *doubts) add(subject string, until, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.until == nil {
		d.until = map[string]time.Time{}
	}
	for s, end := range d.until { // short: each entry is a write that failed in the last minutes
		if end.Before(now) {
			delete(d.until, s)
		}
	}
	d.until[subject] = until
}

func (d *doubts) remove(subject string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.until, subject)
}

func (d *doubts) has(subject string, now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	until, ok := d.until[subject]
	return ok && now.Before(until)
}
