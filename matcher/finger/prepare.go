package finger

import (
	"cmp"
	"math"
	"slices"

	"biogate/matcher"
	"biogate/matcher/kernel"
)

// point is a minutia as the comparison sees it, in six bytes.
type point struct {
	x, y  int16
	angle uint8
	mark  uint8 // kind in the two high bits, quality in steps of 1/63 in the others
}

const (
	markBits  = 6
	markSteps = 1<<markBits - 1
)

// kind is the type of the minutia.
func (q *point) kind() Kind { return Kind(q.mark >> markBits) }

// trust is the weight of the minutia by its quality, trustFloor to 1.
func (q *point) trust() float32 { return trusts[q.mark&markSteps] }

var trusts = func() (t [1 << markBits]float32) {
	for i := range t {
		t[i] = float32(trustFloor + (1-trustFloor)*float64(i)/markSteps)
	}
	return t
}()

// newPoint believes a share of the quality that m states.
func newPoint(m Minutia, belief float64) point {
	mark := uint8(m.Kind)<<markBits | uint8(math.Round(belief*m.stated()*markSteps))
	return point{x: m.X, y: m.Y, angle: m.Angle, mark: mark}
}

// stated is the quality of m, 0 to 1; statedTrust when m has none.
func (m *Minutia) stated() float64 {
	if m.Quality == 0 {
		return statedTrust
	}
	return float64(m.Quality) / maxQuality
}

// beliefIn is the share of their stated quality that minutiae are believed: 1, or what brings their mean down to
// believedQuality. Scores grow with quality, and whoever invents a template can state any. The mean is weighted by
// the quality itself, so that poor minutiae thrown in do not lower it.
func beliefIn(list []Minutia) float64 {
	sum, squares := 0.0, 0.0
	for i := range list {
		share := list[i].stated()
		sum, squares = sum+share, squares+share*share
	}
	return min(1, believedQuality*sum/squares)
}

// layout is what a probe and a reference have in common. Its slices may be parts of larger ones.
type layout struct {
	points     []point  // in canonical order: by y first
	signatures []uint64 // of the points, 4 words each (signature.go)
	corners    []uint8  // of the convex hull: indices of points
	density    float32  // points a square pixel
	position   matcher.Position
}

// signature is that of point i.
func (l *layout) signature(i int) *[4]uint64 { return (*[4]uint64)(l.signatures[4*i:]) }

// reference is a finger template prepared for being compared with.
type reference struct{ layout }

func newReference(p Print, position matcher.Position) *reference {
	r := &reference{layout{points: pointsOf(p), position: position}}
	r.signatures = signaturesOf(r.points)
	corners, area := hullOf(r.points)
	r.corners, r.density = corners, densityOf(len(r.points), area)
	return r
}

// probe is a finger template prepared for asking.
type probe struct {
	layout
	spots [maxPoints]spot // of each point
	rows  [rowCount]uint8 // of each row of rowHeight pixels: the first point in it or below
	area  area
	// Lane by lane, best quality first: the points, their angles, and their signatures in blocks of kernel.Lanes256.
	order  []uint8
	angles [maxPoints]uint8
	blocks []*kernel.Probe256
}

// spot is a point where the inner loops want it.
type spot struct {
	x, y  float32
	angle uint8
}

const (
	rowHeight = 16
	rowCount  = 64 // 1,024 pixels; points further down are found from the last row on
)

func newProbe(p Print, position matcher.Position) *probe {
	q := &probe{layout: newReference(p, position).layout}
	for i := range q.points {
		c := &q.points[i]
		q.spots[i] = spot{float32(c.x), float32(c.y), c.angle}
	}
	for row := range q.rows {
		for int(q.rows[row]) < len(q.points) && int(q.points[q.rows[row]].y) < row*rowHeight {
			q.rows[row]++
		}
		if row+1 < rowCount {
			q.rows[row+1] = q.rows[row]
		}
	}
	q.area.of(&q.layout)
	q.fillLanes()
	return q
}

func (p *probe) fillLanes() {
	p.order = byTrust(p.points)
	signatures := make([][4]uint64, len(p.order))
	for lane, i := range p.order {
		p.angles[lane], signatures[lane] = p.points[i].angle, *p.signature(int(i))
	}
	for block := range slices.Chunk(signatures, kernel.Lanes256) {
		p.blocks = append(p.blocks, kernel.NewProbe256(block))
	}
}

// firstBelow is the index of a point from which on all points with a row of y or more are found.
func (p *probe) firstBelow(y float32) int {
	return int(p.rows[min(max(int(y), 0)/rowHeight, rowCount-1)])
}

