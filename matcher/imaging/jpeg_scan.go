package imaging

import (
	"bytes"
	"math"
	"math/bits"
)

// scanComponent is a component as a scan codes it.
type scanComponent struct {
	*jpegComponent
	index int // in the frame
	dc    *jpegTable
	ac    *coefficientTable // sequential scans
	// Progressive scans have one component where they code AC coefficients.
	refined *jpegTable
}

// jpegScan is the header of a scan.
type jpegScan struct {
	components []scanComponent
	from, to   int // first and last zigzag index
	high, low  int // bit positions of a progressive scan: before, now
}

// codedData is the data of a scan without stuffing, cut at restarts, with bitPadding zeros behind it.
type codedData struct {
	bytes []byte
	ends  []int // where the parts end
}

// entropyCoded is the length of the entropy-coded data that data begins with: up to a marker that is no restart.
func entropyCoded(data []byte) int {
	for at := 0; ; {
		i := bytes.IndexByte(data[at:], 0xFF)
		if i < 0 || at+i+1 >= len(data) {
			return len(data)
		}
		at += i
		if next := data[at+1]; next != 0 && next != 0xFF && (next < markerRST0 || next > markerRST7) {
			return at
		}
		at++
	}
}

// unstuff takes the stuffed zeros and the restarts out of entropy-coded data. Restarts must be numbered in turn.
func unstuff(data []byte) (codedData, error) {
	var c codedData
	out := make([]byte, 0, len(data)+bitPadding)
	for {
		i := bytes.IndexByte(data, 0xFF)
		if i < 0 || i+1 >= len(data) {
			out = append(out, data...)
			break
		}
		out = append(out, data[:i]...)
		next := data[i+1]
		switch {
		case next == 0:
			out = append(out, 0xFF)
		case next == 0xFF: // fill before a marker
			data = data[i+1:]
			continue
		case int(next) != markerRST0+len(c.ends)%8:
			return c, broken("a restart is missing")
		default:
			c.ends = append(c.ends, len(out))
		}
		data = data[i+2:]
	}
	c.ends = append(c.ends, len(out))
	c.bytes = append(out, make([]byte, bitPadding)...)
	return c, nil
}

// scan reads the header of a scan and keeps its data.
func (f *jpegFile) scan(body, coded []byte) error {
	s, err := f.scanHeader(body)
	if err != nil {
		return err
	}
	if f.scans == 1 && len(s.components) < len(f.components) {
		return broken("a component has no data")
	}
	for _, c := range s.components {
		c.coded, c.across = true, f.across*c.h
	}
	if f.held {
		f.layers = append(f.layers, newCollector(f, s, coded))
		return nil
	}
	data, err := unstuff(coded)
	if err != nil {
		return err
	}
	f.stream = &jpegStream{jpegFile: f, data: data, components: s.components, interval: f.interval}
	return nil
}

func (f *jpegFile) scanHeader(body []byte) (s jpegScan, err error) {
	if f.components == nil {
		return s, broken("a scan comes before the frame header")
	}
	n := 0
	if len(body) > 0 {
		n = int(body[0])
	}
	if n < 1 || n > len(f.components) || len(body) != 4+2*n {
		return s, broken("a scan's header has %d bytes", len(body))
	}
	if err := f.band(&s, body[1+2*n:], n); err != nil {
		return s, err
	}
	units := 0
	for i := range n {
		c, err := f.scanComponent(s, body[1+2*i], body[2+2*i])
		if err != nil {
			return s, err
		}
		for _, other := range s.components {
			if other.id == c.id {
				return s, broken("a scan has one component twice")
			}
		}
		s.components = append(s.components, c)
		units += c.h * c.v
	}
	if n > 1 && units > 10 {
		return s, broken("a scan's units have %d blocks", units)
	}
	return s, nil
}

// band reads which coefficients, and which bits of them, a scan of n components codes.
func (f *jpegFile) band(s *jpegScan, b []byte, n int) error {
	s.from, s.to = 0, 63
	if !f.progressive {
		return nil
	}
	s.from, s.to, s.high, s.low = int(b[0]), int(b[1]), int(b[2]>>4), int(b[2]&15)
	switch {
	case s.from > s.to || s.to > 63 || s.from == 0 && s.to != 0 || s.from > 0 && n > 1:
		return broken("a scan has coefficients %d to %d of %d components", s.from, s.to, n)
	case s.low > 13 || s.high > 0 && s.high != s.low+1:
		return broken("a scan has bits %d to %d", s.high, s.low)
	}
	return nil
}

