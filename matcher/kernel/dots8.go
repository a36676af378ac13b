package kernel

import (
	"encoding/binary"
	"unsafe"
)

// Bounds of a Probe8.
const (
	Step8    = 64      // dims of a vector are a multiple of it
	MostDim8 = 1 << 16 // and not more
)

// Offset8 writes elements the way that galleries of Dots8 hold them: each one plus 128. It panics unless the lengths are equal.
func Offset8(dst []uint8, src []int8) {
	if len(dst) != len(src) {
		panic("kernel: Offset8 of slices of different length")
	}
	const eight = 0x8080_8080_8080_8080
	bytes := bytesOf(src)
	whole := len(bytes) &^ 7
	for i := 0; i < whole; i += 8 {
		binary.LittleEndian.PutUint64(dst[i:], binary.LittleEndian.Uint64(bytes[i:])^eight)
	}
	for i := whole; i < len(bytes); i++ {
		dst[i] = bytes[i] ^ 0x80
	}
}

// bytesOf is the memory of v.
func bytesOf(v []int8) []uint8 {
	return unsafe.Slice((*uint8)(unsafe.Pointer(unsafe.SliceData(v))), len(v))
}

// Probe8 is a vector of int8 that is ready for Dots8. It does not change: any number of searches may share it.
type Probe8 struct {
	elements []int8
	offset   int32 // 128 times their sum: what the 128 in every byte of a gallery adds to a product
}

// NewProbe8 copies v. It panics unless the length is a multiple of Step8 above 0 and MostDim8 at most.
func NewProbe8(v []int8) *Probe8 {
	if len(v) == 0 || len(v)%Step8 != 0 || len(v) > MostDim8 {
		panic("kernel: length of a Probe8 is no multiple of 64 from 64 to 65536")
	}
	p := &Probe8{elements: append([]int8(nil), v...)}
	for _, e := range v {
		p.offset += 128 * int32(e)
	}
	return p
}

// Dims is the number of elements.
func (p *Probe8) Dims() int { return len(p.elements) }

// Dots8 multiplies a probe with each vector of a gallery: dst[i] is their inner product, exact. The vectors stand one after
// another, p.Dims() bytes each, written by Offset8; it panics unless len(gallery) == p.Dims()*len(dst). One call walks its
// vectors at four places at once, for memory answers four streams faster than one: from 256 KB a call on, that is as fast as memory
// can be read (with 64 KB a sixth slower).
func Dots8(dst []int32, gallery []uint8, p *Probe8) {
	if len(gallery) != len(p.elements)*len(dst) {
		panic("kernel: Dots8 of a gallery that is not one vector for each result")
	}
	dots8(dst, gallery, p)
}

// dots8Func may rely on what Dots8 checks.
type dots8Func = func(dst []int32, gallery []uint8, p *Probe8)

var dots8 = best(dots8Rows())
