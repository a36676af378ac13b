package kernel

import "math"

// Lanes256 is how many signatures a Probe256 holds.
const Lanes256 = 32

// NoLane is what Nearest256 answers for a probe without signatures: more than any distance.
const NoLane uint32 = math.MaxUint32

// Probe256 is up to 32 signatures of 256 bits, transposed so that one vector holds the same word of 8 of them.
type Probe256 struct {
	words [4][4][8]uint64 // group of 8 lanes, word of the signature, lane within the group
	tags  [4][8]uint64    // the lane's number in each of the element's four 16-bit parts; all ones: no signature there
	lanes int
}

// NewProbe256 transposes signatures of 4 words each; lane j is signatures[j]. It panics when there are more than Lanes256.
func NewProbe256(signatures [][4]uint64) *Probe256 {
	if len(signatures) > Lanes256 {
		panic("kernel: more than 32 signatures in a Probe256")
	}
	p := &Probe256{lanes: len(signatures)}
	for j := range Lanes256 {
		p.tags[j/8][j%8] = math.MaxUint64
	}
	for j, s := range signatures {
		p.tags[j/8][j%8] = uint64(j) * 0x0001_0001_0001_0001
		for w, word := range s {
			p.words[j/8][w][j%8] = word
		}
	}
	return p
}

// Lanes is the number of signatures, 0 to Lanes256.
func (p *Probe256) Lanes() int { return p.lanes }

// groups is how many groups of 8 lanes have signatures.
func (p *Probe256) groups() int { return (p.lanes + 7) / 8 }

// Nearest256 finds for each reference signature the nearest one of the probe: dst[i] = min over lanes j of
// Hamming(reference i, lane j) << 8 | j, so the lowest lane wins a tie. A probe without signatures gives NoLane.
// refs holds the references one after the other, 4 words each; it panics unless len(refs) == 4*len(dst).
func Nearest256(dst []uint32, refs []uint64, p *Probe256) {
	if len(refs) != 4*len(dst) {
		panic("kernel: Nearest256 of references that are not 4 words for each result")
	}
	if p.lanes == 0 {
		for i := range dst {
			dst[i] = NoLane
		}
		return
	}
	nearest256(dst, refs, p)
}

// nearest256Func may rely on what Nearest256 checks: lengths that fit and one lane at least.
type nearest256Func = func(dst []uint32, refs []uint64, p *Probe256)

var nearest256 = best(nearest256Rows())
