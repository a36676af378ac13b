package finger

import (
	"image"
	"image/color"
	"math"
)

const panelGap = 16 // picture pixels between two panels

// pairsPicture draws probe and reference side by side. Each pair has a colour, the same on both sides and of the line
// between them; what is missed is orange, what lies outside the common part blue.
func (x *explanation) pairsPicture(a, b exhibit) *image.RGBA {
	partA, partB := a.part(), b.part()
	zoom := zoomFor(partA, partB)
	left := newPanel(0, partA, zoom)
	right := newPanel(left.area.Max.X+panelGap, partB, zoom)
	img := blank(&left, &right)
	left.impression(a, x.Probe, x.corners[0])
	right.impression(b, x.Reference, x.corners[1])
	for k, q := range x.Pairs {
		c := pairColours[k%len(pairColours)]
		pa, pb := &x.Probe[q.Probe], &x.Reference[q.Reference]
		ax, ay := left.at(float64(pa.X)+0.5, float64(pa.Y)+0.5)
		bx, by := right.at(float64(pb.X)+0.5, float64(pb.Y)+0.5)
		drawLine(img, ax, ay, bx, by, c)
		left.point(pa, c)
		right.point(pb, c)
	}
	return img
}

// impression draws the picture, the hull and the minutiae without partner.
func (p *panel) impression(e exhibit, points []explainedPoint, corners []uint8) {
	if e.normalised != nil {
		p.fill(func(x, y float64) color.RGBA { return pale(e.normalised, e.frame.x(x), e.frame.y(y)) })
	}
	p.hull(corners, func(i uint8) (x, y float64) { return float64(points[i].X), float64(points[i].Y) })
	for i := range points {
		if q := &points[i]; q.Role != rolePaired {
			p.point(q, roleColour(q.Role))
		}
	}
}

func (p *panel) point(q *explainedPoint, c color.RGBA) {
	p.mark(float64(q.X)+0.5, float64(q.Y)+0.5, q.Angle*math.Pi/180, q.kind, true, c)
}

// hull joins the corners, whose places at tells.
func (p *panel) hull(corners []uint8, at func(i uint8) (x, y float64)) {
	for k, i := range corners {
		ax, ay := at(i)
		bx, by := at(corners[(k+1)%len(corners)])
		p.line(ax+0.5, ay+0.5, bx+0.5, by+0.5, hullColour)
	}
}

func roleColour(role string) color.RGBA {
	switch role {
	case rolePaired:
		return pairColours[0]
	case roleMissed:
		return missedOrange
	}
	return outsideBlue
}

// overlayPicture draws the reference as it was placed on the probe: ridges of the probe cyan, of the reference red, dark
// where they agree. Minutiae of the probe are bold, of the reference thin; a line joins the two of a pair.
func (x *explanation) overlayPicture(a, b exhibit) *image.RGBA {
	part := a.part()
	p := newPanel(0, part, zoomFor(part))
	img := blank(&p)
	if a.enhanced != nil || b.enhanced != nil {
		p.fill(func(px, py float64) color.RGBA {
			cyan, red := a.ink(px, py), b.ink(x.unplace(px, py))
			return color.RGBA{255 - cyan, 255 - red, 255 - red, 255}
		})
	}
	p.hull(x.corners[0], func(i uint8) (x0, y0 float64) { return float64(x.Probe[i].X), float64(x.Probe[i].Y) })
	p.hull(x.corners[1], func(i uint8) (x0, y0 float64) { return float64(x.bent[i].x), float64(x.bent[i].y) })
	for i := range x.Probe {
		p.point(&x.Probe[i], roleColour(x.Probe[i].Role))
	}
	for i := range x.bent {
		c, q := &x.bent[i], &x.Reference[i]
		colour := roleColour(q.Role)
		p.mark(float64(c.x)+0.5, float64(c.y)+0.5, degrees(int(c.angle))*math.Pi/180, q.kind, false, colour)
		if c.pair >= 0 {
			partner := &x.Probe[c.pair]
			p.line(float64(c.x)+0.5, float64(c.y)+0.5, float64(partner.X)+0.5, float64(partner.Y)+0.5, colour)
		}
	}
	return img
}

// unplace is the place in the reference that came to lie on (x, y) of the probe: the displacement of the pairs around is
// taken back first, weighed as in workspace.bend.
func (x *explanation) unplace(px, py float64) (rx, ry float64) {
	dx, dy, sum := 0.0, 0.0, fieldPrior
	for i := range x.pulls {
		q := &x.pulls[i]
		ex, ey := px-float64(q.x), py-float64(q.y)
		w := 1 / (1 + (ex*ex+ey*ey)/(fieldReach*fieldReach))
		w *= w
		sum += w
		dx += w * float64(q.dx)
		dy += w * float64(q.dy)
	}
	bx, by := x.back.apply(float32(px-dx/sum), float32(py-dy/sum))
	return float64(bx), float64(by)
}

// part is what there is to draw of a print: its picture's part, or all of it.
func (e exhibit) part() image.Rectangle {
	if e.normalised == nil {
		return image.Rect(0, 0, e.print.Width, e.print.Height)
	}
	size, f := e.normalised.Rect.Size(), e.frame
	return image.Rect(int(math.Floor(f.X)), int(math.Floor(f.Y)),
		int(math.Ceil(f.X+f.Scale*float64(size.X))), int(math.Ceil(f.Y+f.Scale*float64(size.Y))))
}

// ink is how dark the ridges of the enhanced picture are at a place of the print.
func (e exhibit) ink(x, y float64) uint8 {
	if e.enhanced == nil {
		return 0
	}
	at := image.Pt(int(math.Floor(e.frame.x(x))), int(math.Floor(e.frame.y(y))))
	if !at.In(e.enhanced.Rect) {
		return 0
	}
	return 128 - min(e.enhanced.GrayAt(at.X, at.Y).Y, 128)
}

// x is the column of the picture at a place of the print.
func (f pictureFrame) x(x float64) float64 { return (x - f.X) / f.Scale }

// y is the row.
func (f pictureFrame) y(y float64) float64 { return (y - f.Y) / f.Scale }
