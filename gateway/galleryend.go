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
	defer s.galleries.changing(name)()
	info, err := s.galleries.info(name)
	if err != nil {
		return GalleryEnd{}, err
	}
	if info.EraseMembers {
		if err := s.expireNow(ctx, info.Gallery); err != nil {
			return GalleryEnd{}, err
		}
	}
	return s.end(ctx, name, EndDeleted)
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
	defer s.galleries.changing(name)()
	if !slices.Contains(s.galleries.expired(), name) {
		return nil
	}
	_, err := s.end(ctx, name, EndExpired)
	return err
}

// end ends a gallery: its members first, so that it can be tried again, then the gallery with its receipt in one step. The
// caller keeps other changes of the gallery away.
func (s *Service) end(ctx context.Context, name, reason string) (GalleryEnd, error) {
	change, err := s.begin(ctx, AuditEvent{Action: "end-gallery", Gallery: name, Reasons: []string{reason}})
	if err != nil { // it can be tried again
		return GalleryEnd{}, err
	}
	members, erase := s.galleries.leaving(name)
	out := GalleryEnd{Gallery: name, Reason: reason, Members: members}
	for _, subject := range erase {
		switch d, err := s.forget(ctx, subject, "erase", nil); {
		case err == nil:
			out.Erased++
			out.Degraded = union(out.Degraded, d.Degraded)
		case AsError(err).Kind != NotFound: // who is gone already needs no erasing
			return GalleryEnd{}, err
		}
	}
	out.EndedAt = s.deps.Now().UTC()
	receipt, err := s.deps.Issuer.GalleryReceipt(ctx, out)
	if out.Receipt = receipt; err != nil { // the end must not wait for a signature
		out.Degraded = union(out.Degraded, []string{"signer"})
	}
	until := out.EndedAt.Add(cmp.Or(s.deps.KeepEnds, keepEnds))
	if err := s.deps.Galleries.EndGallery(ctx, out, until); err != nil && !errors.Is(err, ErrNotFound) {
		return GalleryEnd{}, stored(err, unknownGallery())
	}
	s.galleries.drop(name)
	change.event.Count = out.Erased
	if out.Degraded = change.end(ctx, nil, out.Degraded); slices.Contains(out.Degraded, "audit") {
		out.Receipt = "" // it can be fetched once the gateway writes its record again
	}
	return out, nil
}

// leaving counts the members of a gallery, and names those who are to be forgotten when it ends, sorted.
func (gs *galleries) leaving(name string) (members int, erase []string) {
	gs.mu.RLock()
	defer gs.mu.RUnlock()
	g, ok := gs.byName[name]
	if !ok {
		return 0, nil
	}
	for subject := range g.members {
		if g.EraseMembers && !gs.elsewhere(name, subject) {
			erase = append(erase, subject)
		}
	}
	slices.Sort(erase)
	return len(g.members), erase
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
