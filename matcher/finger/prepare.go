package finger

import (
	"cmp"
	"math"
	"slices"

	"biogate/matcher"
)

// point is a minutia as the comparison sees it.
type point struct {
	x, y  float32
	trust float32 // weight by quality, trustFloor to 1
	angle uint8
	kind  Kind
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
	points   []point // in canonical order: by y first
	hull     []side
	density  float64 // points a square pixel
}

// reference is a finger template prepared for being compared with.
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

func newReference(p Print, position matcher.Position) *reference {
	l := newLayout(p, position)
	return &reference{layout: l, edges: edgesOf(l.points)}
}

func newProbe(p Print, position matcher.Position) *probe {
	l := newLayout(p, position)
	q := &probe{layout: l, table: newEdgeTable(edgesOf(l.points))}
	for row := range q.rows {
		for int(q.rows[row]) < len(l.points) && l.points[q.rows[row]].y < float32(row*rowHeight) {
			q.rows[row]++
		}
		if row+1 < rowCount {
			q.rows[row+1] = q.rows[row]
		}
	}
	return q
}

// firstBelow is the index of a point from which on all points with a row of y or more are found.
func (p *probe) firstBelow(y float32) int {
	return int(p.rows[min(max(int(y), 0)/rowHeight, rowCount-1)])
}

func newLayout(p Print, position matcher.Position) layout {
	points := make([]point, 0, min(len(p.Minutiae), comparedMinutiae))
	for _, m := range strongest(p.Minutiae, comparedMinutiae) {
		points = append(points, point{x: float32(m.X), y: float32(m.Y), trust: trustOf(m.Quality), angle: m.Angle, kind: m.Kind})
	}
	hull, area := hullOf(points)
	return layout{position: position, points: points, hull: hull, density: densityOf(len(points), area)}
}

// densityOf is n points on an area, kept within what fingers have: a few minutiae strewn far out must not make the others
// look rare.
func densityOf(n int, area float64) float64 {
	return min(max(float64(n)/max(area, 1), leastDensity), mostDensity)
}

// strongest returns the n minutiae of best quality at different places, in canonical order.
func strongest(list []Minutia, n int) []Minutia {
	list = slices.Clone(list)
	if len(list) > n {
		slices.SortFunc(list, func(a, b Minutia) int { return cmp.Or(cmp.Compare(b.Quality, a.Quality), canonical(a, b)) })
		list = list[:n]
	}
	slices.SortFunc(list, canonical)
	return slices.CompactFunc(list, func(a, b Minutia) bool { return a.X == b.X && a.Y == b.Y })
}

// trustOf weighs a minutia by its quality, 0 standing for "not stated".
func trustOf(quality uint8) float32 {
	share := float32(quality) / maxQuality
	if quality == 0 {
		share = statedTrust
	}
	return trustFloor + (1-trustFloor)*share
}

// edgesOf joins each point with its nearest neighbours; an edge that both ends choose is there once.
func edgesOf(points []point) []edge {
	var chosen [comparedMinutiae][comparedMinutiae]bool
	count := 0
	for i := range points {
		for _, j := range nearestTo(points, i) {
			if j >= 0 && !chosen[min(i, j)][max(i, j)] {
				chosen[min(i, j)][max(i, j)] = true
				count++
			}
		}
	}
	edges := make([]edge, 0, count)
	for i := range points {
		for j := i + 1; j < len(points); j++ {
			if chosen[i][j] {
				edges = append(edges, newEdge(points, i, j))
			}
		}
	}
	return edges
}

// nearestTo lists the points nearest to point i whose distance makes an edge; -1 where there are too few.
func nearestTo(points []point, i int) (list [edgeNeighbours]int) {
	var far [edgeNeighbours]float32
	for k := range list {
		list[k], far[k] = -1, edgeMax*edgeMax+1
	}
	for j := range points {
		dx, dy := points[j].x-points[i].x, points[j].y-points[i].y
		d := dx*dx + dy*dy
		if d < edgeMin*edgeMin || d > edgeMax*edgeMax || d >= far[edgeNeighbours-1] {
			continue
		}
		at := edgeNeighbours - 1
		for ; at > 0 && far[at-1] > d; at-- {
			list[at], far[at] = list[at-1], far[at-1]
		}
		list[at], far[at] = j, d
	}
	return list
}

func newEdge(points []point, i, j int) edge {
	p, q := points[i], points[j]
	dx, dy := float64(q.x-p.x), float64(q.y-p.y)
	dir := turn256(math.Atan2(-dy, dx))
	length := uint8(math.Round(math.Sqrt(dx*dx + dy*dy)))
	return edge{from: uint8(i), to: uint8(j), length: length, alpha: p.angle - dir, beta: q.angle - dir, dir: dir}
}

