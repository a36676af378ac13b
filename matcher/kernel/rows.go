package kernel

import (
	"fmt"
	"slices"
	"sync"
	"unsafe"
)

// Row is one implementation of an operation, for measuring.
type Row struct {
	Op, Name string
	Usable   bool       // on this machine
	Chosen   bool       // by dispatch
	Unit     string     // what Work counts
	Ceiling  string     // Op whose best row shows what the machine allows this one, units being alike; or empty
	Work     func() int // does tens of microseconds of work and says how many units; only when Usable
}

// Operations that show what the machine allows.
const (
	opMultiplyAdds = "MultiplyAdds"
	opReadSum      = "ReadSum from memory"
)

// Rows are all implementations of all operations. Those of one operation stand together, the generic one last, and
// share their data, which is in cache where the name does not say "from memory".
func Rows() []Row {
	far := newMemory()
	return slices.Concat(dot8Work(), dots8Work(), dots8MemoryWork(far), dotsBatch8Work(8), dotsBatch8Work(32),
		dotsBatch8MemoryWork(far), above8Work(), embed256Work(), nearest256Work(), filterCellWork(),
		multiplyAddsWork(), sumWork("CountOnes", countOnesRows()), sumWork("ReadSum", readSumRows()), readSumMemoryWork(far))
}

// What int8 kernels are measured with.
const (
	dims8 = 512
	unit8 = "products of 512 elements"
)

func scrambledInt8(n int) []int8 {
	data := make([]int8, n)
	for i, word := range scrambled((n + 7) / 8) {
		for j := range min(8, n-8*i) {
			data[8*i+j] = int8(word >> (8 * j))
		}
	}
	return data
}

func dot8Work() []Row {
	const templates = 64
	data := scrambledInt8(dims8 * (1 + templates))
	probe, gallery := data[:dims8], data[dims8:]
	return under(opMultiplyAdds, views("Dot8", unit8, dot8Rows(), func(dot8 dot8Func) int {
		for i := range templates {
			dot8(probe, gallery[i*dims8:][:dims8])
		}
		return templates
	}))
}

func dots8Work() []Row {
	const n = 400
	dst, gallery, probes := data8(n, 1)
	return under(opMultiplyAdds, views("Dots8", unit8, dots8Rows(), func(dots8 dots8Func) int {
		dots8(dst, gallery, probes.probes[0])
		return n
	}))
}

func dots8MemoryWork(far *memory) []Row {
	const n = partBytes / dims8
	dst, _, probes := data8(n, 1)
	return under(opReadSum, views("Dots8 from memory", unit8, dots8Rows(), func(dots8 dots8Func) int {
		bytes, _ := far.next()
		dots8(dst, bytes, probes.probes[0])
		return n
	}))
}

func dotsBatch8Work(probes int) []Row {
	const n = 128
	dst, gallery, set := data8(n, probes)
	return under(opMultiplyAdds, views(fmt.Sprintf("DotsBatch8, %d probes", probes), unit8, dotsBatch8Rows(), func(dotsBatch8 dotsBatch8Func) int {
		dotsBatch8(dst, gallery, set)
		return n * probes
	}))
}

func dotsBatch8MemoryWork(far *memory) []Row {
	const n, probes = partBytes / dims8, 32
	dst, _, set := data8(n, probes)
	return under(opMultiplyAdds, views("DotsBatch8, 32 probes, from memory", unit8, dotsBatch8Rows(), func(dotsBatch8 dotsBatch8Func) int {
		bytes, _ := far.next()
		dotsBatch8(dst, bytes, set)
		return n * probes
	}))
}

// data8 is a gallery of n vectors, several probes, and room for their products.
func data8(n, probes int) (dst []int32, gallery []uint8, set *Probes8) {
	data, list := scrambledInt8((n+probes)*dims8), make([]*Probe8, probes)
	gallery = make([]uint8, n*dims8)
	Offset8(gallery, data[:n*dims8])
	for j := range list {
		list[j] = NewProbe8(data[(n+j)*dims8:][:dims8])
	}
	return make([]int32, n*probes), gallery, NewProbes8(list)
}

func above8Work() []Row {
	const n = 4096
	dst, dots, scale := make([]uint32, n), make([]int32, n), make([]float32, n)
	for i, word := range scrambled(n) {
		dots[i], scale[i] = int32(word>>33), 1./(1<<31) // evenly from 0 to 1
	}
	return views("Above8", "products, 1 in 1,000 above", above8Rows(), func(above8 above8Func) int {
		above8(dst, dots, scale, 0.999)
		return n
	})
}

func multiplyAddsWork() []Row {
	const turns = 400
	return views(opMultiplyAdds, unit8, multiplyAddsRows(), func(multiplyAdds multiplyAddsFunc) int {
		multiplyAdds(turns)
		return turns * 1024 / dims8
	})
}

func readSumMemoryWork(far *memory) []Row {
	return views(opReadSum, "reads of 512 bytes", readSumRows(), func(readSum sumFunc) int {
		_, words := far.next()
		readSum(words)
		return partBytes / dims8
	})
}

// memory is data larger than the caches of most processors, made when it is first needed and taken part by part, so that none is in
// a cache when its turn comes.
type memory struct {
	words func() []uint64
	at    int
}

const (
	memoryBytes = 256 << 20
	partBytes   = 256 << 10
	pageBytes   = 4 << 10
)

func newMemory() *memory {
	return &memory{words: sync.OnceValue(func() []uint64 {
		words := make([]uint64, memoryBytes/8)
		for i := 0; i < len(words); i += pageBytes / 8 { // until it is written, a page is no memory of its own
			words[i] = uint64(i)
		}
		return words
	})}
}

// next is the same part as bytes and as words.
func (m *memory) next() ([]uint8, []uint64) {
	part := m.words()[m.at:][:partBytes/8]
	m.at = (m.at + len(part)) % (memoryBytes / 8)
	return unsafe.Slice((*uint8)(unsafe.Pointer(&part[0])), partBytes), part
}

// under says which operation bounds the rows.
func under(ceiling string, rows []Row) []Row {
	for i := range rows {
		rows[i].Ceiling = ceiling
	}
	return rows
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
