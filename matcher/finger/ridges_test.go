package finger

import (
	"math"
	"math/rand/v2"
)

// planted is a minutia drawn into a synthetic pattern.
type planted struct {
	x, y float64
	sign float64 // +1: a ridge more above than below in reading order; -1 the other way round
}

// ridgeImage is a synthetic impression: an AM-FM wave whose phase has a spiral at every planted minutia (Larkin and
// Fletcher 2007). Ridges run along direction, radians, y down.
type ridgeImage struct {
	w, h      int
	period    float64
	direction float64
	planted   []planted
	dx, dy    float64 // shift of everything, pixels
	turn      float64 // rotation about the centre, radians
	noise     float64 // grey levels of deviation
	invert    bool
}

// place maps a place of the pattern to the picture.
func (r ridgeImage) place(x, y float64) (float64, float64) {
	cx, cy := float64(r.w)/2, float64(r.h)/2
	s, c := math.Sincos(r.turn)
	return cx + c*(x-cx) - s*(y-cy) + r.dx, cy + s*(x-cx) + c*(y-cy) + r.dy
}

func (r ridgeImage) draw() []byte {
	pix := make([]byte, r.w*r.h)
	rng := rand.New(rand.NewPCG(1, 2))
	cx, cy := float64(r.w)/2, float64(r.h)/2
	s, c := math.Sincos(-r.turn)
	sd, cd := math.Sincos(r.direction)
	for y := range r.h {
		for x := range r.w {
			px, py := float64(x)-cx-r.dx, float64(y)-cy-r.dy
			u, v := cx+c*px-s*py, cy+s*px+c*py
			phase := 2 * math.Pi * (-sd*u + cd*v) / r.period
			for _, m := range r.planted {
				phase += m.sign * math.Atan2(v-m.y, u-m.x)
			}
			g := 128 - 90*math.Cos(phase)
			if r.invert {
				g = 255 - g
			}
			pix[y*r.w+x] = byte(min(max(g+r.noise*rng.NormFloat64(), 0), 255))
		}
	}
	return pix
}

// scattered plants minutiae on a jittered grid, seeded, well apart and away from the edge.
func scattered(w, h int) []planted {
	rng := rand.New(rand.NewPCG(3, 4))
	var list []planted
	for y := 60; y < h-50; y += 50 {
		for x := 60; x < w-50; x += 50 {
			sign := 1.0
			if rng.IntN(2) == 0 {
				sign = -1
			}
			list = append(list, planted{float64(x) + 10*rng.Float64(), float64(y) + 10*rng.Float64(), sign})
		}
	}
	return list
}
