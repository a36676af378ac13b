//go:build !noasm

#include "textflag.h"
#include "int8_arm64.h"

// The arguments: the probe in R4 and its end in R5, four places of the gallery in R6 to R9, those of the results from R0 on,
// R3 bytes apart, and the number of turns in R2.
#define ARGUMENTS \
	MOVD  dst+0(FP), R0     \
	MOVD  gallery+8(FP), R6 \
	MOVD  n+16(FP), R2      \
	MOVD  stride+24(FP), R3 \
	MOVD  probe+32(FP), R4  \
	MOVD  dims+40(FP), R5   \
	MUL   R3, R5, R10       \
	ADD   R10, R6, R7       \
	ADD   R10, R7, R8       \
	ADD   R10, R8, R9       \
	ADD   R4, R5, R5        \
	LSL   $2, R3, R3        \
	VMOVI $128, V30.B16

#define CLEAR_SUMS \
	VEOR V16.B16, V16.B16, V16.B16 \
	VEOR V17.B16, V17.B16, V17.B16 \
	VEOR V18.B16, V18.B16, V18.B16 \
	VEOR V19.B16, V19.B16, V19.B16

// The totals of V16 to V19, one stored at each place of the results.
#define STORE_TOTALS \
	VADDP  V17.S4, V16.S4, V16.S4 \
	VADDP  V19.S4, V18.S4, V18.S4 \
	VADDP  V18.S4, V16.S4, V16.S4 \
	ADD    R3, R0, R11            \
	ADD    R3, R11, R12           \
	ADD    R3, R12, R13           \
	VMOV   V16.S[0], R14          \
	MOVW   R14, (R0)              \
	VMOV   V16.S[1], R14          \
	MOVW   R14, (R11)             \
	VMOV   V16.S[2], R14          \
	MOVW   R14, (R12)             \
	VMOV   V16.S[3], R14          \
	MOVW   R14, (R13)             \
	ADD    $4, R0, R0

// 64 bytes at PLACE, as signed elements in V4 to V7.
#define LOAD(PLACE) \
	VLD1.P 64(PLACE), [V4.B16, V5.B16, V6.B16, V7.B16] \
	VEOR   V30.B16, V4.B16, V4.B16                     \
	VEOR   V30.B16, V5.B16, V5.B16                     \
	VEOR   V30.B16, V6.B16, V6.B16                     \
	VEOR   V30.B16, V7.B16, V7.B16

#define MULTIPLY_SDOT(PLACE, SUM) \
	LOAD(PLACE)     \
	SDOT(0, 4, SUM) \
	SDOT(1, 5, SUM) \
	SDOT(2, 6, SUM) \
	SDOT(3, 7, SUM)

#define MULTIPLY_NEON(PLACE, SUM) \
	LOAD(PLACE)       \
	SMULL(0, 4, 20)   \
	SMULL2(0, 4, 21)  \
	SMULL(1, 5, 22)   \
	SMULL2(1, 5, 23)  \
	SADALP(20, SUM)   \
	SMULL(2, 6, 20)   \
	SADALP(21, SUM)   \
	SMULL2(2, 6, 21)  \
	SADALP(22, SUM)   \
	SMULL(3, 7, 22)   \
	SADALP(23, SUM)   \
	SMULL2(3, 7, 23)  \
	SADALP(20, SUM)   \
	SADALP(21, SUM)   \
	SADALP(22, SUM)   \
	SADALP(23, SUM)

// func dots8SDOTTurns(dst *int32, gallery *uint8, n, stride int, probe *int8, dims int)
TEXT ·dots8SDOTTurns(SB), NOSPLIT, $0-48
	ARGUMENTS

turn:
	CLEAR_SUMS
	MOVD R4, R1

step:
	VLD1.P 64(R1), [V0.B16, V1.B16, V2.B16, V3.B16]
	MULTIPLY_SDOT(R6, 16)
	MULTIPLY_SDOT(R7, 17)
	MULTIPLY_SDOT(R8, 18)
	MULTIPLY_SDOT(R9, 19)
	CMP    R5, R1
	BNE    step
	STORE_TOTALS
	SUBS   $1, R2, R2
	BNE    turn
	RET

// func dots8NEONTurns(dst *int32, gallery *uint8, n, stride int, probe *int8, dims int)
TEXT ·dots8NEONTurns(SB), NOSPLIT, $0-48
	ARGUMENTS

turn:
	CLEAR_SUMS
	MOVD R4, R1

step:
	VLD1.P 64(R1), [V0.B16, V1.B16, V2.B16, V3.B16]
	MULTIPLY_NEON(R6, 16)
	MULTIPLY_NEON(R7, 17)
	MULTIPLY_NEON(R8, 18)
	MULTIPLY_NEON(R9, 19)
	CMP    R5, R1
	BNE    step
	STORE_TOTALS
	SUBS   $1, R2, R2
	BNE    turn
	RET
