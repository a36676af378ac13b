package imaging

import "math"

// JPEG 2000 is read as ITU-T T.800 (ISO/IEC 15444-1) describes its decoder; clause and table numbers below are of the 2002
// edition. A codestream is markers (this file), tiles cut into resolutions, subbands, precincts and code-blocks (j2k_tile.go),
// packets that hand out bytes to the code-blocks (j2k_packets.go), arithmetic-coded bit-planes (j2k_blocks.go, j2k_mq.go) and a
// wavelet transform (j2k_wavelet.go). Refused by name: packed packet headers (PPM, PPT), signed samples, high-throughput block coding (Part 15) and the extensions of Part 2.

// Markers (table A.2).
const (
	j2kSOC = 0xFF4F // start of codestream
	j2kSIZ = 0xFF51 // sizes
	j2kCOD = 0xFF52 // coding style
	j2kCOC = 0xFF53 // coding style of a component
	j2kQCD = 0xFF5C // quantization
	j2kQCC = 0xFF5D // quantization of a component
	j2kRGN = 0xFF5E // region of interest
	j2kPOC = 0xFF5F // progression order change
	j2kPPM = 0xFF60 // packed packet headers
	j2kPPT = 0xFF61 // packed packet headers of a tile-part
	j2kSOT = 0xFF90 // start of tile-part
	j2kSOP = 0xFF91 // start of packet
	j2kEPH = 0xFF92 // end of packet header
	j2kSOD = 0xFF93 // start of data
	j2kEOC = 0xFFD9 // end of codestream
)

func j2kBroken(format string, args ...any) error {
	return refuse(CodeUndecodable, "the JPEG 2000 data is broken: "+format, args...)
}

func j2kUnsupported(format string, args ...any) error {
	return refuse(CodeFormat, "this variety of JPEG 2000 is not supported: "+format, args...)
}

func j2kBeyond(format string, args ...any) error {
	return refuse(CodeTooLarge, "the JPEG 2000 picture is beyond the limits: "+format, args...)
}

var errJ2KCut = j2kBroken("it is cut off")

// j2kSizes is the SIZ segment: the reference grid, what of it is picture, how it is tiled and what is sampled on it.
type j2kSizes struct {
	area       j2kRect // of the picture on the grid
	tile       j2kRect // the first tile, which need not lie within the picture
	components []j2kComponent
}

// j2kComponent is a plane of samples, one at each grid point that dx and dy divide.
type j2kComponent struct {
	dx, dy    int
	precision int // bits of a sample, 1..16
}

// j2kRect holds the points x0 <= x < x1, y0 <= y < y1.
type j2kRect struct{ x0, y0, x1, y1 int }

func (r j2kRect) width() int  { return r.x1 - r.x0 }
func (r j2kRect) height() int { return r.y1 - r.y0 }
func (r j2kRect) empty() bool { return r.x0 >= r.x1 || r.y0 >= r.y1 }

// scaled gives the points of a grid that is dx by dy times as coarse.
func (r j2kRect) scaled(dx, dy int) j2kRect {
	return j2kRect{ceilDiv(r.x0, dx), ceilDiv(r.y0, dy), ceilDiv(r.x1, dx), ceilDiv(r.y1, dy)}
}

func (r j2kRect) intersect(o j2kRect) j2kRect {
	return j2kRect{max(r.x0, o.x0), max(r.y0, o.y0), min(r.x1, o.x1), min(r.y1, o.y1)}
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }

// j2kParams is how a tile is coded: the main header's markers, or those of its own.
type j2kParams struct {
	progression byte
	layers      int
	mixed       bool // the first three components went through a colour transform
	sop, eph    bool // packets may begin with SOP, their headers end with EPH
	coding      [j2kMaxComponents]j2kCoding
	quant       [j2kMaxComponents]j2kQuant
	shift       [j2kMaxComponents]int // by which a region of interest lies above all else, in bits (annex H)
	changes     []j2kProgression
	inherited   bool // changes are the main header's, which the tile's first own one replaces
}

