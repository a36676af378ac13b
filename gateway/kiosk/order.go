package kiosk

import (
	"sync"
	"time"
)

// slack is how much earlier than the newest request of a device another may have been signed: devices send several at once, and
// networks mix them up. What was held back longer than that is not let go any more.
const slack = 10 * time.Second

// forgetAt is how many devices are remembered before those of which nothing can come any more are forgotten.
const forgetAt = 1024

// order remembers when the newest request of each device was signed. Only devices that proved who they are get in, so that it
// holds no more than are registered.
type order struct {
	mu     sync.Mutex
	newest map[string]time.Time
	next   int // length at which it is worth looking for what can be forgotten
}

// take says whether a request that was signed at a time comes in order, and remembers it. oldest is before what can be taken at
// all.
func (o *order) take(device string, signed, oldest time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	newest, known := o.newest[device]
	if known && signed.Before(newest.Add(-slack)) {
		return false
	}
	if !known || signed.After(newest) {
		o.newest[device] = signed
	}
	if len(o.newest) >= max(o.next, forgetAt) {
		o.forget(oldest)
		o.next = 2 * len(o.newest)
	}
	return true
}

// forget drops what refuses nothing that is not too old anyway.
func (o *order) forget(oldest time.Time) {
	for device, newest := range o.newest {
		if newest.Add(-slack).Before(oldest) {
			delete(o.newest, device)
		}
	}
}
