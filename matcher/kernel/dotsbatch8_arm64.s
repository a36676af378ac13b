//go:build !noasm

#include "textflag.h"
#include "int8_arm64.h"

// The next four elements of 16 probes with elements 4*i to 4*i+3 of each vector in V0 to V3, added to V16 to V31: 16 lanes of
// one vector, then of the next.
#define QUAD(i) \
	VLD1.P 64(R8), [V4.B16, V5.B16, V6.B16, V7.B16] \
	SDOT_AT(i, 0, 4, 16) \
	SDOT_AT(i, 1, 4, 20) \
	SDOT_AT(i, 2, 4, 24) \
	SDOT_AT(i, 3, 4, 28) \
	SDOT_AT(i, 0, 5, 17) \
	SDOT_AT(i, 1, 5, 21) \
	SDOT_AT(i, 2, 5, 25) \
	SDOT_AT(i, 3, 5, 29) \
	SDOT_AT(i, 0, 6, 18) \
	SDOT_AT(i, 1, 6, 22) \
	SDOT_AT(i, 2, 6, 26) \
	SDOT_AT(i, 3, 6, 30) \
	SDOT_AT(i, 0, 7, 19) \
	SDOT_AT(i, 1, 7, 23) \
	SDOT_AT(i, 2, 7, 27) \
	SDOT_AT(i, 3, 7, 31)

#define STORE(RESULTS) \
	MOVD.P 8(R14), R15        \
	ADD    R0, R15, R15       \
	VST1   [RESULTS.S4], (R15)

// The results of four lanes, a vector in each of A to D, stored for four rows.
#define STORE_LANES(A, B, C, D) \
	VTRN1 B.S4, A.S4, V0.S4   \
	VTRN2 B.S4, A.S4, V1.S4   \
	VTRN1 D.S4, C.S4, V2.S4   \
	VTRN2 D.S4, C.S4, V3.S4   \
	VZIP1 V2.D2, V0.D2, V4.D2 \
	VZIP1 V3.D2, V1.D2, V5.D2 \
	VZIP2 V2.D2, V0.D2, V6.D2 \
	VZIP2 V3.D2, V1.D2, V7.D2 \
	STORE(V4)                 \
	STORE(V5)                 \
	STORE(V6)                 \
	STORE(V7)

#define CLEAR(A, B, C, D) \
	VEOR A.B16, A.B16, A.B16 \
	VEOR B.B16, B.B16, B.B16 \
	VEOR C.B16, C.B16, C.B16 \
	VEOR D.B16, D.B16, D.B16

// func dotsBatch8SDOTx16(dst *int32, rows *int, gallery *uint8, n, dims int, probes *int8)
//
// Four vectors a tile, in R9 to R12.
TEXT ·dotsBatch8SDOTx16(SB), NOSPLIT, $0-48
	MOVD  dst+0(FP), R0
	MOVD  rows+8(FP), R1
	MOVD  gallery+16(FP), R9
	MOVD  n+24(FP), R3
	MOVD  dims+32(FP), R4
	MOVD  probes+40(FP), R5
	VMOVI $128, V8.B16

tile:
	CLEAR(V16, V17, V18, V19)
	CLEAR(V20, V21, V22, V23)
	CLEAR(V24, V25, V26, V27)
	CLEAR(V28, V29, V30, V31)
	ADD  R4, R9, R10
	ADD  R4, R10, R11
	ADD  R4, R11, R12
	MOVD R5, R8
	MOVD R4, R7

step:
	VLD1.P 16(R9), [V0.B16]
	VLD1.P 16(R10), [V1.B16]
	VLD1.P 16(R11), [V2.B16]
	VLD1.P 16(R12), [V3.B16]
	VEOR   V8.B16, V0.B16, V0.B16
	VEOR   V8.B16, V1.B16, V1.B16
	VEOR   V8.B16, V2.B16, V2.B16
	VEOR   V8.B16, V3.B16, V3.B16
	QUAD(0)
	QUAD(1)
	QUAD(2)
	QUAD(3)
	SUBS   $16, R7, R7
	BNE    step

	MOVD R1, R14
	STORE_LANES(V16, V20, V24, V28)
	STORE_LANES(V17, V21, V25, V29)
	STORE_LANES(V18, V22, V26, V30)
	STORE_LANES(V19, V23, V27, V31)
	MOVD R12, R9
	ADD  $16, R0, R0
	SUBS $4, R3, R3
	BNE  tile
	RET
