package vault

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"biogate/gateway"
)

// RotatingKeys are Keys of which a newer one can replace those before it.
type RotatingKeys interface {
	Keys
	// Replaced are the keys that are not the primary one.
	Replaced() []uint32
	// MarkUnused notes that no record needs these keys.
	MarkUnused(ids []uint32) error
	// MarkNeeded takes that back: a record was restored from a backup, or the keys came from another node, whose record it was.
	MarkNeeded(ids []uint32) error
}

// Pace of a re-encryption.
const (
	rotateLook   = 2 * time.Second  // between two looks for a new key, and until what failed is tried again
	rotateGrace  = 10 * time.Second // longer than a change that was sealed with the key before can take to be made
	rotateMemory = 64 << 10         // subjects remembered at a time: a sweep over the record finds so many
	rotateBatch  = 64               // changes at a time: they share a commit of the record
	rotateRest   = 50               // times as long as a sweep took that changed nothing: so long until the next
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
	before := 0                  // left by the sweep before
	settled := map[uint32]bool{} // keys that this record does not need, as this process has seen: marks may be another's
	for sleep(ctx, rotateLook) {
		replaced := slices.DeleteFunc(r.Keys.Replaced(), func(id uint32) bool { return settled[id] })
		if len(replaced) == 0 {
			cleanSince = time.Time{}
			continue
		}
		began := time.Now()
		left, err := r.Sweep(ctx)
		if err == nil && left > 0 && left == before && !sleep(ctx, rotateRest*time.Since(began)) { // what is left is damaged
			return
		}
		if before = left; left > 0 {
			_ = r.Keys.MarkNeeded(replaced)
		}
		switch {
		case err != nil || left > 0:
			cleanSince = time.Time{}
		case cleanSince.IsZero():
			cleanSince = began
		case began.Sub(cleanSince) >= rotateGrace:
			if r.Keys.MarkUnused(replaced) == nil {
				cleanSince = time.Time{}
				for _, id := range replaced {
					settled[id] = true
				}
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
