package kernel

// Above8 finds the products that are high enough: it writes each i with float32(dots[i])*scale[i] >= floor to dst, in rising
// order, and returns how many there are. With 1/length of each vector for scale, and floor a cosine times the
// length of the probe, those are the vectors at or above that cosine. The comparison is the one written here, in float32
// and rounded to the nearest even at each step, on every machine; NaN is never high enough. What dst holds after the
// last one written is undefined. It panics unless len(scale) == len(dots) and len(dst) >= len(dots).
func Above8(dst []uint32, dots []int32, scale []float32, floor float32) int {
	if len(scale) != len(dots) || len(dst) < len(dots) {
		panic("kernel: Above8 of products without a scale or without room")
	}
	return above8(dst[:len(dots)], dots, scale, floor)
}

// above8Func may rely on what Above8 checks; dst is as long as dots.
type above8Func = func(dst []uint32, dots []int32, scale []float32, floor float32) int

var above8 = best(above8Rows())
