package gateway

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"sync"
	"time"

	"biogate/matcher"
)

// everyone is the gallery of all subjects, kept when deduplicating. No identifier can name it.
const everyone = "*"

// galleries holds every gallery in memory, ready to be searched. What it holds is a hint: whoever it proposes is compared
// again with the registry's references before anything is decided.
type galleries struct {
	engines map[matcher.Modality]model
	now     func() time.Time
	mu      sync.RWMutex // guards the maps and versions; indexes guard themselves
	byName  map[string]*gallery
}

type gallery struct {
	Gallery
	members map[string]uint64                  // subject -> version of the references in the indexes, 0: none yet
	indexes map[matcher.Modality]matcher.Index // never changed after the gallery was made
	version uint64
}

func newGalleries(engines map[matcher.Modality]model, now func() time.Time) *galleries {
	return &galleries{engines: engines, now: now, byName: map[string]*gallery{}}
}

func (gs *galleries) live(name string) (*gallery, bool) {
	g, ok := gs.byName[name]
	return g, ok && !g.expired(gs.now())
}

func (g *gallery) expired(now time.Time) bool {
	return !g.ExpiresAt.IsZero() && !now.Before(g.ExpiresAt)
}

// searchable returns the indexes of a gallery, which may be searched without the lock, and its number of members.
func (gs *galleries) searchable(name string) (indexes map[matcher.Modality]matcher.Index, members int, err error) {
	gs.mu.RLock()
	defer gs.mu.RUnlock()
	g, ok := gs.live(name)
	if !ok {
		return nil, 0, unknownGallery()
	}
	return g.indexes, len(g.members), nil
}

func (gs *galleries) info(name string) (GalleryInfo, error) {
	gs.mu.RLock()
	defer gs.mu.RUnlock()
	g, ok := gs.live(name)
	if !ok {
		return GalleryInfo{}, unknownGallery()
	}
	return g.info(), nil
}

func (gs *galleries) has(name, subject string) bool {
	gs.mu.RLock()
	defer gs.mu.RUnlock()
	g, ok := gs.live(name)
	if !ok {
		return false
	}
	_, in := g.members[subject]
	return in
}

func (gs *galleries) put(meta Gallery) {
	gs.mu.Lock()
	defer gs.mu.Unlock()
	if g, ok := gs.live(meta.Name); ok {
		g.Purpose, g.ExpiresAt = meta.Purpose, meta.ExpiresAt
		g.version++
		return
	}
	g := &gallery{Gallery: meta, members: map[string]uint64{}, indexes: map[matcher.Modality]matcher.Index{}}
	for modality, m := range gs.engines {
		g.indexes[modality] = m.NewIndex()
	}
	gs.byName[meta.Name] = g
}

func (gs *galleries) drop(name string) {
	gs.mu.Lock()
	defer gs.mu.Unlock()
	delete(gs.byName, name)
}

func (gs *galleries) expired() []string {
	gs.mu.RLock()
	defer gs.mu.RUnlock()
	var out []string
	for name, g := range gs.byName {
		if g.expired(gs.now()) {
			out = append(out, name)
		}
	}
	return out
}

// join makes subjects members without references; refresh brings those.
func (gs *galleries) join(name string, subjects ...string) {
	gs.mu.Lock()
	defer gs.mu.Unlock()
	g, ok := gs.byName[name]
	if !ok {
		return
	}
	for _, subject := range subjects {
		if _, in := g.members[subject]; !in {
			g.members[subject] = 0
			g.version++
		}
	}
}

func (gs *galleries) leave(name, subject string) {
	gs.mu.Lock()
	defer gs.mu.Unlock()
	if g, ok := gs.byName[name]; ok {
		g.remove(subject)
	}
}

// forget removes a subject from every gallery.
func (gs *galleries) forget(subject string) {
	gs.mu.Lock()
	defer gs.mu.Unlock()
	for _, g := range gs.byName {
		g.remove(subject)
	}
}

func (g *gallery) remove(subject string) {
	if _, in := g.members[subject]; !in {
		return
	}
	for _, index := range g.indexes {
		index.Remove(subject)
	}
	delete(g.members, subject)
	g.version++
}

