package kernel

func embed256GenericRow() row[embed256Func] {
	return row[embed256Func]{"generic", true, embed256Generic}
}

func embed256Generic(terms []Term256, phases *Phases256) (signature [4]uint64) {
	var sums [256]int16
	for _, t := range terms {
		u, v, a, weight := &phases.U[t.U], &phases.V[t.V], &phases.A[t.A], int16(t.Weight)
		for k := range sums {
			phase := int8(u[k] + v[k] + a[k])
			sums[k] += weight * (int16(phase^phase>>7) - 64)
		}
	}
	for k, sum := range sums {
		if sum > 0 {
			signature[k/64] |= 1 << (k % 64)
		}
	}
	return signature
}
