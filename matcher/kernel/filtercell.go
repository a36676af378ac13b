package kernel

// Tap is one weighted pixel of a CellFilter.
type Tap struct {
	At     int32 // bytes from the start of the window, 0 at least
	Weight int16
}

// CellFilter is a set of taps that every pixel of a cell is made of: four rows of four pixels, two bytes a pixel.
type CellFilter struct {
	taps []Tap
	far  int // the largest At
}

// Lay gives the filter other taps. It keeps the slice, which must not change before the next call, and panics on a negative At.
func (f *CellFilter) Lay(taps []Tap) {
	f.taps, f.far = taps, 0
	for _, t := range taps {
		if t.At < 0 {
			panic("kernel: a tap of CellFilter lies before its window")
		}
		f.far = max(f.far, int(t.At))
	}
}

// Taps are the taps of the filter, to be read only.
func (f *CellFilter) Taps() []Tap { return f.taps }

// FilterCell makes a cell of a picture whose rows lie stride bytes apart: pixel i of row r, at byte r*stride + 2i of out, is
//
//	(start + sum over taps of Weight * pixel at byte r*stride + 2i + At of in) / 256.
//
// Pixels are little-endian. The sum of each must lie within 0 and 65535: other sums give pixels that depend on the
// machine. It panics when a cell or a tap does not lie in its slice.
func FilterCell(out, in []byte, stride int, start uint16, f *CellFilter) {
	if stride < 0 || len(out) < 3*stride+8 || len(in) < 3*stride+8+f.far {
		panic("kernel: FilterCell of a cell outside its picture")
	}
	filterCell(out, in, stride, start, f.taps)
}

// filterCellFunc may rely on what FilterCell checks.
type filterCellFunc = func(out, in []byte, stride int, start uint16, taps []Tap)

var filterCell = best(filterCellRows())
