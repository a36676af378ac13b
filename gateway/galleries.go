package gateway

import (
	"context"
	"errors"
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
	order   []matcher.Modality // of the engines, by name
	now     func() time.Time
	mu      sync.RWMutex // guards the maps and versions; indexes guard themselves
	byName  map[string]*gallery
	doubts  map[string]time.Time // subjects of whom memory may not show what is held, and until when that may change
	changes turns                // of galleries
}

func newGalleries(engines map[matcher.Modality]model, now func() time.Time) *galleries {
	return &galleries{
		engines: engines, order: slices.Sorted(maps.Keys(engines)), now: now,
		byName: map[string]*gallery{}, doubts: map[string]time.Time{}, changes: turns{held: map[string]*turn{}},
	}
}

func (gs *galleries) live(name string) (*gallery, bool) {
	g, ok := gs.byName[name]
	return g, ok && !g.expired(gs.now())
}

func (g *gallery) expired(now time.Time) bool {
	return !g.ExpiresAt.IsZero() && !now.Before(g.ExpiresAt)
}

// changing keeps other changes of a gallery away until the returned function is called.
func (gs *galleries) changing(ctx context.Context, name string) (release func(), err error) {
	if release, err = gs.changes.take(ctx, name); err != nil {
		return nil, unavailable("deadline-exceeded", "another change of the gallery takes longer than the request has", err)
	}
	return release, nil
}

// doubtFor is longer than a change whose answer was lost can still take to be made.
const doubtFor = 10 * time.Minute

// doubt has a subject looked up again and again until doubtFor has passed.
func (gs *galleries) doubt(subject string) {
	gs.mu.Lock()
	defer gs.mu.Unlock()
	gs.doubts[subject] = gs.now().Add(doubtFor)
}

// recheck has a subject looked up until that succeeds once: nothing was changed, memory alone is behind.
func (gs *galleries) recheck(subject string) {
	gs.mu.Lock()
	defer gs.mu.Unlock()
	if now := gs.now(); gs.doubts[subject].Before(now) {
		gs.doubts[subject] = now
	}
}

// settle ends the doubt about a subject who was looked up, if it is old enough and was not renewed since.
func (gs *galleries) settle(subject string, until time.Time) {
	gs.mu.Lock()
	defer gs.mu.Unlock()
	if gs.doubts[subject].Equal(until) && !gs.now().Before(until) {
		delete(gs.doubts, subject)
	}
}

