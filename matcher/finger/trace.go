package finger

import (
	"image"
	"image/color"
	"math"

	"biogate/matcher"
)

// traceFields shows the normalised picture with ridge directions and the mask.
func (x *extractor) traceFields(tr matcher.Trace) {
	if tr == nil {
		return
	}
	img := x.picture(x.norm, -1)
	red, blue := color.RGBA{255, 0, 0, 255}, color.RGBA{80, 80, 255, 255}
	for i := range x.mask {
		c := blue
		if x.mask[i] {
			c = red
		}
		k, s := axis(x.cosine[i], x.sine[i])
		drawLine(img, float64(i%x.gw*block+block/2), float64(i/x.gw*block+block/2), k, s, -3, 3, c)
	}
	tr("finger/fields", img)
	tr("finger/purity", x.gridPicture(x.purity, 1))
	tr("finger/coherence", x.gridPicture(x.coherence, 1))
	tr("finger/period", x.gridPicture(x.period, maxPeriod))
}

// traceRidges shows the enhanced picture.
func (x *extractor) traceRidges(tr matcher.Trace) {
	if tr != nil {
		tr("finger/ridges", x.picture(x.ridges, -2))
	}
}

// traceMinutiae shows the minutiae on the normalised picture: endings red, bifurcations green.
func (x *extractor) traceMinutiae(tr matcher.Trace, found []candidate) {
	if tr == nil {
		return
	}
	img := x.picture(x.norm, -1)
	for _, m := range found {
		c := color.RGBA{255, 0, 0, 255}
		if m.kind == Bifurcation {
			c = color.RGBA{0, 180, 0, 255}
		}
		s, k := math.Sincos(m.angle)
		drawLine(img, float64(m.x), float64(m.y), k, -s, 0, 9, c)
		for a := 0.0; a < 2*math.Pi; a += 0.3 {
			img.Set(m.x+int(math.Round(3*math.Cos(a))), m.y+int(math.Round(3*math.Sin(a))), c)
		}
	}
	tr("finger/minutiae", img)
}

// picture turns a framed picture grey; gain is negative where positive values shall be dark.
func (x *extractor) picture(a plane, gain int) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, x.w, x.h))
	for y := range x.h {
		for i := range x.w {
			g := uint8(min(max(128+int(a.at(x.origin+y*x.stride+i))*gain, 0), 255))
			img.SetRGBA(i, y, color.RGBA{g, g, g, 255})
		}
	}
	return img
}

func (x *extractor) gridPicture(a []float32, full float32) *image.Gray {
	img := image.NewGray(image.Rect(0, 0, x.w, x.h))
	for y := range x.h {
		for i := range x.w {
			img.SetGray(i, y, color.Gray{uint8(min(max(255*a[y/block*x.gw+i/block]/full, 0), 255))})
		}
	}
	return img
}

func drawLine(img *image.RGBA, px, py, dx, dy, from, to float64, c color.Color) {
	for t := from; t <= to; t += 0.5 {
		img.Set(int(math.Round(px+t*dx)), int(math.Round(py+t*dy)), c)
	}
}
