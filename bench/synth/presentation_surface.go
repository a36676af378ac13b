package synth

import (
	"math"
	"math/rand/v2"
)

// surface is how an instrument shows a photograph.
type surface struct {
	species  Species
	period   float64 // of dots or pixels, in pixels of the photograph
	turn     float64 // of the screen against the photograph
	black    float64 // darkest light
	white    float64 // brightest
	tint     [3]float64
	gap      float64 // share of a display's pixel that is dark
	cut      float64 // radius of a cut-out in half face widths
	curve    float64
	grain    uint64
	backdrop [3]float64
	slope    [2]float64
}

// newSurface draws an instrument of a species. Prints are made at 1.2 to 5 camera pixels a dot and displays at 0.7 to 3 a pixel:
// closer ones are recognised by eye, finer ones leave no trace in a picture.
func newSurface(species Species, rng *rand.Rand) surface {
	f := surface{species: species, turn: 0.3 * (rng.Float64() - 0.5), grain: rng.Uint64(), cut: 1.05 + 0.15*rng.Float64(), curve: 0.1 + 0.2*rng.Float64()}
	between := func(low, high float64) float64 { return low * math.Pow(high/low, rng.Float64()) }
	for c := range f.tint {
		f.tint[c] = 1 + 0.08*(rng.Float64()-0.5)
		f.backdrop[c] = 0.1 + 0.5*rng.Float64()
	}
	f.slope = [2]float64{0.3 * (rng.Float64() - 0.5), 0.3 * (rng.Float64() - 0.5)}
	switch species {
	case PrintDots:
		f.period, f.black, f.white = between(1.2, 5), 0.03+0.04*rng.Float64(), 0.75+0.15*rng.Float64()
	case PrintFine, CutOut:
		f.period, f.black, f.white = between(0.03, 0.2), 0.03+0.04*rng.Float64(), 0.75+0.15*rng.Float64()
	case Screen:
		f.period, f.black, f.white, f.gap = between(0.7, 3), 0.005+0.02*rng.Float64(), 0.8+0.3*rng.Float64(), 0.1+0.2*rng.Float64()
		f.tint[2] *= 1.08
	}
	return f
}

// bend is how much a cut-out is narrower in height where it bends away from the camera.
func (f *surface) bend(x float64) float64 { return 1 - f.curve*x*x/4 }

// room is a plain wall.
func (f *surface) room(u, w float64) (colour [3]float64) {
	for c := range colour {
		colour[c] = math.Max(f.backdrop[c]*(1+f.slope[0]*u+f.slope[1]*w), 0.01)
	}
	return colour
}

// show is the light of the instrument at a place of the photograph.
func (f *surface) show(s *Scene, x, y float64) [3]float64 {
	if f.species == Screen {
		return f.emit(s, x, y)
	}
	return f.print(s, x, y)
}

// screenAngles are the usual ones of cyan, magenta and yellow, in degrees.
var screenAngles = [3]float64{15, 75, 0}

// print is paper with three inks.
func (f *surface) print(s *Scene, x, y float64) [3]float64 {
	colour := s.photoAt(x, y)
	for c := range colour {
		paper := f.scattered(colour[c], x, y, c)
		if f.species == PrintDots {
			paper = f.dotted(colour[c], x, y, c)
		}
		colour[c] = f.tint[c] * (f.black + (f.white-f.black)*paper)
	}
	return colour
}

// dotted: there is ink at (x, y), or there is none.
func (f *surface) dotted(level, x, y float64, c int) float64 {
	sin, cos := math.Sincos(screenAngles[c]*math.Pi/180 + f.turn)
	a, b := (x*cos+y*sin)*2*math.Pi/f.period, (y*cos-x*sin)*2*math.Pi/f.period
	if level < 0.5+0.25*(math.Cos(a)+math.Cos(b)) {
		return 0
	}
	return 1
}

// scattered is the mean over many dots with what their number leaves of chance.
func (f *surface) scattered(level, x, y float64, c int) float64 {
	i, j := int64(math.Floor(2*x)), int64(math.Floor(2*y))
	chance := float64(mix(f.grain^uint64(i)<<32^uint64(j)<<2^uint64(c))>>11)/(1<<53) - 0.5
	return clamp(level+2*f.period*math.Sqrt(level*(1-min(level, 1)))*chance*math.Sqrt(12), 0, 1)
}

// emit is a display: the pixel's colour in three stripes and a dark gap.
func (f *surface) emit(s *Scene, x, y float64) (light [3]float64) {
	sin, cos := math.Sincos(f.turn)
	a, b := (x*cos+y*sin)/f.period, (y*cos-x*sin)/f.period
	i, j := math.Floor(a), math.Floor(b)
	midA, midB := (i+0.5)*f.period, (j+0.5)*f.period
	colour := s.photoAt(midA*cos-midB*sin, midA*sin+midB*cos)
	for c := range light {
		light[c] = f.black
	}
	stripe := min(int(3*(a-i)), 2)
	if b-j > f.gap && 3*(a-i)-float64(stripe) > f.gap/2 {
		bright := 3 / ((1 - f.gap) * (1 - f.gap/2))
		light[stripe] += colour[stripe] * f.white * f.tint[stripe] * bright
	}
	return light
}
