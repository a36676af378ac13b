package imaging

// wsqFilters rebuild a signal of which samples 2k and 2k+1 are sums over low-pass samples k+d and high-pass samples k+d.
type wsqFilters struct {
	odd   bool // filters of odd length, symmetric about a sample; those of even length are so about the middle of two
	phase [2]struct{ low, high []wsqTap }
	reach int // the largest |d|
}

type wsqTap struct {
	d int
	w float64
}

// newWSQFilters makes synthesis filters of the right halves of the analysis filters, from the centre outwards: the low-pass
// filter of one is the high-pass filter of the other with the sign of every second tap changed.
func newWSQFilters(analysisLow, analysisHigh []float64, odd bool) *wsqFilters {
	f := &wsqFilters{odd: odd}
	if odd {
		for n, w := range alternate(analysisHigh) {
			f.addLow(n, w)
			if n > 0 {
				f.addLow(-n, w)
			}
		}
		for n, w := range alternate(analysisLow) { // high-pass sample k lies at 2k+1
			f.addHigh(1+n, w)
			if n > 0 {
				f.addHigh(1-n, w)
			}
		}
		return f
	}
	for n, w := range alternate(analysisHigh) { // both lie at 2k+1/2
		f.addLow(1+n, -w)
		f.addLow(-n, -w)
	}
	for n, w := range alternate(analysisLow) {
		f.addHigh(1+n, w)
		f.addHigh(-n, -w)
	}
	return f
}

func alternate(half []float64) []float64 {
	out := make([]float64, len(half))
	for n, w := range half {
		if n%2 != 0 {
			w = -w
		}
		out[n] = w
	}
	return out
}

// addLow notes that low-pass sample k adds w times itself to sample 2k+n.
func (f *wsqFilters) addLow(n int, w float64) {
	p := &f.phase[n&1]
	p.low = append(p.low, f.tap(n, w))
}

func (f *wsqFilters) addHigh(n int, w float64) {
	p := &f.phase[n&1]
	p.high = append(p.high, f.tap(n, w))
}

func (f *wsqFilters) tap(n int, w float64) wsqTap {
	d := (n&1 - n) / 2
	f.reach = max(f.reach, d, -d)
	return wsqTap{d, w}
}

// wsqEdge says how a sequence of n samples goes on beyond one of its ends, and with which sign.
type wsqEdge struct {
	from int // sample i beyond the end is sample from-i
	sign float64
}

// wsqExtension is the symmetric extension of the low-pass or high-pass half of a signal.
type wsqExtension struct {
	n           int
	left, right wsqEdge
}

// extensions are those of a signal of n samples. Mirroring the signal at both ends mirrors its halves: at a sample, between
// two, and for high-pass halves of even filters with the sign changed; there sample n/2 of an odd signal is its own negative, 0.
func (f *wsqFilters) extensions(n int) (low, high wsqExtension) {
	nLow, nHigh := (n+1)/2, n/2
	if f.odd {
		low = wsqExtension{nLow, wsqEdge{0, 1}, wsqEdge{n - 1, 1}}
		high = wsqExtension{nHigh, wsqEdge{-1, 1}, wsqEdge{n - 2, 1}}
	} else {
		low = wsqExtension{nLow, wsqEdge{-1, 1}, wsqEdge{n - 1, 1}}
		high = wsqExtension{nHigh, wsqEdge{-1, -1}, wsqEdge{n - 1, -1}}
	}
	return low, high
}

// at gives the sample that stands at place i, and its sign; sign 0: none does. Each turn of the loop brings i nearer.
func (e wsqExtension) at(i int) (index int, sign float64) {
	if e.n == 1 && e.left.from == e.right.from { // a single sample, mirrored at itself
		return 0, 1
	}
	sign = 1
	for i < 0 || i >= e.n {
		edge := e.right
		if i < 0 {
			edge = e.left
		}
		if e.n == 0 || i == edge.from-i {
			return 0, 0
		}
		i, sign = edge.from-i, sign*edge.sign
	}
	return i, sign
}

// wsqStrip is how many columns are filtered at a time: their samples stay in the cache.
const wsqStrip = 128

// wsqSynthesis puts subbands together, from the smallest regions up to the whole.
type wsqSynthesis struct {
	*wsqPlane
	filters   *wsqFilters
	band      int         // the next one of the walk
	strip     []float64   // copies of columns: the height of the region times wsqStrip
	low, high []float64   // the halves of a row, extended on both sides
	even, odd []float64   // a row's samples
	sources   [][]float64 // for sum
	weights   []float64
}

// synthesize returns the samples of the picture, or nil when all are zero.
func (p *wsqPlane) synthesize(f *wsqFilters) []float64 {
	if p.samples == nil {
		return nil
	}
	half := p.width/2 + 1
	s := wsqSynthesis{
		wsqPlane: p, filters: f,
		strip: make([]float64, min(p.width, wsqStrip)*p.height),
		low:   make([]float64, half+2*f.margin()), high: make([]float64, half+2*f.margin()),
		even: make([]float64, half), odd: make([]float64, half),
	}
	s.join(wsqRoot, wsqRegion{w: p.width, h: p.height})
	return p.samples
}

