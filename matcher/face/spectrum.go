package face

import (
	"image"
	"math"
	"math/cmplx"

	"biogate/matcher/imaging"
)

// The dots of a print and the pixels of a display repeat; skin does not. What the camera makes of them, halftone or moire, stands
// out in the spectrum as a few sharp peaks, so the sign of a recapture is the highest peak over its surroundings.

const (
	tileSide   = 64 // pixels of the picture, a power of two
	tileStep   = 48 // between tiles, which overlap to use what the window fades out
	tilesMost  = 3  // across and down: the middle 160 pixels of a face
	peakLowest = 8  // cycles a tile: below, features of the face have peaks of their own
	ringOuter  = 4  // half side of the surroundings of a bin
	ringInner  = 1  // half side of what is the peak itself

	// roundingPower is what rounding to whole levels leaves in every bin of a few tiles.
	roundingPower = tileSide * tileSide
)

// spectralPeak is that of the middle of a face, at the photo's own resolution; not a number where it is smaller than a tile, or
// where all of a large photo would have to be decoded for it.
func (s *scene) spectralPeak(b box) (float64, error) {
	if !s.photo.InParts() && s.Width*s.Height > wholeUpTo && !s.holds(1) {
		return math.NaN(), nil
	}
	side := min(max(b.height(), tileSide), tileSide+(tilesMost-1)*tileStep, float64(s.Width), float64(s.Height))
	if side < tileSide {
		return math.NaN(), nil
	}
	c := b.centre()
	x0, n := inside(c.x, side, s.Width)
	y0, _ := inside(c.y, side, s.Height)
	part, err := s.cut(image.Rect(x0, y0, x0+n, y0+n), n, n)
	if err != nil {
		return 0, err
	}
	return spectralPeak(part), nil
}

// spectralPeak is the natural logarithm of the highest ratio between a bin of the mean spectrum of a picture, of brightness or of
// the difference of red and blue, and the geometric mean of those around it.
func spectralPeak(p imaging.RGB) float64 {
	var light, colour spectrum
	tile := make([]complex128, tileSide*tileSide)
	for y := 0; y+tileSide <= p.Height; y += tileStep {
		for x := 0; x+tileSide <= p.Width; x += tileStep {
			windowed(tile, p, x, y)
			transform2(tile)
			addSpectra(&light, &colour, tile)
		}
	}
	return max(light.peak(), colour.peak())
}

// windowed writes brightness and red minus blue of a tile into the real and imaginary parts, without their means and faded out
// towards the edges.
func windowed(tile []complex128, src imaging.RGB, x0, y0 int) {
	var sum complex128
	for y := range tileSide {
		row := src.Pix[3*((y0+y)*src.Width+x0):]
		for x := range tileSide {
			r, g, b := float64(row[3*x]), float64(row[3*x+1]), float64(row[3*x+2])
			tile[y*tileSide+x] = complex(0.299*r+0.587*g+0.114*b, r-b)
			sum += tile[y*tileSide+x]
		}
	}
	mean := sum / (tileSide * tileSide)
	for i := range tile {
		tile[i] = (tile[i] - mean) * complex(hann[i%tileSide]*hann[i/tileSide], 0)
	}
}

var hann = func() (w [tileSide]float64) {
	for i := range w {
		w[i] = 0.5 - 0.5*math.Cos(2*math.Pi*(float64(i)+0.5)/tileSide)
	}
	return w
}()

// spectrum is the power in each bin of half a plane: rows 0 to tileSide/2 downwards, all columns.
type spectrum [(tileSide/2 + 1) * tileSide]float64

// addSpectra adds those of the real and of the imaginary part of a transformed tile.
func addSpectra(ofReal, ofImaginary *spectrum, tile []complex128) {
	for v := range tileSide/2 + 1 {
		row, mirrored := tile[v*tileSide:][:tileSide], tile[(tileSide-v)%tileSide*tileSide:][:tileSide]
		for u, a := range row {
			b := mirrored[(tileSide-u)%tileSide]
			plus, minus := complex(real(a)+real(b), imag(a)-imag(b)), complex(real(a)-real(b), imag(a)+imag(b))
			ofReal[v*tileSide+u] += real(plus)*real(plus) + imag(plus)*imag(plus)
			ofImaginary[v*tileSide+u] += real(minus)*real(minus) + imag(minus)*imag(minus)
		}
	}
}

