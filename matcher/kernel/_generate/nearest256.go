package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

const (
	signatureBytes = 32
	wordBytes      = 8
	ymmBytes       = 32
	zmmBytes       = 64
	laneBits       = 7 // a key is distance<<laneBits | lane, in 16 bits
	keyBits        = 16
	or3            = 0xfe // truth table of a|b|c
	allOnes        = 0xff // truth table of true
)

func nearest256() {
	nearest256AVX2()
	for groups := 1; groups <= 4; groups++ {
		nearest256AVX512(groups)
	}
}

// nearest256AVX512 takes four references a turn. The probe stays in registers, one for each group and word. The four
// distances of a lane become 16-bit keys in one 64-bit element, so that one minimum serves four references.
func nearest256AVX512(groups int) {
	TEXT(fmt.Sprintf("nearest256AVX512x%d", groups), NOSPLIT, "func(dst *uint32, refs *uint64, n int, words, tags *uint64)")
	Pragma("noescape")
	dst := Load(Param("dst"), GP64())
	refs := Load(Param("refs"), GP64())
	n := Load(Param("n"), GP64())
	probe, tags := loadProbe(groups)
	highBits := XMM()
	VPTERNLOGD(U8(allOnes), highBits, highBits, highBits)
	VPSLLD(U8(laneBits), highBits, highBits)

	Label(fmt.Sprintf("turn%d", groups))
	var nearest VecVirtual
	for g := range groups {
		Comment(fmt.Sprintf("Group %d", g))
		keys := groupKeys(refs, probe[g], tags[g])
		if g == 0 {
			nearest = keys
		} else {
			VPMINUW(keys, nearest, nearest)
		}
	}
	storeNearest(dst, nearest, highBits)
	ADDQ(U8(4*signatureBytes), refs)
	ADDQ(U8(4*4), dst)
	SUBQ(U8(4), n)
	JNZ(LabelRef(fmt.Sprintf("turn%d", groups)))
	VZEROUPPER()
	RET()
}

func loadProbe(groups int) (probe [4][4]VecVirtual, tags [4]VecVirtual) {
	wordsPtr := Load(Param("words"), GP64())
	tagsPtr := Load(Param("tags"), GP64())
	for g := range groups {
		for w := range 4 {
			probe[g][w] = ZMM()
			VMOVDQU64(Mem{Base: wordsPtr, Disp: (4*g + w) * zmmBytes}, probe[g][w])
		}
		tags[g] = ZMM()
		VMOVDQU64(Mem{Base: tagsPtr, Disp: g * zmmBytes}, tags[g])
	}
	return probe, tags
}

// groupKeys is, for the 8 lanes of a group, four 16-bit keys: one a reference.
func groupKeys(refs Register, probe [4]VecVirtual, tags VecVirtual) VecVirtual {
	var keys [4]VecVirtual
	for r := range keys {
		keys[r] = distance(Mem{Base: refs, Disp: r * signatureBytes}, probe)
		VPSLLQ(U8(laneBits+keyBits*r), keys[r], keys[r])
	}
	VPTERNLOGQ(U8(or3), keys[1], keys[2], keys[0])
	VPTERNLOGQ(U8(or3), keys[3], tags, keys[0])
	return keys[0]
}

// distance is the number of bits in which a reference differs from 8 lanes.
func distance(reference Mem, probe [4]VecVirtual) VecVirtual {
	var sum [4]VecVirtual
	for w := range sum {
		sum[w] = ZMM()
		VPXORQ_BCST(reference.Offset(w*wordBytes), probe[w], sum[w])
		VPOPCNTQ(sum[w], sum[w])
	}
	VPADDQ(sum[1], sum[0], sum[0])
	VPADDQ(sum[3], sum[2], sum[2])
	VPADDQ(sum[2], sum[0], sum[0])
	return sum[0]
}

// storeNearest writes the least of the 8 keys of each of four references, the distance moved up one bit.
func storeNearest(dst Register, keys VecVirtual, highBits VecVirtual) {
	Comment("The least of 8 lanes")
	half := YMM()
	VEXTRACTI64X4(U8(1), keys, half)
	VPMINUW(half, keys.AsY(), half)
	least, other := half.AsX(), XMM()
	VEXTRACTI32X4(U8(1), half, other)
	VPMINUW(other, least, least)
	VPSHUFD(U8(0x4e), least, other)
	VPMINUW(other, least, least)
	VPMOVZXWD(least, least)
	VPANDD(highBits, least, other)
	VPADDD(other, least, least)
	VMOVDQU32(least, Mem{Base: dst})
}

