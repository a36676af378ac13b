package imaging

import (
	"encoding/binary"
	"math"
)

// wsqParams reads the parameters of a segment whose length has been checked.
type wsqParams struct{ rest []byte }

func (p *wsqParams) byte() int {
	b := p.rest[0]
	p.rest = p.rest[1:]
	return int(b)
}

func (p *wsqParams) uint16() int {
	v := binary.BigEndian.Uint16(p.rest)
	p.rest = p.rest[2:]
	return int(v)
}

func (p *wsqParams) uint32() uint32 {
	v := binary.BigEndian.Uint32(p.rest)
	p.rest = p.rest[4:]
	return v
}

// scaled16 reads a decimal exponent and 16 bits.
func (p *wsqParams) scaled16() (float64, error) {
	exponent := p.byte()
	return wsqDecimal(uint32(p.uint16()), exponent)
}

// wsqDecimal is v / 10^exponent. The bound on the exponent keeps what follows clear of infinities and of denormal numbers,
// which cost a hundred times the time: a coefficient and ten filter passes, each a factor of 10^-18 at the least and of 10^11 at
// the most, stay within 10^-198 and 10^140. What encoders write is 11 for the FBI's filters and 6 for bins.
func wsqDecimal(v uint32, exponent int) (float64, error) {
	const largest = 18
	if v != 0 && exponent > largest {
		return 0, wsqBroken("a table scales a value by 10^-%d", exponent)
	}
	return float64(v) / math.Pow10(min(exponent, largest)), nil
}

// wsqSubbands of the decomposition, numbered in the order in which they are coded.
const wsqSubbands = 64

// wsqQuantizer says how indices become coefficients. A subband of which the bin is 0 is not coded and is all zeros.
type wsqQuantizer struct {
	centre float64 // C: where in its bin a coefficient is put, 0 to 1 as a rule
	bin    [wsqSubbands]float64
	zero   [wsqSubbands]float64 // width of the bin around zero
}

func parseWSQQuantizer(body []byte) (*wsqQuantizer, error) {
	if len(body) != 3+6*wsqSubbands {
		return nil, wsqBroken("its quantization table has %d bytes", len(body))
	}
	p := wsqParams{body}
	q := new(wsqQuantizer)
	var err error
	if q.centre, err = p.scaled16(); err != nil {
		return nil, err
	}
	for k := range wsqSubbands {
		if q.bin[k], err = p.scaled16(); err != nil {
			return nil, err
		}
		if q.zero[k], err = p.scaled16(); err != nil {
			return nil, err
		}
	}
	return q, nil
}

// wsqMaxTaps of a filter: the FBI's have 9 and 7, longer ones in use for pictures 17. Time grows with it.
const wsqMaxTaps = 20

// parseWSQFilters reads the right half of each analysis filter, low pass first, and makes the synthesis filters of them.
func parseWSQFilters(body []byte) (*wsqFilters, error) {
	if len(body) < 2 {
		return nil, wsqBroken("its transform table has %d bytes", len(body))
	}
	p := wsqParams{body}
	lowTaps, highTaps := p.byte(), p.byte()
	switch {
	case lowTaps < 1 || lowTaps > wsqMaxTaps || highTaps < 1 || highTaps > wsqMaxTaps || (lowTaps+highTaps)%2 != 0:
		return nil, wsqBroken("its filters have %d and %d taps", lowTaps, highTaps)
	case len(p.rest) != 6*((lowTaps+1)/2+(highTaps+1)/2):
		return nil, wsqBroken("its transform table has %d bytes", len(body))
	}
	low, err := p.halfFilter(lowTaps)
	if err != nil {
		return nil, err
	}
	high, err := p.halfFilter(highTaps)
	if err != nil {
		return nil, err
	}
	return newWSQFilters(low, high, lowTaps%2 != 0), nil
}

// halfFilter reads the taps from the centre outwards.
func (p *wsqParams) halfFilter(taps int) ([]float64, error) {
	half := make([]float64, (taps+1)/2)
	for i := range half {
		negative, exponent := p.byte() != 0, p.byte()
		v, err := wsqDecimal(p.uint32(), exponent)
		if err != nil {
			return nil, err
		}
		if negative {
			v = -v
		}
		half[i] = v
	}
	return half, nil
}

// parseWSQHuffman reads one table or several into their places.
func parseWSQHuffman(body []byte, tables *[8]*wsqHuffman) error {
	if len(body) == 0 {
		return wsqBroken("a segment for Huffman tables is empty")
	}
	for len(body) > 0 {
		const head = 1 + 16 // number, codes of each length
		if len(body) < head {
			return wsqBroken("a Huffman table is cut off")
		}
		number, counts := int(body[0]), body[1:head]
		total := 0
		for _, n := range counts {
			total += int(n)
		}
		if number >= len(tables) || total == 0 || total > 256 || len(body) < head+total {
			return wsqBroken("it defines Huffman table %d with %d codes in %d bytes", number, total, len(body)-head)
		}
		h, err := newWSQHuffman(counts, body[head:head+total])
		if err != nil {
			return err
		}
		tables[number] = h
		body = body[head+total:]
	}
	return nil
}
