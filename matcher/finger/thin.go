package finger

import "encoding/binary"

// bitmap is a binary picture, 64 pixels a word, bit 0 leftmost, with one word and one row of zeros around it.
type bitmap struct {
	w, h, words int // words includes both guards
	bits        []uint64
}

func (b *bitmap) reset(w, h int) {
	b.w, b.h, b.words = w, h, (w+63)/64+2
	b.bits = sized(b.bits, b.words*(h+2))
	clear(b.bits)
}

func (b *bitmap) row(y int) []uint64 { return b.bits[(y+1)*b.words : (y+2)*b.words] }

func (b *bitmap) get(x, y int) bool { return b.row(y)[1+x>>6]>>(x&63)&1 != 0 }

// binarise makes the ridges and the valleys of the enhanced picture two bitmaps.
func (x *extractor) binarise() {
	x.ridgeBits.reset(x.w, x.h)
	x.valleyBits.reset(x.w, x.h)
	for by := range x.gh {
		for bx := range x.gw {
			if x.mask[by*x.gw+bx] {
				x.binariseBlock(bx, by)
			}
		}
	}
}

func (x *extractor) binariseBlock(bx, by int) {
	word, shift := 1+bx*block>>6, bx*block&63
	valid := uint64(1)<<min(block, x.w-bx*block) - 1
	for y := by * block; y < min(by*block+block, x.h); y++ {
		at := x.origin + y*x.stride + bx*block
		ridge := positive(x.ridges[2*at:]) | positive(x.ridges[2*at+8:])<<4
		x.ridgeBits.row(y)[word] |= ridge & valid << shift
		x.valleyBits.row(y)[word] |= ^ridge & valid << shift
	}
}

// positive says which of four pixels are above 0, one bit each.
func positive(p []byte) uint64 {
	v := binary.LittleEndian.Uint64(p) + 0x007f_007f_007f_007f // bit 8 of a lane is set when its pixel is over 128
	v &= 0x0100_0100_0100_0100
	return (v>>8 | v>>23 | v>>38 | v>>53) & 15
}

// thin reduces every stroke to a line one pixel wide (Guo and Hall 1989), 64 pixels at a time.
func (x *extractor) thin(b *bitmap) {
	x.thinOld, x.thinRow = sized(x.thinOld, b.words), sized(x.thinRow, b.words)
	for i := range x.thinned {
		x.thinned[i] = sized(x.thinned[i], b.h+2)
		for y := range x.thinned[i] {
			x.thinned[i][y] = y > 0 && y <= b.h
		}
	}
	for {
		a := x.thinHalf(b, true)
		if c := x.thinHalf(b, false); !a && !c {
			return
		}
	}
}

// thinHalf is one subiteration; it reports whether a pixel went. All pixels are judged on the picture as it was. Rows
// without a change around them since this condition last judged them are passed over.
func (x *extractor) thinHalf(b *bitmap, first bool) (changed bool) {
	above, here := x.thinOld, x.thinRow
	last, now := x.thinned[0], x.thinned[1] // rows changed one subiteration ago, and two ago; the latter become this one's
	x.thinned[0], x.thinned[1] = now, last
	dirty := func(y int) bool { return last[y] || now[y] }
	clear(above)
	up, mid := false, dirty(1)
	for y := range b.h {
		down := dirty(y + 2)
		row := b.row(y)
		copy(here, row)
		lost := (up || mid || down) && thinRow(row, above, here, b.row(y+1), first)
		now[y+1] = lost
		changed = changed || lost
		up, mid = mid, down
		above, here = here, above
	}
	return changed
}

// thinRow takes the removable pixels out of a row; above and here are the rows as they were.
func thinRow(row, above, here, below []uint64, first bool) (changed bool) {
	above, here, below = above[:len(row)], here[:len(row)], below[:len(row)]
	for i := 1; i < len(row)-1; i++ {
		c := here[i]
		if c == 0 {
			continue
		}
		n, ne, e, se, s, sw, w, nw := neighbours(above, here, below, i)
		if gone := c & removable(n, ne, e, se, s, sw, w, nw, first); gone != 0 {
			row[i] = c &^ gone
			changed = true
		}
	}
	return changed
}

// neighbours shifts the eight neighbours of the pixels of word i onto them, clockwise from north.
func neighbours(above, here, below []uint64, i int) (n, ne, e, se, s, sw, w, nw uint64) {
	return above[i], above[i]>>1 | above[i+1]<<63, here[i]>>1 | here[i+1]<<63, below[i]>>1 | below[i+1]<<63,
		below[i], below[i]<<1 | below[i-1]>>63, here[i]<<1 | here[i-1]>>63, above[i]<<1 | above[i-1]>>63
}

// removable is Guo and Hall's condition on the neighbours.
func removable(n, ne, e, se, s, sw, w, nw uint64, first bool) uint64 {
	c1, c2, c3, c4 := ^n&(ne|e), ^e&(se|s), ^s&(sw|w), ^w&(nw|n)
	once := (c1 ^ c2 ^ c3 ^ c4) &^ (c1&c2 | c3&c4 | (c1|c2)&(c3|c4)) // exactly one
	lo, hi := twoOrThree(nw|n, ne|e, se|s, sw|w)
	lo2, hi2 := twoOrThree(n|ne, e|se, s|sw, w|nw)
	// min of both counts is 2 or 3: both at least 2, not both 4.
	fit := lo & lo2 &^ (hi & hi2)
	var m uint64
	if first {
		m = (n | ne | ^se) & e
	} else {
		m = (s | sw | ^nw) & w
	}
	return once & fit &^ m
}

// twoOrThree counts four bits: at least two are set; all four are set.
func twoOrThree(a, b, c, d uint64) (two, four uint64) {
	return a&b | c&d | (a|b)&(c|d), a & b & c & d
}
