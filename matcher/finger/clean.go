package finger

import "math"

// clean takes the artefacts out of a skeleton: it joins broken lines, cuts spurs and drops fragments. Ridges and
// valleys are each other's complement, so the same three rules, run on both, also heal bridges (gaps of a valley),
// pores (fragments of a valley) and notches (spurs of a valley).
func (s *skeleton) clean(b *bitmap) {
	s.unpack(b)
	s.findEnds(b)
	s.joinGaps()
	s.cut(minSpur, atFork)
	s.cut(minFragment, atEnd)
	s.refreshEnds()
}

// cut removes the lines shorter than limit that begin at an end and stop so.
func (s *skeleton) cut(limit int, how stop) {
	for i := range s.ends {
		e := &s.ends[i]
		if e.gone || s.px[e.at] == 0 {
			continue
		}
		if path, stopped := s.walk(int(e.at), limit); stopped == how {
			s.erase(path)
		}
	}
}

// refreshEnds keeps the ends that are still there, with their directions anew.
func (s *skeleton) refreshEnds() {
	kept := s.ends[:0]
	for _, e := range s.ends {
		if !e.gone && s.px[e.at] != 0 && s.branches(int(e.at)) == 1 {
			kept = append(kept, s.endAt(int(e.at)))
		}
	}
	s.ends = kept
}

func (s *skeleton) erase(path []int32) {
	for _, p := range path {
		s.px[p] = 0
	}
}

// joinGaps connects ends that face each other, nearest first.
func (s *skeleton) joinGaps() {
	for reach := 4; reach <= maxGap; reach += 4 {
		for i := range s.ends {
			for j := i + 1; j < len(s.ends); j++ {
				a, b := &s.ends[i], &s.ends[j]
				if b.y-a.y > reach {
					break // ends are sorted by row
				}
				if !a.gone && !b.gone && facing(a, b, reach) && s.free(a, b) {
					s.connect(a, b)
				}
			}
		}
	}
}

// facing says whether two ends within reach look at each other along one line.
func facing(a, b *end, reach int) bool {
	dx, dy := float64(b.x-a.x), float64(b.y-a.y)
	d := math.Hypot(dx, dy)
	if d > float64(reach) || d == 0 {
		return false
	}
	away := a.ux*b.ux + a.uy*b.uy
	return away < -gapOpposed && -(a.ux*dx+a.uy*dy)/d > gapAligned && (b.ux*dx+b.uy*dy)/d > gapAligned
}

// free says whether no other line crosses the straight way between two ends.
func (s *skeleton) free(a, b *end) bool {
	free := true
	s.between(a, b, func(at int) {
		if s.px[at] != 0 && !s.near(at, int(a.at)) && !s.near(at, int(b.at)) {
			free = false
		}
	})
	return free
}

func (s *skeleton) near(p, q int) bool {
	if p == q {
		return true
	}
	for _, d := range s.around {
		if p+d == q {
			return true
		}
	}
	return false
}

func (s *skeleton) connect(a, b *end) {
	s.between(a, b, func(at int) { s.px[at] = 1 })
	a.gone, b.gone = true, true
}

// between visits the pixels of the straight line from a to b.
func (s *skeleton) between(a, b *end, visit func(at int)) {
	n := max(b.x-a.x, a.x-b.x, b.y-a.y, a.y-b.y)
	for i := 0; i <= n; i++ {
		x := a.x + int(math.Round(float64((b.x-a.x)*i)/float64(n)))
		y := a.y + int(math.Round(float64((b.y-a.y)*i)/float64(n)))
		visit((y+1)*s.stride + 1 + x)
	}
}
