package finger

import (
	"image"
	"image/color"
	"math"
)

const (
	drawZoom = 2    // picture pixels a print's pixel: marks of a few pixels stay legible
	mostSide = 1600 // of a drawn print, picture pixels; larger ones are drawn smaller
)

var (
	white        = color.RGBA{255, 255, 255, 255}
	paper        = color.RGBA{244, 244, 240, 255}
	hullColour   = color.RGBA{150, 150, 150, 255}
	endingRed    = color.RGBA{220, 0, 0, 255}
	forkGreen    = color.RGBA{0, 140, 0, 255}
	outsideBlue  = color.RGBA{110, 130, 190, 255}
	missedOrange = color.RGBA{255, 100, 0, 255}
	// pairColours take turns, so that lines side by side can be told apart.
	pairColours = [...]color.RGBA{
		{0, 140, 60, 255}, {0, 110, 220, 255}, {150, 0, 180, 255}, {0, 150, 160, 255}, {120, 110, 0, 255}, {60, 60, 220, 255}, {0, 100, 0, 255},
	}
)

// panel is the part of a picture in which one print is drawn.
type panel struct {
	to         *image.RGBA
	area       image.Rectangle // pixels of the picture
	left, top  float64         // place of the panel's corner in the print
	zoom       float64
	background color.RGBA
}

// newPanel places the part r of a print at column x of a picture that is yet to be made.
func newPanel(x int, r image.Rectangle, zoom float64) panel {
	w, h := int(math.Ceil(float64(r.Dx())*zoom)), int(math.Ceil(float64(r.Dy())*zoom))
	return panel{area: image.Rect(x, 0, x+w, h), left: float64(r.Min.X), top: float64(r.Min.Y), zoom: zoom, background: paper}
}

// zoomFor is drawZoom, or what keeps the larger of some parts within mostSide.
func zoomFor(parts ...image.Rectangle) float64 {
	zoom := float64(drawZoom)
	for _, r := range parts {
		zoom = min(zoom, mostSide/float64(max(r.Dx(), r.Dy(), 1)))
	}
	return zoom
}

// blank makes a picture that holds all panels and hands it to them.
func blank(panels ...*panel) *image.RGBA {
	var all image.Rectangle
	for _, p := range panels {
		all = all.Union(p.area)
	}
	img := image.NewRGBA(all)
	for i := range img.Pix {
		img.Pix[i] = 255
	}
	for _, p := range panels {
		p.to = img
		p.fill(func(float64, float64) color.RGBA { return p.background })
	}
	return img
}

// fill colours every pixel of the panel by its place in the print.
func (p *panel) fill(colour func(x, y float64) color.RGBA) {
	for py := p.area.Min.Y; py < p.area.Max.Y; py++ {
		for px := p.area.Min.X; px < p.area.Max.X; px++ {
			x := p.left + (float64(px-p.area.Min.X)+0.5)/p.zoom
			y := p.top + (float64(py-p.area.Min.Y)+0.5)/p.zoom
			p.to.SetRGBA(px, py, colour(x, y))
		}
	}
}

// at is where a place of the print lies in the picture.
func (p *panel) at(x, y float64) (px, py float64) {
	return float64(p.area.Min.X) + (x-p.left)*p.zoom, float64(p.area.Min.Y) + (y-p.top)*p.zoom
}

// line joins two places of the print.
func (p *panel) line(x0, y0, x1, y1 float64, c color.RGBA) {
	ax, ay := p.at(x0, y0)
	bx, by := p.at(x1, y1)
	drawLine(p.to, ax, ay, bx, by, c)
}

// mark draws a minutia: a ring for an ending, a square for a bifurcation, a cross for what is neither, and a tick in its direction
// (radians, counterclockwise from the x axis). A bold mark is drawn twice as thick.
func (p *panel) mark(x, y, angle float64, kind Kind, bold bool, c color.RGBA) {
	cx, cy := p.at(x, y)
	sin, cos := math.Sincos(angle)
	rings := []float64{4}
	if bold {
		rings = []float64{4, 5}
	}
	for _, r := range rings {
		switch kind {
		case Ending:
			drawRing(p.to, cx, cy, r, c)
		case Bifurcation:
			drawSquare(p.to, cx, cy, r, c)
		default:
			drawLine(p.to, cx-r, cy-r, cx+r, cy+r, c)
			drawLine(p.to, cx-r, cy+r, cx+r, cy-r, c)
		}
	}
	drawLine(p.to, cx+4*cos, cy-4*sin, cx+14*cos, cy-14*sin, c)
	if bold {
		drawLine(p.to, cx+4*cos+1, cy-4*sin, cx+14*cos+1, cy-14*sin, c)
	}
}

func drawRing(img *image.RGBA, cx, cy, r float64, c color.RGBA) {
	for a := 0.0; a < 2*math.Pi; a += 0.5 / r {
		setAt(img, cx+r*math.Cos(a), cy+r*math.Sin(a), c)
	}
}

func drawSquare(img *image.RGBA, cx, cy, r float64, c color.RGBA) {
	drawLine(img, cx-r, cy-r, cx+r, cy-r, c)
	drawLine(img, cx-r, cy+r, cx+r, cy+r, c)
	drawLine(img, cx-r, cy-r, cx-r, cy+r, c)
	drawLine(img, cx+r, cy-r, cx+r, cy+r, c)
}

// drawLine draws the straight line between two places of the picture; what lies outside it is left out.
func drawLine(img *image.RGBA, ax, ay, bx, by float64, c color.RGBA) {
	n := max(math.Ceil(max(math.Abs(bx-ax), math.Abs(by-ay))), 1)
	for i := 0.0; i <= n; i++ {
		setAt(img, ax+(bx-ax)*i/n, ay+(by-ay)*i/n, c)
	}
}

func setAt(img *image.RGBA, x, y float64, c color.RGBA) {
	img.SetRGBA(int(math.Floor(x)), int(math.Floor(y)), c)
}

// grey is an opaque colour without hue.
func grey(v float64) color.RGBA {
	g := uint8(min(max(v, 0), 255))
	return color.RGBA{g, g, g, 255}
}