// of names the galleries that a subject is in, sorted.
func (gs *galleries) of(subject string) []string {
	gs.mu.RLock()
	defer gs.mu.RUnlock()
	out := []string{}
	for name, g := range gs.byName {
		if _, in := g.members[subject]; in && name != everyone && !g.expired(gs.now()) {
			out = append(out, name)
		}
	}
	sort.Strings(out)
	return out
}

// index brings the references of a subject into the galleries it is in, unless they have newer ones.
func (gs *galleries) index(refs References, prepared map[matcher.Modality][]matcher.Reference) error {
	gs.mu.Lock()
	defer gs.mu.Unlock()
	for _, g := range gs.byName {
		version, in := g.members[refs.Subject]
		if !in || version >= refs.Version {
			continue
		}
		for modality, index := range g.indexes {
			if len(prepared[modality]) == 0 {
				index.Remove(refs.Subject)
				continue
			}
			if err := index.Set(refs.Subject, prepared[modality]); err != nil {
				return err
			}
		}
		g.members[refs.Subject] = refs.Version
		g.version++
	}
	return nil
}

func (g *gallery) info() GalleryInfo {
	out := GalleryInfo{Gallery: g.Gallery, Members: len(g.members), Searchable: map[matcher.Modality]int{}, Version: g.version}
	for modality, index := range g.indexes {
		out.Searchable[modality] = index.Len()
	}
	return out
}

// refresh brings what the registry holds about a subject into every gallery that it is in. A failure leaves the galleries
// as they were; the next change or start mends them.
func (s *Service) refresh(ctx context.Context, subject string) error {
	if !s.galleries.isMember(subject) {
		return nil
	}
	defer s.deps.Registry.Hold(subject)()
	refs, _, err := s.deps.Registry.Get(ctx, subject)
	if errors.Is(err, ErrNotFound) {
		s.galleries.forget(subject)
		return err
	}
	if err != nil {
		return err
	}
	return s.galleries.index(refs, s.prepare(refs))
}

// isDamage: the store answered, and what it holds cannot be read.
func isDamage(err error) bool {
	var known *Error
	return errors.As(err, &known) && known.Kind == Internal
}

func (gs *galleries) isMember(subject string) bool {
	gs.mu.RLock()
	defer gs.mu.RUnlock()
	for _, g := range gs.byName {
		if _, in := g.members[subject]; in {
			return true
		}
	}
	return false
}

// prepare unpacks the references that this gateway's engines can compare. One that cannot be read is left out here and
// named when the subject itself is verified.
func (s *Service) prepare(refs References) map[matcher.Modality][]matcher.Reference {
	out := map[matcher.Modality][]matcher.Reference{}
	for _, t := range refs.Templates {
		m, ok := s.engines[t.Modality]
		if !ok || t.Model != m.Model() {
			continue
		}
		ref, err := reference(m, t, map[string]matcher.Reference{})
		if err == nil {
			out[t.Modality] = append(out[t.Modality], ref)
		}
	}
	return out
}

// load fills the galleries from the record at start.
func (s *Service) load(ctx context.Context) error {
	var members []string
	err := s.deps.Galleries.EachGallery(ctx, func(g Gallery, subjects []string) error {
		s.galleries.put(g)
		s.galleries.join(g.Name, subjects...)
		members = append(members, subjects...)
		return nil
	})
	if err != nil {
		return fmt.Errorf("galleries cannot be loaded: %w", err)
	}
	for _, subject := range members {
		// One damaged member is not searched, and named when it is verified; it does not keep the others from a start.
		err := s.refresh(ctx, subject)
		if err != nil && !errors.Is(err, ErrNotFound) && !isDamage(err) {
			return fmt.Errorf("galleries cannot be loaded: %w", err)
		}
	}
	if !s.deps.Deduplicate {
		return nil
	}
	s.galleries.put(Gallery{Name: everyone})
	err = s.deps.Lister.Each(ctx, func(r References) error {
		s.galleries.join(everyone, r.Subject)
		return s.galleries.index(r, s.prepare(r))
	})
	if err != nil {
		return fmt.Errorf("subjects cannot be loaded for deduplication: %w", err)
	}
	return nil
}

