package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

const (
	lanes8      = 16 // probes of a group
	quad        = 4  // elements that are multiplied and added at once
	quadBytes   = lanes8 * quad
	wideBytes   = 2 * quadBytes // of a group's quads in 16 bits: the even elements, then the odd ones
	unrolled    = 4             // quads
	resultBytes = 4
	aheadBytes  = 16 << 10 // how far ahead of a tile its gallery is fetched
)

func dotsBatch8() {
	merge := quads("mergeLanes", [8]uint64{0, 1, 8, 9, 2, 3, 10, 11}, [8]uint64{4, 5, 12, 13, 6, 7, 14, 15})
	dotsBatch8VNNI("dotsBatch8VNNIx32", ZMM, 8, 2, PREFETCHT0, merge)
	dotsBatch8VNNI("dotsBatch8VNNIx16", ZMM, 16, 1, PREFETCHT1, merge)
	dotsBatch8VNNI("dotsBatch8VNNIx8", YMM, 16, 1, PREFETCHT1, merge)
	dotsBatch8AVX2()
}

// quads are tables of 8 words of 64 bits, one after another.
func quads(name string, tables ...[8]uint64) Mem {
	data := GLOBL(name, RODATA|NOPTR)
	for i, table := range tables {
		for j, v := range table {
			DATA(8*(8*i+j), U64(v))
		}
	}
	return data
}

// batch is what every tile of vectors and lanes has.
type batch struct {
	registers                           int         // of vectors
	fetch                               func(mc Op) // brings a line of the gallery nearer
	dst, rows, gallery, n, probes, sums Register
	dims, dims3                         Register   // bytes of one vector and of three
	probe, left, ahead                  Register   // within a tile: where the steps are, and what they have not multiplied
	fours                               []Register // where every fourth vector of the tile stands
}

func loadBatch(name, element string, registers, vectors int, fetch func(mc Op)) *batch {
	TEXT(name, NOSPLIT, "func(dst *int32, rows *int, gallery *uint8, n, dims int, probes *"+element+", sums *int32)")
	Pragma("noescape")
	b := &batch{
		registers: registers, fetch: fetch,
		dst: Load(Param("dst"), GP64()), rows: Load(Param("rows"), GP64()), gallery: Load(Param("gallery"), GP64()),
		n: Load(Param("n"), GP64()), dims: Load(Param("dims"), GP64()),
		probes: Load(Param("probes"), GP64()), sums: Load(Param("sums"), GP64()), dims3: GP64(),
	}
	LEAQ(Mem{Base: b.dims, Index: b.dims, Scale: 2}, b.dims3)
	b.fours = append(b.fours, b.gallery)
	for v := 4; v < vectors; v += 4 {
		four := GP64()
		LEAQ(Mem{Base: b.fours[len(b.fours)-1], Index: b.dims, Scale: 4}, four)
		b.fours = append(b.fours, four)
	}
	return b
}

// vector is where the elements of a vector of the tile stand.
func (b *batch) vector(v int) Mem {
	base := b.fours[v/4]
	return []Mem{
		{Base: base},
		{Base: base, Index: b.dims, Scale: 1},
		{Base: base, Index: b.dims, Scale: 2},
		{Base: base, Index: b.dims3, Scale: 1},
	}[v%4]
}

// begin starts the steps of a tile.
func (b *batch) begin() {
	b.probe, b.left, b.ahead = GP64(), GP64(), GP64()
	MOVQ(b.probes, b.probe)
	MOVQ(b.dims, b.left)
	LEAQ(Mem{Base: b.gallery, Disp: aheadBytes}, b.ahead)
}

