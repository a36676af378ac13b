package finger

import (
	"image"
	"image/color"
	"math"

	"biogate/matcher"
)

// What the trace of an extraction shows, by name, in the order of the steps.
const (
	traceNormalised     = "finger/normalised"       // the part of the picture that shows a finger, contrast made even
	traceOrientation    = "finger/orientation"      // ridge directions on it: red inside the mask, blue outside
	traceCoherence      = "finger/coherence"        // how well directions agree, black 0 to white 1
	traceFrequency      = "finger/frequency"        // ridge frequency inside the mask: white as usual, red higher, blue lower
	tracePurity         = "finger/purity"           // part of the energy at that frequency, black 0 to white 1
	traceMask           = "finger/mask"             // white where the finger is
	traceEnhanced       = "finger/enhanced"         // after contextual filtering
	traceRidgeSkeleton  = "finger/skeleton-ridges"  // thinned and cleaned; its ends are the endings
	traceValleySkeleton = "finger/skeleton-valleys" // the same of the valleys; its ends are the bifurcations
	traceMinutiae       = "finger/minutiae"         // on the normalised picture, or blank for a template: endings red rings, bifurcations green squares
	traceFrame          = "finger/frame"            // where these pictures lie in the print
	tracedPrint         = "finger/print"            // the minutiae at 500 dpi
)

// pictureFrame is the place of the working picture in the print: x of the print is X + Scale * x of the picture.
type pictureFrame struct {
	X     float64 `json:"x"`
	Y     float64 `json:"y"`
	Scale float64 `json:"scale"`
}

// traceFields shows the normalised picture, and what is known block by block.
func (x *extractor) traceFields(tr matcher.Trace) {
	if tr == nil {
		return
	}
	tr(traceNormalised, x.picture(x.norm, -1))
	tr(traceOrientation, x.orientationPicture())
	tr(traceCoherence, x.gridPicture(func(i int) color.RGBA { return grey(255 * float64(x.coherence[i])) }))
	tr(traceFrequency, x.gridPicture(func(i int) color.RGBA {
		if !x.mask[i] {
			return grey(0)
		}
		return frequencyColour(float64(x.period[i]) * x.scale)
	}))
	tr(tracePurity, x.gridPicture(func(i int) color.RGBA { return grey(255 * float64(x.purity[i])) }))
	tr(traceMask, x.gridPicture(func(i int) color.RGBA {
		if x.mask[i] {
			return white
		}
		return grey(0)
	}))
}

// traceEnhanced shows the enhanced picture.
func (x *extractor) traceEnhanced(tr matcher.Trace) {
	if tr != nil {
		tr(traceEnhanced, x.picture(x.ridges, -2))
	}
}

// traceMinutiae shows the minutiae on the normalised picture.
func (x *extractor) traceMinutiae(tr matcher.Trace, found []candidate) {
	if tr == nil {
		return
	}
	img, p := x.drawable()
	for _, m := range found {
		p.minutia(float64(m.x), float64(m.y), m.angle, m.kind)
	}
	tr(traceMinutiae, img)
}

// traceStated shows minutiae that came without their picture.
func traceStated(tr matcher.Trace, print Print) {
	if tr == nil {
		return
	}
	all := image.Rect(0, 0, print.Width, print.Height)
	p := newPanel(0, all, zoomFor(all))
	img := blank(&p)
	for _, m := range print.Minutiae {
		p.minutia(float64(m.X), float64(m.Y), degrees(int(m.Angle))*math.Pi/180, m.Kind)
	}
	tr(traceMinutiae, img)
	tr(tracedPrint, print)
}

// tracePrint shows the result and how the pictures lie in it.
func tracePrint(tr matcher.Trace, print Print, f pictureFrame) {
	if tr != nil {
		tr(traceFrame, f)
		tr(tracedPrint, print)
	}
}

func (p *panel) minutia(x, y, angle float64, kind Kind) {
	c := endingRed
	if kind == Bifurcation {
		c = forkGreen
	}
	p.mark(x+0.5, y+0.5, angle, kind, true, c)
}

// trace shows the skeleton from whose ends minutiae of that kind are made.
func (s *skeleton) trace(tr matcher.Trace, kind Kind) {
	if tr == nil {
		return
	}
	img := image.NewGray(image.Rect(0, 0, s.w, s.h))
	for y := range s.h {
		for x, v := range s.px[(y+1)*s.stride+1:][:s.w] {
			img.Pix[y*img.Stride+x] = 255 * (1 - v)
		}
	}
	if kind == Ending {
		tr(traceRidgeSkeleton, img)
	} else {
		tr(traceValleySkeleton, img)
	}
}

// picture turns a framed picture grey; gain is negative where positive values shall be dark.
func (x *extractor) picture(a plane, gain int) *image.Gray {
	img := image.NewGray(image.Rect(0, 0, x.w, x.h))
	for y := range x.h {
		for i := range x.w {
			img.Pix[y*img.Stride+i] = uint8(min(max(128+int(a.at(x.origin+y*x.stride+i))*gain, 0), 255))
		}
	}
	return img
}

// drawable is the normalised picture, paled, with a panel to draw on.
func (x *extractor) drawable() (*image.RGBA, *panel) {
	part := image.Rect(0, 0, x.w, x.h)
	p := newPanel(0, part, zoomFor(part))
	img := blank(&p)
	norm := x.picture(x.norm, -1)
	p.fill(func(px, py float64) color.RGBA { return pale(norm, px, py) })
	return img, &p
}

// pale is the grey of a picture at a place, brought near white so that marks on it show.
func pale(img *image.Gray, x, y float64) color.RGBA {
	at := image.Pt(int(math.Floor(x)), int(math.Floor(y)))
	if !at.In(img.Rect) {
		return paper
	}
	return grey(150 + 105*float64(img.GrayAt(at.X, at.Y).Y)/255)
}

func (x *extractor) orientationPicture() *image.RGBA {
	img, p := x.drawable()
	for i := range x.mask {
		c := outsideBlue
		if x.mask[i] {
			c = endingRed
		}
		kx, ky := axis(x.cosine[i], x.sine[i])
		cx, cy := float64(i%x.gw*block)+block/2, float64(i/x.gw*block)+block/2
		p.line(cx-3*kx, cy-3*ky, cx+3*kx, cy+3*ky, c)
	}
	return img
}

// gridPicture colours each block.
func (x *extractor) gridPicture(colour func(i int) color.RGBA) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, x.w, x.h))
	for y := range x.h {
		for i := range x.w {
			img.SetRGBA(i, y, colour(y/block*x.gw+i/block))
		}
	}
	return img
}

// usualPeriod of ridges, pixels: white in pictures of the frequency; full colour is reached at half and at twice that.
const usualPeriod = 9

func frequencyColour(period float64) color.RGBA {
	t := math.Log2(usualPeriod / max(period, 1))
	fade := uint8(255 * (1 - min(math.Abs(t), 1)))
	if t > 0 {
		return color.RGBA{255, fade, fade, 255}
	}
	return color.RGBA{fade, fade, 255, 255}
}
