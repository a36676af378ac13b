package finger

import (
	"math"
	"math/bits"
)

// skeleton is a thinned picture, a byte a pixel, with a frame of one zero pixel.
type skeleton struct {
	w, h, stride int
	px           []uint8
	ends         []end
	path         []int32
	around       [8]int // neighbours, clockwise from north
}

// end is where a line of a skeleton stops; (ux, uy) is the unit vector back into the line, y down.
type end struct {
	at     int32
	x, y   int
	ux, uy float64
	gone   bool
}

// unpack takes over the pixels of a bitmap.
func (s *skeleton) unpack(b *bitmap) {
	s.w, s.h, s.stride = b.w, b.h, b.w+2
	s.px = sized(s.px, s.stride*(b.h+2))
	clear(s.px)
	s.around = [8]int{-s.stride, -s.stride + 1, 1, s.stride + 1, s.stride, s.stride - 1, -1, -s.stride - 1}
	for y := range b.h {
		out := s.px[(y+1)*s.stride+1:]
		for i, word := range b.row(y)[1 : b.words-1] {
			for ; word != 0; word &= word - 1 {
				out[i*64+bits.TrailingZeros64(word)] = 1
			}
		}
	}
}

// branches is the crossing number: how many lines leave a pixel (Rutovitz 1966).
func (s *skeleton) branches(at int) int {
	n := 0
	last := s.px[at+s.around[7]]
	for _, d := range s.around {
		v := s.px[at+d]
		n += int(v &^ last)
		last = v
	}
	return n
}

// How a walk along a line can stop.
type stop uint8

const (
	onward stop = iota // the limit was reached
	atEnd
	atFork
)

// walk follows the line from an end for at most limit pixels and returns them, the first being at itself; a fork's
// own pixel is not among them.
func (s *skeleton) walk(at, limit int) ([]int32, stop) {
	path := append(s.path[:0], int32(at))
	defer func() { s.path = path }()
	prev := at
	for len(path) < limit {
		next := s.next(at, prev)
		if next < 0 {
			return path, atEnd
		}
		if s.branches(next) > 2 {
			return path, atFork
		}
		prev, at = at, next
		path = append(path, int32(at))
	}
	return path, onward
}

// next is the neighbour that continues a line, straight neighbours first; -1 when there is none.
func (s *skeleton) next(at, prev int) int {
	for first := range 2 {
		for k := first; k < 8; k += 2 {
			q := at + s.around[k]
			if s.px[q] != 0 && q != prev && !s.touch(q, prev, at) {
				return q
			}
		}
	}
	return -1
}

// touch says whether q is a neighbour of prev, and prev is not where the walk began.
func (s *skeleton) touch(q, prev, at int) bool {
	if prev == at {
		return false
	}
	for _, d := range s.around {
		if prev+d == q {
			return true
		}
	}
	return false
}

// findEnds lists the ends of all lines with their directions, in reading order.
func (s *skeleton) findEnds(b *bitmap) {
	s.ends = s.ends[:0]
	for y := range b.h {
		above, here, below := b.row(y-1), b.row(y), b.row(y+1)
		for i := 1; i < b.words-1; i++ {
			if here[i] == 0 {
				continue
			}
			for word := here[i] & lineEnds(neighbours(above, here, below, i)); word != 0; word &= word - 1 {
				x := (i-1)*64 + bits.TrailingZeros64(word)
				s.ends = append(s.ends, s.endAt((y+1)*s.stride+1+x))
			}
		}
	}
}

// lineEnds says where exactly one line leaves a pixel; the neighbours come clockwise.
func lineEnds(n, ne, e, se, s, sw, w, nw uint64) uint64 {
	var once, twice uint64
	last := nw
	for _, v := range [...]uint64{n, ne, e, se, s, sw, w, nw} {
		t := v &^ last
		twice |= once & t
		once |= t
		last = v
	}
	return once &^ twice
}

func (s *skeleton) endAt(at int) end {
	e := end{at: int32(at), x: at%s.stride - 1, y: at/s.stride - 1}
	path, _ := s.walk(at, tracedLength)
	far := int(path[len(path)-1])
	dx, dy := float64(far%s.stride-1-e.x), float64(far/s.stride-1-e.y)
	if d := math.Hypot(dx, dy); d > 0 {
		e.ux, e.uy = dx/d, dy/d
	}
	return e
}
