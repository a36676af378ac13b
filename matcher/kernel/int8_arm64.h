// Instructions on vectors n and m that the assembler does not know.

// Four products each of signed bytes, added to the 32-bit elements of d: SDOT; with four bytes of m, at 4*i, for all: SDOT by
// element.
#define SDOT(m, n, d) WORD $(0x4e809400 | (m)<<16 | (n)<<5 | (d))
#define SDOT_AT(i, m, n, d) WORD $(0x4f80e000 | ((i)&1)<<21 | ((i)>>1)<<11 | (m)<<16 | (n)<<5 | (d))

// Products of the lower and of the upper 8 signed bytes, in 16 bits; pairs of these added to the 32-bit elements of d.
#define SMULL(m, n, d) WORD $(0x0e20c000 | (m)<<16 | (n)<<5 | (d))
#define SMULL2(m, n, d) WORD $(0x4e20c000 | (m)<<16 | (n)<<5 | (d))
#define SADALP(n, d) WORD $(0x4e606800 | (n)<<5 | (d))
