package imaging

// j2kMaxPlanes of a code-block: a magnitude is kept in 31 bits, the lowest of them half a unit.
const j2kMaxPlanes = 30

// j2kCoder decodes code-blocks (annex D). A word of flags stands for the four samples of a column in a stripe, with a margin of
// one word around the code-block. It holds, for the six rows from above the column to below it by the three columns around it,
// in raster order, which samples are significant (bits 0 to 17) and which of those are negative (bits 18 to 35). For sample k
// there is, 3k bits further left, whether the bit-plane's significance pass coded it and whether it was refined before.
type j2kCoder struct {
	arithmetic j2kArithmetic
	raw        j2kRaw
	lazy       bool // the pass takes raw bits
	causal     bool
	zero       *[512]byte // contexts of significance
	width      int
	height     int
	flags      []uint64
	values     []uint32 // magnitude in half units, bit 31: negative
	data       []byte   // of one segment
}

const (
	j2kSelf      = 1 << 4
	j2kAround    = 0x1EF
	j2kAnyAround = 1<<18 - 1
	j2kAnySelf   = j2kSelf | j2kSelf<<3 | j2kSelf<<6 | j2kSelf<<9
	j2kNegative  = 18 // shift

	j2kVisitedOverSelf = 32 // shift
	j2kVisited         = j2kSelf << j2kVisitedOverSelf
	j2kRefined         = 1 << 37
	j2kAnyVisited      = j2kVisited | j2kVisited<<3 | j2kVisited<<6 | j2kVisited<<9
)

// decode decodes what there is of a code-block into values.
func (c *j2kCoder) decode(b *j2kBlock, t *j2kTile, orient int, style byte) error {
	c.width, c.height = int(b.width), int(b.height)
	c.zero = &j2kZeroContexts[orient]
	c.causal = style&j2kCausal != 0
	c.flags = cleared(c.flags, (c.width+2)*(ceilDiv(c.height, 4)+2))
	c.values = cleared(c.values, c.width*c.height)
	c.arithmetic.reset()
	at, plane := b.first, int(b.planes)-1
	for pass := 0; pass < int(b.passes); {
		n := min(segmentPasses(style, pass), int(b.passes)-pass)
		kind := (pass + 2) % 3 // 0 significance, 1 refinement, 2 cleanup, with which a code-block begins
		c.lazy = style&j2kBypass != 0 && pass >= 10 && kind != 2
		at = c.segment(t, at, n)
		for ; n > 0; n, pass = n-1, pass+1 {
			if style&j2kReset != 0 {
				c.arithmetic.reset()
			}
			switch (pass + 2) % 3 {
			case 0:
				c.significance(plane)
			case 1:
				c.refinement(plane)
			case 2:
				c.cleanup(plane)
				if style&j2kSymbols != 0 && !c.symbols() {
					return j2kBroken("a code-block's bit-plane does not end as it should")
				}
				plane--
			}
		}
	}
	return nil
}

func cleared[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	s = s[:n]
	clear(s)
	return s
}

// segment starts on the data of the next n passes, which it gathers from the pieces that hold them.
func (c *j2kCoder) segment(t *j2kTile, at int32, n int) (next int32) {
	c.data = c.data[:0]
	for n > 0 {
		p := &t.pieces[at]
		c.data = append(c.data, t.packets.data[p.at:p.at+p.length]...)
		n -= int(p.passes)
		at = p.next
	}
	c.data = append(c.data, 0xFF, 0xFF)
	if c.lazy {
		c.raw = j2kRaw{data: c.data}
	} else {
		c.arithmetic.start(c.data)
	}
	return at
}

func (c *j2kCoder) bit(context byte) uint32 {
	if c.lazy {
		return c.raw.bit()
	}
	return c.arithmetic.bit(int(context))
}

// significance codes the samples that are not yet significant and have a neighbour that is (clause D.3.1).
func (c *j2kCoder) significance(plane int) {
	for y := 0; y < c.height; y += 4 {
		rows := min(4, c.height-y)
		at := (y/4+1)*(c.width+2) + 1
		for x := range c.width {
			if f := c.flags[at+x]; f&j2kAnyAround == 0 || f&j2kAnySelf == j2kAnySelf {
				continue
			}
			for k := range rows {
				f := c.flags[at+x] >> (3 * k)
				if f&j2kAround == 0 || f&j2kSelf != 0 {
					continue
				}
				if c.bit(c.zero[f&511]) != 0 {
					c.emerge(at+x, y, x, k, plane)
				}
				c.flags[at+x] |= j2kVisited << (3 * k)
			}
		}
	}
}

// refinement codes another bit of the samples that were significant before this bit-plane (clause D.3.3).
func (c *j2kCoder) refinement(plane int) {
	half := uint32(1) << plane
	for y := 0; y < c.height; y += 4 {
		at := (y/4+1)*(c.width+2) + 1
		for x := range c.width {
			column := c.flags[at+x]
			if column&j2kAnySelf == 0 {
				continue
			}
			for k := range 4 {
				f := column >> (3 * k)
				if f&(j2kSelf|j2kVisited) != j2kSelf {
					continue
				}
				context := byte(j2kRefineContext)
				switch {
				case f&j2kRefined != 0:
					context += 2
				case f&j2kAround != 0:
					context++
				}
				v := &c.values[(y+k)*c.width+x]
				if c.bit(context) != 0 {
					*v += half
				} else {
					*v -= half
				}
				c.flags[at+x] |= j2kRefined << (3 * k)
			}
		}
	}
}

