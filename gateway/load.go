package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"biogate/matcher"
)

// loadBatch is how many subjects a worker takes at a time; with loadAhead batches waiting it bounds what loading holds
// beside the galleries: some MB.
const (
	loadBatch = 256
	loadAhead = 4
)

// load fills the galleries from the record at start: every subject is read once, in order of the record's keys, and opened and
// prepared on all workers.
func (s *Service) load(ctx context.Context) error {
	places, err := s.loadMemberships(ctx)
	if err != nil {
		return fmt.Errorf("galleries cannot be loaded: %w", err)
	}
	list := func(f func(References) error) error { return s.deps.Lister.Some(ctx, places.subjects(), f) }
	if s.deps.Deduplicate {
		s.galleries.put(Gallery{Name: everyone})
		list = func(f func(References) error) error { return s.deps.Lister.Each(ctx, f) }
	}
	if err := s.loadReferences(list, places); err != nil {
		return fmt.Errorf("galleries cannot be loaded: %w", err)
	}
	if err := s.loadRest(ctx, places); err != nil {
		return fmt.Errorf("galleries cannot be loaded: %w", err)
	}
	return nil
}

// place is a subject in one gallery.
type place struct {
	Membership
	gallery *gallery
}

// places are ordered by subject.
type places []place

// loadMemberships makes the galleries, without members, and says who they are.
func (s *Service) loadMemberships(ctx context.Context) (all places, err error) {
	err = s.deps.Galleries.EachGallery(ctx, func(meta Gallery, members []Membership) error {
		s.galleries.put(meta)
		g := s.galleries.byName[meta.Name]
		g.members = make(map[string]member, len(members))
		all = slices.Grow(all, len(members))
		for _, m := range members {
			all = append(all, place{m, g})
		}
		return nil
	})
	slices.SortFunc(all, func(a, b place) int { return strings.Compare(a.Subject, b.Subject) })
	return all, err
}

// subjects are those who are in some gallery, ascending.
func (p places) subjects() []string {
	out := make([]string, 0, len(p))
	for _, at := range p {
		if len(out) == 0 || out[len(out)-1] != at.Subject {
			out = append(out, at.Subject)
		}
	}
	return out
}

// of are the places of a subject.
func (p places) of(subject string) places {
	first, found := slices.BinarySearchFunc(p, subject, func(at place, subject string) int { return strings.Compare(at.Subject, subject) })
	if !found {
		return nil
	}
	n := 1
	for first+n < len(p) && p[first+n].Subject == subject {
		n++
	}
	return p[first : first+n]
}

// loadReferences has what list shows prepared and indexed on every worker.
func (s *Service) loadReferences(list func(f func(References) error) error, members places) error {
	batches := make(chan []References, loadAhead)
	failed := make(chan error, 1) // the first failure
	var workers sync.WaitGroup
	for range cap(s.workers) {
		workers.Go(func() {
			for batch := range batches {
				if err := s.loadBatch(batch, members); err != nil {
					select {
					case failed <- err:
					default:
					}
				}
			}
		})
	}
	var batch []References
	err := list(func(r References) error {
		if len(r.Templates) == 0 { // nothing enrolled, or damaged: loadRest sees to it
			return nil
		}
		if batch = append(batch, r); len(batch) < loadBatch {
			return nil
		}
		batches <- batch
		batch = nil
		return nil
	})
	batches <- batch
	close(batches)
	workers.Wait()
	select {
	case own := <-failed:
		return errors.Join(err, own)
	default:
		return err
	}
}

// loadBatch brings subjects into the galleries that they are in. No gallery is served yet.
func (s *Service) loadBatch(batch []References, members places) error {
	batch = s.opened(batch)
	prepared := make([]map[matcher.Modality][]matcher.Reference, len(batch))
	at := make([]places, len(batch))
	for i, refs := range batch {
		if at[i] = members.of(refs.Subject); len(at[i]) > 0 || s.deps.Deduplicate {
			prepared[i] = s.prepare(refs)
		}
	}
	return s.galleries.fill(batch, prepared, at)
}

// opened is what rests in the record as it can be used, in the room of batch. What cannot be opened is left out: loadRest sees to it.
func (s *Service) opened(batch []References) []References {
	if s.deps.Open == nil {
		return batch
	}
	out := batch[:0]
	for _, refs := range batch {
		if refs = s.deps.Open(refs); len(refs.Templates) > 0 {
			out = append(out, refs)
		}
	}
	return out
}

// fill indexes a batch under one lock.
func (gs *galleries) fill(batch []References, prepared []map[matcher.Modality][]matcher.Reference, at []places) error {
	gs.mu.Lock()
	defer gs.mu.Unlock()
	all := gs.byName[everyone]
	for i, refs := range batch {
		for _, p := range at[i] {
			refs.Subject = p.Subject // one copy of the name
			if err := gs.update(p.gallery, refs, p.Group, prepared[i]); err != nil {
				return err
			}
		}
		if all == nil {
			continue
		}
		if err := gs.update(all, refs, "", prepared[i]); err != nil {
			return err
		}
	}
	return nil
}

// loadRest asks for the members of whom nothing came.
func (s *Service) loadRest(ctx context.Context, members places) error {
	for i, p := range members {
		if _, in := p.gallery.members[p.Subject]; in {
			continue
		}
		s.galleries.join(p.gallery.Name, p.Membership)
		if i+1 < len(members) && members[i+1].Subject == p.Subject { // first into all its galleries
			continue
		}
		if err := s.loadMember(ctx, p.Subject); err != nil {
			return err
		}
	}
	return nil
}

// loadMember: one damaged member is not searched, and named when it is verified; it does not keep the others from a start.
// A membership that outlived its subject goes for good, before somebody else is enrolled under the id.
func (s *Service) loadMember(ctx context.Context, subject string) error {
	err := s.refresh(ctx, subject)
	switch {
	case errors.Is(err, ErrNotFound):
		return s.deps.Galleries.ForgetMember(ctx, subject)
	case isDamage(err):
		return nil
	}
	return err
}
