package finger

import (
	"cmp"
	"math"
	"slices"

	"biogate/matcher"
)

// mosaic is one or more impressions in a common frame.
type mosaic struct {
	of     []int // which impressions
	views  []*view
	tracks []track
	print  Print // what is compared and stored
	slots  []int // of each minutia of print: its track

	probe     *probe // print, prepared for both sides of a comparison
	reference *reference
}

// view is one impression in a mosaic.
type view struct {
	layout  layout
	area    area
	quality []float64 // of each point, 1 to 100
	motion  motion    // into the frame of the mosaic
	at      []placed  // each point in that frame, bent to the mosaic
	track   []int     // of each point
}

// track is a minutia of a mosaic.
type track struct {
	seen []sighting // at most one a view; none: the track was joined to another
	x, y float64    // in the frame of the mosaic
}

// sighting is a minutia of an impression.
type sighting struct {
	view *view
	i    int
}

func (s sighting) point() *point { return &s.view.layout.points[s.i] }

func (t *track) seenBy(v *view) bool {
	return slices.ContainsFunc(t.seen, func(s sighting) bool { return s.view == v })
}

// newMosaic is impression number i alone.
func newMosaic(i int, p Print) *mosaic {
	p.Minutiae = strongest(p.Minutiae, comparedMinutiae)
	m := &mosaic{of: []int{i}, print: p}
	m.prepare()
	v := &view{layout: m.probe.layout, area: m.probe.area, at: make([]placed, len(p.Minutiae))}
	m.views = []*view{v}
	for k, minutia := range p.Minutiae {
		quality := float64(minutia.Quality)
		if minutia.Quality == 0 {
			quality = statedTrust * maxQuality
		}
		v.quality = append(v.quality, quality)
		v.track = append(v.track, k)
		m.slots = append(m.slots, k)
		m.tracks = append(m.tracks, track{seen: []sighting{{v, k}}})
	}
	v.place(motion{cos: 1})
	m.centre()
	return m
}

func (m *mosaic) prepare() {
	m.probe, m.reference = newProbe(m.print, matcher.Unknown), newReference(m.print, matcher.Unknown)
}

// merge makes one mosaic of two, in the frame of a, by the tracks that correspond. It takes over the parts of both.
func merge(a, b *mosaic, ties []tie) *mosaic {
	var f fit
	for _, t := range ties {
		from, to := &b.tracks[t.b], &a.tracks[t.a]
		f.add(float32(from.x), float32(from.y), float32(to.x), float32(to.y))
	}
	onto := f.solve()
	for _, v := range b.views {
		v.place(v.motion.then(onto))
		for i := range v.track {
			v.track[i] += len(a.tracks)
		}
	}
	m := &mosaic{of: slices.Sorted(slices.Values(slices.Concat(a.of, b.of))), views: slices.Concat(a.views, b.views), tracks: slices.Concat(a.tracks, b.tracks)}
	for _, t := range ties {
		m.join(t.a, t.b+len(a.tracks))
	}
	m.settle()
	m.draw()
	return m
}

// settle brings the views together: rigidly onto the mean of all, then bent towards it, while minutiae that come to lie on
// each other are joined, as in pairUp.
func (m *mosaic) settle() {
	m.centre()
	m.refit()
	for range pairRounds {
		m.centre()
		m.bend()
		m.centre()
		m.joinNear()
	}
	m.centre()
}

// then is the motion m followed by n.
func (m motion) then(n motion) motion {
	dx, dy := n.apply(m.dx, m.dy)
	return motion{cos: m.cos*n.cos - m.sin*n.sin, sin: m.sin*n.cos + m.cos*n.sin, dx: dx, dy: dy, turn: m.turn + n.turn}
}

// place moves v rigidly into the frame of the mosaic.
func (v *view) place(onto motion) {
	v.motion = onto
	for i := range v.at {
		q, c := &v.layout.points[i], &v.at[i]
		c.x, c.y = onto.apply(float32(q.x), float32(q.y))
		c.angle = q.angle + onto.turn
	}
}