// step moves on to the next elements; the flags say whether there are any. A processor does not foresee a walk over several
// vectors at once, so their like of a later tile is fetched here: into the first cache for tiles that wait for their
// multiplications, into the second, where more may be under way, for those that wait for memory.
func (b *batch) step(vectors, probeBytes int) {
	bytes := vectors * unrolled * quad
	for line := 0; line < bytes; line += zmmBytes {
		b.fetch(Mem{Base: b.ahead, Disp: line})
	}
	ADDQ(U32(bytes), b.ahead)
	for _, four := range b.fours {
		ADDQ(U8(unrolled*quad), four)
	}
	ADDQ(U32(probeBytes), b.probe)
	SUBQ(U8(unrolled*quad), b.left)
}

// next moves on to the tile behind vectors.
func (b *batch) next(vectors int) {
	for _, four := range b.fours {
		ADDQ(b.dims3, four) // three vectors after the one that the steps have walked
		for v := 4; v < vectors; v += 4 {
			LEAQ(Mem{Base: four, Index: b.dims, Scale: 4}, four)
		}
	}
	ADDQ(U8(resultBytes*vectors), b.dst)
	SUBQ(U8(vectors), b.n)
}

// dotsBatch8VNNI multiplies a tile of vectors with groups of lanes, as many as a register has sums, four elements a step: those
// of a vector, the same in every lane, with those of each lane's probe.
func dotsBatch8VNNI(name string, register func() VecVirtual, vectors, groups int, fetch func(mc Op), merge Mem) {
	b := loadBatch(name, "int8", 32, vectors, fetch)
	group := GP64()
	if groups > 1 {
		MOVQ(b.dims, group)
		SHLQ(U8(4), group) // bytes of a group
	}
	Label("tile")
	sums := make([][]VecVirtual, groups) // of a group and a vector
	for g := range sums {
		sums[g] = make([]VecVirtual, vectors)
		for v := range sums[g] {
			sums[g][v] = register()
			VMOVDQU64(Mem{Base: b.sums, Disp: g * lanes8 * resultBytes}, sums[g][v])
		}
	}
	b.begin()
	Label("step")
	for q := range unrolled {
		lanes := make([]VecVirtual, groups)
		for g := range lanes {
			lanes[g] = register()
			at := Mem{Base: b.probe, Disp: q * quadBytes}
			if g > 0 {
				at.Index, at.Scale = group, 1
			}
			VMOVDQU64(at, lanes[g])
		}
		for v := range vectors {
			elements := register()
			VPBROADCASTD(b.vector(v).Offset(quad*q), elements)
			for g := range lanes {
				VPDPBUSD(lanes[g], elements, sums[g][v])
			}
		}
	}
	b.step(vectors, unrolled*quadBytes)
	JNZ(LabelRef("step"))

	for g := range sums {
		if register().Size() == zmmBytes {
			for v := 0; v < vectors; v += 8 {
				b.storeEight(g, v, [8]VecVirtual(sums[g][v:]), merge)
			}
		} else {
			for v := 0; v < vectors; v += 4 {
				b.storeFour(0, v, [4]VecVirtual(sums[g][v:]))
			}
		}
	}
	b.next(vectors)
	JNZ(LabelRef("tile"))
	VZEROUPPER()
	RET()
}

// storeEight writes, for each lane of a group, the results of eight vectors.
func (b *batch) storeEight(group, first int, sums [8]VecVirtual, merge Mem) {
	Comment(fmt.Sprintf("Group %d, vectors from %d on", group, first))
	low, high := transposed([4]VecVirtual(sums[:])), transposed([4]VecVirtual(sums[4:]))
	for j := range 4 { // lanes j, 4+j, 8+j, 12+j
		upper, lower, order := ZMM(), low[j], ZMM()
		VMOVDQA64(lower, upper)
		VMOVDQU64(merge, order)
		VPERMT2Q(high[j], order, lower)
		VMOVDQU64(merge.Offset(zmmBytes), order)
		VPERMT2Q(high[j], order, upper)
		for k, pair := range []VecVirtual{lower, upper} {
			for half := range 2 {
				row := GP64()
				MOVQ(Mem{Base: b.rows, Disp: 8 * (lanes8*group + 8*k + 4*half + j)}, row)
				at := Mem{Base: b.dst, Disp: resultBytes * first, Index: row, Scale: 1}
				if half == 0 {
					VMOVDQU64(pair.AsY(), at)
				} else {
					VEXTRACTI64X4(U8(1), pair, at)
				}
			}
		}
	}
}

