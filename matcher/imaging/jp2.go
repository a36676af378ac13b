package imaging

import (
	"encoding/binary"
	"image"
	"math"
)

// A JP2 file (annex I of ITU-T T.800) is a list of boxes: a length, a type, and a body that may hold more boxes. The header box
// says what the samples of the codestream mean. A bare codestream is read as well.

// jp2File is a file before its codestream is decoded.
type jp2File struct {
	codestream []byte
	stream     j2kStream // its main header
	bare       bool      // without boxes
	width      int       // what the image header box says
	height     int
	components int
	space      int // 0: not stated
	spaceKnown bool
	palette    jp2Palette
	mapping    []jp2Mapping
	roles      []jp2Role
	dpi        int
}

// jp2Palette is the palette box: a column of bytes for each channel that it makes.
type jp2Palette []*[256]byte

// jp2Mapping makes a channel from a component, through a column of the palette if it is not negative.
type jp2Mapping struct{ component, column int }

// jp2Role is what a channel is for (table I.16).
type jp2Role struct{ channel, kind, colour int }

const (
	jp2Colour = iota
	jp2Opacity
	jp2WeightedOpacity
	jp2Whole = 0 // as jp2Role.colour: the role is for the picture as a whole
)

func jp2Broken(format string, args ...any) error {
	return refuse(CodeUndecodable, "the JP2 file is broken: "+format, args...)
}

// errJP2Channels is found while boxes are read, of which a file may have any number.
var errJP2Channels = j2kUnsupported("more than %d channels", j2kMaxComponents)

// checkJP2 reads the boxes and the codestream's main header.
func checkJP2(data []byte) (meta, error) {
	f, err := readJP2(data)
	if err != nil {
		return meta{}, err
	}
	if _, err := f.colour(); err != nil {
		return meta{}, err
	}
	m := meta{width: f.stream.area.width(), height: f.stream.area.height(), dpi: f.dpi}
	if err := checkSize("JPEG 2000", m.width, m.height, f.work()); err != nil {
		return meta{}, err
	}
	if m.width*m.height > j2kFreePixels+len(f.codestream)*j2kPixelsAByte {
		return meta{}, j2kBroken("it announces %dx%d pixels and is far too short for them", m.width, m.height)
	}
	return m, nil
}

// work is the most bytes a pixel that decoding holds at once: a byte for each sample, four for each in a tile, and the layout.
func (f *jp2File) work() float64 {
	s := &f.stream.j2kSizes
	tile := s.tile.intersect(j2kRect{math.MinInt, math.MinInt, s.tile.x0 + s.area.width(), s.tile.y0 + s.area.height()})
	share := float64(tile.width()*tile.height()) / float64(s.area.width()*s.area.height())
	var samples float64
	for _, c := range s.components {
		samples += 1 / float64(c.dx*c.dy)
	}
	return samples*(1+4*min(share, 1)) + j2kLayoutBytes/float64(s.area.width()*s.area.height())
}

// decodeJP2 decodes a file or a bare codestream.
func decodeJP2(data []byte) (image.Image, error) { return decodeJP2At(data, 0) }

// decodeJP2At leaves out the finest discard resolutions, each of which halves the sides of the picture (rounded up); a picture
// that has fewer is refused.
func decodeJP2At(data []byte, discard int) (image.Image, error) {
	f, err := readJP2(data)
	if err != nil {
		return nil, err
	}
	colour, err := f.colour()
	if err != nil {
		return nil, err
	}
	p, err := decodeJ2K(f.codestream, discard, f.palette != nil)
	if err != nil {
		return nil, err
	}
	p.j2kColour = colour
	return p, nil
}

