package gateway

import (
	"slices"

	"biogate/matcher"
)

// gallery is one gallery in memory.
type gallery struct {
	Gallery
	members  map[string]member
	indexes  map[matcher.Modality]matcher.Index       // never changed after the gallery was made
	outdated map[matcher.Modality]map[string]struct{} // members who may not be found: they have a reference of another model alone
	sections map[kind]*section                        // of one member at least
	totals   map[modalities]int                       // members of all groups
	version  uint64                                   // grows by one at least with every change of a member
	ending   *GalleryEnd                              // what an end that was interrupted has done; nil: none was
}

// member is what a gallery knows of a subject; the references are in the indexes. It is kept small: there are millions.
type member struct {
	version uint64 // of the references in the indexes, 0: none yet
	*section
}

// section is the members of a gallery of one kind.
type section struct {
	kind
	members int
}

// kind is what a search can tell members apart by.
type kind struct {
	group string
	held  modalities // of which the indexes have references
}

// modalities is a set: bit i stands for the i-th modality in order of name.
type modalities uint8

func (gs *galleries) set(list ...matcher.Modality) (out modalities) {
	for i, known := range gs.order {
		if slices.Contains(list, known) {
			out |= 1 << i
		}
	}
	return out
}

// place makes version and k what the gallery knows of subject.
func (g *gallery) place(subject string, version uint64, k kind) {
	if old, in := g.members[subject]; in {
		g.leave(old)
	}
	part := g.sections[k]
	if part == nil {
		part = &section{kind: k}
		g.sections[k] = part
	}
	part.members++
	g.totals[k.held]++
	g.members[subject] = member{version, part}
	g.version++
}

// leave takes m out of the counts. Sections of nobody go: groups come and go.
func (g *gallery) leave(m member) {
	g.totals[m.held]--
	if m.members--; m.members == 0 {
		delete(g.sections, m.kind)
	}
}

func (g *gallery) remove(subject string) {
	m, in := g.members[subject]
	if !in {
		return
	}
	for modality, index := range g.indexes {
		index.Remove(subject)
		delete(g.outdated[modality], subject)
	}
	g.leave(m)
	delete(g.members, subject)
	g.version++
}

// size is how many members a search for some modalities can find.
func (g *gallery) size(among matcher.Filter, asked modalities) (n int) {
	if among.Subjects != nil {
		for _, subject := range among.Subjects {
			if m, in := g.members[subject]; in && m.held&asked != 0 && m.in(among.Group) {
				n++
			}
		}
		return n
	}
	for held := modalities(1); held < 1<<len(g.indexes); held++ {
		if held&asked == 0 {
			continue
		}
		if part := g.sections[kind{among.Group, held}]; among.Group == "" {
			n += g.totals[held]
		} else if part != nil {
			n += part.members
		}
	}
	return n
}

// in says whether a search in group can find m; every member is in the empty group.
func (m member) in(group string) bool { return group == "" || m.group == group }

// admits says whether subject is a member whom among lets a search find.
func (g *gallery) admits(subject string, among matcher.Filter) bool {
	m, in := g.members[subject]
	return in && m.in(among.Group) && (among.Subjects == nil || slices.Contains(among.Subjects, subject))
}

// update brings the references of a member of a group into the indexes.
func (gs *galleries) update(g *gallery, refs References, group string, prepared map[matcher.Modality][]matcher.Reference) error {
	held := make([]matcher.Modality, 0, 4)
	for modality, index := range g.indexes {
		delete(g.outdated[modality], refs.Subject)
		if isOutdated(gs.engines[modality], refs) {
			g.outdated[modality][refs.Subject] = struct{}{}
		}
		if len(prepared[modality]) == 0 {
			index.Remove(refs.Subject)
			continue
		}
		if err := index.Set(matcher.Member{Subject: refs.Subject, Group: group, References: prepared[modality]}); err != nil {
			return err
		}
		held = append(held, modality)
	}
	g.place(refs.Subject, refs.Version, kind{group, gs.set(held...)})
	return nil
}

func (g *gallery) info() GalleryInfo {
	out := GalleryInfo{Gallery: g.Gallery, Members: len(g.members), Searchable: map[matcher.Modality]int{}, Version: g.version}
	for modality, index := range g.indexes {
		out.Searchable[modality] = index.Len()
	}
	return out
}
