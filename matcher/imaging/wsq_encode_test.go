package imaging

import (
	"encoding/binary"
	"image"
	"math"
	"slices"
	"testing"
)

// A WSQ encoder, straight from the forward path of the specification (IAFIS-IC-0110) and without regard to time. It
// finds a subband's samples by convolving the mirrored signal itself, not its halves, and so checks the decoder's extensions.

// analysis is a pair of analysis filters: the right halves, from the centre outwards.
type analysis struct {
	low, high []float64
	odd       bool
}

// The filters of the FBI's encoder number one, and an even pair of NIST Biometric Image Software.
var (
	filters97 = analysis{
		[]float64{0.85269867900940344, 0.37740285561265380, -0.11062440441842342, -0.02384946501938000, 0.03782845550699546},
		[]float64{0.78848561640566439, -0.41809227322221221, -0.04068941760955844, 0.06453888262893845},
		true,
	}
	filters88 = analysis{
		[]float64{0.85269867900940344, -0.09789296778409587, -0.12335584105275092, 0.07565691101399093},
		[]float64{-0.60328894481393847, 0.18870142780632693, 0.05261415011924844, -0.03226944131446922},
		false,
	}
	haar = analysis{[]float64{math.Sqrt2 / 2}, []float64{-math.Sqrt2 / 2}, false}
)

// mirrored reads x beyond its ends: an odd filter mirrors it at the last sample, an even one behind it.
func mirrored(x []float64, i int, odd bool) float64 {
	n := len(x)
	if n == 1 {
		return x[0]
	}
	period := 2 * n
	if odd {
		period = 2*n - 2
	}
	i = ((i % period) + period) % period
	if i >= n {
		i = period - i
		if !odd {
			i--
		}
	}
	return x[i]
}

// split filters x and keeps every second sample of both halves.
func (a analysis) split(x []float64) (low, high []float64) {
	for k := range (len(x) + 1) / 2 {
		low = append(low, a.lowAt(x, 2*k))
	}
	for k := range len(x) / 2 {
		high = append(high, a.highAt(x, 2*k))
	}
	return low, high
}

func (a analysis) lowAt(x []float64, at int) (v float64) {
	for n, w := range a.low {
		switch {
		case !a.odd:
			v += w * (mirrored(x, at+1+n, false) + mirrored(x, at-n, false))
		case n == 0:
			v += w * x[at]
		default:
			v += w * (mirrored(x, at+n, true) + mirrored(x, at-n, true))
		}
	}
	return v
}

func (a analysis) highAt(x []float64, at int) (v float64) {
	for n, w := range a.high {
		switch {
		case !a.odd:
			v -= w * (mirrored(x, at+1+n, false) - mirrored(x, at-n, false))
		case n == 0:
			v += w * x[at+1]
		default:
			v += w * (mirrored(x, at+1+n, true) + mirrored(x, at+1-n, true))
		}
	}
	return v
}

// replace sets a line's samples to the two halves, the higher first where the line is reversed.
func (a analysis) replace(line []float64, reverse bool, set func(i int, v float64)) {
	low, high := a.split(line)
	if reverse {
		low, high = high, low
	}
	for i, v := range append(low, high...) {
		set(i, v)
	}
}

// decompose is the transform: rows, then columns, then each quarter that is split further.
func (a analysis) decompose(plane []float64, width int, t wsqTree, r wsqRegion) {
	if t.branches == nil || r.w == 0 || r.h == 0 {
		return
	}
	at := func(x, y int) *float64 { return &plane[(r.y+y)*width+r.x+x] }
	for y := range r.h {
		line := make([]float64, r.w)
		for x := range line {
			line[x] = *at(x, y)
		}
		a.replace(line, r.reverseX, func(x int, v float64) { *at(x, y) = v })
	}
	for x := range r.w {
		line := make([]float64, r.h)
		for y := range line {
			line[y] = *at(x, y)
		}
		a.replace(line, r.reverseY, func(y int, v float64) { *at(x, y) = v })
	}
	for i, q := range r.quarters() {
		a.decompose(plane, width, t.branches[i], q)
	}
}

// wsqFile assembles a file segment by segment.
type wsqFile []byte

func newWSQFile() wsqFile { return wsqFile{0xFF, wsqSOI} }

