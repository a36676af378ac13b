package imaging

import (
	"image"
	"image/color"
)

// j2kPicture is a decoded picture: planes of samples and what they mean.
type j2kPicture struct {
	area   j2kRect // on the reference grid, which is as coarse as the samples when resolutions were left out
	planes []j2kSamples
	j2kColour
}

// j2kSamples is a component as bytes.
type j2kSamples struct {
	j2kRect
	dx, dy int // grid points from sample to sample
	pix    []byte
}

// j2kColour is how the planes become colours: from a JP2 header, or guessed for a bare codestream.
type j2kColour struct {
	channels []j2kChannel
	space    int  // j2kRGB and following
	opacity  int  // the channel of it; 0: none, as the first is never
	weighted bool // the colours are already multiplied by opacity
}

// j2kChannel is a plane, or what a column of the palette makes of one.
type j2kChannel struct {
	plane   int
	palette *[256]byte // nil: none
}

// Enumerated colour spaces (table I.10).
const (
	j2kRGB  = 16
	j2kGrey = 17
	j2kYCC  = 18
)

// decodeJ2K decodes a codestream. discard is the number of resolutions to leave out, each of which halves the picture's sides;
// indexed planes keep their samples as they are, others are brought to the range 0 to 255.
func decodeJ2K(data []byte, discard int, indexed bool) (*j2kPicture, error) {
	s, err := readJ2K(data)
	if err != nil {
		return nil, err
	}
	p := &j2kPicture{area: s.area.scaled(1<<discard, 1<<discard)}
	for _, c := range s.components {
		samples := s.area.scaled(c.dx, c.dy).scaled(1<<discard, 1<<discard)
		if samples.empty() {
			return nil, j2kBroken("a component has no samples")
		}
		p.planes = append(p.planes, j2kSamples{samples, c.dx, c.dy, nil})
	}
	for i := range p.planes {
		p.planes[i].pix = make([]byte, p.planes[i].width()*p.planes[i].height())
	}
	budget := newJ2KBudget()
	d := j2kTileDecoder{budget: &budget, discard: discard, indexed: indexed}
	for i := range s.tiles {
		if !s.tiles[i].opened {
			return nil, j2kBroken("tile %d of %d is not there", i, len(s.tiles))
		}
		if err := d.tile(s, i, p.planes); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// j2kTileDecoder keeps scratch from tile to tile.
type j2kTileDecoder struct {
	budget  *j2kBudget
	discard int
	indexed bool
	coder   j2kCoder
	ints    [j2kMaxComponents][]int32
	floats  [j2kMaxComponents][]float32
	intLine []int32
	line    []float32
}

func (d *j2kTileDecoder) tile(s *j2kStream, i int, planes []j2kSamples) error {
	t, err := newJ2KTile(s, i, d.budget)
	if err != nil {
		return err
	}
	for c := range t.components {
		if tc := &t.components[c]; d.discard >= len(tc.resolutions) {
			return j2kBroken("a tile has fewer resolutions than are to be left out")
		}
	}
	if err := t.readPackets(); err != nil {
		return err
	}
	for c := range t.components {
		tc := &t.components[c]
		tc.resolutions = tc.resolutions[:len(tc.resolutions)-d.discard]
	}
	t.countPasses()
	if err := d.budget.err(); err != nil {
		return err
	}
	for c := range t.components {
		if err := d.component(t, c); err != nil {
			return err
		}
	}
	if t.params.mixed {
		if err := d.unmix(t); err != nil {
			return err
		}
	}
	for c := range t.components {
		d.store(t, c, s.components[c].precision, &planes[c])
	}
	return nil
}

// countPasses takes what decoding the tile will cost from the budget.
func (t *j2kTile) countPasses() {
	for i := range t.precincts {
		p := &t.precincts[i]
		if p.resolution >= len(t.components[p.component].resolutions) {
			continue
		}
		for j := range p.groups {
			for _, b := range p.groups[j].blocks {
				t.budget.passes -= int(b.passes) * int(b.width) * int(b.height)
			}
		}
	}
}

func (tc *j2kTileComponent) finest() j2kRect { return tc.resolutions[len(tc.resolutions)-1].j2kRect }

// component decodes the code-blocks of a component and undoes its wavelet transform.
func (d *j2kTileDecoder) component(t *j2kTile, c int) error {
	tc := &t.components[c]
	area := tc.finest()
	if area.empty() {
		d.ints[c], d.floats[c] = d.ints[c][:0], d.floats[c][:0]
		return nil
	}
	n := area.width() * area.height()
	// Tiles may differ in their filters; samples of both kinds at once are more than was estimated.
	if tc.coding.reversible {
		d.ints[c], d.floats[c] = cleared(d.ints[c], n), nil
		d.intLine = cleared(d.intLine, area.width())
		return decodeJ2KPlane(t, c, &d.coder, j2kPlane[int32]{d.ints[c], area.width()}, reversible53{}, d.intLine)
	}
	d.floats[c], d.ints[c] = cleared(d.floats[c], n), nil
	d.line = cleared(d.line, area.width())
	return decodeJ2KPlane(t, c, &d.coder, j2kPlane[float32]{d.floats[c], area.width()}, irreversible97{}, d.line)
}

func decodeJ2KPlane[T int32 | float32](t *j2kTile, c int, coder *j2kCoder, p j2kPlane[T], filter j2kFilter[T], line []T) error {
	tc := &t.components[c]
	levels := tc.levels()
	for i := range t.precincts {
		precinct := &t.precincts[i]
		if precinct.component != c || precinct.resolution >= len(levels) {
			continue
		}
		for j := range precinct.groups {
			g := &precinct.groups[j]
			for k := range g.blocks {
				b := &g.blocks[k]
				if b.passes == 0 {
					continue
				}
				if err := coder.decode(b, t, g.band.orient, tc.coding.style); err != nil {
					return err
				}
				unshift(coder.values, g.band.shift)
				p.put(&levels[precinct.resolution], g.band, b, coder.values)
			}
		}
	}
	for r := 1; r < len(levels); r++ {
		synthesize(p, &levels[r], filter, line)
	}
	return nil
}

// unshift brings what belongs to a region of interest down to where the rest is: values, in half units, of more than shift bits
// (clause H.1).
func unshift(values []uint32, shift int) {
	if shift == 0 {
		return
	}
	for i, v := range values {
		if size := v &^ (1 << 31); size>>1>>shift != 0 {
			values[i] = v&(1<<31) | size>>shift
		}
	}
}

// put takes a code-block's values, in half units with their sign in bit 31, into its subband.
func (p j2kPlane[T]) put(l *j2kLevel, band *j2kBand, b *j2kBlock, values []uint32) {
	for y := range int(b.height) {
		row := p.band(l, band.orient, int(b.y)+y)[b.x : b.x+b.width]
		from := values[y*int(b.width):][:len(row)]
		switch row := any(row).(type) {
		case []int32:
			for i, v := range from {
				sign := int32(v) >> 31
				row[i] = (int32(v<<1>>2) ^ sign) - sign
			}
		case []float32:
			step := band.step / 2
			for i, v := range from {
				f := float32(v&^(1<<31)) * step
				if v>>31 != 0 {
					f = -f
				}
				row[i] = f
			}
		}
	}
}

// unmix undoes the transform of the first three components (annex G).
func (d *j2kTileDecoder) unmix(t *j2kTile) error {
	if len(t.components) < 3 {
		return j2kBroken("it mixes three components and has %d", len(t.components))
	}
	for c := 1; c < 3; c++ {
		if t.components[c].finest() != t.components[0].finest() || t.components[c].coding.reversible != t.components[0].coding.reversible {
			return j2kBroken("it mixes components of different kinds")
		}
	}
	if t.components[0].coding.reversible {
		unmixReversible(d.ints[0], d.ints[1], d.ints[2])
	} else {
		unmixIrreversible(d.floats[0], d.floats[1], d.floats[2])
	}
	return nil
}

func unmixReversible(y, u, v []int32) {
	u, v = u[:len(y)], v[:len(y)]
	for i := range y {
		green := y[i] - (u[i]+v[i])>>2
		y[i], u[i], v[i] = v[i]+green, green, u[i]+green
	}
}

func unmixIrreversible(y, u, v []float32) {
	u, v = u[:len(y)], v[:len(y)]
	for i := range y {
		luma, blue, red := y[i], u[i], v[i]
		y[i] = luma + float32(1.402*red)
		u[i] = luma - float32(0.344136*blue) - float32(0.714136*red)
		v[i] = luma + float32(1.772*blue)
	}
}

// store rounds a component's samples to bytes and puts them into its plane.
func (d *j2kTileDecoder) store(t *j2kTile, c, precision int, plane *j2kSamples) {
	tc := &t.components[c]
	area := tc.finest()
	if area.empty() {
		return
	}
	most, middle := int32(1)<<precision-1, int32(1)<<(precision-1)
	for y := range area.height() {
		at := (area.y0-plane.y0+y)*plane.width() + area.x0 - plane.x0
		to := plane.pix[at : at+area.width()]
		from := y * area.width()
		if tc.coding.reversible {
			for x, v := range d.ints[c][from : from+len(to)] {
				to[x] = j2kByte(min(max(v+middle, 0), most), precision, d.indexed)
			}
			continue
		}
		for x, v := range d.floats[c][from : from+len(to)] {
			to[x] = j2kByte(rounded(v+float32(middle), most), precision, d.indexed)
		}
	}
}

// rounded brings v to the range 0 to most; what is not a number becomes 0.
func rounded(v float32, most int32) int32 {
	if v >= float32(most) {
		return most
	}
	if v > 0 {
		return int32(v + 0.5)
	}
	return 0
}

func j2kByte(v int32, precision int, indexed bool) byte {
	if precision == 8 || indexed {
		return byte(v)
	}
	return byte(uint32(v) * 255 / (1<<precision - 1))
}

func (p *j2kPicture) Bounds() image.Rectangle {
	return image.Rect(0, 0, p.area.width(), p.area.height())
}
func (p *j2kPicture) ColorModel() color.Model { return color.RGBAModel }

// At is for image.Image; rows are what is used.
func (p *j2kPicture) At(x, y int) color.Color {
	row := make([]byte, 3*p.area.width())
	p.rgbRow(y, row)
	return color.RGBA{row[3*x], row[3*x+1], row[3*x+2], 255}
}

// greyRow writes row y as luma.
func (p *j2kPicture) greyRow(y int, dst []byte) {
	if p.opacity == 0 && p.space != j2kRGB { // the first channel is luma
		p.channelRow(0, y, dst, 1)
		return
	}
	line := make([]byte, 3*len(dst))
	p.rgbRow(y, line)
	lumaRow(dst, line)
}

// rgbRow writes row y as RGB on white.
func (p *j2kPicture) rgbRow(y int, dst []byte) {
	for i := range 3 {
		channel := i
		if p.space == j2kGrey {
			channel = 0
		}
		p.channelRow(channel, y, dst[i:], 3)
	}
	if p.space == j2kYCC {
		for x := range len(dst) / 3 {
			dst[3*x], dst[3*x+1], dst[3*x+2] = color.YCbCrToRGB(dst[3*x], dst[3*x+1], dst[3*x+2])
		}
	}
	if p.opacity > 0 {
		p.onWhite(y, dst)
	}
}

func (p *j2kPicture) onWhite(y int, dst []byte) {
	alpha := make([]byte, len(dst)/3)
	p.channelRow(p.opacity, y, alpha, 1)
	for x, a := range alpha {
		for i := 3 * x; i < 3*x+3; i++ {
			if p.weighted {
				dst[i] = addClamp(dst[i], 255-a)
			} else {
				dst[i] = over(dst[i], a)
			}
		}
	}
}

// channelRow writes a channel's samples of row y at every stride-th byte of dst; a plane with fewer samples repeats them.
func (p *j2kPicture) channelRow(channel, y int, dst []byte, stride int) {
	c := p.channels[channel]
	s := &p.planes[c.plane]
	row := min(max((p.area.y0+y)/s.dy-s.y0, 0), s.height()-1)
	from := s.pix[row*s.width():][:s.width()]
	for x := range p.area.width() {
		at := x
		if s.dx > 1 {
			at = min(max((p.area.x0+x)/s.dx-s.x0, 0), len(from)-1)
		}
		v := from[at]
		if c.palette != nil {
			v = c.palette[v]
		}
		dst[x*stride] = v
	}
}
