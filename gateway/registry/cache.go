package registry

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"biogate/gateway"
	"biogate/gateway/guard"
)

var errVoid = errors.New("the cache may be older than the record and waits for a new generation")

// cache is a cache that is believed only as long as it was told of every change.
type cache struct {
	source
	none        bool // there is no cache
	generations gateway.Generations
	generation  *atomic.Uint64

	moving sync.Mutex  // one move of the generation at a time
	void   atomic.Bool // a move is owed: nothing in the cache can be believed
	used   atomic.Bool // this generation may have entries
	floors floors      // of this generation
}

func newCache(store gateway.Templates, generations gateway.Generations, generation *atomic.Uint64) *cache {
	c := &cache{source: source{Templates: store}, none: store == nil, generations: generations, generation: generation}
	c.void.Store(true) // what an earlier process left may be older than the record
	return c
}

func (c *cache) healthy() bool { return c.none || !c.void.Load() && !c.sick.Load() }

func (c *cache) ping(ctx context.Context) {
	if !c.none {
		c.source.ping(ctx)
	}
}

// get is gateway.ErrNotFound for a miss; any other error means that the cache cannot be used.
func (c *cache) get(ctx context.Context, subject string) (gateway.References, error) {
	switch {
	case c.none:
		return gateway.References{}, gateway.ErrNotFound
	case c.void.Load():
		return gateway.References{}, errVoid
	}
	r, err := c.source.get(ctx, subject)
	if err == nil && r.Version < c.floors.of(subject) { // it was replaced or deleted, and somebody put it back
		_ = c.delete(ctx, subject, r.Version)
		return gateway.References{}, gateway.ErrNotFound
	}
	return r, err
}

// fill keeps what was read from the record, unless the cache knows better. The caller keeps changes of the subject away.
func (c *cache) fill(ctx context.Context, r gateway.References) error {
	if c.none {
		return nil
	}
	if err := c.put(ctx, r, 0); !errors.Is(err, gateway.ErrConflict) {
		return err
	}
	return nil
}

// replace tells the cache of a change that the record has made.
func (c *cache) replace(ctx context.Context, r gateway.References, replaced uint64) error {
	if c.none {
		return nil
	}
	if err := c.trust(ctx); err != nil {
		return err
	}
	if replaced > 0 || c.floors.of(r.Subject) > 0 { // there is something that could be put back
		c.raise(ctx, r.Subject, r.Version)
	}
	err := c.put(ctx, r, replaced)
	if errors.Is(err, gateway.ErrConflict) { // it holds something else: at least nothing older may stay
		err = c.delete(ctx, r.Subject, r.Version-1)
	}
	return c.lost(ctx, err)
}

// invalidate makes the cache forget subject up to and including version.
func (c *cache) invalidate(ctx context.Context, subject string, version uint64) error {
	if c.none {
		return nil
	}
	if err := c.trust(ctx); err != nil {
		return err
	}
	return c.lost(ctx, c.delete(ctx, subject, version))
}

// forgotten is invalidate for what the record has deleted: nothing before version is believed again.
func (c *cache) forgotten(ctx context.Context, subject string, version uint64) error {
	if c.none {
		return nil
	}
	c.raise(ctx, subject, version)
	return c.invalidate(ctx, subject, version)
}

// raise notes that the record holds nothing before version. Where there is no room for it the cache is void instead.
func (c *cache) raise(ctx context.Context, subject string, version uint64) {
	if !c.floors.raise(subject, version) {
		c.void.Store(true)
		_ = c.trust(ctx)
	}
}

// put marks the generation as used: also by an attempt that failed, which may have reached the cache or still may.
func (c *cache) put(ctx context.Context, r gateway.References, replaces uint64) error {
	err := c.source.put(ctx, r, replaces)
	if !guard.NotTried(err) {
		c.used.Store(true)
	}
	return err
}

// lost voids the cache when err says that it missed a change, and tries to move on at once.
func (c *cache) lost(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if c.used.Load() {
		c.void.Store(true)
		_ = c.trust(ctx)
	}
	return err
}

// trust makes the owed move of the generation, if there is one; it is nil when the cache can be believed.
func (c *cache) trust(ctx context.Context) error {
	if c.none || !c.void.Load() {
		return nil
	}
	c.moving.Lock()
	defer c.moving.Unlock()
	if !c.void.Load() {
		return nil
	}
	next, err := c.generations.NextGeneration(ctx)
	if err != nil {
		return errors.Join(errVoid, err)
	}
	c.used.Store(false) // before the generation: a fill that is under way may use the next one at once
	c.generation.Store(next)
	c.floors.clear()
	c.void.Store(false)
	return nil
}