// j2kCoding is the coding style of a component (table A.20).
type j2kCoding struct {
	own        bool // by COC, which COD does not overrule
	levels     int  // of the wavelet transform, 0..32
	xcb, ycb   int  // logarithms of a code-block's sides
	style      byte // of code-blocks, j2kBypass and following
	reversible bool // the 5-3 filter, on integers
	precincts  [33][2]uint8
}

// j2kQuant is the quantization of a component (table A.27).
type j2kQuant struct {
	own     bool // by QCC, which QCD does not overrule
	derived bool // the first step alone is given
	guard   int
	n       int
	steps   [97]uint16 // exponent and mantissa, 5 and 11 bits
}

// step returns exponent and mantissa for a subband of resolution r; orient is 0 for LL, else 1 to 3.
func (q *j2kQuant) step(r, orient int) (exponent, mantissa int, err error) {
	i := 0
	if r > 0 {
		i = 3*(r-1) + orient
	}
	if q.derived {
		i = 0
	}
	if i >= q.n {
		return 0, 0, j2kBroken("it quantizes fewer subbands than it has")
	}
	exponent, mantissa = int(q.steps[i]>>11), int(q.steps[i]&0x7FF)
	if q.derived && r > 1 { // equation E-5
		exponent -= r - 1
	}
	if exponent < 0 {
		return 0, 0, j2kBroken("a subband's quantization has a negative exponent")
	}
	return exponent, mantissa, nil
}

// j2kProgression is one order of packets and the packets that it holds for (table A.32).
type j2kProgression struct {
	order                   byte
	resolution, component   int // the first
	resolutions, components int // where they end
	layers                  int // where they end
}

// j2kStream is a codestream taken apart as far as its tile-parts.
type j2kStream struct {
	j2kSizes
	params j2kParams
	named  byte // which of COD and QCD were there
	tiles  []j2kTileParts
}

// j2kTileParts is a tile's share of the codestream.
type j2kTileParts struct {
	params  *j2kParams // nil: the main header's
	packets []byte     // of all tile-parts: OpenJPEG's encoder lets packets run from one into the next
	opened  bool       // a tile-part was there
}

const (
	j2kHasCOD = 1 << iota
	j2kHasQCD
)

// readJ2KHeader reads the main header and returns where the first tile-part begins.
func readJ2KHeader(data []byte) (s j2kStream, at int, err error) {
	if len(data) < 4 || word(data) != j2kSOC || word(data[2:]) != j2kSIZ {
		return s, 0, j2kBroken("it does not begin with its sizes")
	}
	at = 2
	for {
		marker, body, next, err := j2kSegment(data, at)
		switch {
		case err != nil:
			return s, 0, err
		case marker == j2kSOT && s.named != j2kHasCOD|j2kHasQCD:
			return s, 0, j2kBroken("its header lacks coding style or quantization")
		case marker == j2kSOT:
			return s, at, nil
		case marker == j2kSIZ && at != 2:
			return s, 0, j2kBroken("it states its sizes twice")
		case marker == j2kSIZ:
			s.j2kSizes, err = parseSIZ(body)
		default:
			err = s.params.segment(marker, body, len(s.components), &s.named)
		}
		if err != nil {
			return s, 0, err
		}
		at = next
	}
}

func word(b []byte) int { return int(b[0])<<8 | int(b[1]) }

// j2kSegment reads the marker segment at a place and says where the next one begins.
func j2kSegment(data []byte, at int) (marker int, body []byte, next int, err error) {
	if at+4 > len(data) {
		return 0, nil, 0, errJ2KCut
	}
	marker = word(data[at:])
	next = at + 2 + word(data[at+2:])
	switch {
	case marker < 0xFF30:
		return 0, nil, 0, j2kBroken("bytes %04X stand where a marker belongs", marker)
	case next < at+4:
		return 0, nil, 0, j2kBroken("a segment states a length below 2")
	case next > len(data):
		return 0, nil, 0, errJ2KCut
	}
	return marker, data[at+4 : next], next, nil
}

