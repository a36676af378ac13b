package imaging

import "image"

// upright turns the rows of a decoded picture.
func (p picture) upright(n int, row func(y int, dst []byte)) (w, h int, pix []byte) {
	return upright(n, p.width(), p.height(), p.meta.orientation, row)
}

// upright makes an array of n bytes a pixel out of the w x h pixels that row writes, turned by an EXIF orientation while it is
// filled: a copy to be turned would be the largest thing in memory.
func upright(n, w, h, orientation int, row func(y int, dst []byte)) (width, height int, pix []byte) {
	pix = make([]byte, n*w*h)
	if orientation < 2 || orientation > 8 {
		for y := range h {
			row(y, pix[n*w*y:n*w*(y+1)])
		}
		return w, h, pix
	}
	line := make([]byte, n*w)
	start, dx, dy := walk(w, h, orientation)
	for y := range h {
		row(y, line)
		for x, at := 0, start+y*dy; x < w; x, at = x+1, at+dx {
			copy(pix[n*at:n*at+n], line[n*x:n*x+n])
		}
	}
	if orientation >= 5 { // rows became columns
		w, h = h, w
	}
	return w, h, pix
}

// swapped: the picture is stored with rows for columns.
func (m meta) swapped() bool { return m.orientation >= 5 && m.orientation <= 8 }

// stored is where a part of the upright picture lies in the stored one.
func (m meta) stored(r image.Rectangle) image.Rectangle {
	w, h := m.width, m.height
	if m.swapped() {
		w, h = h, w
	}
	r = m.mirrored(r, w, h)
	if m.swapped() {
		r = transposed(r)
	}
	return r
}

// upright is where a part of the stored picture lies in the upright one.
func (m meta) upright(r image.Rectangle) image.Rectangle {
	w, h := m.width, m.height
	if m.swapped() {
		r, w, h = transposed(r), h, w
	}
	return m.mirrored(r, w, h)
}

// mirrored turns a part of a picture around, seen upright, along the axes that run against those stored.
func (m meta) mirrored(r image.Rectangle, w, h int) image.Rectangle {
	switch m.orientation {
	case 2, 3, 6, 7:
		r.Min.X, r.Max.X = w-r.Max.X, w-r.Min.X
	}
	switch m.orientation {
	case 3, 4, 7, 8:
		r.Min.Y, r.Max.Y = h-r.Max.Y, h-r.Min.Y
	}
	return r
}

func transposed(r image.Rectangle) image.Rectangle {
	return image.Rectangle{image.Pt(r.Min.Y, r.Min.X), image.Pt(r.Max.Y, r.Max.X)}
}

// walk gives the place in the upright picture of the first stored pixel, and the steps there for one stored pixel and one
// stored row.
func walk(width, height, orientation int) (start, dx, dy int) {
	last := width*height - 1
	switch orientation {
	case 2: // mirrored
		return width - 1, -1, width
	case 3: // upside down
		return last, -1, -width
	case 4: // mirrored upside down
		return last - (width - 1), 1, -width
	case 5: // transposed
		return 0, height, 1
	case 6: // to be turned clockwise
		return height - 1, height, -1
	case 7: // transposed over the other diagonal
		return last, -height, -1
	default: // 8: to be turned counter-clockwise
		return last - (height - 1), -height, 1
	}
}
