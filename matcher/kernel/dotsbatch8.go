package kernel

import "sync"

// Lanes8 is how many probes DotsBatch8 takes in one step: multiples of it cost least for each probe.
const Lanes8 = 16

// Probes8 is a set of probes of one length, packed for DotsBatch8. It does not change: any number of searches may share it.
type Probes8 struct {
	probes []*Probe8
	lanes  []int8         // group of 16 lanes, four elements, lane, element; lanes behind the last probe repeat it
	sums   []int32        // what each lane starts from: the offset of its probe, negative
	wide   func() []int16 // lanes in 16 bits: group, four elements, the even two or the odd two, lane, element
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
	p := &Probes8{probes: append([]*Probe8(nil), probes...)}
	p.pack()
	p.wide = sync.OnceValue(p.widened)
	return p
}

func (p *Probes8) pack() {
	const four = 4
	lanes := (p.Len() + Lanes8 - 1) / Lanes8 * Lanes8
	p.lanes, p.sums = make([]int8, lanes*p.Dims()), make([]int32, lanes)
	for j := range lanes {
		probe := p.probes[min(j, p.Len()-1)]
		p.sums[j] = -probe.offset
		packed := p.lanes[j/Lanes8*Lanes8*p.Dims()+j%Lanes8*four:]
		for i := 0; i < p.Dims(); i += four {
			*(*[four]int8)(packed[i*Lanes8:]) = *(*[four]int8)(probe.elements[i:])
		}
	}
}

func (p *Probes8) widened() []int16 {
	const quads = 4 * Lanes8 // bytes of a group's four elements
	wide := make([]int16, len(p.lanes))
	for i, v := range p.lanes {
		lane, element := i%quads/4, i%4
		wide[i/quads*quads+element%2*(quads/2)+2*lane+element/2] = int16(v)
	}
	return wide
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
