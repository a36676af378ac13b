package synth

import (
	"math"
	"math/rand/v2"
)

// skin maps the sensor to the master print: rigid placement, then plastic distortion.
type skin struct {
	sin, cos     float64
	shiftX       float64
	shiftY       float64
	stickX       float64 // middle of the part that sticks
	stickY       float64
	dragX, dragY float64
	twistSin     float64
	twistCos     float64
	creepX       smooth
	creepY       smooth
	creepSize    float64
}

func newSkin(rng *rand.Rand, difficulty float64) skin {
	gauss := func(spread float64) float64 { return difficulty * spread * clamp(rng.NormFloat64(), -2.5, 2.5) }
	var s skin
	s.sin, s.cos = math.Sincos(gauss(turnSpread))
	s.shiftX, s.shiftY = gauss(shiftSpread), gauss(shiftSpread)
	s.stickX, s.stickY = centreX+gauss(stickSpread), centreY+gauss(stickSpread)
	s.dragX, s.dragY = gauss(dragSpread), gauss(dragSpread)
	s.twistSin, s.twistCos = math.Sincos(gauss(twistSpread))
	s.creepX = newSmooth(rng, masterWidth, masterHeight, creepScale)
	s.creepY = newSmooth(rng, masterWidth, masterHeight, creepScale)
	s.creepSize = creep * difficulty
	return s
}

// master is the point of the master print that a point of the sensor touches; u and v count from the sensor's middle.
func (s *skin) master(u, v float64) (x, y float64) {
	x = centreX + u*s.cos - v*s.sin + s.shiftX
	y = centreY + u*s.sin + v*s.cos + s.shiftY
	dx, dy := x-s.stickX, y-s.stickY
	b := brake(math.Hypot(dx/stickWide, dy/stickHigh) - 1)
	movedX := dx*s.twistCos - dy*s.twistSin + s.dragX - dx
	movedY := dx*s.twistSin + dy*s.twistCos + s.dragY - dy
	px, py := clamp(x, 0, masterWidth), clamp(y, 0, masterHeight)
	return x + b*movedX + s.creepSize*s.creepX.at(px, py), y + b*movedY + s.creepSize*s.creepY.at(px, py)
}

// brake rises from 0 on the part that sticks to 1 where skin moves freely.
func brake(distance float64) float64 {
	switch {
	case distance <= 0:
		return 0
	case distance >= brakeReach:
		return 1
	}
	return (1 - math.Cos(math.Pi*distance/brakeReach)) / 2
}
