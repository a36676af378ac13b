package gallery

import "hash/maphash"

// table finds the place of a subject: open addressing with linear probing, five bytes a slot. The subjects themselves
// stand where the places say.
type table struct {
	seed   maphash.Seed
	at     func(place uint32) []byte // the subject there
	tags   []uint8                   // 0: the slot is free; else 7 bits of the hash, and 128
	places []uint32
	n      int
}

const fewSlots = 16

func newTable(at func(uint32) []byte) table {
	return table{seed: maphash.MakeSeed(), at: at, tags: make([]uint8, fewSlots), places: make([]uint32, fewSlots)}
}

// home is the slot where the search for a subject with a hash begins, and its tag.
func (t *table) home(hash uint64) (slot int, tag uint8) {
	return int(hash & uint64(len(t.tags)-1)), uint8(hash>>57) | 128
}

func (t *table) after(slot int) int { return (slot + 1) & (len(t.tags) - 1) }

// find is the slot of a subject.
func (t *table) find(subject string) (slot int, known bool) {
	slot, tag := t.home(maphash.String(t.seed, subject))
	for ; t.tags[slot] != 0; slot = t.after(slot) {
		if t.tags[slot] == tag && string(t.at(t.places[slot])) == subject {
			return slot, true
		}
	}
	return slot, false
}

// add adds the subject at a place, who must not be there yet.
func (t *table) add(place uint32) {
	if 5*(t.n+1) > 4*len(t.tags) {
		t.resize(2 * len(t.tags))
	}
	t.put(place)
	t.n++
}

func (t *table) put(place uint32) {
	slot, tag := t.home(maphash.Bytes(t.seed, t.at(place)))
	for t.tags[slot] != 0 {
		slot = t.after(slot)
	}
	t.tags[slot], t.places[slot] = tag, place
}

// move changes the place of a subject.
func (t *table) move(subject []byte, from, to uint32) {
	slot, _ := t.home(maphash.Bytes(t.seed, subject))
	for t.tags[slot] == 0 || t.places[slot] != from {
		slot = t.after(slot)
	}
	t.places[slot] = to
}

// remove frees a slot, and moves into it what would not be found across it.
func (t *table) remove(slot int) {
	for next := t.after(slot); t.tags[next] != 0; next = t.after(next) {
		home, _ := t.home(maphash.Bytes(t.seed, t.at(t.places[next])))
		if mask := len(t.tags) - 1; (next-home)&mask >= (next-slot)&mask {
			t.tags[slot], t.places[slot] = t.tags[next], t.places[next]
			slot = next
		}
	}
	t.tags[slot] = 0
	t.n--
	if len(t.tags) > fewSlots && 8*t.n < 3*len(t.tags) {
		t.resize(len(t.tags) / 2)
	}
}

func (t *table) resize(slots int) {
	tags, places := t.tags, t.places
	t.tags, t.places = make([]uint8, slots), make([]uint32, slots)
	for i, tag := range tags {
		if tag != 0 {
			t.put(places[i])
		}
	}
}

// groups gives each group that somebody is in a number from 1 on; 0 is no group.
type groups struct {
	codes map[string]uint32
	list  []group // by code - 1
	free  []uint32
}

type group struct {
	name    string
	members int
}

// join adds a member to a group and returns its code.
func (g *groups) join(name string) uint32 {
	if name == "" {
		return 0
	}
	code, known := g.codes[name]
	if !known {
		code = g.begin(name)
	}
	g.list[code-1].members++
	return code
}

func (g *groups) begin(name string) (code uint32) {
	if n := len(g.free); n > 0 {
		code, g.free = g.free[n-1], g.free[:n-1]
	} else {
		g.list = append(g.list, group{})
		code = uint32(len(g.list))
	}
	if g.codes == nil {
		g.codes = map[string]uint32{}
	}
	g.codes[name], g.list[code-1].name = code, name
	return code
}

// leave takes a member away; a group without any is forgotten, and its code is another group's then. Searches look codes up
// together with the state that they see, in which nobody has the new meaning.
func (g *groups) leave(code uint32) {
	if code == 0 {
		return
	}
	of := &g.list[code-1]
	if of.members--; of.members == 0 {
		delete(g.codes, of.name)
		of.name = ""
		g.free = append(g.free, code)
	}
}

// nobody is the code of a group without members.
const nobody = ^uint32(0)

// code is that of a group. Everybody is in the empty one.
func (g *groups) code(name string) uint32 {
	if name == "" {
		return 0
	}
	if code, known := g.codes[name]; known {
		return code
	}
	return nobody
}

// members is how many a group other than the empty one has.
func (g *groups) members(name string) int {
	if code := g.code(name); code != nobody {
		return g.list[code-1].members
	}
	return 0
}
