package gateway

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"
)

// keepEnds is how long the receipt of a gallery that ended is kept, where nothing else is said.
const keepEnds = 30 * 24 * time.Hour

// DeleteGallery ends a gallery: it and its memberships are forgotten, and with EraseMembers those who are in no other one. When
// that takes longer than the request has, it goes on behind it: the gallery is gone at once, the receipt comes later.
func (s *Service) DeleteGallery(ctx context.Context, name string) (GalleryEnd, error) {
	if err := checkIdentifier("gallery", name); err != nil {
		return GalleryEnd{}, err
	}
	release, err := s.galleries.changing(ctx, name)
	if err != nil {
		return GalleryEnd{}, err
	}
	defer release()
	info, err := s.galleries.info(name)
	if err != nil {
		return GalleryEnd{}, err
	}
	return s.end(ctx, info.Gallery, EndDeleted)
}

// expireNow makes a gallery one that has expired, in the store first: what was begun is brought to its end after a restart too.
func (s *Service) expireNow(ctx context.Context, g Gallery) error {
	g.ExpiresAt = s.deps.Now().UTC()
	if _, err := s.deps.Galleries.PutGallery(ctx, g); err != nil {
		return stored(err, unknownGallery())
	}
	s.galleries.put(g)
	return nil
}

// Ended is the end of a gallery, while its receipt is kept.
func (s *Service) Ended(ctx context.Context, name string) (GalleryEnd, error) {
	if err := checkIdentifier("gallery", name); err != nil {
		return GalleryEnd{}, err
	}
	end, err := s.deps.Galleries.Ended(ctx, name)
	return end, stored(err, &Error{Kind: NotFound, Code: "receipt-unknown", Detail: "no gallery of this name has ended, or its receipt is not kept any more"})
}

// endExpired ends a gallery whose time is over, and nothing when there is none.
func (s *Service) endExpired(ctx context.Context, name string) error {
	release, err := s.galleries.changing(ctx, name)
	if err != nil {
		return err
	}
	defer release()
	if !slices.Contains(s.galleries.expired(), name) {
		return nil
	}
	_, err = s.end(ctx, Gallery{Name: name}, EndExpired)
	return err
}

// end puts the end of a gallery on record and brings it about. The caller keeps other changes of the gallery away.
func (s *Service) end(ctx context.Context, g Gallery, reason string) (GalleryEnd, error) {
	change, err := s.begin(ctx, AuditEvent{Action: "end-gallery", Gallery: g.Name, Reasons: []string{reason}})
	if err != nil { // it can be tried again
		return GalleryEnd{}, err
	}
	out, err := s.forgetGallery(ctx, g, reason)
	change.event.Count = out.Erased
	if out.Degraded = change.end(ctx, err, out.Degraded); slices.Contains(out.Degraded, "audit") {
		out.Receipt = "" // it can be fetched once the gateway writes its record again
	}
	if err != nil {
		return GalleryEnd{}, err
	}
	return out, nil
}

// forgetGallery forgets a gallery: its members first, so that it can be tried again, then the gallery with its receipt in one step.
func (s *Service) forgetGallery(ctx context.Context, g Gallery, reason string) (GalleryEnd, error) {
	if reason == EndDeleted && g.EraseMembers {
		if err := s.expireNow(ctx, g); err != nil {
			return GalleryEnd{}, err
		}
	}
	out, erase := s.galleries.leaving(g.Name, reason)
	for _, subject := range erase {
		switch d, err := s.forget(ctx, subject, "erase", nil); {
		case err == nil:
			out.Erased++
			out.Degraded = union(out.Degraded, d.Degraded)
		case AsError(err).Kind != NotFound: // who is gone already needs no erasing
			s.galleries.interrupted(out)
			return out, err
		}
	}
	out.EndedAt = s.deps.Now().UTC()
	receipt, err := s.deps.Issuer.GalleryReceipt(ctx, out)
	if out.Receipt = receipt; err != nil { // the end must not wait for a signature
		out.Degraded = union(out.Degraded, []string{"signer"})
	}
	until := out.EndedAt.Add(cmp.Or(s.deps.KeepEnds, keepEnds))
	if err := s.deps.Galleries.EndGallery(ctx, out, until); err != nil && !errors.Is(err, ErrNotFound) {
		s.galleries.interrupted(out)
		return out, stored(err, unknownGallery())
	}
	s.galleries.drop(g.Name)
	return out, nil
}

// leaving begins the end of a gallery, or goes on with one that was interrupted, and names those who are to be forgotten with it,
// sorted.
func (gs *galleries) leaving(name, reason string) (end GalleryEnd, erase []string) {
	gs.mu.RLock()
	defer gs.mu.RUnlock()
	g, ok := gs.byName[name]
	if !ok {
		return GalleryEnd{Gallery: name, Reason: reason}, nil
	}
	for subject := range g.members {
		if g.EraseMembers && !gs.elsewhere(name, subject) {
			erase = append(erase, subject)
		}
	}
	slices.Sort(erase)
	if g.ending != nil {
		return *g.ending, erase
	}
	return GalleryEnd{Gallery: name, Reason: reason, Members: len(g.members)}, erase
}

// interrupted keeps what an end has done so far, for the receipt of the one that goes on: as long as the process lasts.
func (gs *galleries) interrupted(end GalleryEnd) {
	gs.mu.Lock()
	defer gs.mu.Unlock()
	if g, ok := gs.byName[end.Gallery]; ok {
		g.ending = &end
	}
}

// elsewhere says whether subject is in a gallery besides name that has not expired.
func (gs *galleries) elsewhere(name, subject string) bool {
	for other, g := range gs.byName {
		if _, in := g.members[subject]; in && other != name && other != everyone && !g.expired(gs.now()) {
			return true
		}
	}
	return false
}
