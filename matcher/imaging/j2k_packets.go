package imaging

import "math/bits"

// Code-block styles (table A.19).
const (
	j2kBypass    = 1 << iota // the lower bit-planes bypass the arithmetic coder
	j2kReset                 // contexts begin anew in each pass
	j2kTerminate             // each pass is a segment of its own
	j2kCausal                // no context from the stripe below
	j2kPredictable
	j2kSymbols // four known symbols end each bit-plane
)

// j2kPiece is a part of a code-block's data: what one packet holds of one of its segments.
type j2kPiece struct {
	at, length uint32 // within the tile's packets
	next       int32  // the code-block's next piece
	passes     int16
}

// j2kPacketReader reads packet headers bit by bit; a zero bit is stuffed behind each byte FF.
type j2kPacketReader struct {
	data []byte
	at   int
	held byte
	n    int // bits of held that are left
	cut  bool
}

func (r *j2kPacketReader) bit() int {
	if r.n == 0 {
		r.n = 8
		if r.held == 0xFF {
			r.n = 7
		}
		r.held = r.byte()
	}
	r.n--
	return int(r.held>>r.n) & 1
}

func (r *j2kPacketReader) byte() byte {
	if r.at >= len(r.data) {
		r.cut = true
		return 0
	}
	r.at++
	return r.data[r.at-1]
}

func (r *j2kPacketReader) number(n int) (v int) {
	for range n {
		v = v<<1 | r.bit()
	}
	return v
}

// align ends a packet header.
func (r *j2kPacketReader) align() {
	if r.held == 0xFF {
		r.byte()
	}
	r.held, r.n = 0, 0
}

// skip passes over a marker of n bytes if it is there.
func (r *j2kPacketReader) skip(marker, n int) {
	if len(r.data)-r.at >= n && word(r.data[r.at:]) == marker {
		r.at += n
	}
}

// readPackets gives the code-blocks their data.
func (t *j2kTile) readPackets() error {
	return t.eachPacket(func(p *j2kPrecinct) error {
		if err := t.packet(p); err != nil {
			return err
		}
		if t.packets.cut {
			return errJ2KCut
		}
		return t.budget.err()
	})
}

// packet reads the header and body of a precinct's next packet (clause B.9 and B.10).
func (t *j2kTile) packet(p *j2kPrecinct) error {
	r := &t.packets
	if t.params.sop {
		r.skip(j2kSOP, 6)
	}
	from := len(t.pieces)
	if r.bit() != 0 {
		style := t.components[p.component].coding.style
		for i := range p.groups {
			if err := t.header(&p.groups[i], p.layers, style); err != nil {
				return err
			}
		}
	}
	r.align()
	if t.params.eph {
		r.skip(j2kEPH, 2)
	}
	for i := range t.pieces[from:] {
		piece := &t.pieces[from+i]
		piece.at = uint32(r.at)
		if r.at += int(piece.length); r.at > len(r.data) {
			return errJ2KCut
		}
	}
	return nil
}

// header reads what a packet header says of the code-blocks in one subband.
func (t *j2kTile) header(g *j2kGroup, layer int, style byte) error {
	r := &t.packets
	t.budget.visits -= len(g.blocks)
	for i := range g.blocks {
		b := &g.blocks[i]
		switch {
		case r.cut || t.budget.pieces < 0 || t.budget.visits < 0:
			return nil // which readPackets names
		case b.planes > 0:
			if r.bit() == 0 {
				continue
			}
		case !g.inclusion.below(r, i, layer+1):
			continue
		default:
			if err := g.start(r, i); err != nil {
				return err
			}
		}
		if err := t.contribution(b, style); err != nil {
			return err
		}
	}
	return nil
}

