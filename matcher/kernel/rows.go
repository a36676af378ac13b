package kernel

import "slices"

// Row is one implementation of an operation, for measuring.
type Row struct {
	Op, Name string
	Usable   bool       // on this machine
	Chosen   bool       // by dispatch
	Unit     string     // what Work counts
	Work     func() int // does tens of microseconds of work on data in cache, and says how many units; only when Usable
}

// Rows are all implementations of all operations. Those of one operation stand together, the generic one last, and
// share their data.
func Rows() []Row {
	return slices.Concat(dot8Work(), embed256Work(), nearest256Work(), filterCellWork(),
		sumWork("CountOnes", countOnesRows()), sumWork("ReadSum", readSumRows()))
}

func dot8Work() []Row {
	const elements, templates = 512, 64
	words := scrambled(elements / 8 * (1 + templates))
	data := make([]int8, 8*len(words))
	for i := range data {
		data[i] = int8(words[i/8] >> (i % 8 * 8))
	}
	probe, gallery := data[:elements], data[elements:]
	return views("Dot8", "products of 512 elements", dot8Rows(), func(dot8 dot8Func) int {
		for i := range templates {
			dot8(probe, gallery[i*elements:][:elements])
		}
		return templates
	})
}

func embed256Work() []Row {
	const sets, terms = 64, 16
	phases := new(Phases256)
	words := scrambled(3 * Steps256 * 256 / 8)
	for i, table := range []*[Steps256][256]uint8{&phases.U, &phases.V, &phases.A} {
		for j := range Steps256 * 256 {
			table[j/256][j%256] = uint8(words[i*Steps256*256/8+j/8] >> (j % 8 * 8))
		}
	}
	set := make([]Term256, sets*terms)
	for i, word := range scrambled(len(set)) {
		set[i] = Term256{
			U: uint8(word % Steps256), V: uint8(word >> 8 % Steps256), A: uint8(word >> 16 % Steps256),
			Weight: uint8(word >> 24 % (Weight256 + 1)),
		}
	}
	return views("Embed256", "sets of 16 terms", embed256Rows(), func(embed256 embed256Func) int {
		for i := range sets {
			embed256(set[i*terms:][:terms], phases)
		}
		return sets
	})
}

func nearest256Work() []Row {
	const n = 1000
	refs, dst := scrambled(4*n), make([]uint32, n)
	lanes := make([][4]uint64, Lanes256)
	for j, words := range slices.Collect(slices.Chunk(scrambled(4*Lanes256), 4)) {
		lanes[j] = [4]uint64(words)
	}
	probe := NewProbe256(lanes)
	return views("Nearest256", "references against 32 lanes", nearest256Rows(), func(nearest256 nearest256Func) int {
		nearest256(dst, refs, probe)
		return n
	})
}

func filterCellWork() []Row {
	const side, cells = 128, 100 // bytes of a row
	in, out := make([]byte, side*side), make([]byte, side*side)
	for i, word := range scrambled(len(in) / 2) {
		in[2*i] = byte(word)
	}
	taps := make([]Tap, 46)
	for i := range taps {
		taps[i] = Tap{int32(side*i + 2*(i/4)), int16(5 - i%2*10)}
	}
	return views("FilterCell", "cells under 46 taps", filterCellRows(), func(filterCell filterCellFunc) int {
		for i := range cells {
			filterCell(out, in[i%8*8:], side, 1<<15, taps)
		}
		return cells
	})
}

func sumWork(op string, rows []row[sumFunc]) []Row {
	const turns, bytes = 200, 4096
	data := scrambled(bytes / 8)
	return views(op, "vectors of 512 bits", rows, func(sum sumFunc) int {
		for range turns {
			sum(data)
		}
		return turns * bytes / 64
	})
}

func views[F any](op, unit string, rows []row[F], work func(F) int) []Row {
	chosen := slices.IndexFunc(rows, func(r row[F]) bool { return r.usable })
	list := make([]Row, len(rows))
	for i, r := range rows {
		list[i] = Row{Op: op, Name: r.name, Usable: r.usable, Chosen: i == chosen, Unit: unit, Work: func() int { return work(r.fn) }}
	}
	return list
}

// scrambled are n words without a pattern, always the same: the sequence of SplitMix64 (Steele, Lea and Flood 2014).
func scrambled(n int) []uint64 {
	words := make([]uint64, n)
	for i := range words {
		z := uint64(i+1) * 0x9e3779b97f4a7c15
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		words[i] = z ^ z>>31
	}
	return words
}
