package finger

import (
	"cmp"
	"math"
	"slices"

	"biogate/matcher"
)

// candidate is a minutia on the working picture before selection.
type candidate struct {
	x, y    int
	angle   float64 // ISO direction in [0, 2 pi)
	kind    Kind
	quality float64 // 0 to 1
}

// detect finds the minutiae: an ending is the end of a ridge, a bifurcation the end of a valley, so both have the
// direction that ISO/IEC 19794-2 gives them.
func (x *extractor) detect(tr matcher.Trace) []candidate {
	var found []candidate
	for _, side := range []struct {
		bits *bitmap
		kind Kind
	}{{&x.ridgeBits, Ending}, {&x.valleyBits, Bifurcation}} {
		x.thin(side.bits)
		x.skel.clean(side.bits)
		x.skel.trace(tr, side.kind)
		for _, e := range x.skel.ends {
			if x.trusted(&e) {
				if c := x.describe(&e, side.kind); c.quality >= leastQuality {
					found = append(found, c)
				}
			}
		}
	}
	return x.best(dropClusters(found))
}

// trusted refuses ends at the edge of the finger, where every line ends. The edge of the picture is another matter: there
// lines are cut, which makes an end only within a few pixels of it.
func (x *extractor) trusted(e *end) bool {
	if e.ux == 0 && e.uy == 0 || min(e.x, e.y, x.w-1-e.x, x.h-1-e.y) < borderGap {
		return false
	}
	fx := min(max(e.x-int(math.Round(e.ux*edgeAhead)), 0), x.w-1)
	fy := min(max(e.y-int(math.Round(e.uy*edgeAhead)), 0), x.h-1)
	return x.inside(e.x, e.y, edgeDepth) && x.inside(fx, fy, edgeDepth)
}

// describe takes the direction from the field, which is steadier than a few pixels of line, and the sense of it from
// the line. The field is read a little inside the line: at the end itself its neighbours close in, this way or that.
func (x *extractor) describe(e *end, kind Kind) candidate {
	c2, s2 := x.doubledAt(e.x+int(e.ux*directionAt), e.y+int(e.uy*directionAt))
	length := float32(math.Hypot(float64(c2), float64(s2)))
	c, s := axis(c2/length, s2/length)
	if c*e.ux+s*e.uy < 0 {
		s, c = -s, -c
	}
	angle := math.Atan2(-s, c)
	if angle < 0 {
		angle += 2 * math.Pi
	}
	return candidate{e.x, e.y, angle, kind, x.trust(e.x, e.y)}
}

// trust is a minutia's quality from the blocks around it.
func (x *extractor) trust(px, py int) float64 {
	bx, by := px/block, py/block
	var sum, n float64
	for y := max(0, by-1); y <= min(x.gh-1, by+1); y++ {
		for k := max(0, bx-1); k <= min(x.gw-1, bx+1); k++ {
			i := y*x.gw + k
			sum += float64(x.coherence[i] * x.purity[i])
			n++
		}
	}
	return math.Sqrt(sum / n)
}

// dropClusters removes minutiae with more than clusterMost others within clusterReach: noise, not a pattern.
func dropClusters(all []candidate) []candidate {
	crowded := make([]bool, len(all))
	for i, a := range all {
		n := 0
		for j, b := range all {
			if dx, dy := a.x-b.x, a.y-b.y; i != j && dx*dx+dy*dy <= clusterReach*clusterReach {
				n++
			}
		}
		crowded[i] = n > clusterMost
	}
	kept := all[:0]
	for i, a := range all {
		if !crowded[i] {
			kept = append(kept, a)
		}
	}
	return kept
}

// best keeps at most mostMinutiae, the best ones, in reading order.
func (x *extractor) best(all []candidate) []candidate {
	if len(all) > mostMinutiae {
		slices.SortStableFunc(all, func(a, b candidate) int { return cmp.Compare(b.quality, a.quality) })
		all = all[:mostMinutiae]
	}
	slices.SortStableFunc(all, func(a, b candidate) int { return cmp.Or(cmp.Compare(a.y, b.y), cmp.Compare(a.x, b.x)) })
	return all
}

// newPrint turns what was found in a region of the whole picture into a Print at 500 dpi.
func newPrint(found []candidate, region, whole working) Print {
	base := func(v float64) int { return int(math.Round(v)) }
	p := Print{Width: base(float64(whole.w) * whole.scale), Height: base(float64(whole.h) * whole.scale), Minutiae: make([]Minutia, len(found))}
	for i, c := range found {
		p.Minutiae[i] = Minutia{
			X:       int16(min(max(base(region.x0+float64(c.x)*region.scale), 0), p.Width)),
			Y:       int16(min(max(base(region.y0+float64(c.y)*region.scale), 0), p.Height)),
			Angle:   uint8(int(math.Round(c.angle/(2*math.Pi)*256)) & 255),
			Kind:    c.kind,
			Quality: uint8(min(max(math.Round(100*c.quality), 1), 100)),
		}
	}
	return p
}