func parseSIZ(body []byte) (s j2kSizes, err error) {
	f := byteFields{b: body}
	capabilities := f.number(2)
	s.area.x1, s.area.y1, s.area.x0, s.area.y0 = f.number(4), f.number(4), f.number(4), f.number(4)
	width, height := f.number(4), f.number(4)
	s.tile.x0, s.tile.y0 = f.number(4), f.number(4)
	s.tile.x1, s.tile.y1 = s.tile.x0+width, s.tile.y0+height
	n := f.number(2)
	switch {
	case f.short || len(f.b) != 3*n || n == 0:
		return s, j2kBroken("its sizes have a wrong length")
	case capabilities&0x4000 != 0:
		return s, j2kUnsupported("high-throughput block coding (Part 15)")
	case capabilities&0x8000 != 0:
		return s, j2kUnsupported("extensions of Part 2")
	case n > j2kMaxComponents:
		return s, j2kUnsupported("%d components, at most %d are read", n, j2kMaxComponents)
	case s.area.x1 > j2kMaxGrid || s.area.y1 > j2kMaxGrid:
		return s, j2kUnsupported("its reference grid is larger than %d", j2kMaxGrid)
	case s.area.empty() || width == 0 || height == 0 || s.tile.x0 > s.area.x0 || s.tile.y0 > s.area.y0 ||
		s.tile.x1 <= s.area.x0 || s.tile.y1 <= s.area.y0:
		return s, j2kBroken("its picture or first tile is empty")
	}
	for range n {
		c := j2kComponent{precision: f.number(1) + 1, dx: f.number(1), dy: f.number(1)}
		switch {
		case c.precision > 128:
			return s, j2kUnsupported("signed samples")
		case c.precision > 16:
			return s, j2kUnsupported("samples of %d bits, at most 16 are read", c.precision)
		case c.dx == 0 || c.dy == 0:
			return s, j2kBroken("a component is sampled at steps of 0")
		case c.dx > j2kMaxStep || c.dy > j2kMaxStep:
			return s, j2kUnsupported("a component is sampled at every %dth point", max(c.dx, c.dy))
		case s.area.scaled(c.dx, c.dy).empty():
			return s, j2kBroken("a component has no samples")
		}
		s.components = append(s.components, c)
	}
	if across, down := s.grid(); across > j2kMaxTiles/down {
		return s, j2kBeyond("%d by %d tiles, at most %d are allowed", across, down, j2kMaxTiles)
	}
	return s, nil
}

// grid is the number of tiles.
func (s *j2kSizes) grid() (across, down int) {
	return ceilDiv(s.area.x1-s.tile.x0, s.tile.width()), ceilDiv(s.area.y1-s.tile.y0, s.tile.height())
}

// tileArea is what of tile i lies within the picture.
func (s *j2kSizes) tileArea(i int) j2kRect {
	across, _ := s.grid()
	dx, dy := i%across*s.tile.width(), i/across*s.tile.height()
	return j2kRect{s.tile.x0 + dx, s.tile.y0 + dy, s.tile.x1 + dx, s.tile.y1 + dy}.intersect(s.area)
}

