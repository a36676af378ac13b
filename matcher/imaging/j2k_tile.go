package imaging

import (
	"cmp"
	"math"
	"slices"
)

// Subbands: whether they are high-pass across (bit 0) and down (bit 1).
const (
	j2kLL = iota
	j2kHL
	j2kLH
	j2kHH
)

// j2kTile is a tile on its way from packets to samples.
type j2kTile struct {
	params     *j2kParams
	budget     *j2kBudget
	components []j2kTileComponent
	precincts  []j2kPrecinct
	pieces     []j2kPiece
	packets    j2kPacketReader
}

// j2kTileComponent is one component of a tile: its resolutions, the coarsest first.
type j2kTileComponent struct {
	coding      *j2kCoding
	resolutions []j2kResolution
}

type j2kResolution struct {
	j2kRect
	bands []j2kBand
}

// j2kBand is a subband.
type j2kBand struct {
	j2kRect
	orient int
	planes int     // bit-planes of a coefficient at most
	shift  int     // of those in a region of interest, which planes counts too
	step   float32 // what a coefficient of 1 stands for; unused by reversible transforms
}

// j2kPrecinct is what one packet of each layer holds: a region of a resolution.
type j2kPrecinct struct {
	component, resolution int
	index                 int // raster order within the resolution
	x, y                  int // where it begins on the reference grid
	layers                int // taken in so far
	groups                []j2kGroup
}

// j2kGroup are the code-blocks of one subband in a precinct.
type j2kGroup struct {
	band      *j2kBand
	blocks    []j2kBlock
	inclusion j2kTagTree // the layer in which a block first comes
	missing   j2kTagTree // how many of its bit-planes are zero throughout
}

// j2kBlock is a code-block.
type j2kBlock struct {
	x, y          int32 // within the subband
	width, height int32
	first, last   int32 // pieces of its data; 0: none
	passes        int16
	planes        uint8 // that are coded; 0: not yet included
	lengthBits    uint8
}

// newJ2KTile lays out a tile as far as its code-blocks (clause B.5 to B.9).
func newJ2KTile(s *j2kStream, i int, budget *j2kBudget) (*j2kTile, error) {
	parts := &s.tiles[i]
	t := &j2kTile{params: parts.params, budget: budget, pieces: make([]j2kPiece, 1)}
	if t.params == nil {
		t.params = &s.params
	}
	t.components = make([]j2kTileComponent, len(s.components))
	area := s.tileArea(i)
	for c, sampled := range s.components {
		if err := t.lay(c, sampled, area); err != nil {
			return nil, err
		}
	}
	t.packets = j2kPacketReader{data: parts.packets}
	return t, nil
}

func (t *j2kTile) lay(c int, sampled j2kComponent, area j2kRect) error {
	coding, quant := &t.params.coding[c], &t.params.quant[c]
	tc := &t.components[c]
	tc.coding = coding
	tc.resolutions = make([]j2kResolution, coding.levels+1)
	samples := area.scaled(sampled.dx, sampled.dy)
	for r := range tc.resolutions {
		res := &tc.resolutions[r]
		res.j2kRect = samples.scaled(1<<(coding.levels-r), 1<<(coding.levels-r))
		if err := res.split(samples, coding, quant, r, sampled.precision, t.params.shift[c]); err != nil {
			return err
		}
		if err := t.layPrecincts(c, r, sampled, area); err != nil {
			return err
		}
	}
	return nil
}

// split makes the subbands by which a resolution adds to the coarser one.
func (res *j2kResolution) split(samples j2kRect, coding *j2kCoding, quant *j2kQuant, r, precision, shift int) error {
	level, orients := coding.levels-r+1, []int{j2kHL, j2kLH, j2kHH}
	if r == 0 {
		level, orients = coding.levels, []int{j2kLL}
	}
	res.bands = make([]j2kBand, len(orients))
	for i, orient := range orients {
		exponent, mantissa, err := quant.step(r, orient)
		if err != nil {
			return err
		}
		half := 1 << level >> 1
		dx, dy := orient&1*half, orient>>1*half
		shifted := j2kRect{samples.x0 - dx, samples.y0 - dy, samples.x1 - dx, samples.y1 - dy}
		gain := orient&1 + orient>>1
		res.bands[i] = j2kBand{
			j2kRect: shifted.scaled(1<<level, 1<<level),
			orient:  orient,
			planes:  quant.guard + exponent - 1 + shift,
			shift:   shift,
			step:    float32(math.Ldexp(1+float64(mantissa)/2048, precision+gain-exponent)),
		}
	}
	return nil
}

// layPrecincts cuts a resolution into precincts and their code-blocks.
func (t *j2kTile) layPrecincts(c, r int, sampled j2kComponent, area j2kRect) error {
	tc := &t.components[c]
	res := &tc.resolutions[r]
	if res.empty() {
		return nil
	}
	px, py := int(tc.coding.precincts[r][0]), int(tc.coding.precincts[r][1])
	x0, x1 := res.x0>>px, (res.x1-1)>>px+1
	y0, y1 := res.y0>>py, (res.y1-1)>>py+1
	if t.budget.precincts -= (x1 - x0) * (y1 - y0); t.budget.precincts < 0 {
		return t.budget.err()
	}
	down := tc.coding.levels - r
	for y := y0; y < y1; y++ {
		for x := x0; x < x1; x++ {
			p := j2kPrecinct{
				component: c, resolution: r, index: (y-y0)*(x1-x0) + x - x0,
				x: max(x<<(px+down)*sampled.dx, area.x0), y: max(y<<(py+down)*sampled.dy, area.y0),
			}
			if err := t.layBlocks(&p, tc, x, y); err != nil {
				return err
			}
			t.precincts = append(t.precincts, p)
		}
	}
	return nil
}

