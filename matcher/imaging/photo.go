package imaging

import (
	"fmt"
	"image"
)

// Photo is a picture that was opened and can be looked at whole or in part, at full size or smaller. Large pictures need not
// be decoded to be seen small: a JPEG of one scan stays coded, and what is asked for is decoded straight at its scale; of a
// progressive one the scans that a scale needs are decoded, down to the end of what is asked for. Every view has the pixels
// that it would have of a picture decoded whole. Damage to coded data that no view needed is not found.
// A Photo is for one goroutine at a time.
type Photo struct {
	Width, Height int // upright, in pixels
	DPI           int // see Grey

	meta meta
	jpeg *jpegFile
	jp2  *jp2Photo
	img  image.Image // of other formats
	full RGB         // img, once a part of it was asked for
}

// View is a part of a photo at 1/Scale. The top left corner of its first pixel lies at (Left, Top) in pixels of the photo; an
// edge that Scale does not divide makes it negative in photos that are stored turned.
type View struct {
	RGB
	Left, Top, Scale int
}

// Open checks a picture as ReadHeader does and makes it ready to be decoded. The photo refers to data. Errors are *Error.
func Open(data []byte, claimed string) (*Photo, error) {
	data, claimed, err := unwrapped(data, claimed)
	if err != nil {
		return nil, err
	}
	f, m, err := examine(data, claimed)
	if err != nil {
		return nil, err
	}
	p := &Photo{Width: m.width, Height: m.height, DPI: m.dpi, meta: m}
	if m.swapped() {
		p.Width, p.Height = m.height, m.width
	}
	err = guarded(f.name, func() (err error) {
		switch {
		case f.coded != nil:
			p.jpeg, err = f.coded(data)
		case f.media == mediaJP2:
			p.jp2, err = openJP2(data)
		default:
			p.img, err = decodePixels(f, m, data)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

// InParts says whether a part at full size takes less time than all of the photo at full size.
func (p *Photo) InParts() bool { return p.jpeg != nil }

// Scalable says whether smaller views take less time than the whole, and parts less than all of it.
func (p *Photo) Scalable() bool { return p.jpeg != nil || p.jp2 != nil }

// Whole is the photo at a scale of 1, 2, 4 or 8. Each pixel is the mean of Scale x Scale pixels of the photo; at its right and
// lower edge of fewer, or of what the encoder filled the last block with.
func (p *Photo) Whole(scale int) (View, error) {
	return p.Region(image.Rect(0, 0, p.Width, p.Height), scale)
}

// Region is the part of the photo under r, in pixels of the photo, at a scale of 1, 2, 4 or 8: widened to whole pixels of the
// view and to at least one, and cut to the photo. See Whole.
func (p *Photo) Region(r image.Rectangle, scale int) (View, error) {
	if scale != 1 && scale != 2 && scale != 4 && scale != 8 {
		return View{}, fmt.Errorf("imaging: a scale of 1/%d", scale)
	}
	r = within(r, p.Width, p.Height)
	if p.jp2 != nil {
		return p.jp2.region(r, scale)
	}
	if p.jpeg == nil {
		return p.shrunk(r, scale), nil
	}
	stored := p.meta.stored(r)
	part := image.Rect(stored.Min.X/scale, stored.Min.Y/scale, ceilDiv(stored.Max.X, scale), ceilDiv(stored.Max.Y, scale))
	w, h, pix, err := p.decode(3, part, scale)
	if err != nil {
		return View{}, err
	}
	// Where the widened part lies in the upright photo.
	seen := p.meta.upright(image.Rectangle{part.Min.Mul(scale), part.Max.Mul(scale)})
	return View{RGB: RGB{Width: w, Height: h, Pix: pix}, Left: seen.Min.X, Top: seen.Min.Y, Scale: scale}, nil
}

// within cuts r to a picture, leaving at least one pixel.
func within(r image.Rectangle, width, height int) image.Rectangle {
	x0, y0 := min(max(r.Min.X, 0), width-1), min(max(r.Min.Y, 0), height-1)
	return image.Rect(x0, y0, max(min(r.Max.X, width), x0+1), max(min(r.Max.Y, height), y0+1))
}

// grey is the whole photo as luma.
func (p *Photo) grey() (w, h int, pix []byte, err error) {
	if p.jp2 != nil {
		if p.img, err = p.jp2.decode(1); err != nil {
			return 0, 0, nil, err
		}
	}
	if p.jpeg == nil {
		w, h, pix = picture{p.img, p.meta}.upright(1, greyRows(p.img))
		return w, h, pix, nil
	}
	return p.decode(1, image.Rect(0, 0, p.meta.width, p.meta.height), 1)
}

// decode decodes a part of a JPEG, in pixels of the result as stored, at n bytes a pixel, and turns it.
func (p *Photo) decode(n int, part image.Rectangle, scale int) (w, h int, pix []byte, err error) {
	err = guarded("JPEG", func() error {
		whole := part.Min == image.Point{} && part.Dx() == ceilDiv(p.meta.width, scale) && part.Dy() == ceilDiv(p.meta.height, scale)
		if s := p.jpeg.stream; s != nil && !whole {
			if err := s.walk(); err != nil {
				return err
			}
		}
		rows := p.jpeg.rows(part, scale, n == 3)
		row := rows.rgb
		if n == 1 {
			row = rows.grey
		}
		w, h, pix = upright(n, part.Dx(), part.Dy(), p.meta.orientation, row)
		return rows.err
	})
	return w, h, pix, err
}

// shrunk is a part of a decoded picture. The mean is taken over blocks of scale x scale pixels.
func (p *Photo) shrunk(r image.Rectangle, scale int) View {
	if p.full.Pix == nil {
		w, h, pix := picture{p.img, p.meta}.upright(3, rgbRows(p.img))
		p.full, p.img = RGB{Width: w, Height: h, Pix: pix}, nil
	}
	if scale == 1 && r.Dx() == p.Width && r.Dy() == p.Height {
		return View{RGB: p.full, Scale: 1}
	}
	x0, y0 := r.Min.X/scale, r.Min.Y/scale
	v := View{Left: x0 * scale, Top: y0 * scale, Scale: scale}
	v.Width, v.Height = ceilDiv(r.Max.X, scale)-x0, ceilDiv(r.Max.Y, scale)-y0
	v.Pix = make([]byte, 3*v.Width*v.Height)
	right := min(v.Left+v.Width*scale, p.Width)
	sums := make([]uint32, 3*v.Width)
	for y := range v.Height {
		clear(sums)
		top := v.Top + y*scale
		low := min(top+scale, p.Height)
		for below := top; below < low; below++ {
			row := p.full.Pix[3*(below*p.Width+v.Left) : 3*(below*p.Width+right)]
			for i, c := range row {
				sums[i/(3*scale)*3+i%3] += uint32(c)
			}
		}
		for i, sum := range sums {
			n := uint32((low - top) * min(scale, right-v.Left-i/3*scale))
			v.Pix[3*v.Width*y+i] = byte((sum + n/2) / n)
		}
	}
	return v
}
