package finger

import (
	"fmt"
	"image"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// disturbance is what another sensor, skin or platen does to a picture. Every picture has a seed of its own.
type disturbance struct {
	name  string
	apply func(img *image.Gray, rng *rand.Rand, other *image.Gray) *image.Gray
	dpi   int // stated for the disturbed picture; 0: what the undisturbed one has
}

// disturbances of TestStress. Those of scale leave the resolution unstated, as a sensor does that nobody described.
var disturbances = []disturbance{
	{"none", func(img *image.Gray, _ *rand.Rand, _ *image.Gray) *image.Gray { return img }, 0},
	{"scale 0.80, unstated", scaledBy(0.80), 0},
	{"scale 0.90, unstated", scaledBy(0.90), 0},
	{"scale 1.14, unstated", scaledBy(1.14), 0},
	{"scale 1.24, unstated", scaledBy(1.24), 0},
	{"250 dpi, stated", scaledBy(0.5), 250},
	{"1000 dpi, stated", scaledBy(2), 1000},
	{"gamma 0.4", gamma(0.4), 0},
	{"gamma 2.5", gamma(2.5), 0},
	{"contrast a sixth", faded, 0},
	{"inverted", negative, 0},
	{"blurred, sigma 1.5", func(img *image.Gray, _ *rand.Rand, _ *image.Gray) *image.Gray { return gaussian(img, 1.5) }, 0},
	{"noise, 0.7 of contrast", noisy(0.7), 0},
	{"salt and pepper 8 %", salted(0.08), 0},
	{"dry", dry, 0},
	{"wet", wet, 0},
	{"scratches", scratched, 0},
	{"smudges", smudged, 0},
	{"latent 20 %", latent(0.20), 0},
	{"latent 35 %", latent(0.35), 0},
	{"window 200 x 200", window(200), 0},
	{"window 160 x 160", window(160), 0},
	{"turned at random", turned, 0},
}

func eachPixel(img *image.Gray, f func(x, y int, v float64) float64) *image.Gray {
	out := image.NewGray(image.Rect(0, 0, img.Rect.Dx(), img.Rect.Dy()))
	for y := range img.Rect.Dy() {
		for x := range img.Rect.Dx() {
			out.Pix[y*out.Stride+x] = byte(min(max(f(x, y, float64(img.Pix[y*img.Stride+x]))+0.5, 0), 255))
		}
	}
	return out
}

func scaledBy(k float64) func(*image.Gray, *rand.Rand, *image.Gray) *image.Gray {
	return func(img *image.Gray, _ *rand.Rand, _ *image.Gray) *image.Gray {
		w, h := int(k*float64(img.Rect.Dx())), int(k*float64(img.Rect.Dy()))
		return &image.Gray{Pix: resample(img.Pix, img.Stride, img.Rect.Dx(), img.Rect.Dy(), w, h), Stride: w, Rect: image.Rect(0, 0, w, h)}
	}
}

func gamma(g float64) func(*image.Gray, *rand.Rand, *image.Gray) *image.Gray {
	return func(img *image.Gray, _ *rand.Rand, _ *image.Gray) *image.Gray {
		return eachPixel(img, func(_, _ int, v float64) float64 { return 255 * math.Pow(v/255, g) })
	}
}

func faded(img *image.Gray, _ *rand.Rand, _ *image.Gray) *image.Gray {
	return eachPixel(img, func(_, _ int, v float64) float64 { return math.Round(110 + v/6) })
}

func negative(img *image.Gray, _ *rand.Rand, _ *image.Gray) *image.Gray {
	return eachPixel(img, func(_, _ int, v float64) float64 { return 255 - v })
}

// noisy adds noise of so many times the contrast of the ridges.
func noisy(part float64) func(*image.Gray, *rand.Rand, *image.Gray) *image.Gray {
	return func(img *image.Gray, rng *rand.Rand, _ *image.Gray) *image.Gray {
		sigma := part * contrastOf(img)
		return eachPixel(img, func(_, _ int, v float64) float64 { return v + sigma*rng.NormFloat64() })
	}
}

// contrastOf is the deviation of good ridges, grey levels.
func contrastOf(img *image.Gray) float64 {
	x := new(extractor)
	x.findRegion(working{pix: img.Pix, stride: img.Stride, w: img.Rect.Dx(), h: img.Rect.Dy(), scale: 1})
	return float64(x.reference)
}

func salted(share float64) func(*image.Gray, *rand.Rand, *image.Gray) *image.Gray {
	return func(img *image.Gray, rng *rand.Rand, _ *image.Gray) *image.Gray {
		return eachPixel(img, func(_, _ int, v float64) float64 {
			if rng.Float64() < share {
				return float64(255 * rng.IntN(2))
			}
			return v
		})
	}
}

// gaussian blurs, edges repeated.
func gaussian(img *image.Gray, sigma float64) *image.Gray {
	reach := int(math.Ceil(3 * sigma))
	weights, sum := make([]float64, 2*reach+1), 0.0
	for i := range weights {
		weights[i] = math.Exp(-float64((i-reach)*(i-reach)) / (2 * sigma * sigma))
		sum += weights[i]
	}
	w, h := img.Rect.Dx(), img.Rect.Dy()
	pass := func(in []float64, step func(x, y, k int) int) []float64 {
		out := make([]float64, w*h)
		for y := range h {
			for x := range w {
				var s float64
				for k, g := range weights {
					s += g * in[step(x, y, k-reach)]
				}
				out[y*w+x] = s / sum
			}
		}
		return out
	}
	in := make([]float64, w*h)
	for y := range h {
		for x := range w {
			in[y*w+x] = float64(img.Pix[y*img.Stride+x])
		}
	}
	in = pass(in, func(x, y, k int) int { return y*w + min(max(x+k, 0), w-1) })
	in = pass(in, func(x, y, k int) int { return min(max(y+k, 0), h-1)*w + x })
	return eachPixel(img, func(x, y int, _ float64) float64 { return in[y*w+x] })
}

// terrain is smooth noise of about unit deviation with a given length.
func terrain(rng *rand.Rand, w, h int, length float64) *image.Gray {
	gw, gh := int(float64(w)/length)+3, int(float64(h)/length)+3
	knots := make([]byte, gw*gh)
	for i := range knots {
		knots[i] = byte(min(max(128+60*rng.NormFloat64(), 0), 255))
	}
	big := resample(knots, gw, gw, gh, int(float64(gw)*length), int(float64(gh)*length))
	stride := int(float64(gw) * length)
	return &image.Gray{Pix: big, Stride: stride, Rect: image.Rect(0, 0, stride, int(float64(gh)*length))}
}

// rank is the darkest or lightest pixel of the 3 x 3 neighbourhood.
func rank(img *image.Gray, darkest bool) *image.Gray {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	return eachPixel(img, func(x, y int, v float64) float64 {
		for j := max(0, y-1); j <= min(h-1, y+1); j++ {
			for i := max(0, x-1); i <= min(w-1, x+1); i++ {
				u := float64(img.Pix[j*img.Stride+i])
				if darkest && u < v || !darkest && u > v {
					v = u
				}
			}
		}
		return v
	})
}

// dry skin touches with the tops of its ridges and breaks them: thinner ridges with light grain and light spots.
func dry(img *image.Gray, rng *rand.Rand, _ *image.Gray) *image.Gray {
	thin := rank(img, false)
	fine, spots := terrain(rng, img.Rect.Dx(), img.Rect.Dy(), 3), terrain(rng, img.Rect.Dx(), img.Rect.Dy(), 25)
	k := contrastOf(img) / 50
	return eachPixel(img, func(x, y int, v float64) float64 {
		light := 0.5*(v+float64(thin.Pix[y*thin.Stride+x])) + 1.2*k*max(0, float64(fine.Pix[y*fine.Stride+x])-130)
		return light + 1.5*k*max(0, float64(spots.Pix[y*spots.Stride+x])-150)
	})
}

// wet skin fills the valleys, in spots entirely.
func wet(img *image.Gray, rng *rand.Rand, _ *image.Gray) *image.Gray {
	thick := rank(img, true)
	spots := terrain(rng, img.Rect.Dx(), img.Rect.Dy(), 25)
	ground := terrain(rng, img.Rect.Dx(), img.Rect.Dy(), 60)
	return eachPixel(img, func(x, y int, v float64) float64 {
		fill := min(max((float64(spots.Pix[y*spots.Stride+x])-110)/60, 0), 1) * min(max((float64(ground.Pix[y*ground.Stride+x])-90)/60, 0), 1)
		return v + fill*(float64(thick.Pix[y*thick.Stride+x])-v)
	})
}

// scratched draws 12 lines as light as valleys and 4 as dark as ridges.
func scratched(img *image.Gray, rng *rand.Rand, _ *image.Gray) *image.Gray {
	out := eachPixel(img, func(_, _ int, v float64) float64 { return v })
	w, h := float64(img.Rect.Dx()), float64(img.Rect.Dy())
	k := 1.5 * contrastOf(img)
	soft := gaussian(img, 6)
	for i := range 16 {
		x, y := w*(0.1+0.8*rng.Float64()), h*(0.1+0.8*rng.Float64())
		s, c := math.Sincos(math.Pi * rng.Float64())
		length, wide := 40+100*rng.Float64(), 0.7+0.8*rng.Float64()
		for t := -length / 2; t < length/2; t += 0.5 {
			for u := -wide; u <= wide; u += 0.5 {
				px, py := int(x+t*c-u*s), int(y+t*s+u*c)
				if image.Pt(px, py).In(out.Rect) {
					g := float64(soft.Pix[py*soft.Stride+px])
					if i < 12 {
						g += k
					} else {
						g -= k
					}
					out.Pix[py*out.Stride+px] = byte(min(max(g, 0), 255))
				}
			}
		}
	}
	return out
}

// smudged blurs six patches away and puts four dark blobs.
func smudged(img *image.Gray, rng *rand.Rand, _ *image.Gray) *image.Gray {
	soft, k := gaussian(img, 5), contrastOf(img)
	w, h := float64(img.Rect.Dx()), float64(img.Rect.Dy())
	type spot struct{ x, y, r, dark float64 }
	var spots []spot
	for i := range 10 {
		s := spot{w * (0.15 + 0.7*rng.Float64()), h * (0.15 + 0.7*rng.Float64()), 15 + 12*rng.Float64(), 0}
		if i >= 6 {
			s.r, s.dark = 6+8*rng.Float64(), 2*k
		}
		spots = append(spots, s)
	}
	return eachPixel(img, func(x, y int, v float64) float64 {
		for _, s := range spots {
			d := math.Hypot(float64(x)-s.x, float64(y)-s.y)
			t := min(max((s.r-d)/4, 0), 1)
			v += t * (float64(soft.Pix[y*soft.Stride+x]) - s.dark - v)
		}
		return v
	})
}

// latent is the trace that another finger left on the platen, turned and displaced.
func latent(part float64) func(*image.Gray, *rand.Rand, *image.Gray) *image.Gray {
	return func(img *image.Gray, rng *rand.Rand, other *image.Gray) *image.Gray {
		trace := rotated(other, rng.Float64()-0.5, img.Rect.Dx(), img.Rect.Dy())
		return eachPixel(img, func(x, y int, v float64) float64 {
			return v - part*(255-float64(trace.Pix[y*trace.Stride+x]))
		})
	}
}

// window is a small sensor: side x side pixels near the middle of the finger.
func window(side int) func(*image.Gray, *rand.Rand, *image.Gray) *image.Gray {
	return func(img *image.Gray, rng *rand.Rand, _ *image.Gray) *image.Gray {
		cx, cy := inkCentre(img)
		x := min(max(cx+rng.IntN(31)-15-side/2, 0), max(0, img.Rect.Dx()-side))
		y := min(max(cy+rng.IntN(31)-15-side/2, 0), max(0, img.Rect.Dy()-side))
		return toGray(img.SubImage(image.Rect(x, y, x+side, y+side)))
	}
}

// inkCentre is the centre of what deviates from its surroundings.
func inkCentre(img *image.Gray) (int, int) {
	var sx, sy, n float64
	for y := 2; y < img.Rect.Dy(); y += 2 {
		for x := 2; x < img.Rect.Dx(); x += 2 {
			d := math.Abs(float64(img.Pix[y*img.Stride+x]) - float64(img.Pix[(y-2)*img.Stride+x-2]))
			sx, sy, n = sx+d*float64(x), sy+d*float64(y), n+d
		}
	}
	return int(sx / n), int(sy / n)
}

func turned(img *image.Gray, rng *rand.Rand, _ *image.Gray) *image.Gray {
	side := int(math.Hypot(float64(img.Rect.Dx()), float64(img.Rect.Dy())))
	return rotated(img, 2*math.Pi*rng.Float64(), side, side)
}

// rotated turns a picture about its middle into a w x h picture, interpolated; what lies outside gets the grey of the corners.
func rotated(img *image.Gray, angle float64, w, h int) *image.Gray {
	iw, ih := img.Rect.Dx(), img.Rect.Dy()
	corner := (float64(img.Pix[0]) + float64(img.Pix[iw-1]) + float64(img.Pix[(ih-1)*img.Stride]) + float64(img.Pix[(ih-1)*img.Stride+iw-1])) / 4
	at := func(x, y int) float64 {
		if x < 0 || y < 0 || x >= iw || y >= ih {
			return corner
		}
		return float64(img.Pix[y*img.Stride+x])
	}
	s, c := math.Sincos(angle)
	return eachPixel(image.NewGray(image.Rect(0, 0, w, h)), func(x, y int, _ float64) float64 {
		dx, dy := float64(x)-float64(w-1)/2, float64(y)-float64(h-1)/2
		u, v := c*dx+s*dy+float64(iw-1)/2, -s*dx+c*dy+float64(ih-1)/2
		i, j := math.Floor(u), math.Floor(v)
		fu, fv := u-i, v-j
		x0, y0 := int(i), int(j)
		return (1-fv)*((1-fu)*at(x0, y0)+fu*at(x0+1, y0)) + fv*((1-fu)*at(x0, y0+1)+fu*at(x0+1, y0+1))
	})
}

// picture is one capture of a set.
type picture struct {
	finger, name string
	img          *image.Gray
	dpi          int
}

// stressSets are the pictures of the tuning sets and of the folders that BIOGATE_SETS names.
func stressSets(t testing.TB) [][]picture {
	dirs := make([]string, 0, 8)
	for _, set := range tuningSets {
		dirs = append(dirs, filepath.Join(dataDir(t), set))
	}
	dirs = append(dirs, filepath.SplitList(os.Getenv("BIOGATE_SETS"))...)
	var sets [][]picture
	for _, dir := range dirs {
		files, _ := filepath.Glob(filepath.Join(dir, "*.png"))
		slices.Sort(files)
		var set []picture
		for _, file := range files {
			name := strings.TrimSuffix(filepath.Base(file), ".png")
			finger, _, _ := strings.Cut(name, "_")
			dpi := 500
			if strings.HasSuffix(dir, "2004_db3_b") {
				dpi = 512
			}
			set = append(set, picture{finger, name, greyOf(t, file), dpi})
		}
		sets = append(sets, set)
	}
	return sets
}

// disturb extracts every picture of a set as d leaves it; refused ones become empty prints.
func disturb(set, others []picture, d disturbance, cut int) (list []impression, refused int) {
	list = make([]impression, len(set))
	var group sync.WaitGroup
	next := make(chan int)
	var mu sync.Mutex
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for i := range next {
				p := set[i]
				img := d.apply(shifted(p.img, cut, cut), rand.New(rand.NewPCG(uint64(i), 77)), others[(i*7+11)%len(others)].img)
				dpi := p.dpi
				if d.dpi != 0 {
					dpi = min(d.dpi*p.dpi/500, maxDPI)
				}
				print, _, err := extractPrint(img.Pix, img.Rect.Dx(), img.Rect.Dy(), dpi, nil)
				if err != nil {
					print = Print{Width: 1, Height: 1}
					mu.Lock()
					refused++
					mu.Unlock()
				}
				list[i] = prepared(p.finger, p.name, print)
			}
		})
	}
	for i := range set {
		next <- i
	}
	close(next)
	group.Wait()
	return list, refused
}