func (gs *galleries) unsure() map[string]time.Time {
	gs.mu.RLock()
	defer gs.mu.RUnlock()
	return maps.Clone(gs.doubts)
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

// find returns a gallery whose indexes may be searched without the lock, how many members the search can find, and the
// gallery's version.
func (gs *galleries) find(name string, among matcher.Filter, asked modalities) (g *gallery, members int, version uint64, err error) {
	gs.mu.RLock()
	defer gs.mu.RUnlock()
	g, ok := gs.live(name)
	if !ok {
		return nil, 0, 0, unknownGallery()
	}
	return g, g.size(among, asked), g.version, nil
}

// changed is how many changes g has seen since a version: as many members at most have come.
func (gs *galleries) changed(g *gallery, since uint64) int {
	gs.mu.RLock()
	defer gs.mu.RUnlock()
	return int(g.version - since)
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

// membership is subject's place in a gallery.
func (gs *galleries) membership(name, subject string) (m Membership, in bool) {
	gs.mu.RLock()
	defer gs.mu.RUnlock()
	g, ok := gs.live(name)
	if !ok {
		return Membership{}, false
	}
	held, in := g.members[subject]
	if !in {
		return Membership{}, false
	}
	return Membership{Subject: subject, Group: held.group}, true
}

// admits says whether subject is a member of a gallery whom among lets a search find.
func (gs *galleries) admits(name, subject string, among matcher.Filter) bool {
	gs.mu.RLock()
	defer gs.mu.RUnlock()
	g, ok := gs.live(name)
	return ok && g.admits(subject, among)
}

func (gs *galleries) put(meta Gallery) {
	gs.mu.Lock()
	defer gs.mu.Unlock()
	if g, ok := gs.live(meta.Name); ok {
		g.Purpose, g.ExpiresAt, g.EraseMembers = meta.Purpose, meta.ExpiresAt, meta.EraseMembers
		g.version++
		return
	}
	g := &gallery{
		Gallery: meta, members: map[string]member{}, indexes: map[matcher.Modality]matcher.Index{},
		outdated: map[matcher.Modality]map[string]struct{}{}, sections: map[kind]*section{}, totals: map[modalities]int{},
	}
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

// join makes subjects members without references; refresh brings those. One who changes the group is a new member.
func (gs *galleries) join(name string, members ...Membership) {
	gs.mu.Lock()
	defer gs.mu.Unlock()
	g, ok := gs.byName[name]
	if !ok {
		return
	}
	for _, m := range members {
		switch held, in := g.members[m.Subject]; {
		case !in:
			g.place(m.Subject, 0, kind{group: m.Group})
		case held.group != m.Group:
			g.place(m.Subject, 0, kind{m.Group, held.held})
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
		m, in := g.members[refs.Subject]
		if !in || m.version >= refs.Version {
			continue
		}
		if err := gs.update(g, refs, m.group, prepared); err != nil {
			return err
		}
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

// follow is told of every change of a subject, in order (Registry.Follow).
func (s *Service) follow(refs References) {
	if len(refs.Templates) == 0 {
		s.galleries.forget(refs.Subject)
		return
	}
	if s.deps.Deduplicate {
		s.galleries.join(everyone, Membership{Subject: refs.Subject})
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
	refs, _, err := s.held(ctx, subject)
	switch {
	case errors.Is(err, ErrNotFound):
		s.galleries.forget(subject)
		return err
	case isDamage(err): // asking again does not mend it
		return err
	case err != nil:
		s.galleries.recheck(subject)
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
	if anyExpired(refs, s.deps.Now()) {
		refs = current(refs, s.deps.Now())
	}
	out := map[matcher.Modality][]matcher.Reference{}
	for modality, m := range s.engines {
		var prepared map[string]matcher.Reference
		if len(refs.Derived) > 0 { // which are asked for twice
			prepared = map[string]matcher.Reference{}
		}
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

// PutGallery makes a gallery, or changes the purpose and expiry of one.
func (s *Service) PutGallery(ctx context.Context, g Gallery) (GalleryInfo, bool, error) {
	if err := checkIdentifier("gallery", g.Name); err != nil {
		return GalleryInfo{}, false, err
	}
	g.CreatedAt = s.deps.Now().UTC()
	if err := s.checkExpiry(g.ExpiresAt); err != nil {
		return GalleryInfo{}, false, err
	}
	// One that has expired does not give its members to its successor.
	if err := s.endExpired(ctx, g.Name); err != nil {
		return GalleryInfo{}, false, err
	}
	release, err := s.galleries.changing(ctx, g.Name)
	if err != nil {
		return GalleryInfo{}, false, err
	}
	defer release()
	change, err := s.begin(ctx, AuditEvent{Action: "put-gallery", Gallery: g.Name})
	if err != nil {
		return GalleryInfo{}, false, err
	}
	created, err := s.deps.Galleries.PutGallery(ctx, g)
	if err != nil {
		return GalleryInfo{}, false, change.ended(ctx, stored(err, unknownGallery()))
	}
	s.galleries.put(g)
	info, err := s.galleries.info(g.Name)
	return info, created, change.ended(ctx, err)
}

// Gallery describes a gallery.
func (s *Service) Gallery(_ context.Context, name string) (GalleryInfo, error) {
	if err := checkIdentifier("gallery", name); err != nil {
		return GalleryInfo{}, err
	}
	return s.galleries.info(name)
}

// AddMembers adds members to a gallery, or changes the groups of those it has: all that are enrolled, or, with an error, none.
// Each gets its own result.
func (s *Service) AddMembers(ctx context.Context, name string, members []Membership) ([]MemberResult, error) {
	if err := checkIdentifier("gallery", name); err != nil {
		return nil, err
	}
	release, err := s.galleries.changing(ctx, name)
	if err != nil {
		return nil, err
	}
	defer release()
	if _, err := s.galleries.info(name); err != nil {
		return nil, err
	}
	change, err := s.begin(ctx, added(name, members))
	if err != nil {
		return nil, err
	}
	out, err := s.addMembers(ctx, name, members)
	return out, change.ended(ctx, err)
}

// added is the event of adding members. Of a list only its length is kept: one entry a member would make lists slow.
func added(name string, members []Membership) AuditEvent {
	e := AuditEvent{Action: "add-members", Gallery: name, Count: len(members)}
	if len(members) == 1 {
		e.Subject = members[0].Subject
	}
	return e
}

// addMembers does it. The caller keeps other changes of the gallery away.
func (s *Service) addMembers(ctx context.Context, name string, members []Membership) ([]MemberResult, error) {
	out := make([]MemberResult, len(members))
	var enrolled []Membership
	undo := joining{service: s, gallery: name} // to memory first, where it is undone at no risk
	for i, m := range members {
		out[i].Subject = m.Subject
		was, in := s.galleries.membership(name, m.Subject)
		err := s.addMember(ctx, name, m)
		switch {
		case err == nil:
			enrolled = append(enrolled, m)
			undo.note(m, was, in)
		case AsError(err).Kind == Unavailable:
			undo.all(ctx)
			return nil, err
		default:
			out[i].Err = AsError(err)
		}
	}
	if err := s.deps.Galleries.AddMembers(ctx, name, enrolled); err != nil {
		undo.all(ctx)
		return nil, stored(err, unknownGallery())
	}
	return out, s.dropForgotten(ctx, name, enrolled)
}

// joining remembers what a list of members changed in memory.
type joining struct {
	service *Service
	gallery string
	added   []string
	moved   []Membership // as they were
}

func (j *joining) note(m, was Membership, in bool) {
	switch {
	case !in:
		j.added = append(j.added, m.Subject)
	case m.Group != was.Group:
		j.moved = append(j.moved, was)
	}
}

// all undoes it, the last change first.
func (j *joining) all(ctx context.Context) {
	ctx, cancel := aftermath(ctx)
	defer cancel()
	for _, was := range slices.Backward(j.moved) {
		j.service.galleries.join(j.gallery, was)
		_ = j.service.refresh(ctx, was.Subject) // while that fails the subject is in doubt
	}
	j.service.galleries.leave(j.gallery, j.added...)
}

// addMember brings a subject's references into a gallery in memory.
func (s *Service) addMember(ctx context.Context, name string, m Membership) error {
	if err := checkMembership(m); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return unavailable("deadline-exceeded", "the list is too long for the time that the request has", err)
	}
	defer s.deps.Registry.Hold(m.Subject)()
	refs, _, err := s.held(ctx, m.Subject)
	if err != nil {
		return stored(err, unknownSubject())
	}
	s.galleries.join(name, m)
	s.follow(refs)
	return nil
}

func checkMembership(m Membership) error {
	if err := checkIdentifier("subject", m.Subject); err != nil || m.Group == "" {
		return err
	}
	return checkIdentifier("group", m.Group)
}

// dropForgotten undoes memberships whose subjects were forgotten between memory and store, also of those who were in before.
func (s *Service) dropForgotten(ctx context.Context, name string, members []Membership) error {
	ctx, cancel := aftermath(ctx)
	defer cancel()
	for _, m := range members {
		if _, in := s.galleries.membership(name, m.Subject); in {
			continue
		}
		if err := s.deps.Galleries.RemoveMember(ctx, name, m.Subject); err != nil && !errors.Is(err, ErrNotFound) {
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
	release, err := s.galleries.changing(ctx, name)
	if err != nil {
		return err
	}
	defer release()
	if _, err := s.galleries.info(name); err != nil {
		return err
	}
	change, err := s.begin(ctx, AuditEvent{Action: "remove-member", Gallery: name, Subject: subject})
	if err != nil {
		return err
	}
	if err := s.deps.Galleries.RemoveMember(ctx, name, subject); err != nil {
		return change.ended(ctx, stored(err, unknownGallery()))
	}
	s.galleries.leave(name, subject)
	return change.ended(ctx, nil)
}
