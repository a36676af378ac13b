package imaging

// upright makes an array of n bytes a pixel out of the rows that row writes, turned by the picture's EXIF orientation while
// it is filled: a copy to be turned would be the largest thing in memory.
func (p picture) upright(n int, row func(y int, dst []byte)) (w, h int, pix []byte) {
	w, h = p.width(), p.height()
	pix = make([]byte, n*w*h)
	if p.meta.orientation < 2 || p.meta.orientation > 8 {
		for y := range h {
			row(y, pix[n*w*y:n*w*(y+1)])
		}
		return w, h, pix
	}
	line := make([]byte, n*w)
	start, dx, dy := walk(w, h, p.meta.orientation)
	for y := range h {
		row(y, line)
		for x, at := 0, start+y*dy; x < w; x, at = x+1, at+dx {
			copy(pix[n*at:n*at+n], line[n*x:n*x+n])
		}
	}
	if p.meta.orientation >= 5 { // rows became columns
		w, h = h, w
	}
	return w, h, pix
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
