// Package registry is the record of references behind its cache. docs/adr/0020-cache-coherence.md argues its rules:
//
//   - The record decides. A change is read from the record, made in the record, and only then told to the cache.
//   - A cache that could not be told of a change is void as a whole: the generation moves on. While it cannot move, and
//     until it has moved once after the start, the cache is not used.
//   - What was read from the record goes into the cache only while no change of that subject can come between.
//   - What was replaced or deleted is not believed when the cache has it all the same: somebody put it back.
//   - A change whose outcome is not known keeps its subject out of the cache until the outcome must be known.
//
// The rules hold for one process that alone writes to a record. The record must order its writes: once one of a subject
// was acknowledged, none that was asked for earlier may still come.
package registry

import (
	"context"
	"errors"
	"math"
	"sync/atomic"
	"time"

	"biogate/gateway"
	"biogate/gateway/guard"
	"biogate/gateway/registry/stored"
)

// Names in lists of what is missing.
const (
	cacheName   = "cache"
	recordName  = "record"
	erasureName = "erasure-pending"
)

const (
	maxAttempts  = 8                // of an Update that other writers of the record keep overtaking
	settleWithin = 5 * time.Second  // bounds a change that its caller no longer waits for; guards are stricter
	doubtFor     = 10 * time.Minute // longer than any write can be late
	interval     = time.Second      // between two looks at the health of the stores
)

// Options of a Registry. Record is required; with a Cache, Generations and Generation are too.
type Options struct {
	Record      gateway.Templates
	Cache       gateway.Templates   // nil: none
	Generations gateway.Generations // of the record
	Generation  *atomic.Uint64      // the one that Cache works under; the registry sets it
	Erasing     func() bool         // bytes of what was deleted still stand in the record's file; nil: never
	Now         func() time.Time    // nil: time.Now
}

// Registry answers from the cache and changes the record. Its methods are safe for concurrent use.
type Registry struct {
	record  source
	cache   *cache
	locks   locks
	doubts  doubts
	now     func() time.Time
	last    atomic.Uint64 // newest version given
	erasing func() bool
	follow  func(gateway.References)
}

// New makes a registry. Its cache is used only after Start or Run.
func New(o Options) *Registry {
	r := &Registry{
		record:  source{Templates: o.Record},
		cache:   newCache(o.Cache, o.Generations, o.Generation),
		locks:   newLocks(),
		now:     o.Now,
		erasing: o.Erasing,
		follow:  func(gateway.References) {},
	}
	if r.now == nil {
		r.now = time.Now
	}
	if r.erasing == nil {
		r.erasing = func() bool { return false }
	}
	return r
}

// Start looks at both stores once and takes the cache into use. What fails is tried again by Run.
func (r *Registry) Start(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, settleWithin)
	defer cancel()
	r.record.ping(ctx)
	r.cache.ping(ctx)
	_ = r.cache.trust(ctx)
}

