//go:build !noasm

#include "textflag.h"
#include "int8_arm64.h"

#define CLEAR(A, B, C, D) \
	VEOR A.B16, A.B16, A.B16 \
	VEOR B.B16, B.B16, B.B16 \
	VEOR C.B16, C.B16, C.B16 \
	VEOR D.B16, D.B16, D.B16

// 16 instructions of 16 products each, for 16 sums, so that none waits for the one before.
#define SUMS \
	SDOT(0, 1, 16) \
	SDOT(0, 1, 17) \
	SDOT(0, 1, 18) \
	SDOT(0, 1, 19) \
	SDOT(0, 1, 20) \
	SDOT(0, 1, 21) \
	SDOT(0, 1, 22) \
	SDOT(0, 1, 23) \
	SDOT(0, 1, 24) \
	SDOT(0, 1, 25) \
	SDOT(0, 1, 26) \
	SDOT(0, 1, 27) \
	SDOT(0, 1, 28) \
	SDOT(0, 1, 29) \
	SDOT(0, 1, 30) \
	SDOT(0, 1, 31)

#define ADD_FOUR(A, B, C, D) \
	VADD B.S4, A.S4, A.S4 \
	VADD D.S4, C.S4, C.S4 \
	VADD C.S4, A.S4, A.S4

// func multiplyAddsSDOTTurns(n int) int32
TEXT ·multiplyAddsSDOTTurns(SB), NOSPLIT, $0-12
	MOVD  n+0(FP), R0
	VMOVI $3, V0.B16
	VMOVI $5, V1.B16
	CLEAR(V16, V17, V18, V19)
	CLEAR(V20, V21, V22, V23)
	CLEAR(V24, V25, V26, V27)
	CLEAR(V28, V29, V30, V31)

turn:
	SUMS
	SUMS
	SUMS
	SUMS
	SUBS  $1, R0, R0
	BNE   turn
	ADD_FOUR(V16, V17, V18, V19)
	ADD_FOUR(V20, V21, V22, V23)
	ADD_FOUR(V24, V25, V26, V27)
	ADD_FOUR(V28, V29, V30, V31)
	ADD_FOUR(V16, V20, V24, V28)
	VADDV V16.S4, V16
	VMOV  V16.S[0], R0
	MOVW  R0, ret+8(FP)
	RET
