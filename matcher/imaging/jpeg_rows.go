package imaging

import (
	"image"
	"math/bits"
)

// jpegPlane holds the samples of one component under a row of units.
type jpegPlane struct {
	w, h               int // samples that a block becomes; 0: not wanted
	pix                []byte
	stride             int
	stretchX, stretchY int // pixels of the result to a sample
}

// flat: at most a sample becomes of a block, its mean.
func (p *jpegPlane) flat() bool { return p.w <= 1 && p.h <= 1 }

// jpegRows gives a part of a picture at some scale, row by row from the top. After a failure rows stay as they are and err
// says why.
type jpegRows struct {
	*jpegFile
	cursor *jpegCursor     // nil when coefficients are held
	part   image.Rectangle // in pixels of the result
	first  int             // column of units that part begins in
	last   int             // the one behind its end
	tall   int             // rows of the result in a row of units
	planes []jpegPlane
	strip  int // row of units that planes hold, -1 at first
	lines  [4][]byte
	rgb4   []byte
	err    error
}

// rows prepares a part, in pixels of the result, of the picture at 1/scale: 1, 2, 4 or 8. Without colour only what grey
// needs is decoded.
func (f *jpegFile) rows(part image.Rectangle, scale int, colour bool) *jpegRows {
	wide, tall := 8*f.hMax/scale, 8*f.vMax/scale
	r := &jpegRows{jpegFile: f, part: part, tall: tall, first: part.Min.X / wide, last: ceilDiv(part.Max.X, wide), strip: -1}
	luma := !colour && len(f.components) == 3 && !f.isRGB()
	for i := range f.components {
		c := &f.components[i]
		spanX, spanY := f.hMax/c.h, f.vMax/c.v
		p := jpegPlane{w: 8 / max(scale/spanX, 1), h: 8 / max(scale/spanY, 1), stretchX: max(spanX/scale, 1), stretchY: max(spanY/scale, 1)}
		if luma && i > 0 {
			p = jpegPlane{}
		}
		p.stride = p.w * c.h * (r.last - r.first)
		p.pix = make([]byte, p.stride*p.h*c.v)
		r.planes = append(r.planes, p)
		r.lines[i] = make([]byte, part.Dx())
	}
	if f.stream != nil {
		r.cursor = f.stream.cursor()
		for _, c := range f.stream.components {
			if r.planes[c.index].flat() {
				c.ac.prepareToSkip()
			}
		}
	}
	return r
}

// load decodes the row of units that a row of the result lies in.
func (r *jpegRows) load(y int) {
	strip := y / r.tall
	if r.err != nil || r.strip == strip {
		return
	}
	r.strip = strip
	if r.cursor == nil {
		if r.err = r.collect(r.planes, strip); r.err == nil {
			r.fromCoefficients(strip)
		}
		return
	}
	if r.err = r.cursor.seek(strip*r.across + r.first); r.err != nil {
		return
	}
	for x := range r.last - r.first {
		if r.err = r.cursor.next(r.planes, x); r.err != nil {
			return
		}
	}
}

func (r *jpegRows) fromCoefficients(strip int) {
	for i := range r.components {
		c, p := &r.components[i], &r.planes[i]
		if p.w == 0 {
			continue
		}
		for y := range c.v {
			at := (strip*c.v+y)*c.across + r.first*c.h
			for x := range (r.last - r.first) * c.h {
				if p.flat() {
					p.pix[y*p.stride+x] = flatLevel(int32(c.means[at+x]) * c.steps[0])
					continue
				}
				var b block
				last := c.dequantise(at+x, &b)
				b.inverse(last, p.w, p.h, p.pix[y*p.h*p.stride+x*p.w:], p.stride)
			}
		}
	}
}

// block holds the AC coefficients of a block by row, from 1 on; what stands before them is none of its own.
func (c *jpegComponent) block(at int) *[64]int16 { return (*[64]int16)(c.details[63*at:]) }

// dequantise writes held coefficients into b, which holds zeros; see bitReader.block.
func (c *jpegComponent) dequantise(at int, b *block) (last int) {
	b[0] = int32(c.means[at]) * c.steps[0]
	held := c.block(at)
	for ahead := c.filled[at]; ahead != 0; ahead &= ahead - 1 {
		last = bits.TrailingZeros64(ahead)
		i := unzigzag[last&63]
		b[i] = int32(held[i]) * c.steps[i]
	}
	return last
}