// Run watches the health of both stores until ctx ends.
func (r *Registry) Run(ctx context.Context) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		r.Start(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Follow has f called after every durable change, inside the subject's lock: with what is held now, or with the subject
// alone when it was forgotten. f may not call the registry. Follow comes before the first change.
func (r *Registry) Follow(f func(gateway.References)) { r.follow = f }

// CanDecide says whether references can be read at all: from the record, or from a cache that is believed.
func (r *Registry) CanDecide() bool {
	return !r.record.sick.Load() || !r.cache.none && r.cache.healthy()
}

// Degraded names what is known to be missing now.
func (r *Registry) Degraded() []string { return r.missing(nil) }

// missing is Degraded, with the cache when this call saw it fail.
func (r *Registry) missing(cacheErr error) []string {
	var names []string
	if cacheErr != nil || !r.cache.healthy() {
		names = append(names, cacheName)
	}
	if r.record.sick.Load() {
		names = append(names, recordName)
	}
	return names
}

// Hold keeps Update and Forget of subject waiting until release is called. It waits for one that is under way, which the
// guards of the stores bound.
func (r *Registry) Hold(subject string) (release func()) { return r.locks.hold(subject) }

// Get returns what is held about subject, gateway.ErrNotFound when the record says that nothing is, or a gateway.Error of
// Kind Unavailable. It may be called inside a Hold.
func (r *Registry) Get(ctx context.Context, subject string) (gateway.References, []string, error) {
	refs, cacheErr := r.cache.get(ctx, subject)
	if cacheErr == nil {
		return refs, r.missing(nil), nil
	}
	if errors.Is(cacheErr, gateway.ErrNotFound) {
		refs, cacheErr, err := r.readThrough(ctx, subject)
		return refs, r.missing(cacheErr), err
	}
	refs, err := r.read(ctx, subject)
	return refs, r.missing(cacheErr), err
}

// readThrough reads from the record and fills the cache. The lock keeps changes away between the two.
func (r *Registry) readThrough(ctx context.Context, subject string) (refs gateway.References, cacheErr, err error) {
	defer r.locks.fill(subject)()
	refs, err = r.read(ctx, subject)
	if err == nil && !r.doubts.has(subject, r.now()) {
		cacheErr = r.cache.fill(ctx, refs)
	}
	return refs, cacheErr, err
}

func (r *Registry) read(ctx context.Context, subject string) (gateway.References, error) {
	refs, err := r.record.get(ctx, subject)
	return refs, unavailable(err)
}

// Update changes what is held about subject. change sees the record's state, has only Subject when nothing is held, and
// may run more than once; its error is returned and leaves everything as it was. The version is given here.
func (r *Registry) Update(ctx context.Context, subject string, change func(held gateway.References) (gateway.References, error)) (gateway.References, []string, error) {
	defer r.locks.change(subject)()
	for range maxAttempts {
		next, cacheErr, err := r.update(ctx, subject, change)
		if !errors.Is(err, gateway.ErrConflict) {
			return next, r.missing(cacheErr), err
		}
	}
	return gateway.References{}, r.missing(nil), guard.Unavailable(recordName, errors.New("other writers overtook every attempt"))
}

func (r *Registry) update(ctx context.Context, subject string, change func(held gateway.References) (gateway.References, error)) (next gateway.References, cacheErr, err error) {
	held, err := r.read(ctx, subject)
	if err != nil && !errors.Is(err, gateway.ErrNotFound) {
		return gateway.References{}, nil, err
	}
	held.Subject = subject
	if next, err = change(held); err != nil {
		return gateway.References{}, nil, err
	}
	next.Subject, next.Version = subject, r.version(held.Version)
	ctx, cancel := settling(ctx)
	defer cancel()
	cacheErr, err = r.settle(ctx, subject, held.Version, r.record.put(ctx, next, held.Version))
	if err != nil {
		return gateway.References{}, cacheErr, err
	}
	cacheErr = r.cache.replace(ctx, next, held.Version)
	r.follow(next)
	return next, cacheErr, nil
}

// Forget deletes subject in the record and the cache, and waits for every Hold on it to end; gateway.ErrNotFound when
// nothing was held. What is damaged can be forgotten, and comes back without its templates; when is not asked about it.
func (r *Registry) Forget(ctx context.Context, subject string, when func(held gateway.References) bool) (gateway.References, []string, error) {
	defer r.locks.change(subject)()
	held, err := r.read(ctx, subject)
	if err != nil && !stored.IsCorrupt(err) && !errors.Is(err, gateway.ErrNotFound) {
		return gateway.References{}, r.missing(nil), err
	}
	if err == nil && when != nil && !when(held) {
		return gateway.References{}, r.missing(nil), gateway.ErrConflict
	}
	held.Subject = subject
	absent := errors.Is(err, gateway.ErrNotFound)
	ctx, cancel := settling(ctx)
	defer cancel()
	cacheErr, err := r.settle(ctx, subject, held.Version, r.record.delete(ctx, subject, math.MaxUint64))
	if err != nil {
		return gateway.References{}, r.missing(cacheErr), err
	}
	cacheErr = r.cache.forgotten(ctx, subject, r.version(held.Version))
	r.follow(gateway.References{Subject: subject})
	missing := r.missing(cacheErr)
	if r.erasing() {
		missing = append(missing, erasureName)
	}
	if absent {
		return gateway.References{}, missing, gateway.ErrNotFound
	}
	return held, missing, nil
}

// settle deals with the outcome of a change in the record. An answer settles what was in doubt before. When the outcome
// is not known, the old version must not be served from the cache any more, nor be read into it again.
func (r *Registry) settle(ctx context.Context, subject string, held uint64, err error) (cacheErr, _ error) {
	switch {
	case err == nil:
		r.doubts.remove(subject)
		return nil, nil
	case guard.IsAnswer(err):
		return nil, err
	case guard.NotTried(err):
		return nil, unavailable(err)
	}
	r.doubts.add(subject, r.now().Add(doubtFor), r.now())
	return r.cache.invalidate(ctx, subject, held), unavailable(err)
}

// version gives a version that is newer than held and than every version given before: the time in microseconds, as
// far as the clock allows.
func (r *Registry) version(held uint64) uint64 {
	for {
		last := r.last.Load()
		next := max(held+1, last+1, uint64(max(0, r.now().UnixMicro())))
		if r.last.CompareAndSwap(last, next) {
			return next
		}
	}
}

// settling is ctx without its end: a change that has begun is brought to its end, also when its caller has left.
func settling(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), settleWithin)
}

// unavailable makes failures of the record what clients may see; answers stay.
func unavailable(err error) error {
	if guard.IsAnswer(err) {
		return err
	}
	return guard.Unavailable(recordName, err)
}

var _ gateway.Registry = (*Registry)(nil)