// peak is the logarithm of the highest ratio of a bin to its surroundings.
func (s *spectrum) peak() (top float64) {
	var logs plane
	for v := range tileSide/2 + 1 {
		for u := range tileSide {
			l := math.Log(s[v*tileSide+u] + roundingPower)
			logs[v*tileSide+u], logs[(tileSide-v)%tileSide*tileSide+(tileSide-u)%tileSide] = l, l // the plane is symmetric
		}
	}
	sums := logs.summed()
	const outer, inner = (2*ringOuter + 1) * (2*ringOuter + 1), (2*ringInner + 1) * (2*ringInner + 1)
	for v := range tileSide/2 + 1 {
		for u := range tileSide {
			if searched(u, v) {
				around := (sums.square(u, v, ringOuter) - sums.square(u, v, ringInner)) / (outer - inner)
				top = max(top, logs[v*tileSide+u]-around)
			}
		}
	}
	return top
}

// searched says where a peak may be: not near the middle, where the face itself is, nor on the lattice of JPEG's blocks of
// eight pixels.
func searched(u, v int) bool {
	su := signed(u)
	if su*su+v*v < peakLowest*peakLowest {
		return false
	}
	return !onLattice(su) || !onLattice(v)
}

// signed is the frequency of a column.
func signed(u int) int {
	if u > tileSide/2 {
		return u - tileSide
	}
	return u
}

func onLattice(f int) bool {
	const period = tileSide / 8
	off := ((f % period) + period) % period
	return off <= 1 || off >= period-1
}

// plane is one value a bin.
type plane [tileSide * tileSide]float64

// summedPlane holds the sums over all rectangles that begin at the first bin of a plane repeated beyond its edges by ringOuter.
type summedPlane [summedSide * summedSide]float64

const summedSide = tileSide + 2*ringOuter + 1

func (p *plane) summed() (s summedPlane) {
	for y := 1; y < summedSide; y++ {
		row := 0.0
		for x := 1; x < summedSide; x++ {
			u, v := (x-1-ringOuter+tileSide)%tileSide, (y-1-ringOuter+tileSide)%tileSide
			row += p[v*tileSide+u]
			s[y*summedSide+x] = s[(y-1)*summedSide+x] + row
		}
	}
	return s
}

// square is the sum over the square around a bin with a half side of up to ringOuter.
func (s *summedPlane) square(u, v, half int) float64 {
	x0, y0 := u+ringOuter-half, v+ringOuter-half
	x1, y1 := u+ringOuter+half+1, v+ringOuter+half+1
	return s[y1*summedSide+x1] - s[y0*summedSide+x1] - s[y1*summedSide+x0] + s[y0*summedSide+x0]
}

// transform2 is the discrete Fourier transform of a tile, in place.
func transform2(tile []complex128) {
	for range 2 { // columns, and what were rows
		transform(tile, tileSide)
		transpose(tile)
	}
}

func transpose(tile []complex128) {
	for y := range tileSide {
		for x := range y {
			tile[y*tileSide+x], tile[x*tileSide+y] = tile[x*tileSide+y], tile[y*tileSide+x]
		}
	}
}

// shuffle brings tileSide runs of values into the order that transform wants.
func shuffle(a []complex128, run int) {
	for i, j := range reversed {
		if i < j {
			x, y := a[i*run:(i+1)*run], a[j*run:(j+1)*run]
			for k := range x {
				x[k], y[k] = y[k], x[k]
			}
		}
	}
}

// transform is the fast Fourier transform of Cooley and Tukey (1965), in place, of run sequences of tileSide values that lie
// side by side.
func transform(a []complex128, run int) {
	shuffle(a, run)
	for size := 2; size <= tileSide; size *= 2 {
		half, stride := size/2, tileSide/size
		for start := 0; start < tileSide; start += size {
			for k := range half {
				first := a[(start+k)*run:][:run]
				butterflies(first, a[(start+k+half)*run:][:run], roots[k*stride], k == 0)
			}
		}
	}
}

// butterflies combines the even and the odd halves of transforms; one says that the root is 1.
func butterflies(even, odd []complex128, root complex128, one bool) {
	odd = odd[:len(even)]
	if one {
		for i, e := range even {
			o := odd[i]
			even[i], odd[i] = e+o, e-o
		}
		return
	}
	for i, e := range even {
		o := odd[i] * root
		even[i], odd[i] = e+o, e-o
	}
}

var reversed, roots = func() (r [tileSide]int, w [tileSide / 2]complex128) {
	for i := range r {
		for bit := 1; bit < tileSide; bit *= 2 {
			r[i] *= 2
			if i&bit != 0 {
				r[i]++
			}
		}
	}
	for k := range w {
		w[k] = cmplx.Rect(1, -2*math.Pi*float64(k)/tileSide)
	}
	return r, w
}()
