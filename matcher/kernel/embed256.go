package kernel

// Bounds of Embed256.
const (
	Terms256  = 63 // terms of one sum
	Weight256 = 8  // weight of one term
	Steps256  = 64 // steps of each coordinate of a term
)

// Phases256 gives each of 256 features its phase, in 1/256 turn, at every step of three coordinates. The phase of a
// feature at a term is the sum of its phases at the term's coordinates.
type Phases256 struct{ U, V, A [Steps256][256]uint8 }

// Term256 is a weighted point in three coordinates: U, V and A below Steps256, Weight up to Weight256.
type Term256 struct{ U, V, A, Weight uint8 }

// Embed256 turns a set of terms into a signature: bit k is set when the sum over the terms of weight times wave(phase of
// feature k) is above 0, wave being a triangle from -64 to 63, lowest at phase 0. Such bits of two sets differ the
// less often the more alike the sets are (random features: Rahimi and Recht 2007; their signs: Raginsky and Lazebnik
// 2009). It panics on more than Terms256 terms and on a term out of range.
func Embed256(terms []Term256, phases *Phases256) [4]uint64 {
	if len(terms) > Terms256 {
		panic("kernel: more than 63 terms in Embed256")
	}
	if !inRange256(terms) {
		panic("kernel: a term of Embed256 is out of range")
	}
	return embed256(terms, phases)
}

// inRange256 takes each term as one word and branches once: term by term, the check would cost a fifth of the sums.
func inRange256(terms []Term256) bool {
	const (
		lift    = 0x0f - Weight256 // lifts every weight out of range, and no other, above 4 bits
		outside = 0xf0_c0_c0_c0    // no bit of these in a term, nor in its lifted weight
	)
	var bits uint32
	for i := range terms {
		t := &terms[i]
		term := uint32(t.U) | uint32(t.V)<<8 | uint32(t.A)<<16 | uint32(t.Weight)<<24
		bits |= term | (term + lift<<24)
	}
	return bits&outside == 0
}

// embed256Func may rely on what Embed256 checks. With it no sum leaves 16 bits: 63 x 8 x 64 = 32,256.
type embed256Func = func(terms []Term256, phases *Phases256) [4]uint64

var embed256 = best(embed256Rows())
