package finger_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"biogate/bench/synth"
	"biogate/matcher"
	"biogate/matcher/enginetest"
	"biogate/matcher/finger"
)

// Whoever may send templates can invent one. None of those that follow may match more strangers than a finger does by much,
// whether that is because the score gives them nothing or because they are refused when they come in.

// send is what the engine makes of a template from outside; ok is false when it is refused as implausible.
func send(t testing.TB, p finger.Print) (probe matcher.Probe, ok bool) {
	t.Helper()
	data, err := templateOf(t, p).AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	x, err := finger.New().Extract(context.Background(), matcher.Sample{Modality: matcher.Finger, Data: data}, nil)
	if errors.Is(err, &matcher.Error{Code: matcher.CodeUnusable}) {
		return nil, false
	}
	if err != nil {
		t.Fatal(err)
	}
	probe, err = finger.New().Probe(x.Template)
	if err != nil {
		t.Fatal(err)
	}
	return probe, true
}

// crowd is a gallery and the score that a share of its strangers reaches.
type crowd struct {
	refs      []matcher.Reference
	threshold float64
}

func newCrowd(t testing.TB, fingers, strangers int, share float64) crowd {
	t.Helper()
	var c crowd
	_, c.refs = galleryOf(t, fingers)
	var scores []float64
	for i := range strangers {
		p := probeOf(t, synth.PatternOf(population, fingers+i).Impression(1))
		for _, r := range c.refs {
			scores = append(scores, compared(t, p, r))
		}
	}
	slices.Sort(scores)
	c.threshold = scores[len(scores)-1-int(share*float64(len(scores)))]
	return c
}

func compared(t testing.TB, p matcher.Probe, r matcher.Reference) float64 {
	t.Helper()
	score, err := p.Compare(r)
	if err != nil {
		t.Fatal(err)
	}
	return score
}

// invented is a family of templates.
type invented struct {
	name string
	make func(*rand.Rand) []finger.Minutia
}

// lay makes a minutia of best quality.
func lay(rng *rand.Rand, x, y, angle float64) finger.Minutia {
	return finger.Minutia{
		X: int16(math.Round(x)), Y: int16(math.Round(y)), Angle: uint8(int(math.Round(angle * 128 / math.Pi))),
		Kind: finger.Ending + finger.Kind(rng.IntN(2)), Quality: 100,
	}
}

// loopFlow is the direction of the ridges of a usual loop: a core and a delta (Sherlock and Monro 1993).
func loopFlow(x, y float64) float64 {
	return (math.Atan2(180-y, x-150)-math.Atan2(330-y, x-260))/2 + math.Pi/2 + 0.25
}

// usualLoop lays n minutiae along the ridges of a loop, a share of them the other way.
func usualLoop(n int, against float64) func(*rand.Rand) []finger.Minutia {
	return func(rng *rand.Rand) (list []finger.Minutia) {
		for len(list) < n {
			x, y := 30+240*rng.Float64(), 30+340*rng.Float64()
			apart := func(m finger.Minutia) bool { return math.Hypot(float64(m.X)-x, float64(m.Y)-y) < 9 }
			if math.Hypot((x-150)/120, (y-200)/170) > 1 || slices.ContainsFunc(list, apart) {
				continue
			}
			angle := loopFlow(x, y) + 0.12*rng.NormFloat64()
			if rng.Float64() < against {
				angle += math.Pi
			}
			list = append(list, lay(rng, x, y, angle))
		}
		return list
	}
}

// claimed are the minutiae of so many fingers, all of best quality.
func claimed(rng *rand.Rand, fingers int) (list []finger.Minutia) {
	for range fingers {
		list = append(list, synth.PrintOf(population, 100_000+rng.IntN(100_000)).Minutiae...)
	}
	for i := range list {
		list[i].Quality = 100
	}
	return list
}

// patch is the n minutiae around one.
func patch(rng *rand.Rand, list []finger.Minutia, n int) []finger.Minutia {
	c := list[rng.IntN(len(list))]
	away := func(m finger.Minutia) int {
		dx, dy := int(m.X)-int(c.X), int(m.Y)-int(c.Y)
		return dx*dx + dy*dy
	}
	slices.SortFunc(list, func(a, b finger.Minutia) int { return away(a) - away(b) })
	return list[:min(n, len(list))]
}