// nearest256AVX2 takes one reference a turn and counts bits by table: the probe comes as nibbles, four of the low ones
// for each four of the high ones, so that the difference of two nibbles is an index of the table at once.
func nearest256AVX2() {
	TEXT("nearest256AVX2Turns", NOSPLIT, "func(dst *uint32, refs *uint64, n int, nibbles, tags *uint64, groups int)")
	Pragma("noescape")
	dst := Load(Param("dst"), GP64())
	refs := Load(Param("refs"), GP64())
	n := Load(Param("n"), GP64())
	nibbles := Load(Param("nibbles"), GP64())
	tags := Load(Param("tags"), GP64())
	groups := Load(Param("groups"), GP64())
	t := countTable()

	Label("reference")
	var low, high [4]VecVirtual
	for w := range low {
		low[w], high[w] = YMM(), YMM()
		VPBROADCASTQ(Mem{Base: refs, Disp: w * wordBytes}, low[w])
		VPSRLW(U8(4), low[w], high[w])
		VPAND(t.mask, low[w], low[w])
		VPAND(t.mask, high[w], high[w])
	}
	nearest, nibble, tag, left := YMM(), GP64(), GP64(), GP64()
	VPCMPEQD(nearest, nearest, nearest)
	MOVQ(nibbles, nibble)
	MOVQ(tags, tag)
	MOVQ(groups, left)

	Label("group")
	for half := range 2 {
		sum := t.distance(nibble, half*ymmBytes, low, high)
		VPSADBW(t.zero, sum, sum)
		VPSLLQ(U8(laneBits), sum, sum)
		VPOR(Mem{Base: tag, Disp: half * ymmBytes}, sum, sum)
		VPMINUW(sum, nearest, nearest)
	}
	ADDQ(U32(4*2*zmmBytes), nibble)
	ADDQ(U8(zmmBytes), tag)
	DECQ(left)
	JNZ(LabelRef("group"))

	storeNearestOne(dst, nearest)
	ADDQ(U8(signatureBytes), refs)
	ADDQ(U8(4), dst)
	DECQ(n)
	JNZ(LabelRef("reference"))
	VZEROUPPER()
	RET()
}

type table struct{ counts, mask, zero VecVirtual }

// countTable has the number of ones of each nibble.
func countTable() table {
	counts := GLOBL("nibbleOnes", RODATA|NOPTR)
	DATA(0, U64(0x0302020102010100))
	DATA(8, U64(0x0403030203020201))
	nibble := GLOBL("nibbleMask", RODATA|NOPTR)
	DATA(0, U64(0x0f0f0f0f0f0f0f0f))
	t := table{YMM(), YMM(), YMM()}
	VBROADCASTI128(counts, t.counts)
	VPBROADCASTQ(nibble, t.mask)
	VPXOR(t.zero, t.zero, t.zero)
	return t
}

// distance is the number of bits by byte in which a reference differs from 4 lanes.
func (t table) distance(nibbles Register, half int, low, high [4]VecVirtual) VecVirtual {
	sum := YMM()
	for w := range 4 {
		for i, reference := range []VecVirtual{low[w], high[w]} {
			ones := YMM()
			VPXOR(Mem{Base: nibbles, Disp: (2*w+i)*zmmBytes + half}, reference, ones)
			VPSHUFB(ones, t.counts, ones)
			if w+i == 0 {
				sum = ones
			} else {
				VPADDB(ones, sum, sum)
			}
		}
	}
	return sum
}

// storeNearestOne writes the least of 4 keys that stand in the low 16 bits of each 64, the distance moved up one bit.
func storeNearestOne(dst Register, keys VecVirtual) {
	Comment("The least of 4 lanes")
	other, key, distance := XMM(), GP32(), GP32()
	VEXTRACTI128(U8(1), keys, other)
	VPMINUW(other, keys.AsX(), keys.AsX())
	VPSHUFD(U8(0x4e), keys.AsX(), other)
	VPMINUW(other, keys.AsX(), keys.AsX())
	VMOVD(keys.AsX(), key)
	MOVWLZX(key.As16(), key)
	MOVL(key, distance)
	ANDL(U32(1<<keyBits-1<<laneBits&(1<<keyBits-1)), distance)
	ADDL(distance, key)
	MOVL(key, Mem{Base: dst})
}