// covers says whether v shows the place (x, y) of the mosaic.
func (v *view) covers(x, y float64) bool {
	m := &v.motion
	dx, dy := float32(x)-m.dx, float32(y)-m.dy
	return v.area.covers(m.cos*dx-m.sin*dy, m.sin*dx+m.cos*dy)
}

// join makes one track of two, unless one view has seen both.
func (m *mosaic) join(to, from int) {
	a, b := &m.tracks[to], &m.tracks[from]
	if len(a.seen) == 0 || slices.ContainsFunc(b.seen, func(s sighting) bool { return a.seenBy(s.view) }) {
		return
	}
	for _, s := range b.seen {
		s.view.track[s.i] = to
	}
	a.seen = slices.Concat(a.seen, b.seen)
	b.seen = nil
}

// centre puts every track at the mean of its sightings, by trust.
func (m *mosaic) centre() {
	for k := range m.tracks {
		t := &m.tracks[k]
		var x, y, sum float64
		for _, s := range t.seen {
			w, c := float64(s.point().trust()), &s.view.at[s.i]
			x, y, sum = x+w*float64(c.x), y+w*float64(c.y), sum+w
		}
		if sum > 0 {
			t.x, t.y = x/sum, y/sum
		}
	}
}

// angle is the mean direction of the sightings, by trust.
func (t *track) angle() uint8 {
	var x, y float64
	for _, s := range t.seen {
		w, a := float64(s.point().trust()), s.view.at[s.i].angle
		x, y = x+w*float64(sines[a+64]), y+w*float64(sines[a])
	}
	return turn256(math.Atan2(y, x))
}

// refit places every view on the tracks that others see as well.
func (m *mosaic) refit() {
	for _, v := range m.views {
		var f fit
		for i, k := range v.track {
			if t := &m.tracks[k]; len(t.seen) > 1 {
				q := &v.layout.points[i]
				f.add(float32(q.x), float32(q.y), float32(t.x), float32(t.y))
			}
		}
		if f.n >= 3 {
			v.place(f.solve())
		}
	}
}

// bend moves every minutia from its rigid place by the mean displacement of the shared tracks around it, its own left
// out: towards the mean shape of the impressions.
func (m *mosaic) bend() {
	for _, v := range m.views {
		v.place(v.motion)
		pulls := m.pulls(v)
		for i := range v.at {
			c := &v.at[i]
			dx, dy, _ := meanPull(pulls, i, c.x, c.y)
			c.x, c.y = c.x+dx, c.y+dy
		}
	}
}

// pulls are the displacements of v to the tracks that it shares.
func (m *mosaic) pulls(v *view) []pull {
	var out []pull
	for i, k := range v.track {
		if t := &m.tracks[k]; len(t.seen) > 1 {
			c := &v.at[i]
			out = append(out, pull{i, c.x, c.y, float32(t.x) - c.x, float32(t.y) - c.y})
		}
	}
	return out
}

// joinNear joins tracks within the tolerances of a pair, the nearest first.
func (m *mosaic) joinNear() {
	var near []tie
	for a := range m.tracks {
		s := &m.tracks[a]
		for b := a + 1; b < len(m.tracks); b++ {
			t := &m.tracks[b]
			if len(s.seen) == 0 || len(t.seen) == 0 {
				continue
			}
			d := math.Hypot(s.x-t.x, s.y-t.y)
			if d <= pairTolLast && apart(s.angle(), t.angle()) <= pairTolAngle {
				near = append(near, tie{a, b, float32(d)})
			}
		}
	}
	slices.SortStableFunc(near, func(s, t tie) int { return cmp.Compare(s.cost, t.cost) })
	for _, n := range near {
		m.join(n.a, n.b)
	}
}

// extent is the length of the diagonal of the area that holds all tracks, in pixels.
func (m *mosaic) extent() float64 {
	if len(m.tracks) == 0 {
		return 0
	}
	left, top, right, bottom := math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for i := range m.tracks {
		t := &m.tracks[i]
		left, right = min(left, t.x), max(right, t.x)
		top, bottom = min(top, t.y), max(bottom, t.y)
	}
	return math.Hypot(right-left, bottom-top)
}
