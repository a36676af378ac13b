package finger

import (
	"cmp"
	"math"
	"math/bits"
	"slices"

	"biogate/matcher"
)

// point is a minutia as the comparison sees it.
type point struct {
	x, y    float32
	angle   uint8
	kind    Kind
	quality uint8
	trust   float32
}

// edge joins two neighbouring minutiae. Its features do not change when the print is moved or turned.
type edge struct {
	from, to    uint8 // indices of points
	length      uint8 // pixels
	alpha, beta uint8 // direction of from and to, relative to that of the edge
	dir         uint8 // direction of the edge in the picture
}

// layout is what a probe and a reference have in common.
type layout struct {
	position matcher.Position
	points   []point
	cover    cover
	density  float64 // points per square pixel
}

// Reference is a finger template prepared for being compared with.
type reference struct {
	layout
	edges []edge // one direction of each
}

// probe is a finger template prepared for asking.
type probe struct {
	layout
	table edgeTable
	rows  [rowCount]uint8 // of each row of rowHeight pixels: the first point in it or below
}

const (
	rowHeight = 16
	rowCount  = 64 // 1,024 pixels; points further down are found from the last row on
)

// firstBelow is the index of a point from which on all points with a row of y or more are found.
func (p *probe) firstBelow(y float32) int {
	return int(p.rows[min(max(int(y), 0)/rowHeight, rowCount-1)])
}

func newLayout(p Print, position matcher.Position) layout {
	points := make([]point, 0, len(p.Minutiae))
	for _, m := range strongest(p.Minutiae, comparedMinutiae) {
		points = append(points, point{x: float32(m.X), y: float32(m.Y), angle: m.Angle, kind: m.Kind, quality: m.Quality})
	}
	for i := range points {
		q := statedTrust
		if points[i].quality > 0 {
			q = float64(points[i].quality) / 100
		}
		points[i].trust = float32(trustFloor + (1-trustFloor)*q)
	}
	l := layout{position: position, points: points, cover: newCover(points)}
	l.density = float64(len(points)) / float64(max(l.cover.area(), 10000))
	return l
}

// strongest returns the n minutiae of best quality, in canonical order.
func strongest(list []Minutia, n int) []Minutia {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b Minutia) int { return cmp.Or(-cmp.Compare(a.Quality, b.Quality), canonical(a, b)) })
	list = list[:min(n, len(list))]
	slices.SortFunc(list, canonical)
	return slices.CompactFunc(list, func(a, b Minutia) bool { return a.X == b.X && a.Y == b.Y })
}

func newReference(p Print, position matcher.Position) *reference {
	l := newLayout(p, position)
	return &reference{layout: l, edges: edgesOf(l.points)}
}

func newProbe(p Print, position matcher.Position) *probe {
	l := newLayout(p, position)
	q := &probe{layout: l, table: newEdgeTable(edgesOf(l.points))}
	for row := range q.rows {
		i, _ := slices.BinarySearchFunc(l.points, row*rowHeight, func(m point, y int) int { return cmp.Compare(int(m.y), y) })
		q.rows[row] = uint8(i)
	}
	return q
}

// edgesOf joins each point with its nearest neighbours; an edge that both ends choose is there once.
func edgesOf(points []point) []edge {
	type near struct {
		d float64
		j int
	}
	chosen := make([][]bool, len(points))
	for i := range chosen {
		chosen[i] = make([]bool, len(points))
	}
	row := make([]near, 0, len(points))
	for i, p := range points {
		row = row[:0]
		for j, q := range points {
			d := math.Hypot(float64(q.x-p.x), float64(q.y-p.y))
			if j != i && d >= edgeMin && d <= edgeMax {
				row = append(row, near{d, j})
			}
		}
		slices.SortFunc(row, func(a, b near) int { return cmp.Or(cmp.Compare(a.d, b.d), cmp.Compare(a.j, b.j)) })
		for _, n := range row[:min(edgeNeighbours, len(row))] {
			chosen[min(i, n.j)][max(i, n.j)] = true
		}
	}
	var edges []edge
	for i := range chosen {
		for j, yes := range chosen[i] {
			if yes {
				edges = append(edges, newEdge(points, i, j))
			}
		}
	}
	return edges
}

func newEdge(points []point, i, j int) edge {
	p, q := points[i], points[j]
	dx, dy := float64(q.x-p.x), float64(q.y-p.y)
	dir := turn256(math.Atan2(-dy, dx))
	return edge{from: uint8(i), to: uint8(j), length: uint8(math.Round(math.Hypot(dx, dy))), alpha: p.angle - dir, beta: q.angle - dir, dir: dir}
}

// reversed is the same edge seen from its other end.
func (e edge) reversed() edge {
	return edge{from: e.to, to: e.from, length: e.length, alpha: e.beta + 128, beta: e.alpha + 128, dir: e.dir + 128}
}

