// Package filedevices keeps the registry of devices in one JSON file, which people can read and review, and which running
// gateways follow: whatever changed in the file holds for the next request, at most a quarter of a second late.
//
// The file is replaced as a whole and is on stable storage when a change returns; changes of several processes exclude each
// other. A file that cannot be read any more changes nothing: devices known before go on, and Err, Degraded and the log say so. New
// devices are unknown then, and the tools refuse to write over what they cannot read. A file system that does not answer is the
// same: it holds a request for a second at most.
package filedevices

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"biogate/gateway"
	"biogate/gateway/kiosk"
)

// recheck is how long what was seen of the file is taken for true.
const recheck = 250 * time.Millisecond

// patience is how long a look at the file may take. Then what was known before is served, and it is said that it may be old.
const patience = time.Second

var errHangs = fmt.Errorf("the file system does not answer within %s", patience)

// Mode is what Degraded names: revocations may not arrive.
const Mode = "devices"

// What changes answer.
var (
	ErrExists  = errors.New("a device of this id is registered already; ids are not used twice, not even those of revoked devices")
	ErrRevoked = errors.New("the device is revoked already")
)

// Options of a Registry.
type Options struct {
	Path string
	Now  func() time.Time // nil: time.Now
	Log  *slog.Logger     // nil: slog.Default
}

// Registry is the registry of devices in a file. It is safe for concurrent use and implements kiosk.Devices.
type Registry struct {
	path string
	now  func() time.Time
	log  *slog.Logger
	stat func(string) (fs.FileInfo, error)

	looks atomic.Uint64 // begun
	seen  atomic.Pointer[view]

	mu      sync.Mutex // never held while the file system is asked
	looking *attempt   // nil: nobody looks
}

// attempt is a look at the file for all that come meanwhile.
type attempt struct{ ended, late chan struct{} }

// view is what a look at the file showed. It is never changed.
type view struct {
	look          uint64      // of which it is, in the order of their beginnings
	at            time.Time   // when that began
	file          fs.FileInfo // nil: there is none
	err           error       // why the file cannot be used; what is below is older then
	devices       []kiosk.Device
	byID          map[string]int
	byCertificate map[[32]byte]int
}

// Open reads the registry. A file that is not there yet is an empty registry; one that cannot be read is an error.
func Open(o Options) (*Registry, error) {
	r := &Registry{path: o.Path, now: o.Now, log: o.Log, stat: os.Stat}
	if r.now == nil {
		r.now = time.Now
	}
	if r.log == nil {
		r.log = slog.Default()
	}
	r.seen.Store(&view{})
	v := r.look()
	if v.err != nil {
		return nil, fmt.Errorf("devices: %w", v.err)
	}
	r.seen.Store(v)
	return r, nil
}

// Device implements kiosk.Devices.
func (r *Registry) Device(ctx context.Context, id string) (kiosk.Device, error) {
	v, err := r.current(ctx)
	if err != nil {
		return kiosk.Device{}, err
	}
	return v.device(v.byID, id)
}

// ByCertificate implements kiosk.Devices.
func (r *Registry) ByCertificate(ctx context.Context, sum [32]byte) (kiosk.Device, error) {
	v, err := r.current(ctx)
	if err != nil {
		return kiosk.Device{}, err
	}
	i, known := v.byCertificate[sum]
	if !known {
		return kiosk.Device{}, gateway.ErrNotFound
	}
	return v.devices[i], nil
}

func (v *view) device(byID map[string]int, id string) (kiosk.Device, error) {
	i, known := byID[id]
	if !known {
		return kiosk.Device{}, gateway.ErrNotFound
	}
	return v.devices[i], nil
}

// Err says why the file cannot be used now; nil when it can.
func (r *Registry) Err() error {
	v, err := r.current(context.Background())
	if err != nil {
		return err
	}
	return v.err
}

// Degraded implements gateway.Degrader: whoever was revoked may still be served while the file cannot be read.
func (r *Registry) Degraded() []string {
	if r.Err() != nil {
		return []string{Mode}
	}
	return nil
}

// List returns every device, by id.
func (r *Registry) List() ([]kiosk.Device, error) {
	v, err := r.current(context.Background())
	if err != nil {
		return nil, err
	}
	return slices.Clone(v.devices), v.err
}

