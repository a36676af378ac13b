package synth

import (
	"image"
	"math"
	"math/rand/v2"

	"biogate/matcher/imaging"
)

// Recapture makes a JPEG of the same picture as another camera might: cropped a little, scaled, relit, with noise, and
// compressed again. It stands in for a second photograph of a person where there is none; it is far easier to recognise
// than one, so nothing measured on it says anything about accuracy.
func Recapture(p imaging.RGB, seed uint64) []byte {
	rng := source(seed, streamRecapture, 0)
	p = crop(p, rng)
	scale := math.Exp(0.22 * (2*rng.Float64() - 1))
	p = imaging.ResizeRGB(p, int(float64(p.Width)*scale+0.5), int(float64(p.Height)*scale+0.5))
	img := relight(p, rng)
	return encodeJPEG(img, 68+rng.IntN(20))
}

// crop takes up to 4 % off each side.
func crop(p imaging.RGB, rng *rand.Rand) imaging.RGB {
	off := func(side int) int { return int(0.04 * rng.Float64() * float64(side)) }
	left, right, top, low := off(p.Width), off(p.Width), off(p.Height), off(p.Height)
	q := imaging.RGB{Width: p.Width - left - right, Height: p.Height - top - low}
	for y := top; y < p.Height-low; y++ {
		q.Pix = append(q.Pix, p.Pix[3*(y*p.Width+left):3*(y*p.Width+p.Width-right)]...)
	}
	return q
}

// relight changes exposure, contrast and colour temperature, lets the light come from one side, and adds sensor noise.
func relight(p imaging.RGB, rng *rand.Rand) *image.RGBA {
	swing := func(size float64) float64 { return size * (2*rng.Float64() - 1) }
	gain, gamma, warm := 1+swing(0.15), math.Exp(swing(0.18)), swing(0.05)
	slopeX, slopeY := swing(0.14), swing(0.10)
	var lut [3][256]float32
	for c := range lut {
		for v := range lut[c] {
			lut[c][v] = float32(255 * gain * (1 + warm*float64(1-c)) * math.Pow(float64(v)/255, gamma))
		}
	}
	img := image.NewRGBA(image.Rect(0, 0, p.Width, p.Height))
	for y := range p.Height {
		for x := range p.Width {
			light := float32(1 + slopeX*(float64(x)/float64(p.Width)-0.5) + slopeY*(float64(y)/float64(p.Height)-0.5))
			n := y*p.Width + x
			for c := range 3 {
				noise := float32(rng.Uint32()&7) - 3.5
				img.Pix[4*n+c] = uint8(clamp(lut[c][p.Pix[3*n+c]]*light+noise, 0, 255))
			}
			img.Pix[4*n+3] = 255
		}
	}
	return img
}
