package kernel

import (
	"encoding/binary"
	"sync"
)

// Lanes8 is how many probes are packed together. What DotsBatch8 takes grows with their number by steps of 8.
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

// fourBytes are the elements that a step multiplies and adds.
const fourBytes = 4

func (p *Probes8) pack() {
	lanes, dims := (p.Len()+Lanes8-1)/Lanes8*Lanes8, p.Dims()
	p.lanes, p.sums = make([]int8, lanes*dims), make([]int32, lanes)
	for j := range lanes {
		probe := p.probes[min(j, p.Len()-1)]
		p.sums[j] = -probe.offset
		from, to := bytesOf(probe.elements), bytesOf(p.lanes[j/Lanes8*Lanes8*dims:][:Lanes8*dims])[j%Lanes8*fourBytes:]
		for i := 0; i < dims; i += fourBytes {
			binary.LittleEndian.PutUint32(to[i*Lanes8:], binary.LittleEndian.Uint32(from[i:]))
		}
	}
}

func (p *Probes8) widened() []int16 {
	const step = fourBytes * Lanes8
	wide := make([]int16, len(p.lanes))
	for i := 0; i < len(wide); i += step {
		from, to := (*[step]int8)(p.lanes[i:]), (*[step]int16)(wide[i:])
		for j := 0; j < step/2; j += 2 {
			even, odd := to[j:][:2], to[step/2+j:][:2]
			even[0], odd[0], even[1], odd[1] = int16(from[2*j]), int16(from[2*j+1]), int16(from[2*j+2]), int16(from[2*j+3])
		}
	}
	return wide
}

// Len is the number of probes.
func (p *Probes8) Len() int { return len(p.probes) }

// Dims is the number of elements of each probe.
func (p *Probes8) Dims() int { return p.probes[0].Dims() }

// DotsBatch8 multiplies several probes with each vector of a gallery as Dots8 has it: of n vectors, dst[j*n+i] is the inner
// product of probe j and vector i. It panics unless len(gallery) == p.Dims()*n and len(dst) == p.Len()*n. Up to 32 probes read a
// large gallery once, more read it from the second cache again; the caller takes 64 to 512 KB of it a call, so that the
// products stay in that cache too until they are looked through.
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