// reversed is the same edge seen from its other end.
func (e edge) reversed() edge {
	return edge{from: e.to, to: e.from, length: e.length, alpha: e.beta + 128, beta: e.alpha + 128, dir: e.dir + 128}
}

// edgeTable finds the edges of a probe that are like a given one: each edge stands in every cell that its tolerances
// touch, in both directions.
type edgeTable struct {
	start   [cells + 2]uint16 // of each cell in entries; the cell's end is the next one's start
	entries []edge
}

const (
	cellLength  = 16 // pixels
	angleBits   = 5  // of 8 that do not count: 1/8 turn
	angleCells  = 256 >> angleBits
	lengthCells = (int(edgeMax) + cellLength) / cellLength
	cells       = lengthCells * angleCells * angleCells
)

func cellAt(length, alpha, beta int) int {
	return (length*angleCells+alpha&(angleCells-1))*angleCells + beta&(angleCells-1)
}

// like lists the probe's edges in the cell of e: those that are like e, and some others.
func (t *edgeTable) like(e *edge) []edge {
	cell := cellAt(int(e.length)/cellLength, int(e.alpha)>>angleBits, int(e.beta)>>angleBits)
	return t.entries[t.start[cell]:t.start[cell+1]]
}

// newEdgeTable sorts the edges into cells by counting.
func newEdgeTable(edges []edge) (t edgeTable) {
	eachCell(edges, func(cell int, _ edge) { t.start[cell+2]++ })
	for i := 1; i < len(t.start); i++ {
		t.start[i] += t.start[i-1]
	}
	t.entries = make([]edge, t.start[len(t.start)-1])
	eachCell(edges, func(cell int, e edge) {
		t.entries[t.start[cell+1]] = e
		t.start[cell+1]++
	})
	return t
}

// eachCell visits every cell of every edge, in both directions.
func eachCell(edges []edge, visit func(cell int, e edge)) {
	for _, e := range edges {
		for _, d := range [2]edge{e, e.reversed()} {
			tol := &tolerances[d.length]
			shortest, longest := max(int(d.length)-tol.length, 0)/cellLength, min((int(d.length)+tol.length)/cellLength, lengthCells-1)
			for l := shortest; l <= longest; l++ {
				for a := (int(d.alpha) - tol.angle) >> angleBits; a <= (int(d.alpha)+tol.angle)>>angleBits; a++ {
					for b := (int(d.beta) - tol.angle) >> angleBits; b <= (int(d.beta)+tol.angle)>>angleBits; b++ {
						visit(cellAt(l, a, b), d)
					}
				}
			}
		}
	}
}

// tolerances by the length of an edge: how much the length and the angles of one that is like it may differ.
var tolerances = func() (t [256]struct{ length, angle int }) {
	for i := range t {
		l := float64(max(i, 1))
		t[i].length, t[i].angle = int(edgeTolBase+edgeTolSlope*l), min(int(edgeTolAngle+edgeTolTwist/l), 127)
	}
	return t
}()

// side is one side of a convex hull: a x + b y + c is the distance to it, positive inside.
type side struct{ a, b, c float32 }

// covers says whether (x, y) lies in the area of l: its hull, widened by coverReach.
func (l *layout) covers(x, y float32) bool {
	for i := range l.hull {
		if s := &l.hull[i]; s.a*x+s.b*y+s.c < -coverReach {
			return false
		}
	}
	return len(l.hull) > 0
}

// hullOf returns the sides of the convex hull of points in canonical order, and the area of the hull with its margin
// (Andrew's monotone chain).
func hullOf(points []point) (hull []side, area float64) {
	if len(points) < 3 {
		return nil, 0
	}
	corners := make([]point, 0, len(points)+1)
	for i := range points {
		corners = turning(corners, 0, points[i])
	}
	lower := len(corners) - 1
	for i := len(points) - 2; i >= 0; i-- {
		corners = turning(corners, lower, points[i])
	}
	hull = make([]side, 0, len(corners)-1)
	for i := range corners[1:] {
		p, q := corners[i], corners[i+1]
		dx, dy := float64(q.x-p.x), float64(q.y-p.y)
		l := math.Sqrt(dx*dx + dy*dy)
		area += float64(p.x*q.y-q.x*p.y)/2 + l*coverReach
		hull = append(hull, side{float32(-dy / l), float32(dx / l), float32((float64(p.x)*dy - float64(p.y)*dx) / l)})
	}
	return hull, area
}

// turning appends p to the corners from first on, without those that would not be corners any more.
func turning(corners []point, first int, p point) []point {
	for n := len(corners); n >= first+2; n-- {
		o, a := corners[n-2], corners[n-1]
		if (a.x-o.x)*(p.y-o.y)-(a.y-o.y)*(p.x-o.x) > 0 {
			break
		}
		corners = corners[:n-1]
	}
	return append(corners, p)
}
