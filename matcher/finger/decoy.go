package finger

import (
	"crypto/rand"
	"encoding/binary"
	"math"

	"biogate/matcher"
)

// A decoy is as large as a usual impression, in pixels at 500 dpi, and as rich.
const (
	decoyWidth    = 300
	decoyHeight   = 400
	decoyMinutiae = 45
)

var _ matcher.Decoyer = (*Engine)(nil)

// Decoy makes a print of minutiae at random places.
func (*Engine) Decoy() (matcher.Template, error) {
	p := Print{Width: decoyWidth, Height: decoyHeight, Minutiae: make([]Minutia, decoyMinutiae)}
	var random [8]byte
	for i := range p.Minutiae {
		rand.Read(random[:])
		p.Minutiae[i] = Minutia{
			X: int16(at(random[0:2], decoyWidth)), Y: int16(at(random[2:4], decoyHeight)), Angle: random[4],
			Kind: Ending + Kind(random[5]&1), Quality: 50 + random[6]%50,
		}
	}
	payload, err := AppendPayload(nil, p)
	return matcher.Template{Modality: matcher.Finger, Model: Model, Position: matcher.Unknown, Payload: payload}, err
}

// at is a random place from 0 to below n.
func at(random []byte, n int) int {
	return int(binary.BigEndian.Uint16(random)) * n / (math.MaxUint16 + 1)
}
