package kernel

func above8GenericRow() row[above8Func] { return row[above8Func]{"generic", true, above8Generic} }

func above8Generic(dst []uint32, dots []int32, scale []float32, floor float32) int {
	return above8Rest(dst, dots, scale, floor, 0, 0)
}

// above8Rest looks through the products from first on, after found indices of those before.
func above8Rest(dst []uint32, dots []int32, scale []float32, floor float32, first, found int) int {
	for i := first; i < len(dots); i++ {
		if float32(dots[i])*scale[i] >= floor {
			dst[found] = uint32(i)
			found++
		}
	}
	return found
}
