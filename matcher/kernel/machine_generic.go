package kernel

import "math/bits"

func readSumGenericRow() row[sumFunc] { return row[sumFunc]{"generic", true, readSumGeneric} }

func countOnesGenericRow() row[sumFunc] { return row[sumFunc]{"generic", true, countOnesGeneric} }

func multiplyAddsGenericRow() row[multiplyAddsFunc] {
	return row[multiplyAddsFunc]{"generic", true, multiplyAddsGeneric}
}

func multiplyAddsGeneric(n int) int32 {
	var threes [8]uint8
	var fives [8]int8
	for i := range threes {
		threes[i], fives[i] = 3, 5
	}
	var s0, s1, s2, s3 int32
	for range 1024 / 8 * n { // as in dot8Generic
		s0 += int32(threes[0])*int32(fives[0]) + int32(threes[4])*int32(fives[4])
		s1 += int32(threes[1])*int32(fives[1]) + int32(threes[5])*int32(fives[5])
		s2 += int32(threes[2])*int32(fives[2]) + int32(threes[6])*int32(fives[6])
		s3 += int32(threes[3])*int32(fives[3]) + int32(threes[7])*int32(fives[7])
	}
	return s0 + s1 + s2 + s3
}

func readSumGeneric(data []uint64) uint64 {
	var s0, s1, s2, s3 uint64
	n := len(data) / 4
	a, b, c, d := data[:n], data[n:][:n], data[2*n:][:n], data[3*n:][:n]
	for i := range a {
		s0 += a[i]
		s1 += b[i]
		s2 += c[i]
		s3 += d[i]
	}
	for _, v := range data[4*n:] {
		s0 += v
	}
	return s0 + s1 + s2 + s3
}

func countOnesGeneric(data []uint64) uint64 {
	var s0, s1, s2, s3 int
	for len(data) >= 4 {
		v := (*[4]uint64)(data)
		s0 += bits.OnesCount64(v[0])
		s1 += bits.OnesCount64(v[1])
		s2 += bits.OnesCount64(v[2])
		s3 += bits.OnesCount64(v[3])
		data = data[4:]
	}
	for _, v := range data {
		s0 += bits.OnesCount64(v)
	}
	return uint64(s0 + s1 + s2 + s3)
}
