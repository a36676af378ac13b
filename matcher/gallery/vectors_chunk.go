package gallery

import (
	"slices"
	"sync/atomic"

	"biogate/matcher"
	"biogate/matcher/kernel"
)

const (
	// chunkRows is how many rows a chunk has at most, unless one subject has more references: docs/search.md says why.
	chunkRows = 1 << placeBits
	// fewRows is how many it has at least. Chunks of a small gallery have a quarter of its rows.
	fewRows = 64
	// mostGone: one row in so many may be gone before chunks are emptied.
	mostGone = 40
	// placeBits of a place are the entry in a chunk, the others the chunk's id.
	placeBits = 10
)

// view is what a search sees of a chunk: its references as a structure of arrays. What it shows never changes but for
// gone, for a chunk grows behind it.
type view struct {
	vectors []uint8   // of rows, as kernel.Dots8 wants them; room for more
	scales  []float32 // of each row: 1 / length
	squares []int32   // of each row: length squared
	owners  []uint16  // of each row: its entry

	firsts []uint16        // of each entry: its first row; it has all up to the next one's
	groups []uint32        // of each entry: code of the group
	gone   []atomic.Uint64 // of each entry: number of the change that ended it; 0: live
	ends   []uint32        // of each entry: where its subject ends in names
	names  []byte
}

// chunk is a stretch of a gallery as it grows.
type chunk struct {
	view
	id       uint32
	goneRows int
}

func newChunk(id uint32, rows, stride int) *chunk {
	return &chunk{id: id, view: view{
		vectors: make([]uint8, rows*stride),
		scales:  make([]float32, 0, rows),
		squares: make([]int32, 0, rows),
		owners:  make([]uint16, 0, rows),
		firsts:  make([]uint16, 0, rows),
		groups:  make([]uint32, 0, rows),
		gone:    make([]atomic.Uint64, rows),
		ends:    make([]uint32, 0, rows),
	}}
}

// rows is how many there are.
func (v *view) rows() int { return len(v.scales) }

// entries is how many there are.
func (v *view) entries() int { return len(v.ends) }

// rowsOf is the range of rows of entry e.
func (v *view) rowsOf(e int) (from, to int) {
	if e+1 < len(v.firsts) {
		return int(v.firsts[e]), int(v.firsts[e+1])
	}
	return int(v.firsts[e]), v.rows()
}

// subject is that of entry e; the bytes are the view's.
func (v *view) subject(e int) []byte {
	if e == 0 {
		return v.names[:v.ends[0]]
	}
	return v.names[v.ends[e-1]:v.ends[e]]
}

// liveAt says whether entry e is part of the gallery as it was at a change.
func (v *view) liveAt(change uint64, e int) bool {
	gone := v.gone[e].Load()
	return gone == 0 || gone > change
}

// hasRoom says whether so many rows may be added.
func (c *chunk) hasRoom(rows int) bool { return c.rows()+rows <= cap(c.scales) }

// begin begins an entry; its rows follow.
func (c *chunk) begin(group uint32) {
	c.firsts = append(c.firsts, uint16(c.rows()))
	c.groups = append(c.groups, group)
}

// name ends an entry.
func (c *chunk) name(subject []byte) {
	if len(c.names)+len(subject) > cap(c.names) { // by an eighth, since what append doubles stays
		c.names = slices.Grow(c.names[:len(c.names):len(c.names)], len(subject)+len(c.names)/8)
	}
	c.names = append(c.names, subject...)
	c.ends = append(c.ends, uint32(len(c.names)))
}

// row is where the elements of the next row go; the row itself is added.
func (c *chunk) row(square int32, stride int) []uint8 {
	at := c.rows() * stride
	c.scales = append(c.scales, float32(inverseLength(square)))
	c.squares = append(c.squares, square)
	c.owners = append(c.owners, uint16(c.entries()))
	return c.vectors[at:][:stride]
}