func (f wsqFile) segment(marker byte, body []byte) wsqFile {
	f = append(slices.Clip(f), 0xFF, marker) // a copy: one beginning may have many ends
	f = binary.BigEndian.AppendUint16(f, uint16(len(body)+2))
	return append(f, body...)
}

func (f wsqFile) frame(width, height int, shift, scale float64) wsqFile {
	b := binary.BigEndian.AppendUint16([]byte{0, 255}, uint16(height))
	b = binary.BigEndian.AppendUint16(b, uint16(width))
	b = append(append(b, scaled16(shift)...), scaled16(scale)...)
	return f.segment(wsqSOF, append(b, 0, 0, 0))
}

// scaled16 writes as many digits as fit.
func scaled16(v float64) []byte {
	exponent := 0
	for v != 0 && v*10 < 65535 && exponent < 20 {
		v, exponent = v*10, exponent+1
	}
	return binary.BigEndian.AppendUint16([]byte{byte(exponent)}, uint16(math.Round(v)))
}

func (f wsqFile) filters(a analysis) wsqFile {
	taps := func(half []float64) byte {
		if a.odd {
			return byte(2*len(half) - 1)
		}
		return byte(2 * len(half))
	}
	b := []byte{taps(a.low), taps(a.high)}
	for _, w := range slices.Concat(a.low, a.high) {
		var negative byte
		if w < 0 {
			negative, w = 1, -w
		}
		exponent := 0
		for w != 0 && w*10 < math.MaxUint32 && exponent < 20 {
			w, exponent = w*10, exponent+1
		}
		b = append(b, negative, byte(exponent))
		b = binary.BigEndian.AppendUint32(b, uint32(math.Round(w)))
	}
	return f.segment(wsqDTT, b)
}

func (f wsqFile) quantizer(q *wsqQuantizer) wsqFile {
	b := scaled16(q.centre)
	for k := range wsqSubbands {
		b = append(append(b, scaled16(q.bin[k])...), scaled16(q.zero[k])...)
	}
	return f.segment(wsqDQT, b)
}

func (f wsqFile) huffman(number byte, c huffmanCode) wsqFile {
	return f.segment(wsqDHT, slices.Concat([]byte{number}, c.counts[:], c.symbols))
}

func (f wsqFile) block(table byte, coded []byte) wsqFile {
	return append(f.segment(wsqSOB, []byte{table}), coded...)
}

func (f wsqFile) end() []byte { return append(slices.Clip(f), 0xFF, wsqEOI) }

// wsqSymbol is a code with the number that follows it.
type wsqSymbol struct {
	code  byte
	value uint16
	bits  int
}

// symbols are those of a run of indices.
func symbols(indices []int) (out []wsqSymbol) {
	for i := 0; i < len(indices); {
		run := 0
		for i+run < len(indices) && indices[i+run] == 0 && run < 65535 {
			run++
		}
		switch v := indices[i]; {
		case run > 255:
			out = append(out, wsqSymbol{wsqRun16, uint16(run), 16})
		case run > wsqRunLast:
			out = append(out, wsqSymbol{wsqRun8, uint16(run), 8})
		case run > 0:
			out = append(out, wsqSymbol{code: byte(run)})
		case v >= -73 && v <= 74:
			out = append(out, wsqSymbol{code: byte(v + wsqIndexZero)})
		case v > 0 && v <= 255:
			out = append(out, wsqSymbol{wsqPlus8, uint16(v), 8})
		case v < 0 && v >= -255:
			out = append(out, wsqSymbol{wsqMinus8, uint16(-v), 8})
		case v > 0:
			out = append(out, wsqSymbol{wsqPlus16, uint16(v), 16})
		default:
			out = append(out, wsqSymbol{wsqMinus16, uint16(-v), 16})
		}
		i += max(run, 1)
	}
	return out
}

// huffmanCode is a table as DHT carries it and the code of each symbol.
type huffmanCode struct {
	counts  [16]byte
	symbols []byte
	code    [256]uint32
	length  [256]int
}

