package matcher

// Position says which finger a sample shows, by its name in ISO/IEC 19794-2 table 2, kebab-case.
type Position string

// Unknown is the position of a face and of a finger whose position nobody stated.
const Unknown Position = ""

// positions is indexed by the code of ISO/IEC 19794-2:2005 table 2.
var positions = [...]Position{
	Unknown, "right-thumb", "right-index", "right-middle", "right-ring", "right-little",
	"left-thumb", "left-index", "left-middle", "left-ring", "left-little",
}

// PositionOf returns the position with an ISO/IEC 19794-2 code, 0 (unknown) to 10.
func PositionOf(code byte) (Position, bool) {
	if int(code) >= len(positions) {
		return Unknown, false
	}
	return positions[code], true
}

// Code is the ISO/IEC 19794-2 code of p; ok is false when p is no position.
func (p Position) Code() (code byte, ok bool) {
	for i, q := range positions {
		if p == q {
			return byte(i), true
		}
	}
	return 0, false
}

// Comparable says whether samples of positions p and q can come from the same finger.
func (p Position) Comparable(q Position) bool { return p == q || p == Unknown || q == Unknown }
