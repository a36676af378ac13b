//go:build !noasm

#include "textflag.h"

// The lower and the upper 8 bytes of vector n times those of m, added to the 16-bit elements of d: UMLAL and UMLAL2,
// which the assembler does not know.
#define UMLAL(m, n, d) WORD $(0x2e208000 | (m)<<16 | (n)<<5 | (d))
#define UMLAL2(m, n, d) WORD $(0x6e208000 | (m)<<16 | (n)<<5 | (d))

// The next 64 phases at U, V and A, whose rows R9 to R11 point at, added and folded (p ^ p>>7 is the lesser of p and
// 255-p), in V0 to V3.
#define FOLDED_PHASES \
	VLD1.P 64(R9), [V0.B16, V1.B16, V2.B16, V3.B16]  \
	VLD1.P 64(R10), [V4.B16, V5.B16, V6.B16, V7.B16] \
	VADD   V4.B16, V0.B16, V0.B16                    \
	VADD   V5.B16, V1.B16, V1.B16                    \
	VADD   V6.B16, V2.B16, V2.B16                    \
	VADD   V7.B16, V3.B16, V3.B16                    \
	VLD1.P 64(R11), [V4.B16, V5.B16, V6.B16, V7.B16] \
	VADD   V4.B16, V0.B16, V0.B16                    \
	VADD   V5.B16, V1.B16, V1.B16                    \
	VADD   V6.B16, V2.B16, V2.B16                    \
	VADD   V7.B16, V3.B16, V3.B16                    \
	VEOR   V30.B16, V0.B16, V4.B16                   \
	VEOR   V30.B16, V1.B16, V5.B16                   \
	VEOR   V30.B16, V2.B16, V6.B16                   \
	VEOR   V30.B16, V3.B16, V7.B16                   \
	VUMIN  V4.B16, V0.B16, V0.B16                    \
	VUMIN  V5.B16, V1.B16, V1.B16                    \
	VUMIN  V6.B16, V2.B16, V2.B16                    \
	VUMIN  V7.B16, V3.B16, V3.B16

// For the 16 sums in A and B, bytes whose one bit, the one of V29, is set where a sum is above the bias in V24: bias
// minus sum is below 0. They are left in A.
#define SIGNS(A, B) \
	VSUB   A.H8, V24.H8, A.H8     \
	VSUB   B.H8, V24.H8, B.H8     \
	VUZP2  B.B16, A.B16, A.B16    \
	VCMTST V28.B16, A.B16, A.B16  \
	VAND   V29.B16, A.B16, A.B16

#define CLEAR(A, B, C, D) \
	VEOR A.B16, A.B16, A.B16 \
	VEOR B.B16, B.B16, B.B16 \
	VEOR C.B16, C.B16, C.B16 \
	VEOR D.B16, D.B16, D.B16

// func embed256NEONSums(signature *uint64, terms *uint8, n int, phases *uint8)
//
// Two passes, of 128 features each, whose sums stay in V8 to V23. The 64 that a wave is below its folded phase is left
// out of the sums; they are compared with 64 times the sum of weights. Unsigned, they fit in 16 bits:
// 63 x 8 x 127 = 64,008.
TEXT ·embed256NEONSums(SB), NOSPLIT, $0-32
	MOVD  signature+0(FP), R0
	MOVD  terms+8(FP), R1
	MOVD  n+16(FP), R2
	MOVD  phases+24(FP), R3
	MOVD  $2, R4
	VMOVI $255, V30.B16
	VMOVI $128, V28.B16
	MOVD  $0x8040201008040201, R5
	VDUP  R5, V29.D2

pass:
	CLEAR(V8, V9, V10, V11)
	CLEAR(V12, V13, V14, V15)
	CLEAR(V16, V17, V18, V19)
	CLEAR(V20, V21, V22, V23)
	MOVD ZR, R5 // sum of weights
	MOVD R1, R6
	MOVD R2, R7

term:
	MOVBU.P 1(R6), R9
	MOVBU.P 1(R6), R10
	MOVBU.P 1(R6), R11
	MOVBU.P 1(R6), R12
	ADD     R9<<8, R3, R9
	ADD     R10<<8, R3, R10
	ADD     R11<<8, R3, R11
	ADD     $(64*256), R10, R10
	ADD     $(2*64*256), R11, R11
	ADD     R12, R5, R5
	VDUP    R12, V25.B16
	FOLDED_PHASES
	UMLAL(25, 0, 8)
	UMLAL2(25, 0, 9)
	UMLAL(25, 1, 10)
	UMLAL2(25, 1, 11)
	UMLAL(25, 2, 12)
	UMLAL2(25, 2, 13)
	UMLAL(25, 3, 14)
	UMLAL2(25, 3, 15)
	FOLDED_PHASES
	UMLAL(25, 0, 16)
	UMLAL2(25, 0, 17)
	UMLAL(25, 1, 18)
	UMLAL2(25, 1, 19)
	UMLAL(25, 2, 20)
	UMLAL2(25, 2, 21)
	UMLAL(25, 3, 22)
	UMLAL2(25, 3, 23)
	SUBS    $1, R7, R7
	BNE     term

	LSL  $6, R5, R5
	VDUP R5, V24.H8
	SIGNS(V8, V9)
	SIGNS(V10, V11)
	SIGNS(V12, V13)
	SIGNS(V14, V15)
	SIGNS(V16, V17)
	SIGNS(V18, V19)
	SIGNS(V20, V21)
	SIGNS(V22, V23)

	// Eight bytes of one bit each become one byte in three pairwise additions.
	VADDP  V10.B16, V8.B16, V8.B16
	VADDP  V14.B16, V12.B16, V12.B16
	VADDP  V18.B16, V16.B16, V16.B16
	VADDP  V22.B16, V20.B16, V20.B16
	VADDP  V12.B16, V8.B16, V8.B16
	VADDP  V20.B16, V16.B16, V16.B16
	VADDP  V16.B16, V8.B16, V8.B16
	VST1.P [V8.B16], 16(R0)

	ADD  $128, R3, R3
	SUBS $1, R4, R4
	BNE  pass
	RET