// edgeTable finds the edges of a probe that are like a given one: each edge stands in every cell that its tolerances touch.
type edgeTable struct {
	start   []int32 // of each cell in entries, one more at the end
	entries []edge
}

const (
	cellLength  = 16 // pixels
	cellAngle   = 16
	angleCells  = 256 / cellAngle
	lengthCells = 256 / cellLength
)

func cellOf(e *edge) int {
	return (int(e.length)/cellLength*angleCells+int(e.alpha)/cellAngle)*angleCells + int(e.beta)/cellAngle
}

func newEdgeTable(edges []edge) edgeTable {
	t := edgeTable{start: make([]int32, lengthCells*angleCells*angleCells+1)}
	for _, e := range edges {
		t.eachCell(e, func(cell int) { t.start[cell+1]++ })
		t.eachCell(e.reversed(), func(cell int) { t.start[cell+1]++ })
	}
	for i := 1; i < len(t.start); i++ {
		t.start[i] += t.start[i-1]
	}
	t.entries = make([]edge, t.start[len(t.start)-1])
	fill := slices.Clone(t.start)
	put := func(e edge) {
		t.eachCell(e, func(cell int) { t.entries[fill[cell]] = e; fill[cell]++ })
	}
	for _, e := range edges {
		put(e)
		put(e.reversed())
	}
	return t
}

// tolerances of length and angle within which another edge is like one of this length.
func tolerances(length uint8) (tolLength, tolAngle int) {
	l := float64(length)
	return int(edgeTolBase + edgeTolSlope*l), int(edgeTolAngle + edgeTolTwist/l)
}

func (t *edgeTable) eachCell(e edge, visit func(cell int)) {
	tl, ta := tolerances(e.length)
	lo, hi := max(int(e.length)-tl, 0)/cellLength, min(int(e.length)+tl, 255)/cellLength
	for l := lo; l <= hi; l++ {
		for a := (int(e.alpha) - ta) >> 4; a <= (int(e.alpha)+ta)>>4; a++ {
			for b := (int(e.beta) - ta) >> 4; b <= (int(e.beta)+ta)>>4; b++ {
				visit((l*angleCells+a&(angleCells-1))*angleCells + b&(angleCells-1))
			}
		}
	}
}

// cover is the area that a print's minutiae span, as a bitmap of square cells.
type cover struct {
	bits [coverSide]uint32
}

const (
	coverCell = 20 // pixels
	coverSide = 32 // cells: 640 pixels
)

// has says whether (x, y) lies in the area.
func (c *cover) has(x, y float32) bool {
	cx, cy := int(x)/coverCell, int(y)/coverCell
	return x >= 0 && y >= 0 && cx < coverSide && cy < coverSide && c.bits[cy]>>cx&1 != 0
}

func (c *cover) area() int {
	n := 0
	for _, row := range c.bits {
		n += bits.OnesCount32(row)
	}
	return n * coverCell * coverCell
}

// newCover fills the convex hull of the points, widened by coverReach.
func newCover(points []point) cover {
	var c cover
	hull := convexHull(points)
	for cy := range coverSide {
		for cx := range coverSide {
			x, y := float32(cx*coverCell)+coverCell/2, float32(cy*coverCell)+coverCell/2
			if insideHull(hull, x, y, float32(coverReach)) {
				c.bits[cy] |= 1 << cx
			}
		}
	}
	return c
}

// convexHull returns the corners of the hull in order (Andrew's monotone chain).
func convexHull(points []point) []point {
	if len(points) < 3 {
		return nil
	}
	sorted := slices.Clone(points)
	slices.SortFunc(sorted, func(a, b point) int { return cmp.Or(cmp.Compare(a.x, b.x), cmp.Compare(a.y, b.y)) })
	var hull []point
	for range 2 {
		base := len(hull)
		for _, p := range sorted {
			for len(hull) >= base+2 && cross(hull[len(hull)-2], hull[len(hull)-1], p) <= 0 {
				hull = hull[:len(hull)-1]
			}
			hull = append(hull, p)
		}
		hull = hull[:len(hull)-1]
		slices.Reverse(sorted)
	}
	return hull
}

func cross(o, a, b point) float32 { return (a.x-o.x)*(b.y-o.y) - (a.y-o.y)*(b.x-o.x) }

// insideHull says whether (x, y) is inside the hull or at most reach beyond one of its sides.
func insideHull(hull []point, x, y, reach float32) bool {
	for i, a := range hull {
		b := hull[(i+1)%len(hull)]
		side := float32(math.Hypot(float64(b.x-a.x), float64(b.y-a.y)))
		if cross(a, b, point{x: x, y: y}) < -reach*side {
			return false
		}
	}
	return len(hull) > 0
}
