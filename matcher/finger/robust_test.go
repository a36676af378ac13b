package finger_test

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"maps"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"biogate/bench/synth"
	"biogate/matcher"
	"biogate/matcher/enginetest"
	"biogate/matcher/finger"
	"biogate/models"
)

// served is the score from which the service accepts at a false match rate of 1e-4.
func served(t testing.TB) float64 {
	t.Helper()
	c, err := models.LoadCalibration(finger.Model)
	if err != nil {
		t.Fatal(err)
	}
	return c.Threshold(1e-4)
}

// capture draws an impression of a synthetic finger.
func capture(seed uint64, k int) *image.Gray {
	p := synth.NewFinger(seed).Impression(k, synth.Options{Difficulty: 0.5})
	return &image.Gray{Pix: p.Pix, Stride: p.Width, Rect: image.Rect(0, 0, p.Width, p.Height)}
}

// print is a template ready to be compared both ways.
type print struct {
	probe     matcher.Probe
	reference matcher.Reference
}

func (p print) score(t testing.TB, reference print) float64 {
	t.Helper()
	s, err := p.probe.Compare(reference.reference)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// acquire extracts a picture; a refusal for what the picture shows is no error, and ok is false.
func acquire(t testing.TB, img *image.Gray, dpi int) (p print, ok bool) {
	t.Helper()
	e := finger.New()
	x, err := e.Extract(context.Background(), matcher.Sample{
		Modality: matcher.Finger, Format: matcher.FormatRawGrey, Data: img.Pix, Width: img.Rect.Dx(), Height: img.Rect.Dy(), DPI: dpi,
	}, nil)
	if errors.Is(err, &matcher.Error{Code: matcher.CodeUnusable}) {
		return print{}, false
	}
	if err != nil {
		t.Fatal(err)
	}
	if p.probe, err = e.Probe(x.Template); err != nil {
		t.Fatal(err)
	}
	if p.reference, err = e.Reference(x.Template); err != nil {
		t.Fatal(err)
	}
	return p, true
}

// cut is a part of a picture as a picture.
func cut(img *image.Gray, r image.Rectangle) *image.Gray {
	out := image.NewGray(image.Rect(0, 0, r.Dx(), r.Dy()))
	draw.Draw(out, out.Rect, img, r.Min, draw.Src)
	return out
}

// moved shows the picture on a larger sensor, elsewhere.
func moved(img *image.Gray, dx, dy int) *image.Gray {
	out := image.NewGray(image.Rect(0, 0, img.Rect.Dx()+60, img.Rect.Dy()+60))
	draw.Draw(out, out.Rect, image.NewUniform(img.GrayAt(2, 2)), image.Point{}, draw.Src)
	draw.Draw(out, img.Rect.Add(image.Pt(dx, dy)), img, image.Point{}, draw.Src)
	return out
}

// change is what may happen to a picture of a finger without its becoming another finger.
type change struct {
	name  string
	apply func(img *image.Gray, seed uint64) *image.Gray
	dpi   int
	// least is the share of pictures that still match themselves: what a change takes away may leave too little of a few.
	least float64
}

func changes() []change {
	list := []change{
		{"moved", func(img *image.Gray, _ uint64) *image.Gray { return moved(img, 53, 11) }, 500, 1},
		{"cropped to three fifths", func(img *image.Gray, _ uint64) *image.Gray {
			w, h := img.Rect.Dx(), img.Rect.Dy()
			return cut(img, image.Rect(w/5, h/5, w, h*19/20))
		}, 500, 0.95},
	}
	for turn := 30; turn < 360; turn += 30 {
		list = append(list, change{fmt.Sprintf("turned by %d degrees", turn), func(img *image.Gray, _ uint64) *image.Gray {
			side := int(math.Hypot(float64(img.Rect.Dx()), float64(img.Rect.Dy())))
			return finger.Rotated(img, float64(turn)*math.Pi/180, side, side)
		}, 500, 1})
	}
	for _, dpi := range []int{200, 250, 333, 400, 569, 750, 1000} {
		least := 1.0
		if dpi < 250 {
			least = 0.8 // three to four pixels a ridge
		}
		list = append(list, change{fmt.Sprintf("at %d dpi", dpi), func(img *image.Gray, _ uint64) *image.Gray {
			return finger.Scaled(img, float64(dpi)/500)
		}, dpi, least})
	}
	soiled := map[string]float64{
		"inverted": 1, "gamma 0.4": 1, "gamma 2.5": 0.95, "contrast a sixth": 1, "blurred, sigma 1.5": 0.95, "noise, 0.7 of contrast": 0.95,
		"salt and pepper 8 %": 0.9, "dry": 0.8, "wet": 1, "scratches": 0.9, "smudges": 0.95, "latent 20 %": 0.95,
	}
	for _, name := range slices.Sorted(maps.Keys(soiled)) {
		list = append(list, change{name, func(img *image.Gray, seed uint64) *image.Gray { return finger.Disturbed(name, img, seed) }, 500, soiled[name]})
	}
	return list
}

// A picture matches what becomes of it on another sensor, turned, displaced, soiled or worn.
func TestSelfMatchSurvives(t *testing.T) {
	var pictures []*image.Gray
	for seed := range uint64(2) {
		pictures = append(pictures, capture(seed+1, 0))
	}
	checkSelfMatches(t, pictures)
}

func TestSelfMatchOfRealPicturesSurvives(t *testing.T) {
	var pictures []*image.Gray
	for i, set := range finger.TuningSets {
		files, err := filepath.Glob(filepath.Join(finger.DataDir(t), set, fmt.Sprintf("10%d_4.png", 2+i)))
		if err != nil || len(files) == 0 {
			t.Fatalf("no pictures of set %s: %v", set, err)
		}
		for _, file := range files {
			pictures = append(pictures, finger.GreyOf(t, file))
		}
	}
	checkSelfMatches(t, pictures)
}

func checkSelfMatches(t *testing.T, pictures []*image.Gray) {
	threshold := served(t)
	whole := make([]print, len(pictures))
	for i, img := range pictures {
		var ok bool
		if whole[i], ok = acquire(t, img, 500); !ok {
			t.Fatalf("picture %d is refused as it is", i)
		}
	}
	for n, c := range changes() {
		if enginetest.Racing && n%8 != 0 { // a minute each: one of eight is enough to see races
			continue
		}
		var lost []string
		for i, img := range pictures {
			p, ok := acquire(t, c.apply(img, uint64(i)), c.dpi)
			if !ok {
				lost = append(lost, fmt.Sprintf("%d is refused", i))
			} else if s := p.score(t, whole[i]); s < threshold {
				lost = append(lost, fmt.Sprintf("%d scores %.1f", i, s))
			}
		}
		if float64(len(lost)) > (1-c.least)*float64(len(pictures))+0.5 {
			t.Errorf("%s: of %d pictures %v, under %.1f", c.name, len(pictures), lost, threshold)
		} else if len(lost) > 0 {
			t.Logf("%s: of %d pictures %v, under %.1f", c.name, len(pictures), lost, threshold)
		}
	}
}

// A sensor whose resolution nobody states gives all its pictures the same wrong scale; its captures match each other.
func TestUnstatedResolution(t *testing.T) {
	threshold := served(t)
	fingers := uint64(2)
	if enginetest.Racing {
		fingers = 1
	}
	for seed := range fingers {
		first, second := capture(seed+71, 0), capture(seed+71, 1)
		for _, k := range []float64{0.75, 0.85, 1.14, 1.24, 1.35} {
			a, ok := acquire(t, finger.Scaled(first, k), 0)
			b, fine := acquire(t, finger.Scaled(second, k), 0)
			if !ok || !fine {
				t.Errorf("finger %d at %.0f dpi, unstated, is refused", seed, 500*k)
			} else if s := a.score(t, b); s < threshold {
				t.Errorf("finger %d at %.0f dpi, unstated: %.1f, under %.1f", seed, 500*k, s, threshold)
			}
		}
	}
}

// Two parts of one picture that share 30 % of their area match more often than not, and 45 % nearly always.
func TestPartsOfAPictureMatch(t *testing.T) {
	if enginetest.Racing {
		t.Skip("takes a minute under the race detector and calls nothing that TestSelfMatchSurvives does not")
	}
	threshold := served(t)
	var pictures []*image.Gray
	for seed := range uint64(4) {
		pictures = append(pictures, capture(seed+11, 0))
	}
	for _, c := range []struct{ shared, least float64 }{{0.30, 0.5}, {0.45, 0.9}} {
		matched, tried := 0, 0
		for _, img := range pictures {
			w, h := img.Rect.Dx(), img.Rect.Dy()
			for _, down := range []bool{false, true} {
				side := w
				if down {
					side = h
				}
				// Of the finger, which is some 50 pixels short of the picture on every side.
				long := int(float64(side-100)/(2-c.shared)) + 50
				a, b := image.Rect(0, 0, long, h), image.Rect(w-long, 0, w, h)
				if down {
					a, b = image.Rect(0, 0, w, long), image.Rect(0, h-long, w, h)
				}
				tried++
				p, ok := acquire(t, cut(img, a), 500)
				q, fine := acquire(t, cut(img, b), 500)
				if ok && fine && p.score(t, q) >= threshold {
					matched++
				}
			}
		}
		t.Logf("%d of %d pairs of parts that share %.0f %% match", matched, tried, 100*c.shared)
		if float64(matched) < c.least*float64(tried) {
			t.Errorf("%d of %d pairs of parts that share %.0f %% match", matched, tried, 100*c.shared)
		}
	}
}

// Comparison asks who the probe is and not the other way round, but the answer is nearly the same.
func TestComparisonIsNearlySymmetric(t *testing.T) {
	if enginetest.Racing {
		t.Skip("half a minute under the race detector, for calls that other tests make")
	}
	var prints []print
	var owner []uint64
	for seed := range uint64(4) {
		for k := range 3 {
			if p, ok := acquire(t, capture(seed+31, k), 500); ok {
				prints, owner = append(prints, p), append(owner, seed)
			}
		}
	}
	var gaps []float64
	for i, p := range prints {
		for j, q := range prints[:i] {
			if owner[i] != owner[j] {
				continue
			}
			ab, ba := p.score(t, q), q.score(t, p)
			gaps = append(gaps, math.Abs(ab-ba)/max(10, ab, ba))
		}
	}
	slices.Sort(gaps)
	if median, tenth := gaps[len(gaps)/2], gaps[len(gaps)*9/10]; median > 0.05 || tenth > 0.25 {
		t.Errorf("swapping two captures of one finger changes the score by %.0f %% in the median, %.0f %% in one of ten", 100*median, 100*tenth)
	}
}

// texture draws something that is no finger; seed makes it another one of its kind.
type texture struct {
	name string
	grey func(rng *rand.Rand) func(x, y float64) float64
}

func textures() []texture {
	wave := func(period float64) func(v float64) float64 {
		return func(v float64) float64 { return 128 + 100*math.Sin(2*math.Pi*v/period) }
	}
	return []texture{
		{"blank", func(rng *rand.Rand) func(x, y float64) float64 {
			return func(_, _ float64) float64 { return 200 + 1.5*rng.NormFloat64() }
		}},
		{"noise", func(rng *rand.Rand) func(x, y float64) float64 {
			return func(_, _ float64) float64 { return 255 * rng.Float64() }
		}},
		{"stripes", func(rng *rand.Rand) func(x, y float64) float64 {
			s, c := math.Sincos(math.Pi * rng.Float64())
			w := wave(7 + 4*rng.Float64())
			return func(x, y float64) float64 { return w(c*x+s*y) + 20*rng.NormFloat64() }
		}},
		{"circles", func(rng *rand.Rand) func(x, y float64) float64 {
			cx, cy := 100+200*rng.Float64(), 100+200*rng.Float64()
			w := wave(7 + 4*rng.Float64())
			return func(x, y float64) float64 { return w(math.Hypot(x-cx, y-cy)) + 20*rng.NormFloat64() }
		}},
		{"spiral", func(rng *rand.Rand) func(x, y float64) float64 {
			cx, cy, arms := 100+200*rng.Float64(), 100+200*rng.Float64(), float64(1+rng.IntN(5))
			w := wave(9)
			return func(x, y float64) float64 {
				return w(math.Hypot(x-cx, y-cy)+9*arms*math.Atan2(y-cy, x-cx)/(2*math.Pi)) + 20*rng.NormFloat64()
			}
		}},
		{"checkerboard", func(rng *rand.Rand) func(x, y float64) float64 {
			side := 4 + 8*rng.Float64()
			return func(x, y float64) float64 {
				return float64(60+(int(x/side)+int(y/side))%2*140) + 10*rng.NormFloat64()
			}
		}},
		{"crossed waves", func(rng *rand.Rand) func(x, y float64) float64 {
			w := wave(8 + 3*rng.Float64())
			return func(x, y float64) float64 { return (w(x+0.2*y)+w(y-0.3*x))/2 + 10*rng.NormFloat64() }
		}},
		{"cloth", func(rng *rand.Rand) func(x, y float64) float64 { // bent stripes with a knot here and there
			w, a, b := wave(9), 40+30*rng.Float64(), 6+8*rng.Float64()
			return func(x, y float64) float64 {
				return w(y+b*math.Sin(x/a)+3*math.Sin(y/31)) * (0.8 + 0.2*math.Sin(x/5)) * (0.9 + 0.2*rng.Float64())
			}
		}},
		{"ripples", func(rng *rand.Rand) func(x, y float64) float64 { // of sand: they split and join
			return waves(rng, 12, 9, 0.6)
		}},
		{"stripes with faults", faults},
		{"hair", hair},
		{"scene", scene},
		{"one period, no direction", func(rng *rand.Rand) func(x, y float64) float64 { return waves(rng, 60, 9, 2*math.Pi) }},
	}
}

// faults is a wave that has branches strewn over it, as an old wall or a print gone wrong.
func faults(rng *rand.Rand) func(x, y float64) float64 {
	type fault struct{ x, y, sign float64 }
	list := make([]fault, 30)
	for i := range list {
		list[i] = fault{300 * rng.Float64(), 330 * rng.Float64(), float64(2*rng.IntN(2) - 1)}
	}
	s, c := math.Sincos(math.Pi * rng.Float64())
	return func(x, y float64) float64 {
		phase := 2 * math.Pi * (c*x + s*y) / 9
		for _, f := range list {
			phase += f.sign * math.Atan2(y-f.y, x-f.x)
		}
		return 128 + 100*math.Sin(phase)
	}
}

// waves adds n plane waves of one period, their directions within spread radians.
func waves(rng *rand.Rand, n int, period, spread float64) func(x, y float64) float64 {
	type one struct{ c, s, phase float64 }
	list := make([]one, n)
	for i := range list {
		s, c := math.Sincos(spread * (rng.Float64() - 0.5))
		list[i] = one{c * 2 * math.Pi / period, s * 2 * math.Pi / period, 2 * math.Pi * rng.Float64()}
	}
	return func(x, y float64) float64 {
		sum := 0.0
		for _, k := range list {
			sum += math.Sin(k.c*x + k.s*y + k.phase)
		}
		return 128 + 100*sum/math.Sqrt(float64(n))
	}
}

// scene has the spectrum of photographs: amplitude falls with frequency.
func scene(rng *rand.Rand) func(x, y float64) float64 {
	var layers []func(x, y float64) float64
	var weight []float64
	for period := 4.0; period < 400; period *= 1.6 {
		layers, weight = append(layers, waves(rng, 6, period, 2*math.Pi)), append(weight, period/150)
	}
	return func(x, y float64) float64 {
		v := 128.0
		for i, l := range layers {
			v += weight[i] * (l(x, y) - 128)
		}
		return v
	}
}

// hair is a few hundred thin lines that run about one way.
func hair(rng *rand.Rand) func(x, y float64) float64 {
	type line struct{ at, bend, slope, wide, dark float64 }
	list := make([]line, 90)
	for i := range list {
		list[i] = line{500 * rng.Float64(), 30 * rng.NormFloat64(), 0.15 * rng.NormFloat64(), 1 + 2*rng.Float64(), 60 + 100*rng.Float64()}
	}
	return func(x, y float64) float64 {
		v := 220.0
		for _, l := range list {
			d := (x - l.at - l.slope*y - l.bend*math.Sin(y/90)) / l.wide
			if d*d < 9 {
				v -= l.dark * math.Exp(-d*d/2)
			}
		}
		return v
	}
}

// Whatever texture passes for a finger matches no finger, and no other capture of its kind, at the served threshold.
func TestTexturesMatchNothing(t *testing.T) {
	const w, h = 300, 330
	each := 3
	if enginetest.Racing {
		each = 1
	}
	threshold := served(t)
	type named struct {
		name string
		print
	}
	var all []named
	passed := 0
	for _, kind := range textures() {
		for n := range each {
			grey := kind.grey(rand.New(rand.NewPCG(uint64(n), 5)))
			img := image.NewGray(image.Rect(0, 0, w, h))
			for i := range img.Pix {
				img.Pix[i] = byte(min(max(grey(float64(i%w), float64(i/w)), 0), 255))
			}
			if p, ok := acquire(t, img, 0); ok {
				t.Logf("%s %d passes for a finger", kind.name, n)
				all = append(all, named{fmt.Sprint(kind.name, " ", n), p})
				passed++
			}
		}
	}
	for seed := range uint64(8) {
		if p, ok := acquire(t, capture(seed+51, 0), 500); ok {
			all = append(all, named{fmt.Sprint("finger ", seed), p})
		}
	}
	for i, a := range all {
		for _, b := range all[:i] {
			if s := max(a.score(t, b.print), b.score(t, a.print)); s >= threshold {
				t.Errorf("%s and %s score %.1f, over %.1f", a.name, b.name, s, threshold)
			}
		}
	}
	t.Logf("%d of %d textures pass for fingers", passed, len(textures())*each)
}