// segment takes in one marker segment of a main or tile-part header.
func (p *j2kParams) segment(marker int, body []byte, components int, named *byte) error {
	f := byteFields{b: body}
	switch marker {
	case j2kCOD:
		*named |= j2kHasCOD
		return p.parseCOD(&f)
	case j2kCOC:
		c := f.number(1)
		if c >= components {
			return j2kBroken("a coding style is for component %d of %d", c, components)
		}
		precincts := f.number(1)&1 != 0
		coding, err := parseCoding(&f, precincts)
		coding.own = true
		p.coding[c] = coding
		return err
	case j2kQCD:
		*named |= j2kHasQCD
		q, err := parseQuant(&f)
		for c := range p.quant {
			if !p.quant[c].own {
				p.quant[c] = q
			}
		}
		return err
	case j2kQCC:
		c := f.number(1)
		if c >= components {
			return j2kBroken("a quantization is for component %d of %d", c, components)
		}
		q, err := parseQuant(&f)
		q.own = true
		p.quant[c] = q
		return err
	case j2kPOC:
		return p.parsePOC(&f, components)
	case j2kRGN:
		return p.parseRGN(&f, components)
	case j2kPPM, j2kPPT:
		return j2kUnsupported("packed packet headers")
	}
	return nil // comments, tables of lengths, and what other parts of the standard add
}

func (p *j2kParams) parseCOD(f *byteFields) error {
	flags := f.number(1)
	p.sop, p.eph = flags&2 != 0, flags&4 != 0
	p.progression, p.layers = byte(f.number(1)), f.number(2)
	mixing := f.number(1)
	coding, err := parseCoding(f, flags&1 != 0)
	switch {
	case err != nil:
		return err
	case p.progression > j2kCPRL:
		return j2kBroken("its progression order is %d", p.progression)
	case p.layers == 0:
		return j2kBroken("it has no layers")
	case p.layers > j2kMaxLayers:
		return j2kBeyond("%d layers, at most %d are allowed", p.layers, j2kMaxLayers)
	case mixing > 1:
		return j2kUnsupported("a component transform of Part 2")
	}
	p.mixed = mixing == 1
	for c := range p.coding {
		if !p.coding[c].own {
			p.coding[c] = coding
		}
	}
	return nil
}

func parseCoding(f *byteFields, precincts bool) (c j2kCoding, err error) {
	c.levels = f.number(1)
	c.xcb, c.ycb = f.number(1)+2, f.number(1)+2
	c.style = byte(f.number(1))
	filter := f.number(1)
	c.reversible = filter == 1
	switch {
	case f.short:
		return c, errJ2KCut
	case c.levels > 32:
		return c, j2kBroken("its wavelet transform has %d levels", c.levels)
	case c.xcb > 10 || c.ycb > 10 || c.xcb+c.ycb > 12:
		return c, j2kBroken("its code-blocks have 2^%d by 2^%d samples", c.xcb, c.ycb)
	case c.style&0xC0 != 0:
		return c, j2kUnsupported("high-throughput block coding (Part 15)")
	case filter > 1:
		return c, j2kUnsupported("wavelet filters of Part 2")
	}
	for r := range c.levels + 1 {
		size := 0xFF // 2^15 by 2^15
		if precincts {
			size = f.number(1)
		}
		c.precincts[r] = [2]uint8{uint8(size & 15), uint8(size >> 4)}
		if r > 0 && (size&15 == 0 || size>>4 == 0) {
			return c, j2kBroken("a precinct is smaller than a sample of its subbands")
		}
	}
	if f.short {
		return c, errJ2KCut
	}
	return c, nil
}

func parseQuant(f *byteFields) (q j2kQuant, err error) {
	style := f.number(1)
	q.guard = style >> 5
	q.derived = style&31 == 1
	switch style & 31 {
	case 0:
		for len(f.b) > 0 && q.n < len(q.steps) {
			q.steps[q.n] = uint16(f.number(1)>>3) << 11
			q.n++
		}
	case 1, 2:
		for len(f.b) > 1 && q.n < len(q.steps) {
			q.steps[q.n] = uint16(f.number(2))
			q.n++
		}
	default:
		return q, j2kBroken("its quantization style is %d", style&31)
	}
	if f.short || q.n == 0 {
		return q, errJ2KCut
	}
	return q, nil
}

