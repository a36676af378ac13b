package imaging

// j2kArithmetic is the MQ decoder (annex C). Its data is followed by two bytes FF, from which it goes on reading ones.
type j2kArithmetic struct {
	data     []byte
	at       int
	interval uint32   // A
	code     uint32   // C, of which the upper half is compared with the interval
	left     int      // CT: bits until the next byte
	contexts [32]byte // the state of each context, twice, plus its more probable symbol
}

// j2kState is a line of table C.2 for one of the more probable symbols.
type j2kState struct {
	lps        uint32 // Qe, the interval of the less probable symbol
	next, lost byte   // the states behind a more and a less probable symbol
}

// Contexts of a decision: 9 for significance, 5 for signs, 3 for refinement, and those below.
const (
	j2kSignContext    = 9
	j2kRefineContext  = 14
	j2kRunContext     = 17
	j2kUniformContext = 18
)

// reset sets the contexts to where they begin (table D.7).
func (m *j2kArithmetic) reset() {
	m.contexts = [32]byte{0: 2 * 4, j2kRunContext: 2 * 3, j2kUniformContext: 2 * 46}
}

// start begins a segment (INITDEC).
func (m *j2kArithmetic) start(data []byte) {
	m.data, m.at = data, 0
	m.code = uint32(data[0]) << 16
	m.more()
	m.code <<= 7
	m.left -= 7
	m.interval = 0x8000
}

// more adds a byte of data (BYTEIN).
func (m *j2kArithmetic) more() {
	next := m.data[m.at+1]
	switch {
	case m.data[m.at] != 0xFF:
		m.at++
		m.code += uint32(next) << 8
		m.left = 8
	case next > 0x8F: // a marker: the data is over
		m.code += 0xFF00
		m.left = 8
	default:
		m.at++
		m.code += uint32(next) << 9
		m.left = 7
	}
}

// bit decodes a decision (DECODE). Most end here, on the more probable symbol.
func (m *j2kArithmetic) bit(context int) uint32 {
	held := m.contexts[context&31]
	s := &j2kStates[held&127]
	m.interval -= s.lps
	if code := m.code - s.lps<<16; code <= m.code && m.interval&0x8000 != 0 {
		m.code = code
		return uint32(held & 1)
	}
	return m.turn(context, s)
}

// turn decodes a decision that changes its context.
func (m *j2kArithmetic) turn(context int, s *j2kState) uint32 {
	held := &m.contexts[context&31]
	symbol := uint32(*held & 1)
	likely := m.interval >= s.lps
	if m.code>>16 >= s.lps {
		m.code -= s.lps << 16
	} else {
		m.interval = s.lps
		likely = !likely
	}
	if likely {
		*held = s.next
	} else {
		symbol ^= 1
		*held = s.lost
	}
	for {
		if m.left == 0 {
			m.more()
		}
		m.interval <<= 1
		m.code <<= 1
		m.left--
		if m.interval&0x8000 != 0 {
			return symbol
		}
	}
}

// j2kStates is table C.2, each line for both symbols.
var j2kStates = j2kStateTable([47][4]uint16{ // Qe, next, lost, whether losing changes the more probable symbol
	{0x5601, 1, 1, 1},
	{0x3401, 2, 6, 0},
	{0x1801, 3, 9, 0},
	{0x0AC1, 4, 12, 0},
	{0x0521, 5, 29, 0},
	{0x0221, 38, 33, 0},
	{0x5601, 7, 6, 1},
	{0x5401, 8, 14, 0},
	{0x4801, 9, 14, 0},
	{0x3801, 10, 14, 0},
	{0x3001, 11, 17, 0},
	{0x2401, 12, 18, 0},
	{0x1C01, 13, 20, 0},
	{0x1601, 29, 21, 0},
	{0x5601, 15, 14, 1},
	{0x5401, 16, 14, 0},
	{0x5101, 17, 15, 0},
	{0x4801, 18, 16, 0},
	{0x3801, 19, 17, 0},
	{0x3401, 20, 18, 0},
	{0x3001, 21, 19, 0},
	{0x2801, 22, 19, 0},
	{0x2401, 23, 20, 0},
	{0x2201, 24, 21, 0},
	{0x1C01, 25, 22, 0},
	{0x1801, 26, 23, 0},
	{0x1601, 27, 24, 0},
	{0x1401, 28, 25, 0},
	{0x1201, 29, 26, 0},
	{0x1101, 30, 27, 0},
	{0x0AC1, 31, 28, 0},
	{0x09C1, 32, 29, 0},
	{0x08A1, 33, 30, 0},
	{0x0521, 34, 31, 0},
	{0x0441, 35, 32, 0},
	{0x02A1, 36, 33, 0},
	{0x0221, 37, 34, 0},
	{0x0141, 38, 35, 0},
	{0x0111, 39, 36, 0},
	{0x0085, 40, 37, 0},
	{0x0049, 41, 38, 0},
	{0x0025, 42, 39, 0},
	{0x0015, 43, 40, 0},
	{0x0009, 44, 41, 0},
	{0x0005, 45, 42, 0},
	{0x0001, 45, 43, 0},
	{0x5601, 46, 46, 0},
})

func j2kStateTable(lines [47][4]uint16) (t [128]j2kState) {
	for i, line := range lines {
		for symbol := range uint16(2) {
			t[2*i+int(symbol)] = j2kState{
				lps: uint32(line[0]), next: byte(2*line[1] + symbol), lost: byte(2*line[2] + symbol ^ line[3]),
			}
		}
	}
	return t
}
