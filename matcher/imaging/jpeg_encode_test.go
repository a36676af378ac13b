package imaging

import (
	"encoding/binary"

	"pgregory.net/rapid"
)

// jpegSpec is a JPEG to be written from coefficients: all varieties that are read, and some that no encoder writes.
type jpegSpec struct {
	w, h        int
	planes      []specPlane
	interval    int // units between restarts
	progressive bool
	apart       bool // a scan for each component
	jfif        bool
	adobe       int // -1: none
	orientation uint16
	values      []byte // of the AC code, shortest first
}

type specPlane struct {
	id     byte
	h, v   int
	across int
	blocks [][64]int // zigzag
}

// acCounts are 200 codes of 8 bits, 40 of 12 and 15 of 16: every way of looking up is taken.
var acCounts = []byte{0, 0, 0, 0, 0, 0, 0, 200, 0, 0, 0, 40, 0, 0, 0, 15}

// drawJPEG draws a small picture of mild contrast, so that no sample leaves its range.
func drawJPEG(t *rapid.T) jpegSpec {
	s := jpegSpec{
		w: rapid.IntRange(1, 70).Draw(t, "w"), h: rapid.IntRange(1, 70).Draw(t, "h"), adobe: -1,
		progressive: rapid.Bool().Draw(t, "progressive"),
		interval:    rapid.SampledFrom([]int{0, 0, 1, 2, 5}).Draw(t, "interval"),
		orientation: uint16(rapid.IntRange(0, 8).Draw(t, "orientation")),
	}
	sampling := rapid.SampledFrom([][2]int{{1, 1}, {2, 1}, {1, 2}, {2, 2}, {4, 1}, {4, 2}}).Draw(t, "sampling")
	ids := []byte{1, 2, 3}
	switch rapid.SampledFrom([]string{"grey", "ycc", "rgb", "rgb by name", "cmyk", "ycck"}).Draw(t, "colours") {
	case "grey":
		ids = ids[:1]
	case "ycc":
		s.jfif = rapid.Bool().Draw(t, "jfif")
	case "rgb":
		s.adobe = 0
	case "rgb by name":
		ids = []byte("RGB")
	case "cmyk":
		ids, s.adobe, sampling = []byte{1, 2, 3, 4}, 0, [2]int{1, 1}
	case "ycck":
		ids, s.adobe, sampling = []byte{1, 2, 3, 4}, 2, [2]int{2, 2}
	}
	s.apart = len(ids) > 1 && rapid.Bool().Draw(t, "apart")
	s.values = rapid.Permutation(allSymbols()).Draw(t, "code")
	s.fill(ids, sampling, rapid.Uint64().Draw(t, "seed"))
	return s
}

// mildJPEG is a picture like those drawn, in luma and colour differences.
func mildJPEG(w, h int, sampling [2]int, progressive bool) jpegSpec {
	s := jpegSpec{w: w, h: h, adobe: -1, progressive: progressive, values: allSymbols()}
	s.fill([]byte{1, 2, 3}, sampling, 1)
	return s
}

// fill makes the components of a picture; the first and the fourth are sampled more often than the others.
func (s *jpegSpec) fill(ids []byte, sampling [2]int, seed uint64) {
	for i, id := range ids {
		p := specPlane{id: id, h: 1, v: 1}
		if i == 0 || i == 3 {
			p.h, p.v = sampling[0], sampling[1]
		}
		p.across = ceilDiv(s.w, 8*sampling[0]) * p.h
		for range p.across * ceilDiv(s.h, 8*sampling[1]) * p.v {
			p.blocks = append(p.blocks, mildBlock(&seed, i))
		}
		s.planes = append(s.planes, p)
	}
}

func allSymbols() []byte {
	all := make([]byte, 255)
	for i := range all {
		all[i] = byte(i)
	}
	return all
}

// mildBlock has a DC and up to six AC coefficients anywhere.
func mildBlock(seed *uint64, plane int) (b [64]int) {
	next := func(n int) int { // xorshift: thousands of draws would drown what rapid shrinks
		*seed ^= *seed << 13
		*seed ^= *seed >> 7
		*seed ^= *seed << 17
		*seed += 0x9E3779B97F4A7C15
		return int(*seed >> 33 % uint64(n))
	}
	b[0] = next(81) - 40
	if plane == 1 || plane == 2 {
		b[0] /= 3
	}
	for range next(7) {
		b[1+next(63)] = next(11) - 5
	}
	return b
}