// PutGallery makes a gallery, or changes the purpose and expiry of one.
func (s *Service) PutGallery(ctx context.Context, g Gallery) (GalleryInfo, bool, error) {
	if err := checkIdentifier("gallery", g.Name); err != nil {
		return GalleryInfo{}, false, err
	}
	g.CreatedAt = s.deps.Now().UTC()
	if !g.ExpiresAt.IsZero() && !g.ExpiresAt.After(g.CreatedAt) {
		return GalleryInfo{}, false, &Error{Kind: Malformed, Code: "expiry-invalid", Detail: "expires_at lies in the past"}
	}
	if err := s.replaceExpired(ctx, g.Name); err != nil {
		return GalleryInfo{}, false, err
	}
	created, err := s.deps.Galleries.PutGallery(ctx, g)
	if err != nil {
		return GalleryInfo{}, false, stored(err, unknownGallery())
	}
	s.galleries.put(g)
	info, err := s.Gallery(ctx, g.Name)
	return info, created, err
}

// replaceExpired deletes a gallery that has expired, so that making it anew does not bring its members back.
func (s *Service) replaceExpired(ctx context.Context, name string) error {
	for _, expired := range s.galleries.expired() {
		if expired == name {
			return s.DeleteGallery(ctx, name)
		}
	}
	return nil
}

// Gallery describes a gallery.
func (s *Service) Gallery(_ context.Context, name string) (GalleryInfo, error) {
	return s.galleries.info(name)
}

// DeleteGallery forgets a gallery and its memberships. Its subjects stay enrolled.
func (s *Service) DeleteGallery(ctx context.Context, name string) error {
	if err := checkIdentifier("gallery", name); err != nil {
		return err
	}
	if err := s.deps.Galleries.DeleteGallery(ctx, name); err != nil {
		return stored(err, unknownGallery())
	}
	s.galleries.drop(name)
	return nil
}

// AddMembers adds subjects to a gallery. Each gets its own result: one that is not enrolled does not keep the others out.
func (s *Service) AddMembers(ctx context.Context, name string, subjects []string) ([]MemberResult, error) {
	if _, err := s.Gallery(ctx, name); err != nil {
		return nil, err
	}
	out := make([]MemberResult, len(subjects))
	var enrolled []string
	for i, subject := range subjects {
		out[i].Subject = subject
		if err := s.enrolled(ctx, subject); err != nil {
			if out[i].Err = AsError(err); out[i].Err.Kind == Unavailable {
				return nil, err
			}
			continue
		}
		enrolled = append(enrolled, subject)
	}
	if err := s.deps.Galleries.AddMembers(ctx, name, enrolled); err != nil {
		return nil, stored(err, unknownGallery())
	}
	s.galleries.join(name, enrolled...)
	for _, subject := range enrolled {
		if err := s.refresh(ctx, subject); errors.Is(err, ErrNotFound) { // forgotten a moment ago
			_ = s.deps.Galleries.RemoveMember(ctx, name, subject)
		} else if err != nil {
			return nil, stored(err, nil)
		}
	}
	return out, nil
}

func (s *Service) enrolled(ctx context.Context, subject string) error {
	if err := checkIdentifier("subject", subject); err != nil {
		return err
	}
	_, _, err := s.deps.Registry.Get(ctx, subject)
	return stored(err, unknownSubject())
}

// RemoveMember takes a subject out of a gallery; it is nil when it was not in.
func (s *Service) RemoveMember(ctx context.Context, name, subject string) error {
	if _, err := s.Gallery(ctx, name); err != nil {
		return err
	}
	if err := checkIdentifier("subject", subject); err != nil {
		return err
	}
	if err := s.deps.Galleries.RemoveMember(ctx, name, subject); err != nil {
		return stored(err, unknownGallery())
	}
	s.galleries.leave(name, subject)
	return nil
}
