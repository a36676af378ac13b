//go:build !noasm

#include "textflag.h"

// What the assembler does not know, on vectors of four elements: the integers of n as floats, products of floats, all ones where
// n is at least m; and the nibbles 4 to 7 of each 16-bit element of n, in 8 bytes.
#define SCVTF(n, d) WORD $(0x4e21d800 | (n)<<5 | (d))
#define FMUL(m, n, d) WORD $(0x6e20dc00 | (m)<<16 | (n)<<5 | (d))
#define FCMGE(m, n, d) WORD $(0x6e20e400 | (m)<<16 | (n)<<5 | (d))
#define SHRN4(n, d) WORD $(0x0f0c8400 | (n)<<5 | (d))

#define COMPARE(dot, scale) \
	SCVTF(dot, dot)       \
	FMUL(scale, dot, dot) \
	FCMGE(16, dot, dot)

// func above8NEONTurns(dst *uint32, dots *int32, scale *float32, n int, floor float32) int
//
// 16 products a turn.
TEXT ·above8NEONTurns(SB), NOSPLIT, $0-48
	MOVD  dst+0(FP), R0
	MOVD  dots+8(FP), R1
	MOVD  scale+16(FP), R2
	MOVD  n+24(FP), R3
	MOVWU floor+32(FP), R4
	VDUP  R4, V16.S4
	MOVD  $0x1111111111111111, R5
	MOVD  R0, R6  // where the next index goes
	MOVD  ZR, R7  // index of the first product of the turn

turn:
	VLD1.P 64(R1), [V0.S4, V1.S4, V2.S4, V3.S4]
	VLD1.P 64(R2), [V4.S4, V5.S4, V6.S4, V7.S4]
	COMPARE(0, 4)
	COMPARE(1, 5)
	COMPARE(2, 6)
	COMPARE(3, 7)
	VUZP1  V1.H8, V0.H8, V0.H8
	VUZP1  V3.H8, V2.H8, V2.H8
	VUZP1  V2.B16, V0.B16, V0.B16
	SHRN4(0, 0)
	VMOV   V0.D[0], R8
	ANDS   R5, R8, R8 // one bit for each product
	BEQ    next

write:
	RBIT   R8, R9
	CLZ    R9, R9
	ADD    R9>>2, R7, R9
	MOVW.P R9, 4(R6)
	SUB    $1, R8, R9
	ANDS   R9, R8, R8
	BNE    write

next:
	ADD  $16, R7, R7
	CMP  R3, R7
	BNE  turn
	SUB  R0, R6, R6
	LSR  $2, R6, R6
	MOVD R6, ret+40(FP)
	RET
