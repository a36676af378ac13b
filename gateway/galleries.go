package gateway

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
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
	doubts  map[string]time.Time // subjects of whom memory may not show what is held, and until when that may change
	changes [64]sync.Mutex       // by gallery: a change of the store and of memory is one step
}

type gallery struct {
	Gallery
	members  map[string]uint64                        // subject -> version of the references in the indexes, 0: none yet
	indexes  map[matcher.Modality]matcher.Index       // never changed after the gallery was made
	outdated map[matcher.Modality]map[string]struct{} // members who may not be found: they have a reference of another model alone
	version  uint64
}

func newGalleries(engines map[matcher.Modality]model, now func() time.Time) *galleries {
	return &galleries{engines: engines, now: now, byName: map[string]*gallery{}, doubts: map[string]time.Time{}}
}

func (gs *galleries) live(name string) (*gallery, bool) {
	g, ok := gs.byName[name]
	return g, ok && !g.expired(gs.now())
}

func (g *gallery) expired(now time.Time) bool {
	return !g.ExpiresAt.IsZero() && !now.Before(g.ExpiresAt)
}

// changing keeps other changes of a gallery away until the returned function is called.
func (gs *galleries) changing(name string) func() {
	h := fnv.New32a()
	h.Write([]byte(name))
	m := &gs.changes[h.Sum32()%uint32(len(gs.changes))]
	m.Lock()
	return m.Unlock
}

// doubtFor is longer than a change whose answer was lost can still take to be made.
const doubtFor = 10 * time.Minute

// doubt has a subject looked up again and again until doubtFor has passed.
func (gs *galleries) doubt(subject string) {
	gs.mu.Lock()
	defer gs.mu.Unlock()
	gs.doubts[subject] = gs.now().Add(doubtFor)
}

// settle ends a doubt that is old enough.
func (gs *galleries) settle(subject string) {
	gs.mu.Lock()
	defer gs.mu.Unlock()
	if !gs.now().Before(gs.doubts[subject]) {
		delete(gs.doubts, subject)
	}
}

func (gs *galleries) unsure() []string {
	gs.mu.RLock()
	defer gs.mu.RUnlock()
	return slices.Collect(maps.Keys(gs.doubts))
}

// outdated are the modalities of which a gallery has members with references that cannot be searched, being of another model,
// sorted.
func (gs *galleries) outdated(name string) (out []matcher.Modality) {
	gs.mu.RLock()
	defer gs.mu.RUnlock()
	g, ok := gs.live(name)
	if !ok {
		return nil
	}
	for modality, members := range g.outdated {
		if len(members) > 0 {
			out = append(out, modality)
		}
	}
	slices.Sort(out)
	return out
}

