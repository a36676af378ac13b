//go:build !noasm

#include "textflag.h"

// Bits by byte in which word w of a reference, in vector R, differs from that word of 8 lanes, added to V20 to V23.
#define ADD_WORD(R) \
	VLD1.P 64(R6), [V4.B16, V5.B16, V6.B16, V7.B16] \
	VEOR   R, V4.B16, V4.B16                        \
	VEOR   R, V5.B16, V5.B16                        \
	VEOR   R, V6.B16, V6.B16                        \
	VEOR   R, V7.B16, V7.B16                        \
	VCNT   V4.B16, V4.B16                           \
	VCNT   V5.B16, V5.B16                           \
	VCNT   V6.B16, V6.B16                           \
	VCNT   V7.B16, V7.B16                           \
	VADD   V4.B16, V20.B16, V20.B16                 \
	VADD   V5.B16, V21.B16, V21.B16                 \
	VADD   V6.B16, V22.B16, V22.B16                 \
	VADD   V7.B16, V23.B16, V23.B16

// The lesser of each element and the one STEP bytes further on.
#define FOLD(STEP) \
	VEXT  $STEP, V24.B16, V24.B16, V4.B16 \
	VUMIN V4.H8, V24.H8, V24.H8

// func nearest256NEONTurns(dst *uint32, refs *uint64, n int, words *uint64, tags *uint16, groups int)
//
// One reference a turn. Its 8 distances to a group are 16-bit elements in the order of the lanes, so that a key
// (distance << 7 | lane) takes 16 bits and one vector holds a group.
TEXT ·nearest256NEONTurns(SB), NOSPLIT, $0-48
	MOVD dst+0(FP), R0
	MOVD refs+8(FP), R1
	MOVD n+16(FP), R2
	MOVD words+24(FP), R3
	MOVD tags+32(FP), R4
	MOVD groups+40(FP), R5
	VMOVI $255, V30.B16
	VUSHR $8, V30.H8, V31.H8 // the low byte of each 16-bit element

reference:
	VLD4R.P 32(R1), [V0.D2, V1.D2, V2.D2, V3.D2] // one word of the reference in each, twice
	VORR    V30.B16, V30.B16, V24.B16            // nearest so far: above every key
	MOVD    R3, R6
	MOVD    R4, R7
	MOVD    R5, R8

group:
	VEOR V20.B16, V20.B16, V20.B16
	VEOR V21.B16, V21.B16, V21.B16
	VEOR V22.B16, V22.B16, V22.B16
	VEOR V23.B16, V23.B16, V23.B16
	ADD_WORD(V0.B16)
	ADD_WORD(V1.B16)
	ADD_WORD(V2.B16)
	ADD_WORD(V3.B16)

	// Each byte counts 32 at most, and a lane has 8: two pairwise additions leave 2 of 128 at most, and these are
	// added in 16 bits, for they may make 256.
	VADDP V21.B16, V20.B16, V20.B16
	VADDP V23.B16, V22.B16, V22.B16
	VADDP V22.B16, V20.B16, V20.B16
	VAND  V31.B16, V20.B16, V21.B16
	VUSRA $8, V20.H8, V21.H8

	VLD1.P 16(R7), [V22.H8]
	VSHL   $7, V21.H8, V21.H8
	VORR   V22.B16, V21.B16, V21.B16
	VUMIN  V21.H8, V24.H8, V24.H8
	SUBS   $1, R8, R8
	BNE    group

	FOLD(8)
	FOLD(4)
	FOLD(2)
	VMOV   V24.H[0], R9
	AND    $0xff80, R9, R10
	ADD    R10, R9, R9 // the distance moved up one bit
	MOVW.P R9, 4(R0)
	SUBS   $1, R2, R2
	BNE    reference
	RET