func readJP2(data []byte) (f jp2File, err error) {
	f.codestream, f.bare = data, true
	if !magic(0, "\xff\x4f")(data) {
		f.bare, f.codestream = false, nil
		if err := jp2Boxes(data, f.box); err != nil {
			return f, err
		}
		if f.codestream == nil {
			return f, jp2Broken("it has no codestream, or is cut off before it")
		}
	}
	if f.stream, _, err = readJ2KHeader(f.codestream); err != nil || f.bare {
		return f, err
	}
	if s := &f.stream; s.area.width() != f.width || s.area.height() != f.height || len(s.components) != f.components {
		return f, jp2Broken("its header and its codestream state different sizes")
	}
	return f, nil
}

// jp2Boxes calls take for each box until it returns an error or says that it is done.
func jp2Boxes(data []byte, take func(kind string, body []byte) (done bool, err error)) error {
	for len(data) > 0 {
		if len(data) < 8 {
			return jp2Broken("a box is cut off")
		}
		length, head := uint64(binary.BigEndian.Uint32(data)), 8
		switch {
		case length == 0: // to the end
			length = uint64(len(data))
		case length == 1 && len(data) >= 16:
			length, head = binary.BigEndian.Uint64(data[8:]), 16
		}
		if length < uint64(head) || length > uint64(len(data)) {
			return jp2Broken("a box is cut off or states a wrong length")
		}
		if done, err := take(string(data[4:8]), data[head:length]); err != nil || done {
			return err
		}
		data = data[length:]
	}
	return nil
}

// box takes in one box of the file.
func (f *jp2File) box(kind string, body []byte) (done bool, err error) {
	switch kind {
	case "jp2h":
		return false, jp2Boxes(body, f.header)
	case "jp2c":
		if f.width == 0 {
			return true, jp2Broken("it has no image header before its codestream")
		}
		f.codestream = body
		return true, nil
	}
	return false, nil
}

// header takes in one box of the header box.
func (f *jp2File) header(kind string, body []byte) (done bool, err error) {
	b := byteFields{b: body}
	switch kind {
	case "ihdr":
		f.height, f.width, f.components = b.number(4), b.number(4), b.number(2)
		if b.number(1); b.number(1) != 7 {
			return true, jp2Broken("its compression is not JPEG 2000's")
		}
		if f.width == 0 || f.height == 0 {
			return true, jp2Broken("it announces a picture of %dx%d pixels", f.width, f.height)
		}
	case "colr":
		f.space, f.spaceKnown = jp2Space(&b, f.space, f.spaceKnown)
	case "pclr":
		f.palette, err = parseJP2Palette(&b)
	case "cmap":
		for len(b.b) > 0 {
			m := jp2Mapping{component: b.number(2), column: -1}
			if through, column := b.number(1), b.number(1); through != 0 {
				m.column = column
			}
			if len(f.mapping) == j2kMaxComponents {
				return true, errJP2Channels
			}
			f.mapping = append(f.mapping, m)
		}
	case "cdef":
		for n := b.number(2); n > 0 && !b.short; n-- {
			if len(f.roles) == j2kMaxComponents {
				return true, errJP2Channels
			}
			f.roles = append(f.roles, jp2Role{b.number(2), b.number(2), b.number(2)})
		}
	case "res ":
		return false, jp2Boxes(body, f.resolution)
	}
	if err == nil && b.short {
		err = jp2Broken("its box %s is cut off", kind)
	}
	return false, err
}

// jp2Space reads a colour specification: the first that is understood holds. A restricted ICC profile is taken for grey or sRGB.
func jp2Space(b *byteFields, space int, known bool) (int, bool) {
	method := b.number(1)
	b.number(2)
	switch {
	case known:
	case method == 1:
		space = b.number(4)
		known = space == j2kRGB || space == j2kGrey || space == j2kYCC
	case method == 2:
		space, known = 0, true
	}
	return space, known
}

