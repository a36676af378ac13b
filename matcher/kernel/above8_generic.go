package kernel

func above8GenericRow() row[above8Func] { return row[above8Func]{"generic", true, above8Generic} }

func above8Generic(dst []uint32, dots []int32, scale []float32, floor float32) int {
	n := 0
	for i, d := range dots {
		if float32(d)*scale[i] >= floor {
			dst[n] = uint32(i)
			n++
		}
	}
	return n
}
