package finger

import "math"

// segment decides which blocks show ridges: enough contrast beside the clear ones of the picture, a clear direction and a
// clear period. Small islands go, small holes close.
func (x *extractor) segment() {
	x.reference = max(x.reference, clearContrast*x.clearSpread())
	least := x.faint()
	score := x.fa
	for i := range score {
		visible := min(1, x.spread[i]/least)
		score[i] = visible * visible * float32(math.Sqrt(float64(x.coherence[i]*x.purity[i])))
	}
	x.blur(score, 1)
	for i, s := range score {
		x.mask[i] = s > maskScore && x.spread[i] > faintPart*least
	}
	x.smoothMask(maskRounds)
	x.keepLargeParts()
	x.fillHoles()
	x.measureDepth()
}

// clearSpread is the median deviation of the clear blocks; 0 when there are too few.
func (x *extractor) clearSpread() float32 {
	spreads := x.fa[:0]
	for i, s := range x.spread {
		if x.clearAt(i) {
			spreads = append(spreads, s)
		}
	}
	if len(spreads) < clearFrom {
		return 0
	}
	return nth(spreads, len(spreads)/2)
}

// smoothMask lets every block follow the majority of its 5 x 5 neighbourhood; outside the picture is outside the mask.
func (x *extractor) smoothMask(rounds int) {
	for range rounds {
		for i, m := range x.mask {
			x.fa[i] = 0
			if m {
				x.fa[i] = 1
			}
		}
		x.blur(x.fa, 1)
		for i, v := range x.fa {
			x.mask[i] = v > 0.5
		}
	}
}

// keepLargeParts drops every connected part of the mask that is smaller than keepPart of the largest one.
func (x *extractor) keepLargeParts() {
	labels, sizes := x.components(true)
	largest := 0
	for _, s := range sizes {
		largest = max(largest, s)
	}
	for i, l := range labels {
		if l > 0 && float64(sizes[l]) < keepPart*float64(largest) {
			x.mask[i] = false
		}
	}
}

// fillHoles takes small enclosed parts of the background into the mask.
func (x *extractor) fillHoles() {
	labels, sizes := x.components(false)
	open := make([]bool, len(sizes))
	for i, l := range labels {
		if bx, by := i%x.gw, i/x.gw; bx == 0 || by == 0 || bx == x.gw-1 || by == x.gh-1 {
			open[l] = true
		}
	}
	for i, l := range labels {
		if l > 0 && !open[l] && sizes[l] <= holeBlocks {
			x.mask[i] = true
		}
	}
}

// components labels the 4-connected parts of the mask (or of its complement) from 1 and counts their blocks.
func (x *extractor) components(inside bool) (labels []int32, sizes []int) {
	labels, sizes = sized(x.labels, len(x.mask)), []int{0}
	clear(labels)
	stack := x.stack[:0]
	defer func() { x.labels, x.stack = labels, stack }()
	for i := range x.mask {
		if x.mask[i] != inside || labels[i] != 0 {
			continue
		}
		label := int32(len(sizes))
		sizes = append(sizes, 0)
		labels[i] = label
		stack = append(stack, int32(i))
		for len(stack) > 0 {
			p := int(stack[len(stack)-1])
			stack = stack[:len(stack)-1]
			sizes[label]++
			bx, by := p%x.gw, p/x.gw
			for _, q := range [4]struct {
				at int
				ok bool
			}{{p - 1, bx > 0}, {p + 1, bx < x.gw-1}, {p - x.gw, by > 0}, {p + x.gw, by < x.gh-1}} {
				if q.ok && x.mask[q.at] == inside && labels[q.at] == 0 {
					labels[q.at] = label
					stack = append(stack, int32(q.at))
				}
			}
		}
	}
	return labels, sizes
}

// measureDepth counts, for every block, the steps (eight directions) to the nearest block outside the mask. Where the
// picture cuts the finger off, the finger goes on.
func (x *extractor) measureDepth() {
	const far = 250
	for i, m := range x.mask {
		x.depth[i] = 0
		if m {
			x.depth[i] = far
		}
	}
	at := func(bx, by int) uint8 {
		if bx < 0 || by < 0 || bx >= x.gw || by >= x.gh {
			return far
		}
		return x.depth[by*x.gw+bx]
	}
	for by := range x.gh {
		for bx := range x.gw {
			d := &x.depth[by*x.gw+bx]
			*d = min(*d, 1+min(far-1, at(bx-1, by), at(bx-1, by-1), at(bx, by-1), at(bx+1, by-1)))
		}
	}
	for by := x.gh - 1; by >= 0; by-- {
		for bx := x.gw - 1; bx >= 0; bx-- {
			d := &x.depth[by*x.gw+bx]
			*d = min(*d, 1+min(far-1, at(bx+1, by), at(bx+1, by+1), at(bx, by+1), at(bx-1, by+1)))
		}
	}
}

// inside says whether the pixel lies in the mask, at least depth blocks from its edge.
func (x *extractor) inside(px, py int, depth uint8) bool {
	if px < 0 || py < 0 || px >= x.w || py >= x.h {
		return false
	}
	return x.depth[py/block*x.gw+px/block] >= depth
}