// add adds a subject with references of a gallery.
func (c *chunk) add(subject []byte, group uint32, refs []matcher.Reference, stride int) {
	c.begin(group)
	for _, r := range refs {
		v := r.(Embedded).Embedding()
		row := c.row(v.square, stride)
		kernel.Offset8(row[:v.Dims()], v.elements)
		for i := v.Dims(); i < stride; i++ {
			row[i] = zero
		}
	}
	c.name(subject)
}

// zero is 0 as kernel.Offset8 writes it.
const zero = 128

// adopt adds entry e of another chunk.
func (c *chunk) adopt(from *view, e, stride int) {
	c.begin(from.groups[e])
	for i, to := from.rowsOf(e); i < to; i++ {
		copy(c.row(from.squares[i], stride), from.vectors[i*stride:])
	}
	c.name(from.subject(e))
}

// last is the place of the last entry.
func (c *chunk) last() uint32 { return c.id<<placeBits | uint32(c.entries()-1) }

// entry is what place names.
func (ix *Vectors) entry(place uint32) (*chunk, int) {
	return ix.byID[place>>placeBits], int(place & (1<<placeBits - 1))
}

// subjectAt is who is at a place.
func (ix *Vectors) subjectAt(place uint32) []byte {
	c, e := ix.entry(place)
	return c.subject(e)
}

// end marks the live entry at a place as gone since the current change.
func (ix *Vectors) end(place uint32) {
	c, e := ix.entry(place)
	c.gone[e].Store(ix.change)
	from, to := c.rowsOf(e)
	c.goneRows += to - from
	ix.gone += to - from
	ix.live -= to - from
	ix.groups.leave(c.groups[e])
}

// room is the chunk that so many rows go to.
func (ix *Vectors) room(rows int) *chunk {
	if ix.newest == nil || !ix.newest.hasRoom(rows) {
		ix.grow(max(rows, min(max(ix.live/4, fewRows), chunkRows)))
	}
	return ix.newest
}

// grow begins a new chunk; the one before grows no more.
func (ix *Vectors) grow(rows int) {
	if full := ix.newest; full != nil {
		full.names = slices.Clone(full.names) // without room: searches that saw it grow have the other
	}
	id := uint32(len(ix.byID))
	if n := len(ix.freeIDs); n > 0 {
		id, ix.freeIDs = ix.freeIDs[n-1], ix.freeIDs[:n-1]
	} else {
		ix.byID = append(ix.byID, nil)
	}
	ix.newest = newChunk(id, rows, ix.stride)
	ix.byID[id] = ix.newest
	ix.chunks = append(ix.chunks, ix.newest)
}

// tidy empties chunks until few rows are gone.
func (ix *Vectors) tidy() {
	for ix.gone*mostGone > ix.live {
		ix.empty(ix.next())
	}
}

// next is the next chunk of which as large a share is gone as of the whole.
func (ix *Vectors) next() *chunk {
	for {
		ix.hand = (ix.hand + 1) % len(ix.chunks)
		if c := ix.chunks[ix.hand]; c.goneRows*(ix.live+ix.gone) >= ix.gone*c.rows() {
			return c
		}
	}
}

// empty drops a chunk and moves what is live in it to the newest.
func (ix *Vectors) empty(c *chunk) {
	at := slices.Index(ix.chunks, c)
	ix.chunks = slices.Delete(slices.Clone(ix.chunks), at, at+1)
	if c == ix.newest {
		ix.newest = nil
	}
	for e := range c.entries() {
		if c.gone[e].Load() != 0 {
			continue
		}
		from, to := c.rowsOf(e)
		ix.room(to-from).adopt(&c.view, e, ix.stride)
		ix.subjects.move(c.subject(e), c.id<<placeBits|uint32(e), ix.newest.last())
	}
	ix.gone -= c.goneRows
	ix.byID[c.id] = nil
	ix.freeIDs = append(ix.freeIDs, c.id)
}
