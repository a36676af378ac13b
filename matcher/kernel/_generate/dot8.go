package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

func dot8() {
	dot8VNNI()
	dot8AVX2()
}

// dot8VNNI multiplies a, lifted by 128 to unsigned bytes, and takes 128 times the sum of b away.
func dot8VNNI() {
	TEXT("dot8VNNIElements", NOSPLIT, "func(a, b *int8, n int) int32")
	Pragma("noescape")
	a, b, n := Load(Param("a"), GP64()), Load(Param("b"), GP64()), Load(Param("n"), GP64())
	lift := broadcast(word("lift128", 0x8080808080808080), ZMM)
	products, lifted := ZMM(), ZMM()
	for _, sum := range []VecVirtual{products, lifted} {
		VPXOR(sum.AsX(), sum.AsX(), sum.AsX())
	}
	multiply := func(x, y VecVirtual) {
		VPXORD(lift, x, x)
		VPDPBUSD(y, x, products)
		VPDPBUSD(y, lift, lifted)
	}

	Label("step")
	CMPQ(n, U8(zmmBytes))
	JLT(LabelRef("last"))
	x, y := ZMM(), ZMM()
	VMOVDQU64(Mem{Base: a}, x)
	VMOVDQU64(Mem{Base: b}, y)
	multiply(x, y)
	ADDQ(U8(zmmBytes), a)
	ADDQ(U8(zmmBytes), b)
	SUBQ(U8(zmmBytes), n)
	JMP(LabelRef("step"))

	Label("last")
	TESTQ(n, n)
	JZ(LabelRef("done"))
	bits, left := GP64(), K()
	MOVQ(I32(-1), bits)
	BZHIQ(n, bits, bits)
	KMOVQ(bits, left)
	VMOVDQU8_Z(Mem{Base: a}, left, x)
	VMOVDQU8_Z(Mem{Base: b}, left, y)
	multiply(x, y)
	Label("done")
	VPSUBD(lifted, products, products)
	storeTotal32(products)
	VZEROUPPER()
	RET()
}

// dot8AVX2 takes n elements, a multiple of 32, in 16 bits.
func dot8AVX2() {
	TEXT("dot8AVX2Elements", NOSPLIT, "func(a, b *int8, n int) int32")
	Pragma("noescape")
	a, b, n := Load(Param("a"), GP64()), Load(Param("b"), GP64()), Load(Param("n"), GP64())
	sums := [2]VecVirtual{YMM(), YMM()}
	for _, sum := range sums {
		VPXOR(sum, sum, sum)
	}
	Label("step")
	for i, sum := range sums {
		x, y := YMM(), YMM()
		VPMOVSXBW(Mem{Base: a, Disp: i * ymmBytes / 2}, x)
		VPMOVSXBW(Mem{Base: b, Disp: i * ymmBytes / 2}, y)
		VPMADDWD(x, y, y)
		VPADDD(y, sum, sum)
	}
	ADDQ(U8(ymmBytes), a)
	ADDQ(U8(ymmBytes), b)
	SUBQ(U8(ymmBytes), n)
	JNZ(LabelRef("step"))
	VPADDD(sums[1], sums[0], sums[0])
	storeTotal32(sums[0])
	VZEROUPPER()
	RET()
}

// storeTotal32 returns the sum of the elements of 32 bits.
func storeTotal32(sum VecVirtual) {
	Comment("Sum of elements")
	half, result := YMM(), GP32()
	if sum.Size() == zmmBytes {
		VEXTRACTI64X4(U8(1), sum, half)
		VPADDD(half, sum.AsY(), sum.AsY())
	}
	quarter, total := half.AsX(), sum.AsX()
	VEXTRACTI128(U8(1), sum.AsY(), quarter)
	VPADDD(quarter, total, total)
	VPSHUFD(U8(0x4e), total, quarter)
	VPADDD(quarter, total, total)
	VPSHUFD(U8(0xb1), total, quarter)
	VPADDD(quarter, total, total)
	VMOVD(total, result)
	Store(result, ReturnIndex(0))
}
