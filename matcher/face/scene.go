package face

import (
	"image"
	"slices"

	"biogate/matcher"
	"biogate/matcher/imaging"
)

// wholeUpTo pixels of a photo are decoded at once; parts of a larger one are decoded as they are looked at, no larger than
// they will be drawn: a face of a thousand pixels is drawn with a hundred.
const wholeUpTo = 1 << 20

// extent is the size of a picture in pixels.
type extent struct{ Width, Height int }

// scene is the photo that a template is made of, as far as it was decoded. All coordinates are pixels of the photo.
type scene struct {
	extent
	photo *imaging.Photo
	views []imaging.View
	faces []box // that were detected
}

// open reads the photo of a sample.
func open(s matcher.Sample) (*scene, error) {
	photo, err := imaging.Open(s.Data, s.Format)
	if err != nil {
		return nil, refusal(err)
	}
	src := &scene{extent: extent{photo.Width, photo.Height}, photo: photo}
	if !photo.Scalable() || photo.Width*photo.Height <= wholeUpTo {
		_, err = src.view(src.all(), 1)
	}
	return src, err
}

func (s *scene) all() image.Rectangle { return image.Rect(0, 0, s.Width, s.Height) }

// holds says whether something of the photo was decoded at a scale.
func (s *scene) holds(scale int) bool {
	return slices.ContainsFunc(s.views, func(v imaging.View) bool { return v.Scale == scale })
}

// view is a view that shows a part of the photo, with at most so many of its pixels to one: the smallest that there is, or
// a new one.
func (s *scene) view(part image.Rectangle, pixels float64) (imaging.View, error) {
	part = part.Intersect(s.all())
	best := imaging.View{}
	for _, v := range s.views {
		covers := image.Rect(v.Left, v.Top, v.Left+v.Width*v.Scale, v.Top+v.Height*v.Scale)
		if part.In(covers) && v.Scale > best.Scale && (float64(v.Scale) <= pixels || v.Scale == 1) {
			best = v
		}
	}
	if best.Scale > 0 {
		return best, nil
	}
	scale := 8
	for scale > 1 && float64(scale) > pixels {
		scale /= 2
	}
	v, err := s.photo.Region(part, scale)
	if err != nil {
		return imaging.View{}, refusal(err)
	}
	s.views = append(s.views, v)
	return v, nil
}

// sample draws a part of the photo; see the function of that name.
func (s *scene) sample(from similarity, w, h int, beyond margin) (planes, error) {
	return s.sampleAveraged(from, w, h, beyond, 1/unaveraged)
}

// sampleAveraged is sample of pixels that may be means over up to so many of the sample's.
func (s *scene) sampleAveraged(from similarity, w, h int, beyond margin, averaged float64) (planes, error) {
	pixels := averaged * from.scale()
	x0, y0, x1, y1 := s.footprint(from, w, h, int(2*pixels)+1)
	v, err := s.view(image.Rect(x0, y0, x1, y1), pixels)
	if err != nil {
		return planes{}, err
	}
	return sample(v.RGB, inView(v, from), w, h, beyond), nil
}

// inView makes a map to pixels of the photo one to those of a view.
func inView(v imaging.View, from similarity) similarity {
	f, middle := 1/float64(v.Scale), float64(v.Scale-1)/2
	return similarity{from.a * f, from.b * f, (from.tx - float64(v.Left) - middle) * f, (from.ty - float64(v.Top) - middle) * f}
}

// cut is a part of the photo that lies in it, as it is or smaller, but no smaller than w x h.
func (s *scene) cut(part image.Rectangle, w, h int) (imaging.RGB, error) {
	v, err := s.view(part, min(float64(part.Dx())/float64(w), float64(part.Dy())/float64(h)))
	if err != nil {
		return imaging.RGB{}, err
	}
	x0, y0 := (part.Min.X-v.Left)/v.Scale, (part.Min.Y-v.Top)/v.Scale
	x1, y1 := min((part.Max.X-v.Left-1)/v.Scale+1, v.Width), min((part.Max.Y-v.Top-1)/v.Scale+1, v.Height)
	cut := imaging.RGB{Width: x1 - x0, Height: y1 - y0, Pix: make([]byte, 0, 3*(x1-x0)*(y1-y0))}
	for y := y0; y < y1; y++ {
		cut.Pix = append(cut.Pix, v.Pix[3*(y*v.Width+x0):3*(y*v.Width+x1)]...)
	}
	return cut, nil
}