// against compares the impressions of a list with those of another list of the same pictures, each picture's own left out.
func against(a, b []impression) (genuine, impostor []float64) {
	for i := range a {
		for k := i + 1; k < len(b); k++ {
			if s := similarity(b[k].probe, a[i].reference); a[i].finger == b[k].finger {
				genuine = append(genuine, s)
			} else {
				impostor = append(impostor, s)
			}
		}
	}
	return genuine, impostor
}

// tally holds scores of several sets.
type tally struct {
	eer, miss         float64 // sums over sets
	sets              float64
	genuine, impostor []float64
}

func (t *tally) add(genuine, impostor []float64) {
	t.eer += 100 * equalErrorRate(genuine, impostor)
	t.miss += 100 * missRate(genuine, impostor, 1e-3)
	t.sets++
	t.genuine, t.impostor = append(t.genuine, genuine...), append(t.impostor, impostor...)
}

// String is mean EER / mean FNMR at FMR 1e-3, then the FNMR of all sets together at FMR 1e-3 and 1e-4, in %.
func (t *tally) String() string {
	return fmt.Sprintf("%5.2f /%5.1f  %5.1f %5.1f", t.eer/t.sets, t.miss/t.sets, 100*missRate(t.genuine, t.impostor, 1e-3), 100*missRate(t.genuine, t.impostor, 1e-4))
}