func (f *jpegFile) scanComponent(s jpegScan, id, slots byte) (c scanComponent, err error) {
	for i := range f.components {
		if f.components[i].id == id {
			c.jpegComponent, c.index = &f.components[i], i
		}
	}
	dc, ac := slots>>4, slots&15
	if c.jpegComponent == nil || dc > 3 || ac > 3 || f.baseline && (dc > 1 || ac > 1) {
		return c, broken("a scan's header names what there is not")
	}
	c.steps = f.steps[c.step]
	if !f.progressive && c.steps == nil {
		return c, broken("a quantisation table is missing")
	}
	needsDC, needsAC := s.from == 0 && s.high == 0, s.to > 0
	if needsDC && f.codes[0][dc] == nil || needsAC && f.codes[1][ac] == nil {
		return c, broken("a Huffman code is missing")
	}
	if needsDC {
		c.dc = f.codes[0][dc].table()
	}
	switch {
	case needsAC && f.progressive:
		c.refined = f.codes[1][ac].table()
	case needsAC:
		c.ac = f.codes[1][ac].table().coefficients()
	}
	return c, nil
}

// collector decodes one scan into coefficients, from the top as far as they are needed.
type collector struct {
	jpegScan
	coded        []byte // until it is begun
	data         codedData
	interval     int // minimum coded units between restarts, 0: none
	across, down int // minimum coded units
	bits         bitReader
	preds        []int32 // last DC of each component
	run          int     // blocks to come in a run of blocks without new coefficients
	next         int     // unit
	part         int     // between restarts, which next lies in
	err          error   // what stopped it
}

func newCollector(f *jpegFile, s jpegScan, coded []byte) *collector {
	c := &collector{jpegScan: s, coded: coded, interval: f.interval, across: f.across, down: f.down}
	if len(s.components) == 1 { // no more blocks than the picture needs (A.2.2)
		only := s.components[0]
		c.across = ceilDiv(ceilDiv(f.width*only.h, f.hMax), 8)
		c.down = ceilDiv(ceilDiv(f.height*only.v, f.vMax), 8)
	}
	return c
}

// collect decodes what the planes of a part need, down to the end of a row of minimum coded units of all components. A scan of
// AC coefficients that the scale has no use for is left alone.
func (f *jpegFile) collect(planes []jpegPlane, strip int) error {
	for i, p := range planes {
		if p.w > 0 {
			f.components[i].hold(f.down, !p.flat())
		}
	}
	for _, c := range f.layers {
		if !c.neededBy(planes) {
			continue
		}
		rows := strip + 1
		if len(c.components) == 1 {
			rows *= c.components[0].v
		}
		if err := c.downTo(f, min(rows, c.down)); err != nil {
			return err
		}
	}
	return nil
}

// neededBy: some component is wanted, and not only its means over whole blocks unless they are what is coded here.
func (c *collector) neededBy(planes []jpegPlane) bool {
	for _, comp := range c.components {
		if p := &planes[comp.index]; p.w > 0 && (c.from == 0 || !p.flat()) {
			return true
		}
	}
	return false
}

// downTo decodes so many rows of units in all.
func (c *collector) downTo(f *jpegFile, rows int) error {
	if c.err != nil || c.next >= rows*c.across {
		return c.err
	}
	if c.preds == nil {
		c.err = c.begin(f)
	}
	for c.err == nil && c.next < rows*c.across {
		c.err = c.step(rows * c.across)
	}
	if c.err == nil && c.next == c.across*c.down && c.run > 0 {
		c.err = broken("a run goes on behind the last block")
	}
	return c.err
}

func (c *collector) begin(f *jpegFile) (err error) {
	if c.data, err = unstuff(c.coded); err != nil {
		return err
	}
	c.coded, c.bits.data, c.preds = nil, c.data.bytes, make([]int32, len(c.components))
	for _, comp := range c.components {
		comp.hold(f.down, c.to > 0)
	}
	return nil
}

// hold makes place for the coefficients of so many rows of units.
func (c *jpegComponent) hold(down int, details bool) {
	blocks := c.across * down * c.v
	if c.means == nil {
		c.means = make([]int16, blocks)
	}
	if details && c.filled == nil {
		c.filled, c.details = make([]uint64, blocks), make([]int16, 63*blocks+1)
	}
}

// step decodes a unit, or passes over those before the end that a run leaves as they are.
func (c *collector) step(end int) error {
	if c.interval > 0 && c.next > 0 && c.next%c.interval == 0 {
		c.part++
		if c.part >= len(c.data.ends) || c.run > 0 {
			return broken("a restart is missing")
		}
		clear(c.preds)
		c.bits.seek(8 * c.data.ends[c.part-1])
	}
	if c.run > 0 && c.high == 0 {
		n := min(c.run, end-c.next)
		if c.interval > 0 {
			n = min(n, c.interval-c.next%c.interval)
		}
		c.run -= n
		c.next += n
		return nil
	}
	if !c.unit(c.next%c.across, c.next/c.across) {
		return broken("coefficient data that has no meaning")
	}
	if c.bits.consumed() > 8*c.data.ends[c.part] {
		return broken("it is cut off")
	}
	c.next++
	return nil
}

