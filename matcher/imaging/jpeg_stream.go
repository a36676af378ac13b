package imaging

// jpegStream is a picture of one sequential scan, still coded. A first walk over it leaves marks, from which parts of it
// can be decoded again at another scale for the time that these parts take.
type jpegStream struct {
	*jpegFile
	data       codedData
	components []scanComponent
	interval   int
	marks      []jpegMark // of every markEvery-th unit, as far as it was walked
	walked     bool       // to the end
}

// jpegMark is where a unit begins, and what its DC coefficients build on.
type jpegMark struct {
	bit   int
	preds [4]int32
}

// markEvery units: a part is begun at most so many too early, and the marks of 50 megapixels take 600 kB.
const markEvery = 16

// jpegCursor walks over the units of a stream.
type jpegCursor struct {
	*jpegStream
	bits  bitReader
	preds [4]int32
	unit  int // the next one
}

// walk makes the stream ready for parts: it is marked, and known to be whole.
func (s *jpegStream) walk() error {
	for i := range s.components {
		s.components[i].ac.prepareToSkip()
	}
	if s.walked {
		return nil
	}
	return s.cursor().seek(s.across * s.down)
}

func (s *jpegStream) cursor() *jpegCursor {
	return &jpegCursor{jpegStream: s, bits: bitReader{data: s.data.bytes}}
}

// seek goes to a unit that is marked or behind the cursor; what lies between is passed over.
func (c *jpegCursor) seek(unit int) error {
	if mark := unit / markEvery; mark < len(c.marks) && (unit < c.unit || c.unit < mark*markEvery) {
		c.unit, c.preds = mark*markEvery, c.marks[mark].preds
		c.bits.seek(c.marks[mark].bit)
	}
	for c.unit < unit {
		if err := c.next(nil, 0); err != nil {
			return err
		}
	}
	return nil
}

// next decodes a unit into the x-th column of units of planes, nil to pass over it.
func (c *jpegCursor) next(planes []jpegPlane, x int) error {
	if c.unit%markEvery == 0 && c.unit/markEvery == len(c.marks) {
		c.marks = append(c.marks, jpegMark{c.bits.consumed(), c.preds})
	}
	part := 0
	if c.interval > 0 {
		part = c.unit / c.interval
		if part >= len(c.data.ends) {
			return broken("a restart is missing")
		}
		if part > 0 && c.unit%c.interval == 0 {
			c.preds = [4]int32{}
			c.bits.seek(8 * c.data.ends[part-1])
		}
	}
	for i := range c.components {
		comp := &c.components[i]
		for k := range comp.h * comp.v {
			var plane *jpegPlane
			if planes != nil {
				plane = &planes[comp.index]
			}
			if !c.block(comp, &c.preds[i], plane, x*comp.h+k%comp.h, k/comp.h) {
				return broken("coefficient data that has no meaning")
			}
		}
	}
	if c.bits.consumed() > 8*c.data.ends[part] {
		return broken("it is cut off")
	}
	c.unit++
	c.walked = c.walked || c.unit == c.across*c.down
	return nil
}

// block decodes the block at x, y of a plane as far as the plane wants it.
func (c *jpegCursor) block(comp *scanComponent, pred *int32, plane *jpegPlane, x, y int) bool {
	if plane == nil || plane.flat() {
		if !c.bits.pass(comp.dc, comp.ac, pred) {
			return false
		}
		if plane != nil && plane.w == 1 {
			plane.pix[y*plane.stride+x] = flatLevel(*pred * comp.steps[0])
		}
		return true
	}
	var b block
	last := c.bits.block(&b, comp.dc, comp.ac, comp.steps, pred)
	if last < 0 {
		return false
	}
	b.inverse(last, plane.w, plane.h, plane.pix[y*plane.h*plane.stride+x*plane.w:], plane.stride)
	return true
}
