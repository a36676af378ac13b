package kernel

// What a machine can do at best, for measurements that say how much of it a search reaches.

// ReadSum is the sum of data modulo 2^64. It reads at four places at once, which is faster than one stream, and is
// bound by memory when data is larger than the caches.
func ReadSum(data []uint64) uint64 { return readSum(data) }

// CountOnes is the number of ones in data, counted as fast as the machine can while data stays in the first cache.
func CountOnes(data []uint64) uint64 { return countOnes(data) }

// MultiplyAdds multiplies 1,024 n pairs of 8-bit integers, the products being added, as fast as the machine can while both
// stay in registers: no inner product is faster. It returns their sum, 15 for each pair, modulo 2^32; n must not be negative.
func MultiplyAdds(n int) int32 {
	if n < 0 {
		panic("kernel: a negative number of MultiplyAdds")
	}
	return multiplyAdds(n)
}

// multiplyAddsFunc may rely on what MultiplyAdds checks.
type multiplyAddsFunc = func(n int) int32

type sumFunc = func(data []uint64) uint64

var (
	readSum      = best(readSumRows())
	countOnes    = best(countOnesRows())
	multiplyAdds = best(multiplyAddsRows())
)