func (p *j2kParams) parseRGN(f *byteFields, components int) error {
	c, style, shift := f.number(1), f.number(1), f.number(1)
	switch {
	case f.short:
		return errJ2KCut
	case c >= components:
		return j2kBroken("a region of interest is of component %d of %d", c, components)
	case style != 0:
		return j2kUnsupported("regions of interest of Part 2")
	case shift > j2kMaxPlanes:
		return j2kUnsupported("a region of interest that is shifted by %d bits", shift)
	}
	p.shift[c] = shift
	return nil
}

func (p *j2kParams) parsePOC(f *byteFields, components int) error {
	if p.inherited {
		p.changes, p.inherited = nil, false
	}
	for len(f.b) > 0 {
		c := j2kProgression{resolution: f.number(1), component: f.number(1), layers: f.number(2), resolutions: f.number(1)}
		c.components = f.number(1)
		if c.components == 0 {
			c.components = 256
		}
		c.order = byte(f.number(1))
		switch {
		case f.short:
			return errJ2KCut
		case c.order > j2kCPRL || c.resolution >= c.resolutions || c.component >= c.components || c.component >= components:
			return j2kBroken("a change of its progression order makes no sense")
		case len(p.changes) == j2kMaxChanges:
			return j2kBeyond("more than %d changes of the progression order", j2kMaxChanges)
		}
		p.changes = append(p.changes, c)
	}
	return nil
}

// readJ2K takes a codestream apart.
func readJ2K(data []byte) (*j2kStream, error) {
	s, at, err := readJ2KHeader(data)
	if err != nil {
		return nil, err
	}
	across, down := s.grid()
	s.tiles = make([]j2kTileParts, across*down)
	for {
		switch {
		case at+2 > len(data):
			return nil, errJ2KCut
		case word(data[at:]) == j2kEOC:
			return &s, nil
		}
		if at, err = s.tilePart(data, at); err != nil {
			return nil, err
		}
	}
}

// tilePart reads the tile-part at a place and returns where the next one begins.
func (s *j2kStream) tilePart(data []byte, at int) (int, error) {
	marker, body, next, err := j2kSegment(data, at)
	switch {
	case err != nil:
		return 0, err
	case marker != j2kSOT || len(body) != 8:
		return 0, j2kBroken("marker %04X stands where a tile-part belongs", marker)
	}
	f := byteFields{b: body}
	index, length := f.number(2), f.number(4)
	end := at + length
	if length == 0 { // to the end of the codestream
		end = lastEOC(data)
	}
	switch {
	case index >= len(s.tiles):
		return 0, j2kBroken("a tile-part is of tile %d of %d", index, len(s.tiles))
	case end < next+2:
		return 0, j2kBroken("a tile-part is shorter than its header")
	case end > len(data):
		return 0, errJ2KCut
	}
	t := &s.tiles[index]
	for next+2 <= end && word(data[next:]) != j2kSOD {
		var named byte
		if marker, body, next, err = j2kSegment(data[:end], next); err != nil {
			return 0, err
		}
		if marker < j2kCOD || marker > j2kPPT {
			continue
		}
		if err := s.own(t).segment(marker, body, len(s.components), &named); err != nil {
			return 0, err
		}
	}
	if next+2 > end {
		return 0, errJ2KCut
	}
	if packets := data[next+2 : end : end]; t.opened {
		t.packets = append(t.packets, packets...)
	} else {
		t.packets, t.opened = packets, true
	}
	return end, nil
}

// own gives a tile parameters of its own, which begin as those of the main header; all of its COD and QCD rule over those.
func (s *j2kStream) own(t *j2kTileParts) *j2kParams {
	if t.params == nil {
		p := s.params
		p.inherited = true
		for c := range p.coding {
			p.coding[c].own, p.quant[c].own = false, false
		}
		t.params = &p
	}
	return t.params
}

// lastEOC is for a tile-part that does not state its length.
func lastEOC(data []byte) int {
	for i := len(data) - 2; i > 0; i-- {
		if word(data[i:]) == j2kEOC {
			return i
		}
	}
	return math.MaxInt
}