// layBlocks cuts precinct x, y of a resolution into code-blocks.
func (t *j2kTile) layBlocks(p *j2kPrecinct, tc *j2kTileComponent, x, y int) error {
	res := &tc.resolutions[p.resolution]
	px, py := int(tc.coding.precincts[p.resolution][0]), int(tc.coding.precincts[p.resolution][1])
	if p.resolution > 0 { // a precinct has half as many samples in each subband
		px, py = px-1, py-1
	}
	xcb, ycb := min(tc.coding.xcb, px), min(tc.coding.ycb, py)
	p.groups = make([]j2kGroup, 0, len(res.bands))
	for i := range res.bands {
		band := &res.bands[i]
		within := band.intersect(j2kRect{x << px, y << py, (x + 1) << px, (y + 1) << py})
		if within.empty() {
			continue
		}
		cells := j2kRect{within.x0 >> xcb, within.y0 >> ycb, (within.x1-1)>>xcb + 1, (within.y1-1)>>ycb + 1}
		n := cells.width() * cells.height()
		if t.budget.blocks -= n; t.budget.blocks < 0 {
			return t.budget.err()
		}
		g := j2kGroup{
			band: band, blocks: make([]j2kBlock, 0, n),
			inclusion: newJ2KTagTree(cells.width(), cells.height()), missing: newJ2KTagTree(cells.width(), cells.height()),
		}
		for cy := cells.y0; cy < cells.y1; cy++ {
			for cx := cells.x0; cx < cells.x1; cx++ {
				b := within.intersect(j2kRect{cx << xcb, cy << ycb, (cx + 1) << xcb, (cy + 1) << ycb})
				g.blocks = append(g.blocks, j2kBlock{
					x: int32(b.x0 - band.x0), y: int32(b.y0 - band.y0),
					width: int32(b.width()), height: int32(b.height()), lengthBits: 3,
				})
			}
		}
		p.groups = append(p.groups, g)
	}
	return nil
}

// Progression orders (table A.16), by what changes slowest: layer, resolution, component, position.
const (
	j2kLRCP = iota
	j2kRLCP
	j2kRPCL
	j2kPCRL
	j2kCPRL
)

// sequence orders precincts as a progression comes by them within one layer, or for each with all of its layers.
func (t *j2kTile) sequence(order byte) []*j2kPrecinct {
	sorted := make([]*j2kPrecinct, len(t.precincts))
	for i := range t.precincts {
		sorted[i] = &t.precincts[i]
	}
	slices.SortFunc(sorted, func(a, b *j2kPrecinct) int {
		resolution, component := cmp.Compare(a.resolution, b.resolution), cmp.Compare(a.component, b.component)
		position := cmp.Or(cmp.Compare(a.y, b.y), cmp.Compare(a.x, b.x))
		index := cmp.Compare(a.index, b.index)
		switch order {
		case j2kRPCL:
			return cmp.Or(resolution, position, component, index)
		case j2kPCRL:
			return cmp.Or(position, component, resolution, index)
		case j2kCPRL:
			return cmp.Or(component, position, resolution, index)
		}
		return cmp.Or(resolution, component, index)
	})
	return sorted
}

// eachPacket calls take for the packets in their order in the codestream (clause B.12).
func (t *j2kTile) eachPacket(take func(*j2kPrecinct) error) error {
	changes := t.params.changes
	if len(changes) == 0 {
		changes = []j2kProgression{{order: t.params.progression, resolutions: 33, components: j2kMaxComponents, layers: t.params.layers}}
	}
	for _, c := range changes {
		if err := t.progress(c, take); err != nil {
			return err
		}
	}
	for i := range t.precincts {
		if t.precincts[i].layers < t.params.layers {
			return j2kBroken("its progression leaves out packets")
		}
	}
	return nil
}

// progress goes through one progression: the packets within its bounds that did not come before.
func (t *j2kTile) progress(c j2kProgression, take func(*j2kPrecinct) error) error {
	if t.budget.visits -= j2kSortVisits * len(t.precincts); t.budget.visits < 0 {
		return t.budget.err()
	}
	within := slices.DeleteFunc(t.sequence(c.order), func(p *j2kPrecinct) bool {
		return p.resolution < c.resolution || p.resolution >= c.resolutions || p.component < c.component || p.component >= c.components
	})
	layers := min(c.layers, t.params.layers)
	for len(within) > 0 {
		run := 1 // precincts that take turns from layer to layer
		switch c.order {
		case j2kLRCP:
			run = len(within)
		case j2kRLCP:
			for run < len(within) && within[run].resolution == within[0].resolution {
				run++
			}
		}
		for layer := range layers {
			if t.budget.visits -= run; t.budget.visits < 0 {
				return t.budget.err()
			}
			for _, p := range within[:run] {
				if p.layers > layer {
					continue
				}
				if err := take(p); err != nil {
					return err
				}
				p.layers++
			}
		}
		within = within[run:]
	}
	return nil
}
