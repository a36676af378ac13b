package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

func machine() {
	lines("readSumAVX512Lines", ZMM, func() func(Mem, VecVirtual) {
		return func(line Mem, sum VecVirtual) { VPADDQ(line, sum, sum) }
	})
	lines("readSumAVX2Lines", YMM, func() func(Mem, VecVirtual) {
		return func(line Mem, sum VecVirtual) { VPADDQ(line, sum, sum) }
	})
	lines("countOnesAVX512Lines", ZMM, func() func(Mem, VecVirtual) {
		return func(line Mem, sum VecVirtual) {
			ones := ZMM()
			VPOPCNTQ(line, ones)
			VPADDQ(ones, sum, sum)
		}
	})
	lines("countOnesAVX2Lines", YMM, func() func(Mem, VecVirtual) {
		t := countTable()
		return t.addOnes
	})
	multiplyAdds("multiplyAddsVNNITurns", ZMM, 16, zmmBytes, word("threes", 0x0303030303030303), word("fives", 0x0505050505050505),
		func(three, five, sum VecVirtual) { VPDPBUSD(five, three, sum) })
	multiplyAdds("multiplyAddsAVX2Turns", YMM, 8, ymmBytes/2, word("wideThrees", 0x0003000300030003), word("wideFives", 0x0005000500050005),
		func(three, five, sum VecVirtual) {
			product := YMM()
			VPMADDWD(five, three, product)
			VPADDD(product, sum, sum)
		})
}

// multiplyAdds multiplies threes by fives in registers, 1,024 of them a turn, and adds the products to several sums, so that
// none waits for the one before. multiply takes so many elements.
func multiplyAdds(name string, vector func() VecVirtual, sums, elements int, threes, fives Mem, multiply func(three, five, sum VecVirtual)) {
	TEXT(name, NOSPLIT, "func(n int) int32")
	n := Load(Param("n"), GP64())
	three, five, sum := broadcast(threes, vector), broadcast(fives, vector), make([]VecVirtual, sums)
	for i := range sum {
		sum[i] = vector()
		VPSUBD(sum[i], sum[i], sum[i]) // VPXOR knows 16 registers
	}
	Label("turn")
	for i := range 1024 / elements {
		multiply(three, five, sum[i%sums])
	}
	DECQ(n)
	JNZ(LabelRef("turn"))
	for _, s := range sum[1:] {
		VPADDD(s, sum[0], sum[0])
	}
	storeTotal32(sum[0])
	VZEROUPPER()
	RET()
}

// lines walks four quarters of the data side by side, a cache line of each a turn, with a sum for each vector of it.
// prepare sets up registers and returns what is done with each vector.
func lines(name string, vector func() VecVirtual, prepare func() func(Mem, VecVirtual)) {
	TEXT(name, NOSPLIT, "func(data *uint64, n int) uint64")
	Pragma("noescape")
	data := Load(Param("data"), GP64())
	n := Load(Param("n"), GP64())
	step := prepare()
	stride, last := GP64(), GP64()
	MOVQ(n, stride)
	SHLQ(U8(6), stride)
	LEAQ(Mem{Base: stride, Index: stride, Scale: 2}, last)
	starts := []Mem{{Base: data}, {Base: data, Index: stride, Scale: 1}, {Base: data, Index: stride, Scale: 2}, {Base: data, Index: last, Scale: 1}}

	size := int(vector().Size())
	sums := make([]VecVirtual, len(starts)*zmmBytes/size)
	for i := range sums {
		sums[i] = vector()
		VPXOR(sums[i].AsY(), sums[i].AsY(), sums[i].AsY())
	}
	Label("line")
	for i, sum := range sums {
		step(starts[i%len(starts)].Offset(i/len(starts)*size), sum)
	}
	ADDQ(U8(zmmBytes), data)
	DECQ(n)
	JNZ(LabelRef("line"))
	storeTotal(sums)
	VZEROUPPER()
	RET()
}

// storeTotal returns the sum of all elements.
func storeTotal(sums []VecVirtual) {
	Comment("Sum of sums")
	for _, s := range sums[1:] {
		VPADDQ(s, sums[0], sums[0])
	}
	total, half, quarter, result := sums[0].AsY(), YMM(), XMM(), GP64()
	if sums[0].Size() == zmmBytes {
		VEXTRACTI64X4(U8(1), sums[0], half)
		VPADDQ(half, total, total)
	}
	VEXTRACTI128(U8(1), total, quarter)
	VPADDQ(quarter, sums[0].AsX(), quarter)
	VPSHUFD(U8(0x4e), quarter, half.AsX())
	VPADDQ(half.AsX(), quarter, quarter)
	VMOVQ(quarter, result)
	Store(result, ReturnIndex(0))
}

// addOnes adds the number of ones of a vector of 32 bytes.
func (t table) addOnes(line Mem, sum VecVirtual) {
	low, high := YMM(), YMM()
	VMOVDQU(line, low)
	VPSRLW(U8(4), low, high)
	VPAND(t.mask, low, low)
	VPAND(t.mask, high, high)
	VPSHUFB(low, t.counts, low)
	VPSHUFB(high, t.counts, high)
	VPADDB(high, low, low)
	VPSADBW(t.zero, low, low)
	VPADDQ(low, sum, sum)
}