// cleanup codes all samples that the other two passes left (clause D.3.4).
func (c *j2kCoder) cleanup(plane int) {
	m := &c.arithmetic
	for y := 0; y < c.height; y += 4 {
		rows := min(4, c.height-y)
		at := (y/4+1)*(c.width+2) + 1
		for x := range c.width {
			k := 0
			switch f := c.flags[at+x]; {
			case (f|f>>j2kVisitedOverSelf)&j2kAnySelf == j2kAnySelf: // nothing is left
				k = rows
			case rows == 4 && f&(j2kAnyAround|j2kAnyVisited) == 0:
				if m.bit(j2kRunContext) == 0 {
					continue
				}
				k = int(m.bit(j2kUniformContext)<<1 | m.bit(j2kUniformContext))
				c.emerge(at+x, y, x, k, plane)
				k++
			}
			for ; k < rows; k++ {
				f := c.flags[at+x] >> (3 * k)
				if f&(j2kSelf|j2kVisited) == 0 && m.bit(int(c.zero[f&511])) != 0 {
					c.emerge(at+x, y, x, k, plane)
				}
			}
			c.flags[at+x] &^= j2kAnyVisited
		}
	}
}

// emerge makes sample k of a column significant and decodes its sign (clause D.3.2).
func (c *j2kCoder) emerge(at, y, x, k, plane int) {
	f := c.flags[at] >> (3 * k)
	var negative uint32
	if c.lazy {
		negative = c.raw.bit()
	} else {
		s := j2kSignContexts[f&0xAA|f>>(j2kNegative+1)&0x55]
		negative = c.arithmetic.bit(int(s>>1)) ^ uint32(s&1)
	}
	c.values[(y+k)*c.width+x] = 3<<plane | negative<<31
	mark := 1 | uint64(negative)<<j2kNegative
	c.tell(at, mark<<(3*k+3))
	if k == 0 && !c.causal {
		c.tell(at-c.width-2, mark<<15)
	}
	if k == 3 {
		c.tell(at+c.width+2, mark)
	}
}

// tell marks a sample in the three columns around it: mark is for the column on its right, of which it is the left neighbour.
func (c *j2kCoder) tell(at int, mark uint64) {
	f := c.flags[at-1 : at+2 : at+2]
	f[0] |= mark << 2
	f[1] |= mark << 1
	f[2] |= mark
}

// symbols reads the segmentation symbols (clause D.5).
func (c *j2kCoder) symbols() bool {
	v := uint32(0)
	for range 4 {
		v = v<<1 | c.arithmetic.bit(j2kUniformContext)
	}
	return v == 0b1010
}

// j2kRaw reads bits of passes that bypass the arithmetic coder (clause D.6); a bit is stuffed behind each byte FF. Its data is
// followed by two bytes FF, from which it goes on reading ones.
type j2kRaw struct {
	data []byte
	at   int
	held byte
	n    int
}

func (r *j2kRaw) bit() uint32 {
	if r.n == 0 {
		next := r.data[r.at]
		switch {
		case r.held != 0xFF:
			r.held, r.n = next, 8
		case next > 0x8F: // a marker: the data is over
			r.n = 8
		default:
			r.held, r.n = next, 7
		}
		if r.at < len(r.data)-1 {
			r.at++
		}
	}
	r.n--
	return uint32(r.held>>r.n) & 1
}

// j2kZeroContexts are the contexts of significance by the nine bits around a sample (table D.1), for each kind of subband.
var j2kZeroContexts = [4][512]byte{
	j2kLL: j2kZeroTable(func(across, down, diagonal int) byte { return j2kAlongContext(across, down, diagonal) }),
	j2kHL: j2kZeroTable(func(across, down, diagonal int) byte { return j2kAlongContext(down, across, diagonal) }),
	j2kLH: j2kZeroTable(func(across, down, diagonal int) byte { return j2kAlongContext(across, down, diagonal) }),
	j2kHH: j2kZeroTable(func(across, down, diagonal int) byte { return j2kDiagonalContext(across+down, diagonal) }),
}

func j2kZeroTable(context func(across, down, diagonal int) byte) (t [512]byte) {
	for f := range t {
		bit := func(i int) int { return f >> i & 1 }
		t[f] = context(bit(3)+bit(5), bit(1)+bit(7), bit(0)+bit(2)+bit(6)+bit(8))
	}
	return t
}

func j2kAlongContext(along, across, diagonal int) byte {
	switch {
	case along == 2:
		return 8
	case along == 1 && across > 0:
		return 7
	case along == 1 && diagonal > 0:
		return 6
	case along == 1:
		return 5
	case across > 0:
		return byte(2 + across)
	}
	return byte(min(diagonal, 2))
}

func j2kDiagonalContext(beside, diagonal int) byte {
	switch diagonal {
	case 0:
		return byte(min(beside, 2))
	case 1:
		return byte(3 + min(beside, 2))
	case 2:
		return byte(6 + min(beside, 1))
	}
	return 8
}

// j2kSignContexts are the contexts of a sign (tables D.2 and D.3), twice, plus whether the decision is to be inverted. The index
// has two bits for each neighbour (above, left, right, below): it is significant, and it is negative.
var j2kSignContexts = func() (t [256]byte) {
	for i := range t {
		sign := func(at int) int { return i >> (at + 1) & 1 * (1 - 2*(i>>at&1)) }
		across := min(max(sign(2)+sign(4), -1), 1)
		down := min(max(sign(0)+sign(6), -1), 1)
		context, inverted := 3*across+down, byte(0)
		if context < 0 {
			context, inverted = -context, 1
		}
		t[i] = byte(j2kSignContext+context)<<1 | inverted
	}
	return t
}()
