package vault

import (
	"context"
	"errors"
	"sync"
	"time"

	"biogate/gateway"
)

// RotatingKeys are Keys of which a newer one can replace those before it.
type RotatingKeys interface {
	Keys
	// Replaced are the keys that some record may still need although they are not the primary one.
	Replaced() []uint32
	// MarkUnused notes that no record needs these keys.
	MarkUnused(ids []uint32) error
}

// Pace of a re-encryption.
const (
	rotateLook   = 2 * time.Second  // between two looks for a new key, and until what failed is tried again
	rotateGrace  = 10 * time.Second // longer than a change that was sealed with the key before can take to be made
	rotateMemory = 64 << 10         // subjects remembered at a time: a sweep over the record finds so many
	rotateBatch  = 64               // changes at a time: they share a commit of the record
)

// Progress is how far a re-encryption is.
type Progress struct {
	Remaining int // records under a key that was replaced
	Damaged   int // of them, that cannot be opened: they stay as they are
	Done      bool
}

// Rotation re-encrypts what rests under replaced keys, in the background. It keeps no state of its own: what is left to do is what
// the record says, so that it goes on after a restart, and is done when no record names another key than the primary.
type Rotation struct {
	Registry gateway.Registry       // of what is sealed
	Lister   gateway.TemplateLister // of the record, as it is
	Sealer   *Sealer
	Keys     RotatingKeys
	Progress func(Progress) // called after every sweep and batch
}

// Run re-encrypts whenever keys were replaced, until ctx ends. It takes half of the record's time at most.
func (r *Rotation) Run(ctx context.Context) {
	var cleanSince time.Time
	for sleep(ctx, rotateLook) {
		replaced := r.Keys.Replaced()
		if len(replaced) == 0 {
			cleanSince = time.Time{}
			continue
		}
		began := time.Now()
		left, err := r.Sweep(ctx)
		switch {
		case err != nil || left > 0:
			cleanSince = time.Time{}
		case cleanSince.IsZero():
			cleanSince = began
		case began.Sub(cleanSince) >= rotateGrace:
			if r.Keys.MarkUnused(replaced) == nil {
				cleanSince = time.Time{}
				r.Progress(Progress{Done: true})
			}
		}
	}
}

// Sweep goes through the record once and re-encrypts what it finds under other keys than the primary. left counts what is not
// re-encrypted yet: 0 says that the sweep found nothing to do.
func (r *Rotation) Sweep(ctx context.Context) (left int, err error) {
	stale, left, err := r.find(ctx)
	if err != nil {
		return left, err
	}
	p := Progress{Remaining: left}
	r.Progress(p)
	for len(stale) > 0 {
		batch := stale[:min(rotateBatch, len(stale))]
		stale = stale[len(batch):]
		began := time.Now()
		damaged, err := r.reseal(ctx, batch)
		if err != nil {
			return left, err
		}
		p.Remaining -= len(batch) - damaged
		p.Damaged += damaged
		r.Progress(p)
		if !sleep(ctx, time.Since(began)) {
			return left, ctx.Err()
		}
	}
	return left, nil
}

// find lists the first subjects whose records are under other keys than the primary, and counts all of them.
func (r *Rotation) find(ctx context.Context) (stale []string, all int, err error) {
	primary := r.Keys.Primary()
	err = r.Lister.Each(ctx, func(refs gateway.References) error {
		if id, ok := KeyOf(refs); !ok || id == primary { // what cannot be read names no key
			return nil
		}
		if all++; len(stale) < rotateMemory {
			stale = append(stale, refs.Subject)
		}
		return nil
	})
	return stale, all, err
}

var errSettled = errors.New("nothing to re-encrypt")

// reseal re-encrypts subjects at once. damaged cannot be opened.
func (r *Rotation) reseal(ctx context.Context, subjects []string) (damaged int, err error) {
	errs := make([]error, len(subjects))
	var all sync.WaitGroup
	for i, subject := range subjects {
		all.Go(func() { errs[i] = r.resealOne(ctx, subject) })
	}
	all.Wait()
	for _, e := range errs {
		switch {
		case e == nil, errors.Is(e, errSettled):
		case gateway.AsError(e).Kind == gateway.Internal && gateway.AsError(e).Code == codeDamaged:
			damaged++
		default:
			err = e
		}
	}
	return damaged, err
}

func (r *Rotation) resealOne(ctx context.Context, subject string) error {
	_, _, err := r.Registry.Update(ctx, subject, func(held gateway.References) (gateway.References, error) {
		if id, ok := KeyOf(held); !ok || id == r.Keys.Primary() { // forgotten meanwhile, or changed
			return gateway.References{}, errSettled
		}
		opened, err := r.Sealer.Open(held)
		if err != nil {
			return gateway.References{}, err
		}
		return r.Sealer.Seal(opened)
	})
	return err
}

// sleep says whether ctx still lasts afterwards.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
