package imaging

import "encoding/binary"

// Widths in bits of the tables by which codes are looked up. Longer codes are rare and are found length by length.
const (
	lookBits = 11
	skipBits = 12
)

// jpegCode is a Huffman code as a file states it (ITU-T T.81 B.2.4.2).
type jpegCode struct {
	counts [17]int // codes of each length, 1 to 16 bits
	values []byte  // at most 256, by length and then code
}

// newJPEGCode reads the 16 counts and the values of one code; rest is what follows them. ok is false when they are cut
// off, or when more codes are announced than their lengths leave room for.
func newJPEGCode(body []byte) (code *jpegCode, rest []byte, ok bool) {
	if len(body) < 16 {
		return nil, nil, false
	}
	code = &jpegCode{}
	total, room := 0, 1
	for length := 1; length <= 16; length++ {
		n := int(body[length-1])
		room = 2*room - n
		if room < 0 {
			return nil, nil, false
		}
		code.counts[length] = n
		total += n
	}
	if total == 0 || total > 256 || len(body) < 16+total {
		return nil, nil, false
	}
	code.values = body[16 : 16+total]
	return code, body[16+total:], true
}

// jpegTable finds symbols by the bits ahead.
type jpegTable struct {
	// look gives length<<8 | symbol for the next lookBits bits; 0: the code is longer, or there is none.
	look [1 << lookBits]uint16
	// limit is the first code beyond those of a length, left-aligned in 16 bits; offset leads from a code to its value.
	limit  [17]uint32
	offset [17]int32
	values []byte
}

func (c *jpegCode) table() *jpegTable {
	t := &jpegTable{values: c.values}
	next, at := 0, 0
	for length := 1; length <= 16; length++ {
		next <<= 1
		t.offset[length] = int32(at - next)
		for range c.counts[length] {
			if length <= lookBits {
				entry := uint16(length)<<8 | uint16(c.values[at])
				first := next << (lookBits - length)
				for i := range 1 << (lookBits - length) {
					t.look[first+i] = entry
				}
			}
			next++
			at++
		}
		t.limit[length] = uint32(next) << (16 - length)
	}
	return t
}

// find is the code at the head of 16 bits; a length of 0 means that there is none.
func (t *jpegTable) find(ahead uint32) (symbol byte, length int) {
	if e := t.look[ahead>>(16-lookBits)]; e != 0 {
		return byte(e), int(e >> 8)
	}
	for length := lookBits + 1; length <= 16; length++ {
		if ahead < t.limit[length] {
			return t.values[t.offset[length]+int32(ahead>>(16-length))], length
		}
	}
	return 0, 0
}

// coefficientTable decodes the AC coefficients of sequential blocks, several steps in one look.
type coefficientTable struct {
	*jpegTable
	// full holds, for the next lookBits bits, value<<16 | run<<8 | bits where code and value fit in them; else 0.
	full [1 << lookBits]uint32
	// skip holds, for the next skipBits bits, advance<<8 | bits of all symbols that end in them, or of the first one, whose
	// value may reach beyond; skipEnd is added where the last of them ends the block. 0: none ends there.
	// nil before prepareToSkip.
	skip *[1 << skipBits]uint16
}

// skipEnd in an advance marks the end of a block.
const skipEnd = 128

func (t *jpegTable) coefficients() *coefficientTable {
	c := &coefficientTable{jpegTable: t}
	for ahead := range uint32(1 << lookBits) {
		symbol, length := t.find(ahead << (16 - lookBits))
		size := int(symbol & 15)
		if length == 0 || size == 0 || length+size > lookBits {
			continue
		}
		value := extend(ahead>>(lookBits-length-size)&(1<<size-1), size)
		c.full[ahead] = uint32(value)<<16 | uint32(symbol>>4)<<8 | uint32(length+size)
	}
	return c
}

// prepareToSkip makes the table that pass needs. It costs as much as reading a small picture.
func (c *coefficientTable) prepareToSkip() {
	if c.skip != nil {
		return
	}
	c.skip = new([1 << skipBits]uint16)
	for ahead := range uint32(1 << skipBits) {
		c.skip[ahead] = c.skipped(ahead)
	}
}

// skipped makes one entry of the skip table.
func (t *jpegTable) skipped(ahead uint32) uint16 {
	advance, used := 0, 0
	for used < skipBits {
		symbol, length := t.find(ahead << (16 - skipBits + used) & 0xFFFF)
		size := int(symbol & 15)
		switch {
		case length == 0 || used+length > skipBits, used > 0 && used+length+size > skipBits:
			return uint16(advance<<8 | used)
		case symbol == 0:
			return uint16((advance+skipEnd)<<8 | used + length)
		case size == 0 && symbol != zeroRun, advance+int(symbol>>4)+1 > 63:
			return uint16(advance<<8 | used)
		}
		used += length + size
		advance += int(symbol>>4) + 1
	}
	return uint16(advance<<8 | used)
}

// zeroRun is the symbol of sixteen zeros; symbol 0 ends a block.
const zeroRun = 0xF0

