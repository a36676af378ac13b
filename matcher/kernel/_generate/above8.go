package main

import (
	"log"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

const (
	atLeast     = 0x1d // the comparison >=, which is false for NaN
	scanVectors = 4    // that are looked through at once
)

func above8() {
	above8AVX512()
	above8AVX2()
}

// scan is what a walk over products has.
type scan struct {
	dst, dots, scale, n Register
	index, found        GPVirtual // of the next product; of indices written
}

func beginScan(name string, floor VecVirtual) scan {
	TEXT(name, NOSPLIT, "func(dst *uint32, dots *int32, scale *float32, n int, floor float32) int")
	Pragma("noescape")
	s := scan{
		dst: Load(Param("dst"), GP64()), dots: Load(Param("dots"), GP64()), scale: Load(Param("scale"), GP64()),
		n: Load(Param("n"), GP64()), index: GP64(), found: GP64(),
	}
	argument, err := Param("floor").Resolve()
	if err != nil {
		log.Fatal(err)
	}
	VBROADCASTSS(argument.Addr, floor)
	XORL(s.index.As32(), s.index.As32())
	XORL(s.found.As32(), s.found.As32())
	return s
}

// product is the i-th vector from the index on, scaled.
func (s scan) product(i int, v VecVirtual) VecVirtual {
	at := i * int(v.Size())
	VCVTDQ2PS(Mem{Base: s.dots, Disp: at, Index: s.index, Scale: 4}, v)
	VMULPS(Mem{Base: s.scale, Disp: at, Index: s.index, Scale: 4}, v, v)
	return v
}

func (s scan) next(size int) {
	Label("next")
	ADDQ(U8(scanVectors*size/resultBytes), s.index)
	CMPQ(s.index, s.n)
	JNE(LabelRef("turn"))
	Store(s.found, ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// above8AVX512 packs the indices of a vector and writes it whole: there is room behind the last index found for as many
// products as were looked at.
func above8AVX512() {
	count := GLOBL("countTo16", RODATA|NOPTR)
	for i := range uint32(16) {
		DATA(4*int(i), U32(i))
	}
	floor := ZMM()
	s := beginScan("above8AVX512Turns", floor)
	counting := ZMM()
	VMOVDQU64(count, counting)

	Label("turn")
	var high [scanVectors]Register
	for i := range high {
		high[i] = K()
		VCMPPS(U8(atLeast), floor, s.product(i, ZMM()), high[i])
	}
	either, or := K(), K()
	KORW(high[0], high[1], either)
	KORW(high[2], high[3], or)
	KORTESTW(either, or)
	JZ(LabelRef("next"))
	for i, k := range high {
		indices, bits := ZMM(), GP32()
		VPBROADCASTD(s.index.As32(), indices)
		VPADDD(counting, indices, indices)
		VPCOMPRESSD_Z(indices, k, indices)
		VMOVDQU32(indices, Mem{Base: s.dst, Index: s.found, Scale: 4})
		KMOVW(k, bits)
		POPCNTL(bits, bits)
		ADDQ(bits.As64(), s.found)
		if i < len(high)-1 {
			ADDQ(U8(16), s.index)
		}
	}
	SUBQ(U8(16*(scanVectors-1)), s.index)
	s.next(zmmBytes)
}

// above8AVX2 writes the indices one by one.
func above8AVX2() {
	floor := YMM()
	s := beginScan("above8AVX2Turns", floor)

	Label("turn")
	var high [scanVectors]VecVirtual
	for i := range high {
		high[i] = s.product(i, YMM())
		VCMPPS(U8(atLeast), floor, high[i], high[i])
	}
	either, or, bits := YMM(), YMM(), GP32()
	VPOR(high[0], high[1], either)
	VPOR(high[2], high[3], or)
	VPOR(either, or, or)
	VMOVMSKPS(or, bits)
	TESTL(bits, bits)
	JZ(LabelRef("next"))
	VMOVMSKPS(high[scanVectors-1], bits)
	for i := scanVectors - 2; i >= 0; i-- {
		more := GP32()
		VMOVMSKPS(high[i], more)
		SHLL(U8(8), bits)
		ORL(more, bits)
	}
	Label("write")
	bit := GP32()
	TZCNTL(bits, bit)
	ADDL(s.index.As32(), bit)
	MOVL(bit, Mem{Base: s.dst, Index: s.found, Scale: 4})
	INCQ(s.found)
	BLSRL(bits, bits)
	JNZ(LabelRef("write"))
	s.next(ymmBytes)
}
