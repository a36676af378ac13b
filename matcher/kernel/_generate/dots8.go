package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

const places8 = 4 // where a gallery is read side by side

func dots8() {
	dots8Turns("dots8VNNITurns", ZMM, func() func(probe Mem, vectors [places8]Mem, sums [places8]VecVirtual) {
		return multiplyVNNI
	})
	dots8Turns("dots8AVX2Turns", YMM, func() func(probe Mem, vectors [places8]Mem, sums [places8]VecVirtual) {
		return evenBytes().multiply
	})
}

// dots8Turns takes one vector at each of four places a turn: stride vectors lie between one place and the next. prepare
// sets up registers and returns what is done with one register of the probe and of each vector.
func dots8Turns(name string, vector func() VecVirtual, prepare func() func(probe Mem, vectors [places8]Mem, sums [places8]VecVirtual)) {
	TEXT(name, NOSPLIT, "func(dst *int32, gallery *uint8, n, stride int, probe *int8, dims int, offset int32)")
	Pragma("noescape")
	dst := Load(Param("dst"), GP64())
	gallery := Load(Param("gallery"), GP64())
	n := Load(Param("n"), GP64())
	stride := Load(Param("stride"), GP64())
	probe := Load(Param("probe"), GP64())
	dims := Load(Param("dims"), GP64())
	offset := XMM()
	VMOVD(Load(Param("offset"), GP32()), offset)
	VPBROADCASTD(offset, offset)
	multiply := prepare()
	step, step3, results, results3, at := GP64(), GP64(), GP64(), GP64(), GP64()
	MOVQ(stride, step)
	IMULQ(dims, step)
	LEAQ(Mem{Base: step, Index: step, Scale: 2}, step3)
	LEAQ(Mem{Base: stride, Index: stride, Scale: 2}, results3)
	SHLQ(U8(2), results3)
	MOVQ(stride, results)
	SHLQ(U8(2), results)
	vectors := [places8]Mem{{Base: gallery}, {Base: gallery, Index: step, Scale: 1}, {Base: gallery, Index: step, Scale: 2}, {Base: gallery, Index: step3, Scale: 1}}

	Label("turn")
	var sums [places8]VecVirtual
	for i := range sums {
		sums[i] = vector()
		VPXOR(sums[i].AsX(), sums[i].AsX(), sums[i].AsX())
	}
	XORL(at.As32(), at.As32())
	Label("step")
	size := int(sums[0].Size())
	multiply(Mem{Base: probe, Index: at, Scale: 1}, vectors, sums)
	ADDQ(U8(size), gallery)
	ADDQ(U8(size), at)
	CMPQ(at, dims)
	JNE(LabelRef("step"))

	totals := fourTotals(sums)
	VPSUBD(offset, totals, totals)
	VMOVD(totals, Mem{Base: dst})
	VPEXTRD(U8(1), totals, Mem{Base: dst, Index: results, Scale: 1})
	VPEXTRD(U8(2), totals, Mem{Base: dst, Index: results, Scale: 2})
	VPEXTRD(U8(3), totals, Mem{Base: dst, Index: results3, Scale: 1})
	ADDQ(U8(4), dst)
	DECQ(n)
	JNZ(LabelRef("turn"))
	VZEROUPPER()
	RET()
}

// multiplyVNNI: VPDPBUSD multiplies unsigned bytes by signed ones and adds four products to a sum, exactly.
func multiplyVNNI(probe Mem, vectors [places8]Mem, sums [places8]VecVirtual) {
	elements := ZMM()
	VMOVDQU64(probe, elements)
	for i, v := range vectors {
		bytes := ZMM()
		VMOVDQU64(v, bytes)
		VPDPBUSD(elements, bytes, sums[i])
	}
}

// widening splits vectors of bytes into the even and the odd ones, 16 bits each.
type widening struct{ mask VecVirtual }

func evenBytes() widening {
	w := widening{YMM()}
	VPCMPEQD(w.mask, w.mask, w.mask)
	VPSRLW(U8(8), w.mask, w.mask)
	return w
}

// multiply widens, for VPMADDUBSW on bytes would saturate.
func (w widening) multiply(probe Mem, vectors [places8]Mem, sums [places8]VecVirtual) {
	even, odd := YMM(), YMM()
	VMOVDQU(probe, odd)
	VPSLLW(U8(8), odd, even)
	VPSRAW(U8(8), even, even)
	VPSRAW(U8(8), odd, odd)
	for i, v := range vectors {
		low, high := YMM(), YMM()
		VMOVDQU(v, high)
		VPAND(w.mask, high, low)
		VPSRLW(U8(8), high, high)
		VPMADDWD(even, low, low)
		VPMADDWD(odd, high, high)
		VPADDD(low, sums[i], sums[i])
		VPADDD(high, sums[i], sums[i])
	}
}

// fourTotals are the sums of the elements of four vectors.
func fourTotals(v [4]VecVirtual) VecVirtual {
	Comment("The total of each of four sums")
	a, b := pairSums(v[0], v[1]), pairSums(v[2], v[3])
	low := sameSize(a)
	VPUNPCKLQDQ(b, a, low)
	VPUNPCKHQDQ(b, a, a)
	VPADDD(low, a, a)
	if a.Size() == zmmBytes {
		half := YMM()
		VEXTRACTI64X4(U8(1), a, half)
		VPADDD(half, a.AsY(), a.AsY())
	}
	quarter := XMM()
	VEXTRACTI128(U8(1), a.AsY(), quarter)
	VPADDD(quarter, a.AsX(), a.AsX())
	return a.AsX().(VecVirtual)
}

// pairSums has elements of a and b in turn, each the sum of two.
func pairSums(a, b VecVirtual) VecVirtual {
	low, high := sameSize(a), sameSize(a)
	VPUNPCKLDQ(b, a, low)
	VPUNPCKHDQ(b, a, high)
	VPADDD(low, high, high)
	return high
}

func sameSize(v VecVirtual) VecVirtual {
	if v.Size() == zmmBytes {
		return ZMM()
	}
	return YMM()
}