// samples are those of component i in a row of the result: one for each pixel.
func (r *jpegRows) samples(i, y int) []byte {
	line, phase, stretch := r.shared(i, y)
	if stretch == 1 {
		return line
	}
	out := r.lines[i]
	for x := range out {
		out[x] = line[(x+phase)/stretch]
	}
	return out
}

// shared are the samples of component i under a row of the result, one for each stretch pixels; the first pixel is the
// phase-th of the first sample.
func (r *jpegRows) shared(i, y int) (line []byte, phase, stretch int) {
	p := &r.planes[i]
	wide := p.w * r.components[i].h * p.stretchX // of a unit, in pixels of the result
	from := r.part.Min.X - r.first*wide
	line = p.pix[y%r.tall/p.stretchY*p.stride+from/p.stretchX:]
	return line, from % p.stretchX, p.stretchX
}

// grey writes row y of the part as luma.
func (r *jpegRows) grey(y int, dst []byte) {
	if r.planes[0].w > 0 && (len(r.planes) == 1 || r.planes[1].w == 0) {
		y += r.part.Min.Y
		if r.load(y); r.err == nil {
			copy(dst, r.samples(0, y))
		}
		return
	}
	if r.rgb4 == nil {
		r.rgb4 = make([]byte, 3*len(dst))
	}
	r.rgb(y, r.rgb4)
	lumaRow(dst, r.rgb4)
}

// rgb writes row y of the part.
func (r *jpegRows) rgb(y int, dst []byte) {
	y += r.part.Min.Y
	if r.load(y); r.err != nil {
		return
	}
	switch {
	case len(r.planes) == 1:
		greyToRGB(dst, r.samples(0, y))
		return
	case r.isRGB(), len(r.planes) == 4 && r.adobe == 0:
		red, green, blue := r.samples(0, y), r.samples(1, y), r.samples(2, y)
		for x := range len(dst) / 3 {
			dst[3*x], dst[3*x+1], dst[3*x+2] = red[x], green[x], blue[x]
		}
	default:
		r.ycc(y, dst)
	}
	if len(r.planes) == 4 {
		r.ink(y, dst)
	}
}

// ink darkens a row of cyan, magenta and yellow by black. Stored is what each ink lets through; where they were brought into
// luma and colour differences, what it holds back.
func (r *jpegRows) ink(y int, dst []byte) {
	black, held := r.samples(3, y), byte(0)
	if r.adobe != 0 {
		held = 255
	}
	for x := range len(dst) / 3 {
		k := uint32(black[x])
		for i := range 3 {
			dst[3*x+i] = uint8(uint32(dst[3*x+i]^held) * k / 255)
		}
	}
}

// ycc converts a row of luma and colour differences (JFIF 1.02), as color.YCbCrToRGB does.
func (r *jpegRows) ycc(y int, dst []byte) {
	luma := r.samples(0, y)
	blues, phase, stretch := r.shared(1, y)
	reds, phaseRed, stretchRed := r.shared(2, y)
	if phase != phaseRed || stretch != stretchRed {
		blues, reds, phase, stretch = r.samples(1, y), r.samples(2, y), 0, 1
	}
	n := len(dst) / 3
	for i, x := 0, 0; x < n; i++ {
		cb, cr := int32(blues[i])-128, int32(reds[i])-128
		red, green, blue := 91881*cr, -22554*cb-46802*cr, 116130*cb
		for end := min((i+1)*stretch-phase, n); x < end; x++ {
			v := int32(luma[x]) * 0x10101
			to := dst[3*x : 3*x+3 : 3*x+3]
			to[0], to[1], to[2] = upperByte(v+red), upperByte(v+green), upperByte(v+blue)
		}
	}
}

// upperByte is v >> 16 cut to a byte's range.
func upperByte(v int32) byte {
	if uint32(v)&0xFF000000 != 0 {
		return byte(^(v >> 31))
	}
	return byte(v >> 16)
}
