package imaging

import (
	"image"
	"math/bits"
)

const mediaJP2 = "image/jp2"

// jp2Photo is a JPEG 2000 picture that is decoded when it is looked at: at a scale of 1/2, 1/4 or 1/8 without the resolutions
// that it would not show.
type jp2Photo struct {
	data   []byte
	levels int // how often its sides can be halved that way

	last  *Photo // the picture as last decoded, and at which scale
	scale int
}

func openJP2(data []byte) (*jp2Photo, error) {
	f, err := readJP2(data)
	if err != nil {
		return nil, err
	}
	p := &jp2Photo{data: data, levels: 32}
	s := &f.stream
	for c := range s.components {
		p.levels = min(p.levels, s.params.coding[c].levels)
	}
	if f.palette != nil { // means of indices are no colours
		p.levels = 0
	}
	// Coarser grids begin at the picture's corner when its place on the reference grid can be halved too.
	if corner := uint(s.area.x0 | s.area.y0); corner != 0 {
		p.levels = min(p.levels, bits.TrailingZeros(corner))
	}
	return p, nil
}

// decode decodes the whole picture at a scale that is a power of two.
func (j *jp2Photo) decode(scale int) (img image.Image, err error) {
	err = guarded("JPEG 2000", func() error {
		img, err = decodeJP2At(j.data, bits.TrailingZeros(uint(scale)))
		return err
	})
	return img, err
}

// region is Photo.Region. The samples of a smaller resolution are weighted means around every scale-th pixel rather than means of
// blocks, which puts its pixels up to half of one of them further left and up.
func (j *jp2Photo) region(r image.Rectangle, scale int) (View, error) {
	whole := 1 // the scale to decode at
	for whole < scale && 2*whole <= 1<<j.levels {
		whole *= 2
	}
	if j.last == nil || j.scale != whole {
		img, err := j.decode(whole)
		if err != nil {
			return View{}, err
		}
		j.last, j.scale = &Photo{Width: img.Bounds().Dx(), Height: img.Bounds().Dy(), img: img}, whole
	}
	r = image.Rect(r.Min.X/whole, r.Min.Y/whole, ceilDiv(r.Max.X, whole), ceilDiv(r.Max.Y, whole))
	v := j.last.shrunk(r, scale/whole)
	return View{RGB: v.RGB, Left: v.Left * whole, Top: v.Top * whole, Scale: scale}, nil
}