// current is what the file says, at most recheck late. Who comes while somebody looks waits: what was seen last may be old.
func (r *Registry) current(ctx context.Context) (*view, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if v := r.seen.Load(); !v.due(r.now()) {
		return v, nil
	}
	a := r.attempt()
	select {
	case <-a.ended:
	case <-a.late:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return r.seen.Load(), nil
}

// attempt is the look that is under way, or a new one. One at a time: what hangs in the file system hangs once.
func (r *Registry) attempt() *attempt {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.looking == nil {
		a := &attempt{ended: make(chan struct{}), late: make(chan struct{})}
		r.looking = a
		impatient := time.AfterFunc(patience, func() { r.giveUp(a) })
		go func() {
			r.take(r.look())
			impatient.Stop()
			r.end(a)
		}()
	}
	return r.looking
}

// take puts what a look showed in place of what was seen, but not over a later look.
func (r *Registry) take(next *view) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if before := r.seen.Load(); next.look > before.look {
		r.report(before, next)
		r.seen.Store(next)
	}
}

// giveUp says of a look that has not ended that what was seen before may be old. It goes on, and nobody waits for it any more.
func (r *Registry) giveUp(a *attempt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.looking != a {
		return
	}
	before := r.seen.Load()
	old := *before
	old.err = errHangs
	r.report(before, &old)
	r.seen.Store(&old)
	close(a.late)
}

func (r *Registry) end(a *attempt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.looking = nil
	close(a.ended)
}

// due also holds when the clock was set back.
func (v *view) due(now time.Time) bool {
	since := now.Sub(v.at)
	return since < 0 || since >= recheck
}

// look returns what the file shows now. It reads a file that it has not read before.
func (r *Registry) look() *view {
	last := r.seen.Load()
	next := *last
	next.look, next.at = r.looks.Add(1), r.now()
	info, err := r.stat(r.path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && last.file == nil:
		next.err = nil
		return &next
	case err != nil:
		next.err = err
		return &next
	case last.err == nil && last.file != nil && same(info, last.file):
		return &next
	}
	devices, info, err := load(r.path)
	if err != nil {
		next.err = err
		return &next
	}
	next.index(devices, info)
	return &next
}

// index makes v the view of these devices.
func (v *view) index(devices []kiosk.Device, info fs.FileInfo) {
	v.file, v.err, v.devices = info, nil, devices
	v.byID, v.byCertificate = make(map[string]int, len(devices)), make(map[[32]byte]int, len(devices))
	for i, d := range devices {
		v.byID[d.ID] = i
		if d.Certificate != [32]byte{} {
			v.byCertificate[d.Certificate] = i
		}
	}
}

// report says once that the file broke, and once that it can be read again.
func (r *Registry) report(before, now *view) {
	switch {
	case before.err == nil && now.err != nil:
		r.log.Error("the registry of devices cannot be read: devices known before are still served, new ones are not, and a revocation made since is not seen", "cause", withoutNames(now.err))
	case before.err != nil && now.err == nil:
		r.log.Info("the registry of devices can be read again")
	}
}

// withoutNames is what a log may say of an error: what is wrong inside the file names devices, which no log does.
func withoutNames(err error) string {
	if content := (*contentError)(nil); errors.As(err, &content) {
		return content.path + ` cannot be used: "biogate devices list" says why`
	}
	return err.Error()
}

func same(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size() && a.Mode() == b.Mode()
}

// Add registers a device. ErrExists, what kiosk.Device.Check finds, or that another device has the key.
func (r *Registry) Add(d kiosk.Device) error {
	return r.change(func(devices []kiosk.Device) ([]kiosk.Device, error) {
		if slices.ContainsFunc(devices, func(held kiosk.Device) bool { return held.ID == d.ID }) {
			return nil, ErrExists
		}
		if len(devices) >= maxDevices {
			return nil, fmt.Errorf("the registry is full: it holds %d devices", maxDevices)
		}
		if err := d.Check(); err != nil {
			return nil, err
		}
		return append(devices, d), nil
	})
}

// Revoke ends a device for ever. gateway.ErrNotFound, ErrRevoked.
func (r *Registry) Revoke(id string) error {
	return r.change(func(devices []kiosk.Device) ([]kiosk.Device, error) {
		i := slices.IndexFunc(devices, func(held kiosk.Device) bool { return held.ID == id })
		switch {
		case i < 0:
			return nil, gateway.ErrNotFound
		case !devices[i].RevokedAt.IsZero():
			return nil, ErrRevoked
		}
		devices[i].RevokedAt = r.now()
		return devices, nil
	})
}

// change replaces the file by what f makes of its devices. The next request sees it.
func (r *Registry) change(f func([]kiosk.Device) ([]kiosk.Device, error)) (err error) {
	unlock, err := lock(r.path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	devices, _, err := load(r.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if devices, err = f(devices); err != nil {
		return err
	}
	text, err := format(devices)
	if err != nil {
		return err
	}
	if _, err := parse(text); err != nil { // what no gateway could read is not written
		return err
	}
	if err := store(r.path, text); err != nil {
		return err
	}
	next := r.look()
	r.take(next)
	return next.err
}

var (
	_ kiosk.Devices    = (*Registry)(nil)
	_ gateway.Degrader = (*Registry)(nil)
)
