package gateway

import (
	"maps"
	"time"
)

// Bounds of the time between two tries: each failure doubles it.
const (
	retryFirst = time.Second
	retryLast  = time.Minute
)

// retries remembers what failed, by name, and when it is worth another try: a store that is away for the night is not asked, nor is
// its failure put on record, every second.
type retries map[string]retry

type retry struct {
	at    time.Time
	delay time.Duration
}

// due says whether name may be tried now.
func (r retries) due(name string, now time.Time) bool { return !now.Before(r[name].at) }

// tried remembers how a try ended.
func (r retries) tried(name string, now time.Time, err error) {
	if err == nil {
		delete(r, name)
		return
	}
	delay := min(max(2*r[name].delay, retryFirst), retryLast)
	r[name] = retry{now.Add(delay), delay}
}

// keep forgets all but names.
func (r retries) keep(names []string) {
	if len(r) == 0 {
		return
	}
	kept := make(map[string]bool, len(names))
	for _, name := range names {
		kept[name] = true
	}
	maps.DeleteFunc(r, func(name string, _ retry) bool { return !kept[name] })
}
