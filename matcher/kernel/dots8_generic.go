package kernel

func dots8GenericRow() row[dots8Func] { return row[dots8Func]{"generic", true, dots8Generic} }

func dots8Generic(dst []int32, gallery []uint8, p *Probe8) {
	dims := p.Dims()
	for i := range dst {
		dst[i] = p.dot(gallery[i*dims:][:dims])
	}
}

// dot takes blocks of eight with four sums, like dot8Generic.
func (p *Probe8) dot(vector []uint8) int32 {
	var s0, s1, s2, s3 int32
	for e := p.elements; len(e) >= 8 && len(vector) >= 8; e, vector = e[8:], vector[8:] {
		x, y := (*[8]int8)(e), (*[8]uint8)(vector)
		s0 += int32(x[0])*int32(y[0]) + int32(x[4])*int32(y[4])
		s1 += int32(x[1])*int32(y[1]) + int32(x[5])*int32(y[5])
		s2 += int32(x[2])*int32(y[2]) + int32(x[6])*int32(y[6])
		s3 += int32(x[3])*int32(y[3]) + int32(x[7])*int32(y[7])
	}
	return s0 + s1 + s2 + s3 - p.offset
}
