package imaging

// oriented turns a picture of n bytes a pixel upright: orientation is the EXIF value 1..8, others leave it alone.
func oriented(pix []byte, width, height, n, orientation int) (w, h int, out []byte) {
	if orientation < 2 || orientation > 8 {
		return width, height, pix
	}
	w, h = width, height
	if orientation >= 5 { // rows become columns
		w, h = height, width
	}
	out = make([]byte, len(pix))
	// Walking the output row by row, the source moves from start by dx for each pixel and by dy for each row.
	start, dx, dy := walk(width, height, orientation)
	for y, o := 0, 0; y < h; y++ {
		for x, s := 0, start+y*dy; x < w; x, s, o = x+1, s+dx, o+n {
			copy(out[o:o+n], pix[s*n:s*n+n])
		}
	}
	return w, h, out
}

// walk gives the source pixel of the output's top left corner and the steps for one output pixel and one output row.
func walk(width, height, orientation int) (start, dx, dy int) {
	right, down := width-1, (height-1)*width
	switch orientation {
	case 2: // mirrored
		return right, -1, width
	case 3: // upside down
		return right + down, -1, -width
	case 4: // mirrored upside down
		return down, 1, -width
	case 5: // transposed
		return 0, width, 1
	case 6: // to be turned clockwise
		return down, -width, 1
	case 7: // transposed over the other diagonal
		return right + down, -width, -1
	default: // 8: to be turned counter-clockwise
		return right, width, -1
	}
}