// stepOf is the quantiser that pictures are written with.
const stepOf = 3

// bytes writes the file.
func (s jpegSpec) bytes() []byte {
	out := []byte{0xFF, markerSOI}
	segment := func(marker byte, body ...byte) {
		out = append(binary.BigEndian.AppendUint16(append(out, 0xFF, marker), uint16(len(body)+2)), body...)
	}
	if s.jfif {
		segment(markerAPP0, []byte("JFIF\x00\x01\x02\x00\x00\x01\x00\x01\x00\x00")...)
	}
	if s.orientation > 0 {
		segment(markerAPP1, append([]byte("Exif\x00\x00"), exifBlock(binary.BigEndian, "MM", s.orientation)...)...)
	}
	if s.adobe >= 0 {
		segment(markerAPP14, append([]byte("Adobe\x00\x64\x00\x00\x00\x00"), byte(s.adobe))...)
	}
	steps := make([]byte, 65)
	for i := range steps[1:] {
		steps[1+i] = stepOf
	}
	steps[1] = 8
	segment(markerDQT, steps...)
	frame := []byte{8, byte(s.h >> 8), byte(s.h), byte(s.w >> 8), byte(s.w), byte(len(s.planes))}
	for _, p := range s.planes {
		frame = append(frame, p.id, byte(p.h<<4|p.v), 0)
	}
	sof := byte(markerSOF0)
	if s.progressive {
		sof += 2
	}
	segment(sof, frame...)
	segment(markerDHT, append([]byte{0, 0, 0, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)...)
	segment(markerDHT, append(append([]byte{0x10}, acCounts...), s.values...)...)
	segment(markerDRI, byte(s.interval>>8), byte(s.interval))
	for _, scan := range s.script() {
		header := []byte{byte(len(scan.planes))}
		for _, i := range scan.planes {
			header = append(header, s.planes[i].id, 0)
		}
		segment(markerSOS, append(header, byte(scan.from), byte(scan.to), byte(scan.high<<4|scan.low))...)
		out = append(out, s.coded(scan)...)
	}
	return append(out, 0xFF, markerEOI)
}

type specScan struct {
	planes              []int
	from, to, high, low int
}

// script are the scans: of a progressive picture, two bands in three steps of precision.
func (s jpegSpec) script() (scans []specScan) {
	var all []int
	for i := range s.planes {
		all = append(all, i)
	}
	groups := [][]int{all}
	if s.apart {
		groups = nil
		for i := range all {
			groups = append(groups, all[i:i+1])
		}
	}
	if !s.progressive {
		for _, g := range groups {
			scans = append(scans, specScan{g, 0, 63, 0, 0})
		}
		return scans
	}
	for _, g := range groups {
		scans = append(scans, specScan{g, 0, 0, 0, 1})
	}
	for _, step := range []specScan{{nil, 1, 5, 0, 2}, {nil, 6, 63, 0, 2}, {nil, 1, 63, 2, 1}, {nil, 1, 63, 1, 0}} {
		for i := range all {
			step.planes = all[i : i+1]
			scans = append(scans, step)
		}
	}
	return append(scans, specScan{all, 0, 0, 1, 0})
}

// specBits writes codes, with stuffing.
type specBits struct {
	out  []byte
	acc  uint32
	n    int
	code map[byte][2]int // length and code of each AC symbol
}

func (w *specBits) put(v, n int) {
	for i := n - 1; i >= 0; i-- {
		w.acc = w.acc<<1 | uint32(v>>i&1)
		if w.n++; w.n == 8 {
			w.out = append(w.out, byte(w.acc))
			if byte(w.acc) == 0xFF {
				w.out = append(w.out, 0)
			}
			w.n = 0
		}
	}
}

func (w *specBits) flush() {
	for w.n > 0 {
		w.put(1, 1)
	}
}

func (w *specBits) symbol(v int) { w.put(w.code[byte(v)][1], w.code[byte(v)][0]) }

func sizeOf(v int) (n int) {
	for v = max(v, -v); v > 0; v >>= 1 {
		n++
	}
	return n
}

// value writes the size bits of a coefficient.
func (w *specBits) value(v, size int) {
	if v < 0 {
		v += 1<<size - 1
	}
	w.put(v, size)
}

// coded writes the data of a scan.
func (s jpegSpec) coded(scan specScan) []byte {
	w := &specBits{code: map[byte][2]int{}}
	next, at := 0, 0
	for length, n := range acCounts {
		next <<= 1
		for range n {
			w.code[s.values[at]] = [2]int{length + 1, next}
			next++
			at++
		}
	}
	h0, v0 := s.planes[0].h, s.planes[0].v
	across, down := ceilDiv(s.w, 8*h0), ceilDiv(s.h, 8*v0)
	one := len(scan.planes) == 1
	if one {
		p := s.planes[scan.planes[0]]
		across, down = ceilDiv(ceilDiv(s.w*p.h, h0), 8), ceilDiv(ceilDiv(s.h*p.v, v0), 8)
	}
	preds, run := make([]int, len(s.planes)), 0
	for unit := range across * down {
		if s.interval > 0 && unit > 0 && unit%s.interval == 0 {
			w.endRun(&run)
			w.flush()
			w.out = append(w.out, 0xFF, markerRST0+byte(unit/s.interval-1)%8)
			clear(preds)
		}
		x, y := unit%across, unit/across
		for _, i := range scan.planes {
			p := s.planes[i]
			h, v := p.h, p.v
			if one {
				h, v = 1, 1
			}
			for k := range h * v {
				b := p.blocks[(y*v+k/h)*p.across+x*h+k%h]
				w.block(b, scan, &preds[i], &run, s.progressive)
			}
		}
	}
	w.endRun(&run)
	w.flush()
	return w.out
}

// endRun writes a run of blocks without coefficients.
func (w *specBits) endRun(run *int) {
	if *run > 0 {
		size := sizeOf(*run) - 1
		w.symbol(size << 4)
		w.put(*run-1<<size, size)
		*run = 0
	}
}

func (w *specBits) block(b [64]int, scan specScan, pred, run *int, progressive bool) {
	from := scan.from
	if from == 0 && scan.high > 0 {
		w.put(b[0]>>scan.low&1, 1)
		return
	}
	if from == 0 {
		diff := b[0]>>scan.low - *pred
		*pred += diff
		w.put(sizeOf(diff), 4)
		w.value(diff, sizeOf(diff))
		from = 1
	}
	if scan.to == 0 {
		return
	}
	if scan.high > 0 {
		w.refine(b, scan)
		return
	}
	zeros := 0
	for k := from; k <= scan.to; k++ {
		v := b[k] / (1 << scan.low) // towards zero
		if v == 0 {
			zeros++
			continue
		}
		w.endRun(run)
		for ; zeros > 15; zeros -= 16 {
			w.symbol(zeroRun)
		}
		w.symbol(zeros<<4 | sizeOf(v))
		w.value(v, sizeOf(v))
		zeros = 0
	}
	switch {
	case zeros == 0:
	case progressive:
		*run++
	default:
		w.symbol(0)
	}
}

// refine writes one more bit of a band, with a run of one block at its end.
func (w *specBits) refine(b [64]int, scan specScan) {
	newest := 0
	for k := scan.from; k <= scan.to; k++ {
		if max(b[k], -b[k])>>scan.low == 1 {
			newest = k
		}
	}
	zeros, bits := 0, []int(nil)
	correct := func() {
		for _, bit := range bits {
			w.put(bit, 1)
		}
		bits = nil
	}
	for k := scan.from; k <= scan.to; k++ {
		v := max(b[k], -b[k]) >> scan.low
		if v == 0 {
			zeros++
			continue
		}
		for ; zeros > 15 && k <= newest; zeros -= 16 {
			w.symbol(zeroRun)
			correct()
		}
		if v > 1 {
			bits = append(bits, v&1)
			continue
		}
		w.symbol(zeros<<4 | 1)
		if b[k] > 0 {
			w.put(1, 1)
		} else {
			w.put(0, 1)
		}
		correct()
		zeros = 0
	}
	if zeros > 0 || bits != nil {
		w.symbol(0)
		correct()
	}
}