// storeFour writes, for each of 8 lanes, the results of four vectors.
func (b *batch) storeFour(lane, first int, sums [4]VecVirtual) {
	Comment(fmt.Sprintf("Lanes from %d on, vectors from %d on", lane, first))
	for j, four := range transposed(sums) { // lanes j and 4+j
		for half := range 2 {
			row := GP64()
			MOVQ(Mem{Base: b.rows, Disp: 8 * (lane + 4*half + j)}, row)
			at := Mem{Base: b.dst, Disp: resultBytes * first, Index: row, Scale: 1}
			switch { // the shorter instructions know 16 registers
			case half == 0 && b.registers > 16:
				VMOVDQU64(four.AsX(), at)
			case half == 0:
				VMOVDQU(four.AsX(), at)
			case b.registers > 16:
				VEXTRACTI32X4(U8(1), four, at)
			default:
				VEXTRACTI128(U8(1), four, at)
			}
		}
	}
}

// transposed has in its register j, for the lanes 4i+j, the elements of all four.
func transposed(v [4]VecVirtual) (t [4]VecVirtual) {
	interleave := func(low, high func(...Op), a, b VecVirtual) (VecVirtual, VecVirtual) {
		l, h := sameSize(a), sameSize(a)
		low(b, a, l)
		high(b, a, h)
		return l, h
	}
	l01, h01 := interleave(VPUNPCKLDQ, VPUNPCKHDQ, v[0], v[1])
	l23, h23 := interleave(VPUNPCKLDQ, VPUNPCKHDQ, v[2], v[3])
	t[0], t[1] = interleave(VPUNPCKLQDQ, VPUNPCKHQDQ, l01, l23)
	t[2], t[3] = interleave(VPUNPCKLQDQ, VPUNPCKHQDQ, h01, h23)
	return t
}

// dotsBatch8AVX2 multiplies four vectors with a group of 16 lanes, whose probes come in 16 bits.
func dotsBatch8AVX2() {
	const vectors, parts = 4, 2 // parts of 8 lanes
	b := loadBatch("dotsBatch8AVX2x16", "int16", 16, vectors, PREFETCHT0)
	w := evenBytes()
	Label("tile")
	var sums [parts][vectors]VecVirtual
	for h := range sums {
		for v := range sums[h] {
			sums[h][v] = YMM()
			VMOVDQU(Mem{Base: b.sums, Disp: h * ymmBytes}, sums[h][v])
		}
	}
	b.begin()
	Label("step")
	for q := range unrolled {
		var evens, odds [parts]VecVirtual
		for h := range parts {
			evens[h], odds[h] = YMM(), YMM()
			VMOVDQU(Mem{Base: b.probe, Disp: q*wideBytes + h*ymmBytes}, evens[h])
			VMOVDQU(Mem{Base: b.probe, Disp: q*wideBytes + quadBytes + h*ymmBytes}, odds[h])
		}
		for v := range vectors {
			even, odd := YMM(), YMM()
			VPBROADCASTD(b.vector(v).Offset(quad*q), odd)
			VPAND(w.mask, odd, even)
			VPSRLW(U8(8), odd, odd)
			for h := range parts {
				product := YMM()
				VPMADDWD(evens[h], even, product)
				VPADDD(product, sums[h][v], sums[h][v])
				VPMADDWD(odds[h], odd, product)
				VPADDD(product, sums[h][v], sums[h][v])
			}
		}
	}
	b.step(vectors, unrolled*wideBytes)
	JNZ(LabelRef("step"))

	for h := range sums {
		b.storeFour(8*h, 0, sums[h])
	}
	b.next(vectors)
	JNZ(LabelRef("tile"))
	VZEROUPPER()
	RET()
}