// outdatedMembers counts the members of all galleries who may not be found, by modality; of those who are in several, once.
func (gs *galleries) outdatedMembers() map[matcher.Modality]int {
	gs.mu.RLock()
	defer gs.mu.RUnlock()
	subjects := map[matcher.Modality]map[string]struct{}{}
	for modality := range gs.engines {
		subjects[modality] = map[string]struct{}{}
	}
	for _, g := range gs.byName {
		for modality, members := range g.outdated {
			maps.Copy(subjects[modality], members)
		}
	}
	out := map[matcher.Modality]int{}
	for modality, members := range subjects {
		if len(members) > 0 {
			out[modality] = len(members)
		}
	}
	return out
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
	g := &gallery{Gallery: meta, members: map[string]uint64{}, indexes: map[matcher.Modality]matcher.Index{}, outdated: map[matcher.Modality]map[string]struct{}{}}
	for modality, m := range gs.engines {
		g.indexes[modality], g.outdated[modality] = m.NewIndex(), map[string]struct{}{}
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

func (gs *galleries) leave(name string, subjects ...string) {
	gs.mu.Lock()
	defer gs.mu.Unlock()
	if g, ok := gs.byName[name]; ok {
		for _, subject := range subjects {
			g.remove(subject)
		}
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
	for modality, index := range g.indexes {
		index.Remove(subject)
		delete(g.outdated[modality], subject)
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
	slices.Sort(out)
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
			delete(g.outdated[modality], refs.Subject)
			if isOutdated(gs.engines[modality], refs) {
				g.outdated[modality][refs.Subject] = struct{}{}
			}
			if len(prepared[modality]) == 0 {
				index.Remove(refs.Subject)
				continue
			}
			if err := index.Set(matcher.Member{Subject: refs.Subject, References: prepared[modality]}); err != nil {
				return err
			}
		}
		g.members[refs.Subject] = refs.Version
		g.version++
	}
	return nil
}

// isOutdated says whether refs has a reference of m's modality that is of another model, and none of m's in its place.
func isOutdated(m model, refs References) bool {
	return slices.ContainsFunc(refs.Templates, func(old StoredTemplate) bool {
		return old.Modality == m.Modality() && old.Model != m.Model() && !slices.ContainsFunc(refs.Templates, func(t StoredTemplate) bool {
			return t.Modality == old.Modality && t.Model == m.Model() && t.Position.Comparable(old.Position)
		})
	})
}

func (g *gallery) info() GalleryInfo {
	out := GalleryInfo{Gallery: g.Gallery, Members: len(g.members), Searchable: map[matcher.Modality]int{}, Version: g.version}
	for modality, index := range g.indexes {
		out.Searchable[modality] = index.Len()
	}
	return out
}

// follow is told of every change of a subject, in order (Registry.Follow).
func (s *Service) follow(refs References) {
	if len(refs.Templates) == 0 {
		s.galleries.forget(refs.Subject)
		return
	}
	if s.deps.Deduplicate {
		s.galleries.join(everyone, refs.Subject)
	}
	if s.galleries.isMember(refs.Subject) && s.galleries.index(refs, s.prepare(refs)) != nil {
		s.galleries.doubt(refs.Subject)
	}
}

// doubt: a change of the subject ended without an answer, so memory may not show what is held.
func (s *Service) doubt(subject string) {
	if s.deps.Deduplicate || s.galleries.isMember(subject) {
		s.galleries.doubt(subject)
	}
}

// refresh brings what the registry holds about a subject into the galleries that it is in. While that fails the subject
// is in doubt.
func (s *Service) refresh(ctx context.Context, subject string) error {
	defer s.deps.Registry.Hold(subject)()
	refs, _, err := s.deps.Registry.Get(ctx, subject)
	switch {
	case errors.Is(err, ErrNotFound):
		s.galleries.forget(subject)
		return err
	case isDamage(err): // asking again does not mend it
		return err
	case err != nil:
		s.galleries.doubt(subject)
		return err
	}
	s.follow(refs)
	return nil
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
	for modality, m := range s.engines {
		prepared := map[string]matcher.Reference{}
		for _, t := range inUse(m, refs, prepared) {
			if t.Modality != modality || t.Model != m.Model() {
				continue
			}
			if ref, err := reference(m, t, prepared); err == nil {
				out[modality] = append(out[modality], ref)
			}
		}
	}
	return out
}

// Outdated counts those whom neither a search nor deduplication may find, by modality: members of galleries, and with
// deduplication all subjects, with references of another model than the one in force.
func (s *Service) Outdated() map[matcher.Modality]int { return s.galleries.outdatedMembers() }

// load fills the galleries from the record at start.
func (s *Service) load(ctx context.Context) error {
	members := map[string]struct{}{}
	err := s.deps.Galleries.EachGallery(ctx, func(g Gallery, subjects []string) error {
		s.galleries.put(g)
		s.galleries.join(g.Name, subjects...)
		for _, subject := range subjects {
			members[subject] = struct{}{}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("galleries cannot be loaded: %w", err)
	}
	for subject := range members {
		if err := s.loadMember(ctx, subject); err != nil {
			return fmt.Errorf("galleries cannot be loaded: %w", err)
		}
	}
	if !s.deps.Deduplicate {
		return nil
	}
	s.galleries.put(Gallery{Name: everyone})
	err = s.deps.Lister.Each(ctx, func(r References) error {
		if len(r.Templates) > 0 {
			s.follow(r)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("subjects cannot be loaded for deduplication: %w", err)
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

// PutGallery makes a gallery, or changes the purpose and expiry of one.
func (s *Service) PutGallery(ctx context.Context, g Gallery) (GalleryInfo, bool, error) {
	if err := checkIdentifier("gallery", g.Name); err != nil {
		return GalleryInfo{}, false, err
	}
	g.CreatedAt = s.deps.Now().UTC()
	if !g.ExpiresAt.IsZero() && !g.ExpiresAt.After(g.CreatedAt) {
		return GalleryInfo{}, false, &Error{Kind: Malformed, Code: "expiry-invalid", Detail: "expires_at lies in the past"}
	}
	// One that has expired does not give its members to its successor.
	if err := s.deleteExpired(ctx, g.Name); err != nil {
		return GalleryInfo{}, false, err
	}
	defer s.galleries.changing(g.Name)()
	created, err := s.deps.Galleries.PutGallery(ctx, g)
	if err != nil {
		return GalleryInfo{}, false, stored(err, unknownGallery())
	}
	s.galleries.put(g)
	info, err := s.galleries.info(g.Name)
	return info, created, err
}

// Gallery describes a gallery.
func (s *Service) Gallery(_ context.Context, name string) (GalleryInfo, error) {
	if err := checkIdentifier("gallery", name); err != nil {
		return GalleryInfo{}, err
	}
	return s.galleries.info(name)
}

// DeleteGallery forgets a gallery and its memberships. Its subjects stay enrolled.
func (s *Service) DeleteGallery(ctx context.Context, name string) error {
	if err := checkIdentifier("gallery", name); err != nil {
		return err
	}
	defer s.galleries.changing(name)()
	if _, err := s.galleries.info(name); err != nil {
		return err
	}
	return s.drop(ctx, name)
}

func (s *Service) deleteExpired(ctx context.Context, name string) error {
	defer s.galleries.changing(name)()
	if !slices.Contains(s.galleries.expired(), name) {
		return nil
	}
	return s.drop(ctx, name)
}

// drop forgets a gallery in the store, then in memory.
func (s *Service) drop(ctx context.Context, name string) error {
	if err := s.deps.Galleries.DeleteGallery(ctx, name); err != nil && !errors.Is(err, ErrNotFound) {
		return stored(err, unknownGallery())
	}
	s.galleries.drop(name)
	return nil
}

// AddMembers adds subjects to a gallery: all that are enrolled, or, with an error, none. Each gets its own result.
func (s *Service) AddMembers(ctx context.Context, name string, subjects []string) ([]MemberResult, error) {
	if err := checkIdentifier("gallery", name); err != nil {
		return nil, err
	}
	defer s.galleries.changing(name)()
	if _, err := s.galleries.info(name); err != nil {
		return nil, err
	}
	out := make([]MemberResult, len(subjects))
	var enrolled, added []string // to memory first, where it is undone at no risk
	for i, subject := range subjects {
		out[i].Subject = subject
		was := s.galleries.has(name, subject)
		err := s.addMember(ctx, name, subject)
		switch {
		case err == nil:
			enrolled = append(enrolled, subject)
			if !was {
				added = append(added, subject)
			}
		case AsError(err).Kind == Unavailable:
			s.galleries.leave(name, added...)
			return nil, err
		default:
			out[i].Err = AsError(err)
		}
	}
	if err := s.deps.Galleries.AddMembers(ctx, name, enrolled); err != nil {
		s.galleries.leave(name, added...)
		return nil, stored(err, unknownGallery())
	}
	return out, s.dropForgotten(ctx, name, added)
}

// addMember brings a subject's references into a gallery in memory.
func (s *Service) addMember(ctx context.Context, name, subject string) error {
	if err := checkIdentifier("subject", subject); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return unavailable("deadline-exceeded", "the list is too long for the time that the request has", err)
	}
	defer s.deps.Registry.Hold(subject)()
	refs, _, err := s.deps.Registry.Get(ctx, subject)
	if err != nil {
		return stored(err, unknownSubject())
	}
	s.galleries.join(name, subject)
	s.follow(refs)
	return nil
}

// dropForgotten undoes memberships whose subjects were forgotten between memory and store.
func (s *Service) dropForgotten(ctx context.Context, name string, added []string) error {
	for _, subject := range added {
		if s.galleries.has(name, subject) {
			continue
		}
		if err := s.deps.Galleries.RemoveMember(ctx, name, subject); err != nil && !errors.Is(err, ErrNotFound) {
			return stored(err, unknownGallery())
		}
	}
	return nil
}

// RemoveMember takes a subject out of a gallery; it is nil when it was not in.
func (s *Service) RemoveMember(ctx context.Context, name, subject string) error {
	if err := errors.Join(checkIdentifier("gallery", name), checkIdentifier("subject", subject)); err != nil {
		return err
	}
	defer s.galleries.changing(name)()
	if _, err := s.galleries.info(name); err != nil {
		return err
	}
	if err := s.deps.Galleries.RemoveMember(ctx, name, subject); err != nil {
		return stored(err, unknownGallery())
	}
	s.galleries.leave(name, subject)
	return nil
}