// huffmanOf makes a code for the symbols of one or more blocks. Lengths come from the merging of the two rarest, those above 16
// from halving all counts until none is.
func huffmanOf(lists ...[]wsqSymbol) (c huffmanCode) {
	var count [257]int
	for _, list := range lists {
		for _, s := range list {
			count[s.code]++
		}
	}
	count[1] = max(count[1], 1) // a table is never empty
	count[256] = 1              // takes the code of all ones, which no symbol may have
	for {
		lengths := codeLengths(count)
		if longest := slices.Max(lengths[:]); longest <= 16 {
			at := slices.Index(lengths[:], longest)
			lengths[at], lengths[256] = lengths[256], longest
			return canonical(lengths)
		}
		for i, n := range count {
			count[i] = (n + 1) / 2
		}
	}
}

func codeLengths(count [257]int) (length [257]int) {
	type node struct {
		count   int
		members []int
	}
	var nodes []node
	for s, n := range count {
		if n > 0 {
			nodes = append(nodes, node{n, []int{s}})
		}
	}
	for len(nodes) > 1 {
		slices.SortStableFunc(nodes, func(a, b node) int { return a.count - b.count })
		both := node{nodes[0].count + nodes[1].count, slices.Concat(nodes[0].members, nodes[1].members)}
		for _, s := range both.members {
			length[s]++
		}
		nodes = append(nodes[2:], both)
	}
	return length
}

func canonical(length [257]int) (c huffmanCode) {
	longest := slices.Max(length[:])
	code := uint32(0)
	for n := 1; n <= longest; n++ {
		for s := range length {
			if length[s] != n {
				continue
			}
			if s != 256 {
				c.counts[n-1]++
				c.symbols = append(c.symbols, byte(s))
				c.code[s], c.length[s] = code, n
			}
			code++
		}
		code <<= 1
	}
	return c
}

// write codes the symbols, fills the last byte with ones, and stuffs a zero behind each 0xFF.
func (c *huffmanCode) write(list []wsqSymbol) (out []byte) {
	var acc uint64
	n := 0
	put := func(v uint32, bits int) {
		acc, n = acc<<bits|uint64(v), n+bits
		for n >= 8 {
			n -= 8
			b := byte(acc >> n)
			if out = append(out, b); b == 0xFF {
				out = append(out, 0)
			}
		}
	}
	for _, s := range list {
		put(c.code[s.code], c.length[s.code])
		put(uint32(s.value), s.bits)
	}
	if n > 0 {
		put(1<<(8-n)-1, 8-n)
	}
	return out
}

// wsqOptions are what an encoder may choose.
type wsqOptions struct {
	filters analysis
	quant   func(variance [wsqSubbands]float64) *wsqQuantizer
	comment string
	restart int // coefficients between two restarts; 0: none
}

// evenBins gives all 64 subbands the same bin, also the four that the FBI's encoder leaves out.
func evenBins(bin float64) func([wsqSubbands]float64) *wsqQuantizer {
	return func([wsqSubbands]float64) *wsqQuantizer {
		q := &wsqQuantizer{centre: 0.44}
		for k := range wsqSubbands {
			q.bin[k], q.zero[k] = bin, 1.2*bin
		}
		return q
	}
}

// fbiBins is the rule of the FBI's encoder number one with the quality factor given: bins widen as variance falls, and subbands
// that hold next to nothing are left out.
func fbiBins(quality float64) func([wsqSubbands]float64) *wsqQuantizer {
	return func(variance [wsqSubbands]float64) *wsqQuantizer {
		weight := map[int]float64{52: 1.32, 53: 1.08, 54: 1.42, 55: 1.08, 56: 1.32, 57: 1.42, 58: 1.08, 59: 1.08}
		q := &wsqQuantizer{centre: 0.44}
		for k := range 60 {
			switch a := weight[k]; {
			case variance[k] < 1.01:
				continue
			case k < 4:
				q.bin[k] = 1 / quality
			case a == 0:
				q.bin[k] = 10 / math.Log(variance[k]) / quality
			default:
				q.bin[k] = 10 / (a * math.Log(variance[k])) / quality
			}
			q.zero[k] = 1.2 * q.bin[k]
		}
		return q
	}
}

