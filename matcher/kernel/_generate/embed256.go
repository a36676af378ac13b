package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

const (
	features   = 256
	termBytes  = 4             // U, V, A, weight
	rowBytes   = features      // phases of all features at one step
	tableBytes = 64 * rowBytes // phases at all steps of one coordinate
	accumulate = 4             // vectors of phases whose sums stay in registers
)

// foldMatrix adds bit 7 to every bit.
const foldMatrix = 0x8182848890a0c000

func embed256() {
	c := embedConstants{
		ones:    word("allOnes", 1<<64-1),
		matrix:  word("foldMatrix", foldMatrix),
		weights: word("weightBytes", 0x0703070307030703),
		bias:    word("bias64", 0x4040404040404040),
	}
	embed256Sums("embed256GFNISums", ZMM, c, c.foldByMatrix)
	embed256Sums("embed256AVX512Sums", ZMM, c, c.foldByMinimum)
	embed256Sums("embed256AVX2Sums", YMM, c, c.foldByMinimum)
}

type embedConstants struct{ ones, matrix, weights, bias Mem }

func word(name string, value uint64) Mem {
	data := GLOBL(name, RODATA|NOPTR)
	DATA(0, U64(value))
	return data
}

// foldByMatrix returns code for p ^ p>>7, which is linear over GF(2) in the bits of p.
func (c embedConstants) foldByMatrix(vector func() VecVirtual) func(phase VecVirtual) {
	matrix := broadcast(c.matrix, vector)
	return func(phase VecVirtual) { VGF2P8AFFINEQB(U8(0), matrix, phase, phase) }
}

// foldByMinimum returns code for the same as the lesser of p and 255-p.
func (c embedConstants) foldByMinimum(vector func() VecVirtual) func(phase VecVirtual) {
	ones := broadcast(c.ones, vector)
	return func(phase VecVirtual) {
		other := vector()
		VPSUBB(phase, ones, other)
		VPMINUB(other, phase, phase)
	}
}

func broadcast(word Mem, vector func() VecVirtual) VecVirtual {
	v := vector()
	VPBROADCASTQ(word, v)
	return v
}

// embed256Sums adds two terms a turn: their folded phases stand side by side in bytes, so that one instruction
// multiplies both by their weights and adds. The 64 that a wave is below its folded phase is left out of the sums; they
// are compared with 64 times the sum of weights. Unsigned, they fit in 16 bits: 63 x 8 x 127 = 64,008.
func embed256Sums(name string, vector func() VecVirtual, c embedConstants, prepareFold func(func() VecVirtual) func(VecVirtual)) {
	TEXT(name, NOSPLIT, "func(signature *uint64, terms *uint8, n int, phases *uint8)")
	Pragma("noescape")
	signature := Load(Param("signature"), GP64())
	terms := Load(Param("terms"), GP64())
	n := Load(Param("n"), GP64())
	phases := Load(Param("phases"), GP64())
	e := embedding{vector: vector, fold: prepareFold(vector), phases: phases}
	weightBytes, bias64 := broadcast(c.weights, vector), broadcast(c.bias, vector)
	size := int(vector().Size())
	passes := features / (accumulate * size)
	pass := GP64()
	if passes > 1 {
		MOVQ(U32(passes), pass)
		Label("pass")
	}
	term, left, pair := GP64(), GP64(), GP64()
	MOVQ(terms, term)
	MOVQ(n, left)
	e.clear()

	Label("turn")
	CMPQ(left, U8(2))
	JLT(LabelRef("last"))
	MOVQ(Mem{Base: term}, pair)
	Label("add")
	weights := vector()
	VMOVQ(pair, weights.AsX())
	VPBROADCASTQ(weights.AsX(), weights)
	VPSHUFB(weightBytes, weights, weights)
	e.addPair(pair, weights, bias64)
	ADDQ(U8(2*termBytes), term)
	SUBQ(U8(2), left)
	JGT(LabelRef("turn"))

	e.storeSigns(signature)
	if passes > 1 {
		ADDQ(U8(accumulate*size/8), signature)
		ADDQ(U32(accumulate*size), phases)
		DECQ(pass)
		JNZ(LabelRef("pass"))
	}
	VZEROUPPER()
	RET()

	Label("last")
	Comment("One term and one of weight 0 at the origin")
	MOVL(Mem{Base: term}, pair.As32())
	JMP(LabelRef("add"))
}

// embedding is the state of a pass: sums by 16 bits, those of the lower 8 features of each 16 in low.
type embedding struct {
	vector    func() VecVirtual
	fold      func(phase VecVirtual)
	phases    Register
	low, high [accumulate]VecVirtual
	bias      VecVirtual
}

func (e *embedding) clear() {
	e.bias = e.zero()
	for i := range e.low {
		e.low[i], e.high[i] = e.zero(), e.zero()
	}
}

func (e *embedding) zero() VecVirtual {
	v := e.vector()
	VPXOR(v.AsX(), v.AsX(), v.AsX())
	return v
}

// addPair adds two terms: those of the lower and the upper half of pair.
func (e *embedding) addPair(pair Register, weights, bias64 VecVirtual) {
	bias := e.vector()
	VPMADDUBSW(weights, bias64, bias)
	VPADDW(bias, e.bias, e.bias)
	first, second := e.rows(pair, 0), e.rows(pair, termBytes)
	for i := range accumulate {
		a, b, low := e.folded(first, i), e.folded(second, i), e.vector()
		VPUNPCKLBW(b, a, low)
		VPUNPCKHBW(b, a, a)
		VPMADDUBSW(weights, low, low)
		VPMADDUBSW(weights, a, a)
		VPADDW(low, e.low[i], e.low[i])
		VPADDW(a, e.high[i], e.high[i])
	}
}

// rows are the phases at the coordinates of the term at a byte of pair.
func (e *embedding) rows(pair Register, at int) (rows [3]Mem) {
	for i := range rows {
		offset := GP64()
		RORXQ(U8((8*(at+i)-8)&63), pair, offset)
		ANDL(U32(0xff00), offset.As32())
		rows[i] = Mem{Base: e.phases, Disp: i * tableBytes, Index: offset, Scale: 1}
	}
	return rows
}

// folded is one vector of folded phases.
func (e *embedding) folded(rows [3]Mem, i int) VecVirtual {
	phase := e.vector()
	at := i * int(phase.Size())
	if phase.Size() == zmmBytes {
		VMOVDQU64(rows[0].Offset(at), phase)
	} else {
		VMOVDQU(rows[0].Offset(at), phase)
	}
	VPADDB(rows[1].Offset(at), phase, phase)
	VPADDB(rows[2].Offset(at), phase, phase)
	e.fold(phase)
	return phase
}

// storeSigns writes the bits of sums above the bias: bias minus sum is below 0.
func (e *embedding) storeSigns(signature Register) {
	for i := range accumulate {
		VPSUBW(e.low[i], e.bias, e.low[i])
		VPSUBW(e.high[i], e.bias, e.high[i])
		VPACKSSWB(e.high[i], e.low[i], e.low[i])
		if e.low[i].Size() == zmmBytes {
			signs := K()
			VPMOVB2M(e.low[i], signs)
			KMOVQ(signs, Mem{Base: signature, Disp: 8 * i})
		} else {
			signs := GP32()
			VPMOVMSKB(e.low[i], signs)
			MOVL(signs, Mem{Base: signature, Disp: 4 * i})
		}
	}
}
