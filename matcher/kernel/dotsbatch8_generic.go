package kernel

func dotsBatch8GenericRow() row[dotsBatch8Func] {
	return row[dotsBatch8Func]{"generic", true, dotsBatch8Generic}
}

func dotsBatch8Generic(dst []int32, gallery []uint8, p *Probes8) {
	n := len(dst) / p.Len()
	for j, probe := range p.probes {
		dots8Generic(dst[j*n:][:n], gallery, probe)
	}
}