// encodeWSQ writes three blocks with two Huffman tables, as the FBI's encoder does: subbands 0-18, 19-51 and 52-63.
func encodeWSQ(t testing.TB, img *image.Gray, o wsqOptions) []byte {
	t.Helper()
	w, h := img.Rect.Dx(), img.Rect.Dy()
	plane, shift, scale := normalized(img.Pix)
	o.filters.decompose(plane, w, wsqRoot, wsqRegion{w: w, h: h})
	f := newWSQFile()
	if o.comment != "" {
		f = f.segment(wsqCOM, []byte(o.comment))
	}
	bands := newWSQPlane(w, h).bands
	q := o.quant(variances(plane, w, bands))
	f = f.filters(o.filters).quantizer(q).frame(w, h, shift, scale)
	q, err := parseWSQQuantizer(lastBody(newWSQFile().quantizer(q))) // rounded as the file has it
	if err != nil {
		t.Fatal(err)
	}
	var lists [3][][]wsqSymbol
	for i, ends := range [][2]int{{0, 19}, {19, 52}, {52, 64}} {
		lists[i] = pieces(indices(plane, w, bands, q, ends[0], ends[1]), o.restart)
	}
	if o.restart > 0 {
		f = f.segment(wsqDRT, binary.BigEndian.AppendUint16(nil, uint16(o.restart)))
	}
	codes := [2]huffmanCode{huffmanOf(lists[0]...), huffmanOf(append(lists[1], lists[2]...)...)}
	f = f.huffman(0, codes[0])
	for i, list := range lists {
		if i == 1 {
			f = f.huffman(1, codes[1])
		}
		f = f.block(byte(min(i, 1)), codes[min(i, 1)].restarts(list))
	}
	return f.end()
}

func lastBody(f wsqFile) []byte { return f[2+4:] }

// pieces codes indices in independent pieces of n, or in one.
func pieces(indices []int, n int) (out [][]wsqSymbol) {
	for n > 0 && len(indices) > n {
		out, indices = append(out, symbols(indices[:n])), indices[n:]
	}
	return append(out, symbols(indices))
}

func (c *huffmanCode) restarts(pieces [][]wsqSymbol) (out []byte) {
	for i, p := range pieces {
		if i > 0 {
			out = append(out, 0xFF, wsqRST0+byte(i-1)%8)
		}
		out = append(out, c.write(p)...)
	}
	return out
}

// normalized shifts by the mean and scales to -128..128.
func normalized(pix []byte) (plane []float64, shift, scale float64) {
	sum, low, high := 0, 255, 0
	for _, v := range pix {
		sum, low, high = sum+int(v), min(low, int(v)), max(high, int(v))
	}
	shift = unscaled16(float64(sum) / float64(len(pix)))
	scale = unscaled16(max(shift-float64(low), float64(high)-shift) / 128)
	for _, v := range pix {
		if scale == 0 {
			plane = append(plane, 0)
		} else {
			plane = append(plane, (float64(v)-shift)/scale)
		}
	}
	return plane, shift, scale
}

// unscaled16 is what a reader makes of v.
func unscaled16(v float64) float64 {
	p := wsqParams{scaled16(v)}
	got, _ := p.scaled16()
	return got
}

func variances(plane []float64, width int, bands []wsqBand) (v [wsqSubbands]float64) {
	for k, b := range bands {
		var sum, squares float64
		for y := range b.h {
			for _, c := range plane[(b.y+y)*width+b.x:][:b.w] {
				sum, squares = sum+c, squares+c*c
			}
		}
		if n := float64(b.w * b.h); n > 1 {
			v[k] = (squares - sum*sum/n) / (n - 1)
		}
	}
	return v
}

func indices(plane []float64, width int, bands []wsqBand, q *wsqQuantizer, from, to int) (out []int) {
	for k := from; k < to; k++ {
		if q.bin[k] == 0 {
			continue
		}
		b := bands[k]
		for y := range b.h {
			for _, c := range plane[(b.y+y)*width+b.x:][:b.w] {
				out = append(out, q.index(c, k))
			}
		}
	}
	return out
}

// index is the specification's quantizer.
func (q *wsqQuantizer) index(c float64, k int) int {
	switch half := q.zero[k] / 2; {
	case c > half:
		return int(math.Floor((c-half)/q.bin[k])) + 1
	case c < -half:
		return int(math.Ceil((c+half)/q.bin[k])) - 1
	}
	return 0
}
