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
	sizes    map[section]int                          // members, by what a search may ask for
	version  uint64                                   // grows by one at least with every change of a member
}

// member is what a gallery knows of a subject; the references are in the indexes.
type member struct {
	version uint64 // of the references in the indexes, 0: none yet
	group   string
	held    modalities // of which the indexes have references
}

// section is a part of a gallery whose members a search cannot tell apart.
type section struct {
	group string
	held  modalities
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

// everybody is the group under which sizes counts the members of all groups. No identifier can name it.
const everybody = "*"

// place makes m what the gallery knows of subject.
func (g *gallery) place(subject string, m member) {
	if old, in := g.members[subject]; in {
		g.count(old, -1)
	}
	g.count(m, 1)
	g.members[subject] = m
	g.version++
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
	g.count(m, -1)
	delete(g.members, subject)
	g.version++
}

// count keeps sizes, without sections of nobody: groups come and go.
func (g *gallery) count(m member, n int) {
	for _, group := range []string{everybody, m.group} {
		s := section{group, m.held}
		if g.sizes[s] += n; g.sizes[s] == 0 {
			delete(g.sizes, s)
		}
	}
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
	group := among.Group
	if group == "" {
		group = everybody
	}
	for held := modalities(1); held < 1<<len(g.indexes); held++ {
		if held&asked != 0 {
			n += g.sizes[section{group, held}]
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

// update brings the references of a member into the indexes. m is what g knows of it.
func (gs *galleries) update(g *gallery, refs References, m member, prepared map[matcher.Modality][]matcher.Reference) error {
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
		if err := index.Set(matcher.Member{Subject: refs.Subject, Group: m.group, References: prepared[modality]}); err != nil {
			return err
		}
		held = append(held, modality)
	}
	g.place(refs.Subject, member{version: refs.Version, group: m.group, held: gs.set(held...)})
	return nil
}

func (g *gallery) info() GalleryInfo {
	out := GalleryInfo{Gallery: g.Gallery, Members: len(g.members), Searchable: map[matcher.Modality]int{}, Version: g.version}
	for modality, index := range g.indexes {
		out.Searchable[modality] = index.Len()
	}
	return out
}