// start reads the number of bit-planes of a code-block that is there for the first time.
func (g *j2kGroup) start(r *j2kPacketReader, i int) error {
	missing := 0
	for !g.missing.below(r, i, missing+1) {
		if missing++; missing >= g.band.planes {
			return j2kBroken("a code-block lacks all of its bit-planes")
		}
	}
	planes := g.band.planes - missing
	switch {
	case planes < 1:
		return j2kBroken("a code-block is in a subband without bit-planes")
	case planes > j2kMaxPlanes:
		return j2kUnsupported("coefficients of %d bits", planes)
	}
	g.blocks[i].planes = uint8(planes)
	return nil
}

// contribution reads how many passes a packet adds to a code-block and in how many bytes.
func (t *j2kTile) contribution(b *j2kBlock, style byte) error {
	r := &t.packets
	passes := readJ2KPasses(r)
	for r.bit() != 0 {
		if b.lengthBits++; b.lengthBits > 32 {
			return j2kBroken("a code-block's data has a length of more than 32 bits")
		}
	}
	if int(b.passes)+passes > 3*int(b.planes)-2 {
		return j2kBroken("a code-block has more passes than its bit-planes need")
	}
	for passes > 0 {
		n := min(passes, segmentPasses(style, int(b.passes)))
		length := r.number(int(b.lengthBits) + bits.Len(uint(n)) - 1)
		if length > len(r.data)-r.at {
			return errJ2KCut
		}
		t.append(b, j2kPiece{length: uint32(length), passes: int16(n)}) // packet says where
		b.passes += int16(n)
		passes -= n
	}
	return nil
}

func (t *j2kTile) append(b *j2kBlock, piece j2kPiece) {
	t.budget.pieces--
	at := int32(len(t.pieces))
	if b.first == 0 {
		b.first = at
	} else {
		t.pieces[b.last].next = at
	}
	b.last = at
	t.pieces = append(t.pieces, piece)
}

// readJ2KPasses reads a number from 1 to 164 (table B.4).
func readJ2KPasses(r *j2kPacketReader) int {
	if r.bit() == 0 {
		return 1
	}
	if r.bit() == 0 {
		return 2
	}
	if n := r.number(2); n < 3 {
		return 3 + n
	}
	if n := r.number(5); n < 31 {
		return 6 + n
	}
	return 37 + r.number(7)
}

// segmentPasses is how many passes, from one on, share a segment of a code-block's data (table D.9).
func segmentPasses(style byte, pass int) int {
	switch {
	case style&j2kTerminate != 0:
		return 1
	case style&j2kBypass == 0:
		return 1 << 10
	case pass < 10:
		return 10 - pass
	case (pass-10)%3 == 0: // significance and refinement, both raw
		return 2
	}
	return 1
}

// j2kTagTree codes a number for each cell of a grid, as nodes of which each is the least of up to four below it (clause B.10.2).
type j2kTagTree []j2kTagNode

type j2kTagNode struct {
	parent int32  // -1: the root
	least  uint16 // the number is no less
	known  bool   // and no more
}

func newJ2KTagTree(width, height int) j2kTagTree {
	n := 1
	for w, h := width, height; w*h > 1; w, h = ceilDiv(w, 2), ceilDiv(h, 2) {
		n += w * h
	}
	t := make(j2kTagTree, 0, n)
	for w, h := width, height; ; w, h = ceilDiv(w, 2), ceilDiv(h, 2) {
		above := len(t) + w*h
		for y := range h {
			for x := range w {
				t = append(t, j2kTagNode{parent: int32(above + y/2*ceilDiv(w, 2) + x/2)})
			}
		}
		if w*h == 1 {
			t[len(t)-1].parent = -1
			return t
		}
	}
}

// below reads as much as tells whether the number of cell i is below limit.
func (t j2kTagTree) below(r *j2kPacketReader, i, limit int) bool {
	var path [32]int32
	n := 0
	for at := int32(i); at >= 0; at = t[at].parent {
		path[n] = at
		n++
	}
	least := uint16(0)
	for n--; n >= 0; n-- {
		node := &t[path[n]]
		node.least = max(node.least, least)
		for !node.known && int(node.least) < limit {
			if r.bit() != 0 {
				node.known = true
			} else {
				node.least++
			}
		}
		least = node.least
	}
	return int(least) < limit
}
