package kiosk

import (
	"context"
	"sync"
	"time"

	"biogate/gateway"
)

// quiet is how long no second refusal of a device for one cause is reported: nobody, with a stolen device or with what he overheard
// of one, fills the audit trail.
const quiet = time.Minute

// refusals remembers what was reported. Only devices whose credential held get in, so that it holds no more than are registered.
type refusals struct {
	mu   sync.Mutex
	told map[refused]*told
}

type refused struct{ device, code string }

type told struct {
	at    time.Time
	since int // refusals that were not reported
}

// count says how many refusals are to be reported now: this one with those since the last that was; 0: none yet.
func (r *refusals) count(device, code string, now time.Time) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	t, known := r.told[refused{device, code}]
	if !known {
		t = &told{at: now.Add(-quiet)}
		r.told[refused{device, code}] = t
	}
	t.since++
	if since := now.Sub(t.at); since >= 0 && since < quiet { // not when the clock was set back
		return 0
	}
	n := t.since
	t.at, t.since = now, 0
	return n
}

// report tells of the refusal of a device whose credential held. What the gateway cannot do just now says nothing about the device.
func (a *Authenticator) report(ctx context.Context, device string, err *gateway.Error) {
	if a.o.Report == nil || device == "" || err.Kind == gateway.Unavailable {
		return
	}
	if n := a.refusals.count(device, err.Code, a.o.Now()); n > 0 {
		a.o.Report(ctx, device, err.Code, n)
	}
}
