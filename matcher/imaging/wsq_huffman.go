package imaging

// wsqHuffman decodes one table's prefix code, of at most 16 bits. Codes up to wsqDirect bits take one look-up, longer ones a
// search by length.
type wsqHuffman struct {
	direct  [1 << wsqDirect]uint16 // by the next bits: length<<8 | symbol; 0: longer, or no code
	limit   [17]uint32             // by length: the first 16 bits that are past all codes so long or shorter
	offset  [17]int                // by length: place of a code in symbols, less the code
	symbols []byte
}

const wsqDirect = 9

// newWSQHuffman assigns codes as JPEG does (ITU-T T.81 annex C): counting up, with a bit more at each length.
func newWSQHuffman(counts, symbols []byte) (*wsqHuffman, error) {
	h := &wsqHuffman{symbols: symbols}
	code, at := 0, 0
	for length := 1; length <= 16; length++ {
		n := int(counts[length-1])
		if code+n > 1<<length {
			return nil, wsqBroken("a Huffman table has too many codes of %d bits", length)
		}
		h.offset[length] = at - code
		if length <= wsqDirect {
			h.enter(code, length, symbols[at:at+n])
		}
		code, at = code+n, at+n
		h.limit[length] = uint32(code) << (16 - length)
		code <<= 1
	}
	return h, nil
}

// enter writes consecutive codes of one length, each at all places that begin with it.
func (h *wsqHuffman) enter(code, length int, symbols []byte) {
	spare := wsqDirect - length
	for i, symbol := range symbols {
		first := (code + i) << spare
		for j := range 1 << spare {
			h.direct[first+j] = uint16(length)<<8 | uint16(symbol)
		}
	}
}

// next returns the code's length and symbol for the next 16 bits; length 0: no code begins so.
func (h *wsqHuffman) next(bits uint32) (length int, symbol byte) {
	if e := h.direct[bits>>(16-wsqDirect)]; e != 0 {
		return int(e >> 8), byte(e)
	}
	for length = wsqDirect + 1; length <= 16; length++ {
		if bits < h.limit[length] {
			return length, h.symbols[h.offset[length]+int(bits>>(16-length))]
		}
	}
	return 0, 0
}

// Symbols: 1 to 100 are runs of zeros, 107 to 254 indices from -73 to 74.
const (
	wsqRunLast   = 100
	wsqPlus8     = 101 // the index follows in 8 bits
	wsqMinus8    = 102
	wsqPlus16    = 103
	wsqMinus16   = 104
	wsqRun8      = 105 // the run's length follows
	wsqRun16     = 106
	wsqIndexZero = 180
	wsqIndexLast = 254
)

// decode writes the coefficients of data, which ends on a byte, to the plane.
func (h *wsqHuffman) decode(data []byte, plane *wsqPlane, quant *wsqQuantizer) error {
	b := wsqBits{data: data}
	for {
		b.fill()
		length, symbol := h.next(b.peek16())
		if length == 0 || length > b.n {
			if b.n >= 8 {
				return wsqBroken("its coded data has bits that are no code")
			}
			return nil // what is left fills the last byte
		}
		b.n -= length
		ok := true
		switch {
		case symbol > wsqRun16 && symbol <= wsqIndexLast:
			ok = plane.put(int(symbol)-wsqIndexZero, quant)
		case symbol >= 1 && symbol <= wsqRunLast:
			ok = plane.skip(int(symbol), quant)
		case symbol == 0 || symbol > wsqIndexLast:
			return wsqBroken("its coded data has the symbol %d", symbol)
		default:
			var err error
			if ok, err = b.escape(symbol, plane, quant); err != nil {
				return err
			}
		}
		if !ok {
			return wsqBroken("it holds more coefficients than its subbands")
		}
	}
}

// wsqBits reads coded data from the highest bit of each byte.
type wsqBits struct {
	data []byte
	at   int
	acc  uint64 // the last n bits are still to be read
	n    int
}

// fill makes 32 bits ready, a code and what follows it, where there are as many. A zero byte behind 0xFF is no data.
func (b *wsqBits) fill() {
	if b.n >= 32 {
		return
	}
	for b.n <= 56 && b.at < len(b.data) {
		v := b.data[b.at]
		b.at++
		if v == 0xFF {
			b.at++
		}
		b.acc = b.acc<<8 | uint64(v)
		b.n += 8
	}
}

// peek16 returns the next 16 bits, with ones behind the end.
func (b *wsqBits) peek16() uint32 {
	if b.n >= 16 {
		return uint32(b.acc>>(b.n-16)) & 0xFFFF
	}
	missing := 16 - b.n
	return uint32(b.acc<<missing|(1<<missing-1)) & 0xFFFF
}

// escape carries out a symbol that has a number behind it.
func (b *wsqBits) escape(symbol byte, plane *wsqPlane, quant *wsqQuantizer) (ok bool, err error) {
	width := 8
	if symbol == wsqPlus16 || symbol == wsqMinus16 || symbol == wsqRun16 {
		width = 16
	}
	if b.n < width {
		return false, wsqBroken("its coded data ends within a number")
	}
	b.n -= width
	v := int(b.acc>>b.n) & (1<<width - 1)
	switch symbol {
	case wsqPlus8, wsqPlus16:
		return plane.put(v, quant), nil
	case wsqMinus8, wsqMinus16:
		return plane.put(-v, quant), nil
	}
	return plane.skip(v, quant), nil
}
