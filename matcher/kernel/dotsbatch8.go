package kernel

// Lanes8 is how many probes DotsBatch8 takes in one step: multiples of it cost least for each probe.
const Lanes8 = 16

// Probes8 is a set of probes of one length, packed for DotsBatch8. It does not change: any number of searches may share it.
type Probes8 struct {
	probes []*Probe8
}

// NewProbes8 packs one or more probes, which must be of one length; it panics otherwise. It keeps the probes, not the slice.
func NewProbes8(probes []*Probe8) *Probes8 {
	if len(probes) == 0 {
		panic("kernel: Probes8 without a probe")
	}
	for _, p := range probes {
		if p.Dims() != probes[0].Dims() {
			panic("kernel: Probes8 of different lengths")
		}
	}
	return &Probes8{probes: append([]*Probe8(nil), probes...)}
}

// Len is the number of probes.
func (p *Probes8) Len() int { return len(p.probes) }

// Dims is the number of elements of each probe.
func (p *Probes8) Dims() int { return p.probes[0].Dims() }

// DotsBatch8 multiplies several probes with each vector of a gallery as Dots8 has it: of n vectors, dst[j*n+i] is the inner
// product of probe j and vector i. It panics unless len(gallery) == p.Dims()*n and len(dst) == p.Len()*n.
func DotsBatch8(dst []int32, gallery []uint8, p *Probes8) {
	n := len(dst) / p.Len()
	if len(dst) != p.Len()*n || len(gallery) != p.Dims()*n {
		panic("kernel: DotsBatch8 of a gallery that is not one vector for each result of a probe")
	}
	dotsBatch8(dst, gallery, p)
}

// dotsBatch8Func may rely on what DotsBatch8 checks.
type dotsBatch8Func = func(dst []int32, gallery []uint8, p *Probes8)

var dotsBatch8 = best(dotsBatch8Rows())
