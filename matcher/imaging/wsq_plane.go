package imaging

// wsqRegion is a rectangle of the plane that one subband fills, or several that are split off it. A high-pass band comes out
// of decimation with its frequencies in reverse; where that is so in x or y, what is filtered high out of it is the lower half
// and is put first.
type wsqRegion struct {
	x, y, w, h         int
	reverseX, reverseY bool
}

// quarters are the regions of one more split: lower half in both, higher in x, higher in y, higher in both.
func (r wsqRegion) quarters() [4]wsqRegion {
	w, h := firstHalf(r.w, r.reverseX), firstHalf(r.h, r.reverseY)
	return [4]wsqRegion{
		{r.x, r.y, w, h, false, false},
		{r.x + w, r.y, r.w - w, h, true, false},
		{r.x, r.y + h, w, r.h - h, false, true},
		{r.x + w, r.y + h, r.w - w, r.h - h, true, true},
	}
}

// firstHalf is the length of what comes first: low-pass samples are one more where n is odd.
func firstHalf(n int, reverse bool) int {
	if reverse {
		return n / 2
	}
	return (n + 1) / 2
}

// wsqTree says which regions are split further; one without branches is a subband.
type wsqTree struct{ branches *[4]wsqTree }

// The specification's decomposition into 64 subbands. Its subbands in the order of a walk are 0 to 63.
var (
	wsqQuad  = wsqTree{&[4]wsqTree{}}
	wsqQuads = wsqTree{&[4]wsqTree{wsqQuad, wsqQuad, wsqQuad, wsqQuad}}
	wsqLow   = wsqTree{&[4]wsqTree{{&[4]wsqTree{wsqQuad, {}, {}, {}}}, wsqQuad, wsqQuad, wsqQuad}}
	wsqRoot  = wsqTree{&[4]wsqTree{{&[4]wsqTree{wsqLow, wsqQuads, wsqQuads, {}}}, wsqQuad, wsqQuad, wsqQuad}}
)

// wsqBand is a subband's place in the plane.
type wsqBand struct {
	wsqRegion
	live bool // it holds something else than zeros
}

// wsqPlane holds the coefficients, each subband at its place, and later the samples. Coefficients arrive subband by subband
// and row by row; those of subbands that are not coded stay zero.
type wsqPlane struct {
	width, height int
	bands         []wsqBand // nil until the frame is known
	samples       []float64 // width*height; nil while all are zero
	band          int       // the subband that is filled now; -1 before the first
	x, y          int       // where the next coefficient goes in it
}

func newWSQPlane(width, height int) wsqPlane {
	p := wsqPlane{width: width, height: height, bands: make([]wsqBand, 0, wsqSubbands), band: -1}
	p.collect(wsqRoot, wsqRegion{w: width, h: height})
	return p
}

func (p *wsqPlane) collect(t wsqTree, r wsqRegion) {
	if t.branches == nil {
		p.bands = append(p.bands, wsqBand{wsqRegion: r})
		return
	}
	for i, q := range r.quarters() {
		p.collect(t.branches[i], q)
	}
}

// within says whether the subband that is filled now has begun and is not complete.
func (p *wsqPlane) within() bool {
	return p.band >= 0 && p.band < len(p.bands) && p.y < p.bands[p.band].h && (p.x > 0 || p.y > 0)
}

// open makes sure that the subband at hand has room, and goes on to the next coded one where it has not.
func (p *wsqPlane) open(quant *wsqQuantizer) bool {
	for p.band < 0 || p.y >= p.bands[p.band].h || p.bands[p.band].w == 0 || quant.bin[p.band] == 0 {
		if p.band == len(p.bands)-1 {
			return false
		}
		p.band++
		p.x, p.y = 0, 0
	}
	return true
}

// complete says that every coded subband is full.
func (p *wsqPlane) complete(quant *wsqQuantizer) bool { return !p.open(quant) }

// put writes the coefficient of one index; false when no subband has room for it.
func (p *wsqPlane) put(index int, quant *wsqQuantizer) bool {
	if !p.open(quant) {
		return false
	}
	b := &p.bands[p.band]
	if index != 0 {
		b.live = true
		if p.samples == nil {
			p.samples = make([]float64, p.width*p.height)
		}
		p.samples[(b.y+p.y)*p.width+b.x+p.x] = quant.coefficient(index, p.band)
	}
	if p.x++; p.x == b.w {
		p.x, p.y = 0, p.y+1
	}
	return true
}

// skip leaves n coefficients zero, in as many subbands as it takes; false when they have no room for so many.
func (p *wsqPlane) skip(n int, quant *wsqQuantizer) bool {
	for n > 0 {
		if !p.open(quant) {
			return false
		}
		b := &p.bands[p.band]
		at := p.y*b.w + p.x
		step := min(n, b.w*b.h-at)
		n, at = n-step, at+step
		p.x, p.y = at%b.w, at/b.w
	}
	return true
}

// coefficient puts an index into its bin.
func (q *wsqQuantizer) coefficient(index, band int) float64 {
	if index > 0 {
		return q.bin[band]*(float64(index)-q.centre) + q.zero[band]/2
	}
	return q.bin[band]*(float64(index)+q.centre) - q.zero[band]/2
}