// byTrust lists the points, best quality first.
func byTrust(points []point) []uint8 {
	list := make([]uint8, len(points))
	for i := range list {
		list[i] = uint8(i)
	}
	slices.SortStableFunc(list, func(a, b uint8) int {
		return cmp.Compare(points[b].mark&markSteps, points[a].mark&markSteps)
	})
	return list
}

func pointsOf(p Print) []point {
	list := strongest(p.Minutiae, comparedMinutiae)
	points := make([]point, len(list))
	belief := beliefIn(list)
	for i, m := range list {
		points[i] = newPoint(m, belief)
	}
	return points
}

// densityOf is n points on an area, kept within what fingers have: a few minutiae strewn far out must not make the others
// look rare.
func densityOf(n int, area float64) float32 {
	return float32(min(max(float64(n)/max(area, 1), leastDensity), mostDensity))
}

// strongest returns the n minutiae of best quality at different places, in canonical order. Of equal quality those nearest
// the middle are taken, which another impression is most likely to show.
func strongest(list []Minutia, n int) []Minutia {
	list = slices.Clone(list)
	if len(list) > n {
		x, y := middle(list)
		off := func(m Minutia) float64 { return math.Hypot(float64(m.X)-x, float64(m.Y)-y) }
		slices.SortFunc(list, func(a, b Minutia) int {
			return cmp.Or(cmp.Compare(b.Quality, a.Quality), cmp.Compare(off(a), off(b)), canonical(a, b))
		})
		list = list[:n]
	}
	slices.SortFunc(list, canonical)
	return slices.CompactFunc(list, func(a, b Minutia) bool { return a.X == b.X && a.Y == b.Y })
}

// middle is the mean place of minutiae.
func middle(list []Minutia) (x, y float64) {
	for _, m := range list {
		x, y = x+float64(m.X), y+float64(m.Y)
	}
	return x / float64(len(list)), y / float64(len(list))
}

// area is what a print covers: the convex hull of its points, widened by coverReach.
type area struct {
	sides [maxPoints]side
	n     int
}

// side is one side of a convex hull: a x + b y + c is the distance to it, positive inside.
type side struct{ a, b, c float32 }

// of makes a the area of l.
func (a *area) of(l *layout) {
	a.n = len(l.corners)
	for i, corner := range l.corners {
		q, next := &l.points[corner], &l.points[l.corners[(i+1)%a.n]]
		x, y := float32(q.x), float32(q.y)
		dx, dy := float32(next.x)-x, float32(next.y)-y
		length := sqrt32(dx*dx + dy*dy)
		a.sides[i] = side{-dy / length, dx / length, (x*dy - y*dx) / length}
	}
}

// covers says whether (x, y) lies in the area.
func (a *area) covers(x, y float32) bool {
	for i := range a.sides[:a.n] {
		if s := &a.sides[i]; s.a*x+s.b*y+s.c < -coverReach {
			return false
		}
	}
	return a.n > 0
}

// hullOf returns the corners of the convex hull of points in canonical order, and the area of the hull with its margin
// (Andrew's monotone chain).
func hullOf(points []point) (corners []uint8, area float64) {
	if len(points) < 3 {
		return nil, 0
	}
	corners = make([]uint8, 0, len(points)+1)
	for i := range points {
		corners = turning(corners, 0, points, i)
	}
	lower := len(corners) - 1
	for i := len(points) - 2; i >= 0; i-- {
		corners = turning(corners, lower, points, i)
	}
	for i := range corners[1:] {
		p, q := &points[corners[i]], &points[corners[i+1]]
		dx, dy := float64(q.x)-float64(p.x), float64(q.y)-float64(p.y)
		area += (float64(p.x)*float64(q.y)-float64(q.x)*float64(p.y))/2 + math.Hypot(dx, dy)*coverReach
	}
	return slices.Clone(corners[:len(corners)-1]), area
}

// turning appends point i to the corners from first on, without those that would not be corners any more.
func turning(corners []uint8, first int, points []point, i int) []uint8 {
	p := &points[i]
	for n := len(corners); n >= first+2; n-- {
		o, a := &points[corners[n-2]], &points[corners[n-1]]
		if (int(a.x)-int(o.x))*(int(p.y)-int(o.y))-(int(a.y)-int(o.y))*(int(p.x)-int(o.x)) > 0 {
			break
		}
		corners = corners[:n-1]
	}
	return append(corners, uint8(i))
}
