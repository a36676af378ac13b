package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

const (
	tapBytes   = 8
	tapWeight  = 4 // where it stands in a tap
	sumDropped = 8 // low bits of a sum that are no part of the pixel
)

// filterCell keeps the sums of two rows of a cell in each of two registers and takes one tap a turn.
func filterCell() {
	TEXT("filterCellAVX2Taps", NOSPLIT, "func(out, in *uint8, stride int, start uint16, taps *int32, n int)")
	Pragma("noescape")
	out := Load(Param("out"), GP64())
	in := Load(Param("in"), GP64())
	stride := Load(Param("stride"), GP64())
	start := Load(Param("start"), GP32())
	taps := Load(Param("taps"), GP64())
	n := Load(Param("n"), GP64())
	stride3 := GP64()
	LEAQ(Mem{Base: stride, Index: stride, Scale: 2}, stride3)
	upper, lower := XMM(), XMM()
	VMOVD(start.(GPVirtual).As32(), upper)
	VPBROADCASTW(upper, upper)
	VMOVDQA(upper, lower)

	Label("tap")
	at, weight := GP64(), XMM()
	MOVLQSX(Mem{Base: taps}, at)
	VPBROADCASTW(Mem{Base: taps, Disp: tapWeight}, weight)
	ADDQ(in, at)
	weighRows(upper, weight, Mem{Base: at}, Mem{Base: at, Index: stride, Scale: 1})
	weighRows(lower, weight, Mem{Base: at, Index: stride, Scale: 2}, Mem{Base: at, Index: stride3, Scale: 1})
	ADDQ(U8(tapBytes), taps)
	DECQ(n)
	JNZ(LabelRef("tap"))

	VPSRLW(U8(sumDropped), upper, upper)
	VPSRLW(U8(sumDropped), lower, lower)
	VMOVQ(upper, Mem{Base: out})
	VMOVHPS(upper, Mem{Base: out, Index: stride, Scale: 1})
	VMOVQ(lower, Mem{Base: out, Index: stride, Scale: 2})
	VMOVHPS(lower, Mem{Base: out, Index: stride3, Scale: 1})
	RET()
}

// weighRows adds the weighted pixels of two rows.
func weighRows(sums, weight VecVirtual, first, second Mem) {
	pixels := XMM()
	VMOVQ(first, pixels)
	VMOVHPS(second, pixels, pixels)
	VPMULLW(weight, pixels, pixels)
	VPADDW(pixels, sums, sums)
}
