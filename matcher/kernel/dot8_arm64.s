//go:build !noasm

#include "textflag.h"
#include "int8_arm64.h"

#define CLEAR4(A, B, C, D) \
	VEOR A.B16, A.B16, A.B16 \
	VEOR B.B16, B.B16, B.B16 \
	VEOR C.B16, C.B16, C.B16 \
	VEOR D.B16, D.B16, D.B16

// The sum of V16 to V19, in R0.
#define TOTAL \
	VADD  V17.S4, V16.S4, V16.S4 \
	VADD  V19.S4, V18.S4, V18.S4 \
	VADD  V18.S4, V16.S4, V16.S4 \
	VADDV V16.S4, V16            \
	VMOV  V16.S[0], R0

// func dot8SDOTElements(a, b *int8, n int) int32
TEXT ·dot8SDOTElements(SB), NOSPLIT, $0-28
	MOVD a+0(FP), R0
	MOVD b+8(FP), R1
	MOVD n+16(FP), R2
	CLEAR4(V16, V17, V18, V19)

step:
	VLD1.P 64(R0), [V0.B16, V1.B16, V2.B16, V3.B16]
	VLD1.P 64(R1), [V4.B16, V5.B16, V6.B16, V7.B16]
	SDOT(4, 0, 16)
	SDOT(5, 1, 17)
	SDOT(6, 2, 18)
	SDOT(7, 3, 19)
	SUBS   $64, R2, R2
	BNE    step
	TOTAL
	MOVW R0, ret+24(FP)
	RET

// func dot8NEONElements(a, b *int8, n int) int32
TEXT ·dot8NEONElements(SB), NOSPLIT, $0-28
	MOVD a+0(FP), R0
	MOVD b+8(FP), R1
	MOVD n+16(FP), R2
	CLEAR4(V16, V17, V18, V19)

step:
	VLD1.P 32(R0), [V0.B16, V1.B16]
	VLD1.P 32(R1), [V4.B16, V5.B16]
	SMULL(4, 0, 20)
	SMULL2(4, 0, 21)
	SMULL(5, 1, 22)
	SMULL2(5, 1, 23)
	SADALP(20, 16)
	SADALP(21, 17)
	SADALP(22, 18)
	SADALP(23, 19)
	SUBS   $32, R2, R2
	BNE    step
	TOTAL
	MOVW R0, ret+24(FP)
	RET