func parseJP2Palette(b *byteFields) (jp2Palette, error) {
	entries, columns := b.number(2), b.number(1)
	if entries == 0 || entries > 256 || columns == 0 || columns > j2kMaxComponents {
		return nil, j2kUnsupported("a palette of %d entries and %d columns", entries, columns)
	}
	p := make(jp2Palette, columns)
	for i := range p {
		p[i] = new([256]byte)
		if b.number(1) != 7 {
			return nil, j2kUnsupported("a palette of other numbers than bytes")
		}
	}
	for e := range entries {
		for _, column := range p {
			column[e] = byte(b.number(1))
		}
	}
	return p, nil
}

// resolution takes in one box of the resolution box: samples a metre down and across, each as a fraction and a power of ten.
func (f *jp2File) resolution(kind string, body []byte) (done bool, err error) {
	b := byteFields{b: body}
	if kind != "resc" || len(body) != 10 {
		return false, nil
	}
	down, downUnit, across, acrossUnit := b.number(2), b.number(2), b.number(2), b.number(2)
	if downUnit == 0 || acrossUnit == 0 {
		return false, nil
	}
	inches := func(n, unit, power int) float64 {
		return float64(n) / float64(unit) * math.Pow(10, float64(int8(power))) * 0.0254
	}
	y := inches(down, downUnit, b.number(1))
	f.dpi = equalDPI(inches(across, acrossUnit, b.number(1)), y)
	return true, nil
}

// colour makes out what the planes mean.
func (f *jp2File) colour() (c j2kColour, err error) {
	components := f.stream.components
	if f.palette == nil && f.mapping != nil || f.palette != nil && f.mapping == nil {
		return c, jp2Broken("it has a palette or its mapping without the other")
	}
	for i := range components {
		if f.mapping == nil {
			c.channels = append(c.channels, j2kChannel{plane: i})
		}
	}
	for _, m := range f.mapping {
		if m.component >= len(components) || m.column >= len(f.palette) {
			return c, jp2Broken("its palette is mapped to what is not there")
		}
		if components[m.component].precision > 8 {
			return c, j2kUnsupported("a palette that is asked by more than 8 bits")
		}
		ch := j2kChannel{plane: m.component}
		if m.column >= 0 {
			ch.palette = f.palette[m.column]
		}
		c.channels = append(c.channels, ch)
	}
	if err := c.assign(f.roles); err != nil {
		return c, err
	}
	return c, f.setSpace(&c)
}

// assign puts the channels into the order of the colours, opacity behind them.
func (c *j2kColour) assign(roles []jp2Role) error {
	ordered := make([]j2kChannel, len(c.channels))
	copy(ordered, c.channels)
	opacity := -1
	for _, r := range roles {
		if r.channel >= len(c.channels) {
			return jp2Broken("it defines channel %d of %d", r.channel, len(c.channels))
		}
		switch {
		case r.kind == jp2Colour && r.colour > 0 && r.colour <= len(ordered):
			ordered[r.colour-1] = c.channels[r.channel]
		case (r.kind == jp2Opacity || r.kind == jp2WeightedOpacity) && r.colour == jp2Whole && len(ordered) > 1:
			opacity, c.weighted = r.channel, r.kind == jp2WeightedOpacity
		}
	}
	if opacity >= 0 {
		ordered[len(ordered)-1] = c.channels[opacity]
		c.opacity = len(ordered) - 1
	}
	c.channels = ordered
	return nil
}

// setSpace settles the colour space; where the file states none, the number of channels and their sampling do.
func (f *jp2File) setSpace(c *j2kColour) error {
	c.space = f.space
	if !f.spaceKnown && f.space != 0 {
		return j2kUnsupported("colour space %d", f.space)
	}
	colours := len(c.channels)
	if c.opacity > 0 {
		colours--
	}
	if c.space == 0 {
		switch parts := f.stream.components; {
		case colours < 3:
			c.space = j2kGrey
		case f.bare && parts[0].dx*parts[0].dy < parts[1].dx*parts[1].dy:
			c.space = j2kYCC
		default:
			c.space = j2kRGB
		}
	}
	if c.space != j2kGrey && colours < 3 {
		return j2kBroken("it has %d colours and states a space of three", colours)
	}
	return nil
}