// margin is how far a row's halves are extended: a tap's reach, and one because the halves differ by one in length.
func (f *wsqFilters) margin() int { return f.reach + 1 }

// join brings the subbands of a region back to one; what is all zeros stays so.
func (s *wsqSynthesis) join(t wsqTree, r wsqRegion) (live bool) {
	if t.branches == nil {
		s.band++
		return s.bands[s.band-1].live
	}
	for i, q := range r.quarters() {
		if s.join(t.branches[i], q) {
			live = true
		}
	}
	if live {
		for x := 0; x < r.w; x += wsqStrip {
			s.columns(r, r.x+x, min(wsqStrip, r.w-x))
		}
		s.rows(r)
	}
	return live
}

// columns filters w columns from x on.
func (s *wsqSynthesis) columns(r wsqRegion, x, w int) {
	for y := range r.h {
		copy(s.strip[y*w:(y+1)*w], s.samples[(r.y+y)*s.width+x:])
	}
	lowAt, highAt := 0, firstHalf(r.h, r.reverseY)
	if r.reverseY {
		lowAt, highAt = highAt, 0
	}
	low, high := s.filters.extensions(r.h)
	for y := range r.h {
		taps := &s.filters.phase[y&1]
		s.sources, s.weights = s.sources[:0], s.weights[:0]
		s.gather(taps.low, low, y/2, lowAt, w)
		s.gather(taps.high, high, y/2, highAt, w)
		s.sum(s.samples[(r.y+y)*s.width+x:][:w])
	}
}

// gather adds the strip's rows that the taps around k fall on.
func (s *wsqSynthesis) gather(taps []wsqTap, e wsqExtension, k, at, w int) {
	for _, t := range taps {
		if i, sign := e.at(k + t.d); sign != 0 {
			s.sources = append(s.sources, s.strip[(at+i)*w:(at+i+1)*w])
			s.weights = append(s.weights, sign*t.w)
		}
	}
}

// rows filters all rows of a region.
func (s *wsqSynthesis) rows(r wsqRegion) {
	low, high := s.filters.extensions(r.w)
	even, odd := s.even[:(r.w+1)/2], s.odd[:r.w/2]
	for y := range r.h {
		row := s.samples[(r.y+y)*s.width+r.x:][:r.w]
		first := firstHalf(r.w, r.reverseX)
		if r.reverseX {
			s.extend(s.high, row[:first], high)
			s.extend(s.low, row[first:], low)
		} else {
			s.extend(s.low, row[:first], low)
			s.extend(s.high, row[first:], high)
		}
		s.filterRow(even, 0)
		s.filterRow(odd, 1)
		interleave(row, even, odd)
	}
}

// extend copies half a row to the middle of dst and extends it.
func (s *wsqSynthesis) extend(dst, half []float64, e wsqExtension) {
	margin := s.filters.margin()
	copy(dst[margin:], half)
	for i := range margin {
		dst[margin-1-i] = e.sample(half, -1-i)
		dst[margin+len(half)+i] = e.sample(half, len(half)+i)
	}
}

func (e wsqExtension) sample(half []float64, i int) float64 {
	if at, sign := e.at(i); sign != 0 {
		return sign * half[at]
	}
	return 0
}

func (s *wsqSynthesis) filterRow(dst []float64, phase int) {
	taps, margin := &s.filters.phase[phase], s.filters.margin()
	s.sources, s.weights = s.sources[:0], s.weights[:0]
	for _, t := range taps.low {
		s.sources, s.weights = append(s.sources, s.low[margin+t.d:][:len(dst)]), append(s.weights, t.w)
	}
	for _, t := range taps.high {
		s.sources, s.weights = append(s.sources, s.high[margin+t.d:][:len(dst)]), append(s.weights, t.w)
	}
	s.sum(dst)
}

func interleave(dst, even, odd []float64) {
	for i, v := range odd {
		dst[2*i], dst[2*i+1] = even[i], v
	}
	if len(even) > len(odd) {
		dst[len(dst)-1] = even[len(even)-1]
	}
}

// sum writes the weighted sum of the sources.
func (s *wsqSynthesis) sum(dst []float64) {
	clear(dst)
	src, w := s.sources, s.weights
	for ; len(src) >= 4; src, w = src[4:], w[4:] {
		add4(dst, src[0], src[1], src[2], src[3], [4]float64(w))
	}
	for i := range src {
		add1(dst, src[i], w[i])
	}
}

func add4(dst, a, b, c, d []float64, w [4]float64) {
	a, b, c, d = a[:len(dst)], b[:len(dst)], c[:len(dst)], d[:len(dst)]
	w0, w1, w2, w3 := w[0], w[1], w[2], w[3]
	for i := range dst {
		dst[i] += w0*a[i] + w1*b[i] + (w2*c[i] + w3*d[i])
	}
}

func add1(dst, a []float64, w float64) {
	a = a[:len(dst)]
	for i := range dst {
		dst[i] += w * a[i]
	}
}