// extend turns the size bits of a coefficient into its value (ITU-T T.81 F.2.2.1).
func extend(bits uint32, size int) int32 {
	if bits < 1<<size>>1 {
		return int32(bits) - 1<<size + 1
	}
	return int32(bits)
}

// bitPadding is how many bytes past the end of the data one unit can make a bitReader read: 10 blocks of 64 symbols of at
// most 31 bits, and what is loaded ahead.
const bitPadding = 10*248 + 8

// bitReader reads bits from entropy-coded data that has been freed of stuffing and has bitPadding zero bytes behind it.
// It does not stop at the data's end: whoever reads a unit asks consumed after it.
type bitReader struct {
	data []byte
	at   int    // next byte to load
	acc  uint64 // loaded bits, left-aligned
	n    int    // how many
}

// seek goes to a bit of the data.
func (r *bitReader) seek(bit int) {
	r.at, r.acc, r.n = bit>>3, 0, 0
	r.fill()
	r.drop(bit & 7)
}

// consumed is the number of bits before the next one.
func (r *bitReader) consumed() int { return 8*r.at - r.n }

// fill makes at least 32 bits ready.
func (r *bitReader) fill() {
	if r.n < 32 {
		r.acc |= uint64(binary.BigEndian.Uint32(r.data[r.at:])) << (32 - r.n)
		r.at += 4
		r.n += 32
	}
}

func (r *bitReader) drop(bits int) {
	r.acc <<= bits & 63
	r.n -= bits
}

// take reads up to 16 bits, which fill has made ready.
func (r *bitReader) take(bits int) uint32 {
	v := uint32(r.acc >> 32 >> (32 - bits))
	r.drop(bits)
	return v
}

// symbol reads a code and leaves at least 16 bits ready; ok is false when there is no such code.
func (r *bitReader) symbol(t *jpegTable) (symbol byte, ok bool) {
	r.fill()
	symbol, length := t.find(uint32(r.acc >> 48))
	r.drop(length)
	return symbol, length > 0
}

// difference reads what a DC coefficient adds to the one before.
func (r *bitReader) difference(t *jpegTable) (diff int32, ok bool) {
	size, ok := r.symbol(t)
	if !ok || size > 15 {
		return 0, false
	}
	return extend(r.take(int(size)), int(size)), true
}

// block reads the coefficients of a sequential block, times the quantiser's steps q, into b, which holds zeros. last is the
// highest zigzag index with a coefficient, -1 when the data is broken.
func (r *bitReader) block(b *block, dc *jpegTable, ac *coefficientTable, q *block, pred *int32) (last int) {
	diff, ok := r.difference(dc)
	if !ok {
		return -1
	}
	*pred += diff
	b[0] = *pred * q[0]
	data, at, acc, n := r.data, r.at, r.acc, r.n
	for k := 1; k < 64; k++ {
		if n < 32 {
			acc |= uint64(binary.BigEndian.Uint32(data[at:])) << (32 - n)
			at += 4
			n += 32
		}
		if e := ac.full[acc>>(64-lookBits)]; e != 0 {
			acc <<= e & 31
			n -= int(e & 31)
			k += int(e >> 8 & 15)
			if k > 63 {
				return -1
			}
			i := unzigzag[k]
			b[i] = (int32(e) >> 16) * q[i]
			last = k
			continue
		}
		symbol, length := ac.find(uint32(acc >> 48))
		acc <<= length & 63
		n -= length
		size := int(symbol & 15)
		k += int(symbol >> 4)
		if size == 0 {
			if symbol == zeroRun {
				continue
			}
			if symbol != 0 || length == 0 {
				return -1
			}
			break
		}
		if k > 63 {
			return -1
		}
		i := unzigzag[k]
		b[i] = extend(uint32(acc>>32>>(32-size)), size) * q[i]
		acc <<= size & 63
		n -= size
		last = k
	}
	r.at, r.acc, r.n = at, acc, n
	return last
}

// pass reads over a sequential block and follows its DC coefficient alone. It is false for broken data.
func (r *bitReader) pass(dc *jpegTable, ac *coefficientTable, pred *int32) bool {
	diff, ok := r.difference(dc)
	if !ok {
		return false
	}
	*pred += diff
	data, at, acc, n := r.data, r.at, r.acc, r.n
	for k := 1; k < 64; {
		if n < 32 {
			acc |= uint64(binary.BigEndian.Uint32(data[at:])) << (32 - n)
			at += 4
			n += 32
		}
		e := int(ac.skip[acc>>(64-skipBits)])
		if to := k + e>>8; e != 0 && (to <= 64 || to >= skipEnd && to < skipEnd+64) {
			acc <<= e & 31
			n -= e & 31
			k = to
			continue
		}
		// One symbol: its code is long, or those behind it are of the next block.
		symbol, length := ac.find(uint32(acc >> 48))
		run, size := int(symbol>>4), int(symbol&15)
		if length == 0 || size == 0 && symbol != 0 && symbol != zeroRun || size > 0 && k+run > 63 {
			return false
		}
		acc <<= (length + size) & 31
		n -= length + size
		if symbol == 0 {
			break
		}
		k += run + 1
	}
	r.at, r.acc, r.n = at, acc, n
	return true
}
