package kernel

// Dot8 is the inner product of a and b, exact for up to 131,071 elements. It panics when their lengths differ.
func Dot8(a, b []int8) int32 {
	if len(a) != len(b) {
		panic("kernel: Dot8 of slices of different length")
	}
	return dot8(a, b)
}

type dot8Func = func(a, b []int8) int32

var dot8 = best(dot8Rows())