// lattice is n by n minutiae pointing about one way.
func lattice(n int, step, spread float64) func(*rand.Rand) []finger.Minutia {
	return func(rng *rand.Rand) (list []finger.Minutia) {
		for i := range n * n {
			x, y := 40+step*(float64(i%n)+0.2*rng.NormFloat64()), 40+step*(float64(i/n)+0.2*rng.NormFloat64())
			list = append(list, lay(rng, max(x, 0), max(y, 0), math.Pi/2+spread*rng.NormFloat64()))
		}
		return list
	}
}

// circling lays n minutiae around a middle, each across the line to it.
func circling(n int, step, radius func(*rand.Rand, int) float64) func(*rand.Rand) []finger.Minutia {
	return func(rng *rand.Rand) (list []finger.Minutia) {
		for i := range n {
			a, r := step(rng, i), radius(rng, i)
			list = append(list, lay(rng, 250+r*math.Cos(a), 250-r*math.Sin(a), a+math.Pi/2+0.2*rng.NormFloat64()))
		}
		return list
	}
}

func inventedFamilies() []invented {
	return []invented{
		{"a finger of best quality", func(rng *rand.Rand) []finger.Minutia { return claimed(rng, 1) }},
		{"two fingers in one", func(rng *rand.Rand) []finger.Minutia { l := claimed(rng, 2); return l[:min(len(l), 255)] }},
		{"12 minutiae of a finger", func(rng *rand.Rand) []finger.Minutia { return patch(rng, claimed(rng, 1), 12) }},
		{"a loop of 40", usualLoop(40, 0.1)},
		{"a loop of 64", usualLoop(64, 0.1)},
		{"a loop of 120, all one way", usualLoop(120, 0)},
		{"a loop of 120", usualLoop(120, 0.1)},
		{"a loop of 120, both ways", usualLoop(120, 0.5)},
		{"a loop of 25 among poor ones", func(rng *rand.Rand) []finger.Minutia {
			list := usualLoop(25, 0.1)(rng)
			for len(list) < 64 {
				m := lay(rng, 600+200*rng.Float64(), 700*rng.Float64(), 6.28*rng.Float64())
				m.Quality = 1
				list = append(list, m)
			}
			return list
		}},
		{"a lattice of 16, close", lattice(4, 15, 0.65)},
		{"a lattice of 25", lattice(5, 25, 0.65)},
		{"a lattice of 64", lattice(8, 22, 0.65)},
		{"a ring", circling(40, func(_ *rand.Rand, i int) float64 { return float64(i) * 2 * math.Pi / 40 }, func(rng *rand.Rand, _ int) float64 { return 70 + 4*rng.NormFloat64() })},
		{"a spiral", circling(64, func(_ *rand.Rand, i int) float64 { return 2.4 * float64(i) }, func(rng *rand.Rand, i int) float64 { return 17*math.Sqrt(float64(i)) + 3*rng.NormFloat64() })},
		{"isolated", func(rng *rand.Rand) (list []finger.Minutia) {
			for i := range 16 {
				list = append(list, lay(rng, 50+130*float64(i%4)+25*rng.Float64(), 50+130*float64(i/4)+25*rng.Float64(), 6.28*rng.Float64()))
			}
			return list
		}},
	}
}

func TestInventedTemplatesMatchNoMoreThanStrangers(t *testing.T) {
	if testing.Short() || enginetest.Racing {
		t.Skip("takes 200,000 comparisons")
	}
	const share, members = 1e-3, 6
	crowd := newCrowd(t, 1200, 60, share)
	for _, family := range inventedFamilies() {
		reached, refused, sent := 0, 0, 0
		for seed := range uint64(members) {
			list := family.make(rand.New(rand.NewPCG(seed, 19795)))
			p := finger.Print{Minutiae: list}
			for _, m := range list {
				p.Width, p.Height = max(p.Width, int(m.X)+1), max(p.Height, int(m.Y)+1)
			}
			probe, ok := send(t, p)
			if !ok {
				refused++
				continue
			}
			for _, r := range crowd.refs {
				sent++
				if compared(t, probe, r) > crowd.threshold {
					reached++
				}
			}
		}
		t.Logf("%s: %d of %d refused; %d of %d comparisons reach what strangers do %.0f times", family.name, refused, members, reached, sent, share*float64(sent))
		// Twice as often, and what chance adds to that in one of a thousand families.
		if expected := 2.2 * share * float64(sent); float64(reached) > expected+3*math.Sqrt(expected)+1 {
			t.Errorf("%s: %d of %d comparisons reach what strangers do %.0f times", family.name, reached, sent, share*float64(sent))
		}
	}
}