// unit decodes one minimum coded unit.
func (c *collector) unit(x, y int) bool {
	if len(c.components) == 1 {
		return c.block(0, x, y)
	}
	for i := range c.components {
		h, v := c.components[i].h, c.components[i].v
		for k := range h * v {
			if !c.block(i, x*h+k%h, y*v+k/h) {
				return false
			}
		}
	}
	return true
}

func (c *collector) block(i, x, y int) bool {
	comp := &c.components[i]
	at := y*comp.across + x
	switch {
	case c.to > 0:
	case c.high == 0:
		return c.first(comp, &comp.means[at], &c.preds[i])
	default:
		c.bits.fill()
		comp.means[at] |= int16(c.bits.take(1) << c.low)
		return true
	}
	b, filled := comp.block(at), &comp.filled[at]
	switch {
	case comp.ac != nil:
		return c.sequential(comp, b, &comp.means[at], filled, &c.preds[i])
	case c.high == 0:
		return c.band(comp.refined, b, filled)
	default:
		return c.refine(comp.refined, b, filled)
	}
}

// ones are the steps of a quantiser that changes nothing.
var ones = func() (b block) {
	for i := range b {
		b[i] = 1
	}
	return b
}()

// sequential decodes a block whole.
func (c *collector) sequential(comp *scanComponent, b *[64]int16, dc *int16, filled *uint64, pred *int32) bool {
	var wide block
	last := c.bits.block(&wide, comp.dc, comp.ac, &ones, pred)
	if last < 0 || !fits(wide[0]) {
		return false
	}
	*filled = 1<<(last+1) - 2
	*dc = int16(wide[0])
	for i, v := range wide[1:] {
		b[1+i] = int16(v)
	}
	return true
}

// first decodes the upper bits of a DC coefficient.
func (c *collector) first(comp *scanComponent, dc *int16, pred *int32) bool {
	diff, ok := c.bits.difference(comp.dc)
	*pred += diff
	if !ok || !fits(*pred) || !fits(*pred<<c.low) {
		return false
	}
	*dc = int16(*pred << c.low)
	return true
}

func fits(v int32) bool { return v >= math.MinInt16 && v <= math.MaxInt16 }

// band decodes the upper bits of a band of AC coefficients (G.1.2.2).
func (c *collector) band(t *jpegTable, b *[64]int16, filled *uint64) bool {
	for k := c.from; k <= c.to; k++ {
		symbol, ok := c.bits.symbol(t)
		if !ok {
			return false
		}
		run, size := int(symbol>>4), int(symbol&15)
		if size == 0 && run < 15 {
			c.run = 1<<run - 1 + int(c.bits.take(run))
			return true
		}
		k += run
		if size == 0 {
			continue
		}
		if k > c.to || size+c.low > 15 {
			return false
		}
		b[unzigzag[k]] = int16(extend(c.bits.take(size), size) << c.low)
		*filled |= 1 << k
	}
	return true
}

// refine decodes one more bit of a band: of the coefficients that are not zero, and of those that become so (G.1.2.3).
func (c *collector) refine(t *jpegTable, b *[64]int16, filled *uint64) bool {
	k := c.from
	for ; c.run == 0 && k <= c.to; k++ {
		symbol, ok := c.bits.symbol(t)
		if !ok {
			return false
		}
		zeros, size, fresh := int(symbol>>4), symbol&15, int16(0)
		switch {
		case size == 0 && zeros < 15:
			c.run = 1<<zeros + int(c.bits.take(zeros))
		case size == 1:
			fresh = int16(2*int(c.bits.take(1))-1) << c.low
		case size > 1:
			return false
		}
		if c.run > 0 {
			break
		}
		if k, ok = c.correct(b, *filled, k, zeros); !ok || k > c.to {
			return false
		}
		if fresh != 0 {
			b[unzigzag[k]] = fresh
			*filled |= 1 << k
		}
	}
	if c.run > 0 {
		c.run--
		_, ok := c.correct(b, *filled, k, 64)
		return ok
	}
	return true
}

// correct adds a bit to each filled coefficient from k on, and stops at the zero that so many others precede.
func (c *collector) correct(b *[64]int16, filled uint64, k, zeros int) (at int, ok bool) {
	for ahead := filled >> k << k & (2<<c.to - 1); ahead != 0; ahead &= ahead - 1 {
		next := bits.TrailingZeros64(ahead)
		if next-k > zeros {
			break
		}
		zeros -= next - k
		k = next + 1
		c.bits.fill()
		if c.bits.take(1) == 0 {
			continue
		}
		v := int32(b[unzigzag[next]])
		if v > 0 {
			v += 1 << c.low
		} else {
			v -= 1 << c.low
		}
		if !fits(v) {
			return next, false
		}
		b[unzigzag[next]] = int16(v)
	}
	return k + zeros, true
}
