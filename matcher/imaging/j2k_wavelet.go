package imaging

// j2kPlane holds the coefficients of a tile-component, which become its samples in place. The rows of a resolution are every
// second row of the next finer one, those that are low-pass there; in them its samples come first, the high-pass ones behind.
type j2kPlane[T int32 | float32] struct {
	pix   []T
	width int // of the finest resolution
}

// j2kLevel is where the rows of a resolution lie in a plane.
type j2kLevel struct {
	j2kRect
	first, step int // row y is row first+step*y of the plane
}

// levels returns the places of the resolutions, of which the last fills the plane.
func (tc *j2kTileComponent) levels() []j2kLevel {
	levels := make([]j2kLevel, len(tc.resolutions))
	for r := len(levels) - 1; r >= 0; r-- {
		levels[r] = j2kLevel{j2kRect: tc.resolutions[r].j2kRect, step: 1}
		if r+1 < len(levels) {
			finer := &levels[r+1]
			levels[r].first, levels[r].step = finer.first+finer.y0&1*finer.step, 2*finer.step
		}
	}
	return levels
}

func (p j2kPlane[T]) row(l *j2kLevel, y int) []T {
	at := (l.first + l.step*y) * p.width
	return p.pix[at : at+l.width() : at+l.width()]
}

// band returns the place in the plane of row y of a subband.
func (p j2kPlane[T]) band(l *j2kLevel, orient, y int) []T {
	if orient == j2kLL {
		return p.row(l, y)
	}
	if orient&2 == 0 {
		y = 2*y + l.y0&1
	} else {
		y = 2*y + 1 - l.y0&1
	}
	row := p.row(l, y)
	low := (l.x1+1)>>1 - (l.x0+1)>>1
	if orient&1 == 0 {
		return row[:low]
	}
	return row[low:]
}

// j2kFilter is a wavelet filter by lifting (annex F.3): each step changes every second sample of a row or column by what lies on
// both sides of it, low-pass samples in the first step, high-pass ones in the next, and so on.
type j2kFilter[T int32 | float32] interface {
	steps() int
	// lift changes all samples of a row by the rows before and after it.
	lift(step int, row, before, after []T)
	// across takes all steps within a row of two samples or more; odd: it begins with a high-pass one.
	across(row []T, odd bool)
}

// synthesize makes a resolution out of its subbands in one sweep over its rows: a row is filtered across when it is due, and each
// step of the filter down follows one row behind the step before.
func synthesize[T int32 | float32](p j2kPlane[T], l *j2kLevel, filter j2kFilter[T], line []T) {
	height, steps := l.height(), filter.steps()
	for y := range height + steps {
		if y < height {
			p.across(l, y, filter, line)
		}
		if (y+l.y0)&1 == 0 { // this row is low-pass: the one before it is not ready to be filtered
			continue
		}
		for step := range steps {
			if at := y - 1 - step; at >= 0 && at < height && height > 1 {
				before, after := besides(at, height)
				filter.lift(step, p.row(l, at), p.row(l, before), p.row(l, after))
			}
		}
	}
	if height == 1 && l.y0&1 != 0 {
		halve(p.row(l, 0))
	}
}

// across filters one row, with line as scratch.
func (p j2kPlane[T]) across(l *j2kLevel, y int, filter j2kFilter[T], line []T) {
	row := p.row(l, y)
	odd := l.x0&1 != 0
	switch {
	case len(row) > 1:
		line = line[:len(row)]
		low := (l.x1+1)>>1 - (l.x0+1)>>1
		if odd {
			weave(line, row[low:], row[:low])
		} else {
			weave(line, row[:low], row[low:])
		}
		filter.across(line, odd)
		copy(row, line)
	case odd:
		halve(row)
	}
}

// besides gives the places before and after one in n, as if a mirror stood at both ends.
func besides(at, n int) (before, after int) {
	before, after = at-1, at+1
	if before < 0 {
		before = after
	}
	if after == n {
		after = before
	}
	return before, after
}

// halve is for single high-pass samples: they stand for themselves, doubled.
func halve[T int32 | float32](row []T) {
	for i := range row {
		row[i] /= 2
	}
}

func weave[T int32 | float32](row, first, second []T) {
	first = first[:len(row)-len(second)]
	for i, v := range second {
		pair := row[2*i : 2*i+2 : 2*i+2]
		pair[0], pair[1] = first[i], v
	}
	if len(first) > len(second) {
		row[len(row)-1] = first[len(second)]
	}
}

// reversible53 is the filter of lossless pictures (equations F-5 and F-6).
type reversible53 struct{}

func (reversible53) steps() int { return 2 }

func (reversible53) lift(step int, row, before, after []int32) {
	before, after = before[:len(row)], after[:len(row)]
	if step == 0 {
		for i := range row {
			row[i] -= (before[i] + after[i] + 2) >> 2
		}
		return
	}
	for i := range row {
		row[i] += (before[i] + after[i]) >> 1
	}
}

func (reversible53) across(row []int32, odd bool) {
	low := 0
	if odd {
		low = 1
	}
	n := len(row)
	i := low
	if i == 0 {
		row[0] -= (2*row[1] + 2) >> 2
		i = 2
	}
	for ; i+1 < n; i += 2 {
		row[i] -= (row[i-1] + row[i+1] + 2) >> 2
	}
	if i < n {
		row[i] -= (2*row[i-1] + 2) >> 2
	}
	if i = 1 - low; i == 0 {
		row[0] += row[1]
		i = 2
	}
	for ; i+1 < n; i += 2 {
		row[i] += (row[i-1] + row[i+1]) >> 1
	}
	if i < n {
		row[i] += row[i-1]
	}
}

// irreversible97 is the filter of lossy pictures (table F.4): a step makes x*scale + (before+after)*weight of a sample, which
// takes in that low-pass samples are first multiplied by K and high-pass ones divided by it. Products are rounded before they
// are added, so that every machine makes the same picture.
type irreversible97 struct{}

var steps97 = [4]struct{ scale, weight float32 }{
	{1.230174104914001, -0.443506852043971 / 1.230174104914001},
	{1 / 1.230174104914001, -0.882911075530934},
	{1, 0.052980118572961},
	{1, 1.586134342059924},
}

func (irreversible97) steps() int { return len(steps97) }

func (irreversible97) lift(step int, row, before, after []float32) {
	before, after = before[:len(row)], after[:len(row)]
	scale, weight := steps97[step].scale, steps97[step].weight
	if scale == 1 {
		for i := range row {
			row[i] += float32((before[i] + after[i]) * weight)
		}
		return
	}
	for i := range row {
		row[i] = float32(row[i]*scale) + float32((before[i]+after[i])*weight)
	}
}

func (irreversible97) across(row []float32, odd bool) {
	n, first := len(row), 0
	if odd {
		first = 1
	}
	for _, s := range steps97 {
		i := first
		if i == 0 {
			row[0] = float32(row[0]*s.scale) + float32(2*row[1]*s.weight)
			i = 2
		}
		for ; i+1 < n; i += 2 {
			row[i] = float32(row[i]*s.scale) + float32((row[i-1]+row[i+1])*s.weight)
		}
		if i < n {
			row[i] = float32(row[i]*s.scale) + float32(2*row[i-1]*s.weight)
		}
		first = 1 - first
	}
}
