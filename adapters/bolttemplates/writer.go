package bolttemplates

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"biogate/gateway"
)

// maxGroup bounds the writes that share one commit, and with it how long one transaction takes.
const maxGroup = 256

var errClosed = errors.New("the store is closed")

// write is one change that waits for its commit.
type write struct {
	ctx   context.Context
	apply func(*bbolt.Tx) error
	erase bool // it is done when what it takes away is overwritten in the file too; or when Store.erasing says that it is not
	scrub bool // it changes nothing and has all that is free overwritten
	err   error
	done  chan struct{}

	unfinished bool // of a scrub: there is more
}

// update applies a change durably. A gateway error that apply returns is an answer, and apply must not have changed
// anything before it; after any other error nothing is changed. When ctx ends while the commit runs, update returns and
// whether the change was made is not known; when it ends before, the change is never made. apply may run more than once,
// and after update returned an error: what it sets is for update's caller to read only when the error is nil.
func (s *Store) update(ctx context.Context, apply func(*bbolt.Tx) error) error {
	return s.submit(ctx, &write{ctx: ctx, apply: apply, done: make(chan struct{})})
}

// erase is update for a change that takes something away for good: it comes back when free pages are overwritten too.
func (s *Store) erase(ctx context.Context, apply func(*bbolt.Tx) error) error {
	return s.submit(ctx, &write{ctx: ctx, apply: apply, erase: true, done: make(chan struct{})})
}

func (s *Store) submit(ctx context.Context, w *write) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case s.queue <- w:
	case <-ctx.Done():
		return ctx.Err()
	case <-s.closing:
		return errClosed
	}
	select {
	case <-w.done:
		return w.err
	case <-ctx.Done():
		return fmt.Errorf("the commit is not over: %w", ctx.Err())
	}
}

// writeAll commits what arrives. While one commit runs, writers queue up; they make the next group. What was replaced, and what
// could not be overwritten at once, is overwritten when a second has passed.
func (s *Store) writeAll() {
	defer close(s.closed)
	tick := time.NewTicker(scrubRetry)
	defer tick.Stop()
	for {
		select {
		case w := <-s.queue:
			s.commit(s.group(w))
		case <-tick.C:
			if s.dirty {
				_, _ = s.scrub()
			}
		case <-s.closing:
			return
		}
	}
}

// scrub overwrites free pages, at most for one round. unfinished says that there are more.
func (s *Store) scrub() (unfinished bool, err error) {
	unfinished = true
	defer func() { s.dirty = unfinished; s.erasing.Store(unfinished) }()
	defer recoverTo(&err, s.db.Path())
	if err := s.settle(); err != nil {
		return unfinished, err
	}
	done, err := s.scrubber.round(s.db, s.readers)
	unfinished = !done
	return unfinished, err
}

// settle commits once more after a commit that failed. Its meta page may be in the file and not on the disk: the pages that are
// free by it are those that the disk would need after a crash. A commit that succeeds is on the disk, and what is free by that
// is free.
func (s *Store) settle() error {
	if !s.unsettled {
		return nil
	}
	if err := s.db.Update(func(*bbolt.Tx) error { return nil }); err != nil {
		return err
	}
	s.unsettled = false
	return nil
}

// group returns first and all writes that wait behind it.
func (s *Store) group(first *write) []*write {
	group := []*write{first}
	for len(group) < maxGroup {
		select {
		case w := <-s.queue:
			group = append(group, w)
		default:
			return group
		}
	}
	return group
}

func (s *Store) commit(group []*write) {
	err := s.commitTogether(group)
	if s.unsettled = err != nil; s.unsettled {
		s.scrubber.doubt()
	} else {
		s.scrubber.committed(s.db)
	}
	if err != nil && len(group) > 1 {
		for _, w := range group {
			s.commit([]*write{w})
		}
		return
	}
	s.dirty = true
	var last []*write // they wait for the scrub as well
	for _, w := range group {
		switch {
		case err != nil:
			w.err = err
			close(w.done)
		case w.erase || w.scrub:
			last = append(last, w)
		default:
			close(w.done)
		}
	}
	if len(last) == 0 {
		return
	}
	unfinished, err := s.scrub()
	for _, w := range last {
		w.unfinished = unfinished
		if w.scrub && w.err == nil {
			w.err = err
		}
		close(w.done)
	}
}

// commitTogether applies group in one transaction. An error means that none of it is known to be made.
func (s *Store) commitTogether(group []*write) (err error) {
	defer recoverTo(&err, s.db.Path())
	return s.db.Update(func(tx *bbolt.Tx) error {
		for _, w := range group {
			if w.err = w.ctx.Err(); w.err != nil {
				continue
			}
			if w.scrub {
				continue
			}
			if w.err = w.apply(tx); w.err != nil && !isAnswer(w.err) {
				return w.err
			}
		}
		return nil
	})
}

func isAnswer(err error) bool {
	var e *gateway.Error
	return errors.Is(err, gateway.ErrNotFound) || errors.Is(err, gateway.ErrConflict) || errors.As(err, &e)
}
