// Package filedevices keeps the registry of devices in one JSON file, which people can read and review, and which running
// gateways follow: whatever changed in the file holds for the next request, at most a quarter of a second late.
//
// The file is replaced as a whole and is on stable storage when a change returns; changes of several processes exclude each
// other. A file that cannot be read any more changes nothing: devices known before go on, Err and the log say so. New devices
// are unknown then, and the tools refuse to write over what they cannot read.
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

	mu   sync.Mutex // one look at the file at a time
	seen atomic.Pointer[view]
}

// view is what a look at the file showed. It is never changed.
type view struct {
	at            time.Time   // of the look
	file          fs.FileInfo // nil: there is none
	err           error       // why the file cannot be used; what is below is older then
	devices       []kiosk.Device
	byID          map[string]int
	byCertificate map[[32]byte]int
}

// Open reads the registry. A file that is not there yet is an empty registry; one that cannot be read is an error.
func Open(o Options) (*Registry, error) {
	r := &Registry{path: o.Path, now: o.Now, log: o.Log}
	if r.now == nil {
		r.now = time.Now
	}
	if r.log == nil {
		r.log = slog.Default()
	}
	r.seen.Store(&view{})
	v := r.look(r.now())
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
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	v := r.seen.Load()
	if !v.due(now) {
		return v, nil
	}
	next := r.look(now)
	r.report(v, next)
	r.seen.Store(next)
	return next, nil
}

// due also holds when the clock was set back.
func (v *view) due(now time.Time) bool {
	since := now.Sub(v.at)
	return since < 0 || since >= recheck
}

// look returns what the file shows now. It reads a file that it has not read before.
func (r *Registry) look(now time.Time) *view {
	last := r.seen.Load()
	next := *last
	next.at = now
	info, err := os.Stat(r.path)
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
	return index(devices, info, now)
}

func index(devices []kiosk.Device, info fs.FileInfo, at time.Time) *view {
	v := &view{at: at, file: info, devices: devices, byID: make(map[string]int, len(devices)), byCertificate: make(map[[32]byte]int, len(devices))}
	for i, d := range devices {
		v.byID[d.ID] = i
		if d.Certificate != [32]byte{} {
			v.byCertificate[d.Certificate] = i
		}
	}
	return v
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
	r.mu.Lock()
	defer r.mu.Unlock()
	next := r.look(r.now())
	r.seen.Store(next)
	return next.err
}

var _ kiosk.Devices = (*Registry)(nil)
