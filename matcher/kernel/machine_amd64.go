//go:build !noasm

package kernel

import "golang.org/x/sys/cpu"

func readSumRows() []row[sumFunc] {
	return []row[sumFunc]{
		{"avx512", cpu.X86.HasAVX512F, readSumAVX512},
		{"avx2", cpu.X86.HasAVX2, readSumAVX2},
		readSumGenericRow(),
	}
}

func countOnesRows() []row[sumFunc] {
	return []row[sumFunc]{
		{"avx512", cpu.X86.HasAVX512F && cpu.X86.HasAVX512VPOPCNTDQ, countOnesAVX512},
		{"avx2", cpu.X86.HasAVX2, countOnesAVX2},
		countOnesGenericRow(),
	}
}

func multiplyAddsRows() []row[multiplyAddsFunc] {
	return []row[multiplyAddsFunc]{
		{"avx512vnni", hasVNNI(), multiplyAddsVNNI},
		{"avx2", cpu.X86.HasAVX2, multiplyAddsAVX2},
		multiplyAddsGenericRow(),
	}
}

func multiplyAddsVNNI(n int) int32 {
	if n == 0 {
		return 0
	}
	return multiplyAddsVNNITurns(n)
}

func multiplyAddsAVX2(n int) int32 {
	if n == 0 {
		return 0
	}
	return multiplyAddsAVX2Turns(n)
}

func readSumAVX512(data []uint64) uint64 { return byLines(data, readSumAVX512Lines, readSumGeneric) }

func readSumAVX2(data []uint64) uint64 { return byLines(data, readSumAVX2Lines, readSumGeneric) }

func countOnesAVX512(data []uint64) uint64 {
	return byLines(data, countOnesAVX512Lines, countOnesGeneric)
}

func countOnesAVX2(data []uint64) uint64 { return byLines(data, countOnesAVX2Lines, countOnesGeneric) }

// byLines leaves to the assembly what divides into four streams of lines of 8 words.
func byLines(data []uint64, lines func(data *uint64, n int) uint64, rest sumFunc) uint64 {
	n := len(data) / (4 * 8)
	if n == 0 {
		return rest(data)
	}
	return lines(&data[0], n) + rest(data[4*8*n:])
}

// The assembly takes n lines above 0 of each quarter of 32*n words.

//go:noescape
func readSumAVX512Lines(data *uint64, n int) uint64

//go:noescape
func readSumAVX2Lines(data *uint64, n int) uint64

//go:noescape
func countOnesAVX512Lines(data *uint64, n int) uint64

//go:noescape
func countOnesAVX2Lines(data *uint64, n int) uint64

// These take n turns above 0.

func multiplyAddsVNNITurns(n int) int32

func multiplyAddsAVX2Turns(n int) int32