// TestStress measures the tuning sets as other sensors would show them: both captures disturbed, and one of the two.
func TestStress(t *testing.T) {
	if os.Getenv("BIOGATE_STRESS") == "" {
		t.Skip("set BIOGATE_STRESS=1 (or to a part of a name) to measure disturbed pictures")
	}
	only := os.Getenv("BIOGATE_STRESS")
	cuts := []int{0}
	if v := os.Getenv("BIOGATE_JITTER"); v != "" {
		cuts = cuts[:0]
		for _, s := range strings.Split(v, ",") {
			n, _ := strconv.Atoi(s)
			cuts = append(cuts, n)
		}
	}
	sets := stressSets(t)
	base := map[[2]int][]impression{}
	for _, d := range disturbances {
		if only != "1" && !slices.ContainsFunc(strings.Split(only, ","), func(s string) bool { return strings.Contains(d.name, s) }) && d.name != "none" {
			continue
		}
		var both, one tally
		minutiae, refusals, n := 0, 0, 0
		var each string
		for k, set := range sets {
			var mine tally
			for _, cut := range cuts {
				list, refused := disturb(set, sets[(k+1)%len(sets)], d, cut)
				refusals += refused
				for _, im := range list {
					minutiae += len(im.print.Minutiae)
					n++
				}
				if d.name == "none" {
					base[[2]int{k, cut}] = list
				}
				g, i := protocolFull(list)
				both.add(g, i)
				mine.add(g, i)
				if d.name != "none" {
					g, i = against(base[[2]int{k, cut}], list)
					one.add(g, i)
				}
			}
			each += fmt.Sprintf(" %4.1f/%4.1f", mine.eer/mine.sets, mine.miss/mine.sets)
		}
		line := fmt.Sprintf("%-22s both %v", d.name, &both)
		if d.name != "none" {
			line += fmt.Sprintf("   one %v", &one)
		}
		t.Logf("%s  refused %d, %d minutiae  %s", line, refusals, minutiae/n, each)
	}
}
